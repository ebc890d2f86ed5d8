# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the administrator of an external neighbour enters on the other side: one IstioFederation, or IstioMulticluster
where both have one domain, for each of us."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.checks import preflight
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_resource,
    multicluster_resource,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    MODE_MULTICLUSTER,
    PROVIDER_DECKHOUSE,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.texts import one_line

_SEPARATOR = "---"
_CLUSTER = "# Cluster: "
_UNKNOWN = "not known yet"
_CA = "clusterCA"


def federation_manifests(members: Sequence[Member], external_name: str, previous: str = "") -> str:
    """The YAML text, always the same for the same members.

    Above each manifest stand the cluster's name, its clusterUUID and the SHA-256 of its roots, to be compared by
    another way. C(previous) is the text of an earlier run: a member that can't be read now, or is not in order or not
    ready, stands as it stood there. Raises AllianceError when there is no such external member.
    """
    external = next((member for member in members if member.name == external_name and member.external), None)
    if external is None:
        raise AllianceError(
            f"{external_name} is not a member with alliance_provider: external",
            remedy="give its inventory name, as it is in the group of the members",
        )
    earlier = _sections(previous)
    refused = {finding.cluster for finding in preflight(members) if finding.severity == "error"}
    sections, left_out = [], []
    for member in sorted(external.neighbours(members), key=lambda item: item.name):
        missing = _missing(member, refused)
        before = earlier.get(one_line(member.name))
        if before and (missing or member.state is None or _lost_ca(member, before)):
            sections.append(before)
        elif missing is None:
            sections.append(_section(member, external.mode_with(member)))
        else:
            left_out.append(f"# Left out, {missing}: {one_line(member.name)}")
    return "".join(f"{line}\n" for line in [*_header(external), *left_out]) + "".join(sections)


def _missing(member: Member, refused: Container[str]) -> str | None:
    """Why its manifest can't be written now, or None."""
    if member.name in refused:
        return "not in order"
    if member.state is None and not (member.endpoint and member.declared_domain):
        return "its API could not be read"
    if not member.domain:
        return "its trust domain is not known yet"
    if not member.known_endpoint:
        return "its metadata endpoint is not known yet"
    if member.state is not None and member.state.awaiting:
        return "its platform is not ready yet"
    if member.state is not None and not member.state.root_fingerprints:
        return "its roots are not known yet"
    if member.known_ca and not _certificates(member.known_ca):
        return "the CA of its metadata endpoint is no certificate"
    return None


def _lost_ca(member: Member, before: str) -> bool:
    """Whether a platform tells its endpoint by its template alone now, and the Ingress with the CA was there before."""
    told = member.endpoint or member.known_ca or member.insecure
    return member.provider == PROVIDER_DECKHOUSE and not told and f"  {_CA}: " in before


def _certificates(text: str | None) -> str | None:
    """The certificates of a PEM text: what stands between them, or a key among them, is for nobody else."""
    try:
        blocks, _outside = pem.decode(text or "")
    except ValueError:
        return None
    return "".join(pem.encode(block.label, block.der) for block in blocks if block.label == "CERTIFICATE") or None


def _header(external: Member) -> list[str]:
    return [
        f"# For the administrator of {one_line(external.name)}. First compare the fingerprints with us in another way,",
        "# such as by telephone. On a Deckhouse cluster then: apply it with kubectl. With meshalliance.istio:",
        "# a host with alliance_provider: external for each, and the fingerprints as its alliance_root_fingerprints.",
    ]


def _section(member: Member, mode: str | None) -> str:
    """One document with its separator."""
    state = member.state
    # A member that was not read stands as the inventory has it.
    uuid = state.uuid if state else ""
    prints = [*state.root_fingerprints] if state else [*member.root_fingerprints]
    name, endpoint, ca = member.resource_name, str(member.known_endpoint), _certificates(member.known_ca)
    if mode == MODE_MULTICLUSTER:
        resource = multicluster_resource(
            name, endpoint=endpoint, flat_network=member.flat_network, ca=ca, insecure=member.insecure
        )
    else:
        resource = federation_resource(
            name, trust_domain=member.domain, endpoint=endpoint, ca=ca, insecure=member.insecure
        )
    # Whose object it is on the other side is not for us to say.
    del resource["metadata"]["labels"]
    lines = [
        _SEPARATOR,
        f"{_CLUSTER}{one_line(member.name)}",
        f"# clusterUUID: {one_line(uuid) or _UNKNOWN}",
        *(f"# SHA-256 of its root: {one_line(text)}" for text in prints or [_UNKNOWN]),
        *_yaml(resource),
    ]
    return "".join(f"{line}\n" for line in lines)


def _sections(text: str) -> dict[str, str]:
    """The documents of an earlier text by the cluster's name."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for raw in text.split("\n"):
        # Whatever was done to the file: nothing of it but text gets to a terminal.
        line = "".join(char for char in raw if char.isprintable())
        if line == _SEPARATOR:
            lines = [line]
        elif lines == [_SEPARATOR] and line.startswith(_CLUSTER):
            lines = found.setdefault(line[len(_CLUSTER) :], [_SEPARATOR])
            lines.append(line)
        elif lines and line:
            lines.append(line)
    return {name: "".join(f"{line}\n" for line in kept) for name, kept in found.items()}


def _yaml(value: Mapping[str, Any], indent: str = "") -> Iterable[str]:
    """Block style by hand: PEM as it is usually read, everything else as JSON, which YAML takes as it stands."""
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield f"{indent}{key}:"
            yield from _yaml(item, f"{indent}  ")
        elif isinstance(item, str) and "\n" in item.strip():
            yield f"{indent}{key}: |"
            yield from (f"{indent}  {line.strip()}" for line in item.strip().splitlines())
        else:
            constant = key in ("apiVersion", "kind")
            yield f"{indent}{key}: {item if constant else json.dumps(item)}"
