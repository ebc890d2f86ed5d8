# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata document that clusters of one domain exchange: how each other's API and network are reached.

private/multicluster.json: {ingressGateways: [{address, port}], apiHost, networkName, clusterID}. Older exporters don't
tell clusterID. Unknown fields are ignored, and so is ambientGateways.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    GatewayAddress,
    bad_private,
    condensed,
    quoted,
    read_gateways,
    rendered,
    written_gateways,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

MAX_MULTICLUSTER_BYTES = 512 * 1024

_WHAT = "the multicluster metadata"
_ANY_READER = AddressRules()
# What may be a key of a Secret, as istiod has cluster IDs there, and begins like a name.
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,252}")
_HOST_AND_PORT = re.compile(r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class MulticlusterMetadata:
    """How a cluster's API and network are reached.

    ingress_gateways: None when it doesn't know, which is no answer, not "none". api_host: C(host[:port]), an IPv6
    address in brackets. cluster_id: as its istiod is called, None when it doesn't say.
    """

    ingress_gateways: tuple[GatewayAddress, ...] | None
    api_host: str
    network_name: str
    cluster_id: str | None = None

    @classmethod
    def from_dict(cls, value: object, rules: AddressRules = _ANY_READER) -> MulticlusterMetadata:
        """Reads a copy that we wrote ourselves, for example in a status. Bad gateways are left out.

        rules: of the cluster that reads. Raises DocumentError, reason InvalidPrivateMetadata, for anything else that is
        wrong.
        """
        return _multicluster(value, rules)[0]

    def to_dict(self) -> dict[str, object]:
        """The wire's form, sorted; clusterID only when known."""
        document: dict[str, object] = {
            "ingressGateways": written_gateways(self.ingress_gateways),
            "apiHost": self.api_host,
            "networkName": self.network_name,
        }
        if self.cluster_id is not None:
            document["clusterID"] = self.cluster_id
        return document

    def render(self) -> bytes:
        """The document's bytes, always the same for the same content."""
        return rendered(self.to_dict())


def parse_multicluster(
    data: bytes | str, rules: AddressRules = _ANY_READER
) -> tuple[MulticlusterMetadata, tuple[Finding, ...]]:
    """Reads a neighbour's multicluster.json; the rules are those of the cluster that reads.

    A gateway that can't be right is left out with a finding. Raises DocumentError (InvalidJSON, InvalidPrivateMetadata)
    when the document as a whole can't be used.
    """
    return _multicluster(parse_json(data, max_bytes=MAX_MULTICLUSTER_BYTES, what=_WHAT), rules)


def derived_cluster_id(domain: str, cluster_uuid: str) -> str:
    """The cluster ID that the Deckhouse platform gives to its istiod, for those of its exporters that don't tell it."""
    return f"{domain.replace('.', '-')}-{zlib.adler32(cluster_uuid.encode())}"


def derived_network(cluster_id: str) -> str:
    """The name that the Deckhouse platform gives to a cluster's network."""
    return f"network-{cluster_id}"


def written_api_host(address: GatewayAddress) -> str:
    """An address and port as apiHost is written."""
    return f"[{address.address}]:{address.port}" if ":" in address.address else f"{address.address}:{address.port}"


def api_host_problem(text: object, rules: AddressRules = _ANY_READER) -> str | None:
    """Why an API can't be at this C(host[:port]), by the rules of who reads it; None when it can.

    istiod puts it into a URL, and sends a token there: nothing but a host and a port may be in it.
    """
    if not isinstance(text, str) or not text:
        return "it is missing, empty or not a text"
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        return "it is not host or host:port, with an IPv6 address in brackets"
    host = match["host"] if match["ipv6"] is None else match["ipv6"]
    if match["ipv6"] is not None and ":" not in host:
        return "what is in brackets is not an IPv6 address"
    if match["port"] is not None and not 1 <= int(match["port"]) <= 65535:
        return "the port is not a number from 1 to 65535"
    return rules.problem(host)


def name_problem(text: object) -> str | None:
    """Why a network or cluster can't have this name; None when it can."""
    if not isinstance(text, str) or not text:
        return "it is missing, empty or not a text"
    if not _NAME.fullmatch(text):
        return "it is not 1 to 253 letters, digits, dots, dashes and underscores, the first a letter or digit"
    return None


def _multicluster(value: object, rules: AddressRules) -> tuple[MulticlusterMetadata, tuple[Finding, ...]]:
    if not isinstance(value, Mapping):
        raise bad_private(_WHAT, "it is not a JSON object")
    findings: list[Finding] = []
    gateways = read_gateways(value.get("ingressGateways"), findings, _WHAT, rules)
    host, network = value.get("apiHost"), value.get("networkName")
    # How a Go program writes a text that was never set.
    cluster_id = None if value.get("clusterID") == "" else value.get("clusterID")
    problems = {"apiHost": api_host_problem(host, rules), "networkName": name_problem(network)}
    if cluster_id is not None:
        problems["clusterID"] = name_problem(cluster_id)
    for field, problem in problems.items():
        if problem:
            raise bad_private(_WHAT, f"its {field} {quoted(value.get(field))}: {problem}")
    return (
        MulticlusterMetadata(gateways, str(host), str(network), None if cluster_id is None else str(cluster_id)),
        condensed(findings),
    )
