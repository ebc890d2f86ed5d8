# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pre-flight of what the inventory says of one member: is it complete, and can it be what it is meant to be?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names, pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AllowedAddresses
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import normalise_fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.deckhouse import check_gateway
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.hostnames import is_dns_name
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import PROVIDERS, Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.publishing import references_from

# In AuthorizationPolicy this name always means the local cluster, so it can't name one of several.
RESERVED_DOMAIN = "cluster.local"
# What the definition of IstioFederation takes (federation_crds.py), with https alone.
_ENDPOINT = re.compile(r"https://[0-9a-zA-Z._/:\[\]-]+")

_GROUPS = f"{names.FEDERATION_HOSTS} and {names.MULTICLUSTER_HOSTS}"

_RENAME = {
    names.PROVIDER_ISTIO: "install Istio with a meshConfig.trustDomain and global.proxy.clusterDomain of its own",
    names.PROVIDER_EXTERNAL: "its administrator has to give it a cluster domain of its own; it can't join as it is",
}


def declared(member: Member, members: Sequence[Member]) -> Iterator[Finding]:
    """What is wrong with a member's variables, by themselves and beside the names of the other members."""
    yield from _unusable(member)
    if member.provider not in PROVIDERS:
        yield Finding(
            "error",
            "provider-unknown",
            f"alliance_provider is {member.provider}, which this release does not know",
            f"use one of {', '.join(PROVIDERS)}, or take the host out of the group",
        )
    yield from _peers(member, members)
    yield from _confirmed(member, members)
    yield from _endpoint(member)
    yield from _pins(member)
    if member.external:
        yield from _external(member)
    else:
        yield from _written(member)
    yield from _domain(member)


def _unusable(member: Member) -> Iterator[Finding]:
    for problem in member.unusable:
        yield Finding(
            "error",
            "variables-unusable",
            f"its variable {problem}",
            "correct it in the inventory; until then nothing is written there, and what neighbours know of it stays",
        )


def _written(member: Member) -> Iterator[Finding]:
    """What a run writes into the cluster: a mistake in it is told before the first write."""
    try:
        check_gateway(member.gateway)
    except AllianceError as error:
        yield Finding("error", "gateway-invalid", f"alliance_gateway: {error.message}", error.remedy or "")
    try:
        AllowedAddresses.parse(member.allowed_gateway_addresses)
    except AllianceError as error:
        message = f"alliance_allowed_gateway_addresses: {error.message}"
        yield Finding("error", "allowed-addresses-invalid", message, error.remedy or "")
    if member.public_services is None:
        return
    try:
        if not isinstance(member.public_services, (list, tuple)):
            raise AllianceError("it is no list", remedy='write a list of "namespace/name"; [] publishes nothing')
        references_from(member.public_services)
    except AllianceError as error:
        place = f"{error.obj}: " if error.obj else ""
        message = f"alliance_public_services: {place}{error.message}"
        yield Finding("error", "public-services-invalid", message, error.remedy or "")


def _peers(member: Member, members: Sequence[Member]) -> Iterator[Finding]:
    if member.peers is None:
        return
    if member.name in member.peers:
        yield Finding(
            "error",
            "lists-itself",
            "alliance_peers names the cluster itself",
            "take it out of its own alliance_peers",
        )
    known = {other.name for other in members}
    for peer in sorted(set(member.peers) - known):
        yield Finding(
            "error",
            "peer-unknown",
            f"alliance_peers names {peer}, which is in none of the groups {_GROUPS}",
            "add that host to a group, or take it out of alliance_peers",
            neighbour=peer,
        )


def _confirmed(member: Member, members: Sequence[Member]) -> Iterator[Finding]:
    for name in sorted(set(member.confirm_no_gateways) - {other.name for other in members}):
        yield Finding(
            "warning",
            "confirmed-unknown",
            f"alliance_confirm_no_gateways names {name}, which is in none of the groups {_GROUPS}",
            "correct the name, or take it out",
            neighbour=name,
        )


def _endpoint(member: Member) -> Iterator[Finding]:
    if member.endpoint and not _is_endpoint(member.endpoint):
        yield Finding(
            "error",
            "endpoint-invalid",
            f"alliance_metadata_endpoint is {member.endpoint!a}, which is not the https URL of a metadata endpoint",
            "set it to a URL like https://istio.example.com/metadata/, without user, query or fragment",
        )
    if member.ca and not _is_ca(member.ca):
        yield Finding(
            "error",
            "ca-invalid",
            "alliance_metadata_ca is not certificates in PEM form, and nothing else",
            "set it to the text of the CA certificates, from -----BEGIN CERTIFICATE----- on",
        )
    if member.insecure:
        yield Finding(
            "warning",
            "insecure-endpoint",
            "alliance_metadata_insecure switches TLS verification of its metadata endpoint off",
            "set alliance_metadata_ca instead",
        )


def _is_endpoint(text: str) -> bool:
    """What the definition of IstioFederation takes, with https and a host."""
    try:
        url = urlsplit(text)
        return bool(_ENDPOINT.fullmatch(text) and url.hostname and url.port != 0)
    except ValueError:
        return False


def _is_ca(text: str) -> bool:
    """Whether there are certificates and nothing that must not be handed on, such as their private key."""
    try:
        blocks, _outside = pem.decode(text)
    except ValueError:
        return False
    return bool(blocks) and all(block.label == "CERTIFICATE" for block in blocks)


def _pins(member: Member) -> Iterator[Finding]:
    for text in member.root_fingerprints:
        try:
            normalise_fingerprint(text)
        except CertificateError as error:
            yield Finding("error", "pin-invalid", f"alliance_root_fingerprints: {error.message}", error.remedy or "")


def _external(member: Member) -> Iterator[Finding]:
    needed = {
        "alliance_metadata_endpoint": member.endpoint,
        "alliance_trust_domain": member.declared_domain,
        "alliance_root_fingerprints": member.root_fingerprints or member.trust_on_first_use,
    }
    missing = [variable for variable, value in needed.items() if not value]
    if missing:
        yield Finding(
            "error",
            "external-incomplete",
            f"alliance_provider is external, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            "ask its administrator; the fingerprints should come by another way than its metadata endpoint",
        )
    if member.trust_on_first_use and not member.root_fingerprints:
        yield Finding(
            "warning",
            "trust-on-first-use",
            "alliance_trust_on_first_use: whoever answers first at its metadata endpoint is believed",
            "compare the fingerprints of its roots with its administrator and set alliance_root_fingerprints",
        )


def _domain(member: Member) -> Iterator[Finding]:
    if not member.domain:
        if member.state is not None:
            deckhouse = member.provider == names.PROVIDER_DECKHOUSE
            why = f": no istiod in {names.DKP_NAMESPACE} tells it yet" if deckhouse else ""
            remedy = "set alliance_trust_domain" + (" to the cluster's clusterDomain" if deckhouse else "")
            yield Finding("error", "domain-missing", f"its trust domain is not known{why}", remedy)
        return
    if member.declared_domain and not is_dns_name(member.declared_domain):
        yield Finding(
            "error",
            "domain-invalid",
            f"alliance_trust_domain is {member.declared_domain!a}, which is not a DNS name in small letters",
            "set it to the cluster domain, for example cluster-a.local",
        )
    if member.domain == RESERVED_DOMAIN:
        yield Finding(
            "error",
            "domain-reserved",
            f"its trust domain is {RESERVED_DOMAIN}, which in Istio always means the local cluster",
            _RENAME.get(member.provider, "give the cluster a clusterDomain of its own"),
        )
