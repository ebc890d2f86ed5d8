# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of all Services of a cluster, small enough for an Ansible variable.

In a multicluster, Services of the same namespace and name are one service, so their ports have to be the same.
"""

from __future__ import annotations

import base64
import functools
import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

# A port is [name, number, protocol].
Ports = list[list[Any]]
_Sets = dict[str, frozenset[tuple[Any, ...]]]


def pack(services: Iterable[Mapping[str, Any]]) -> str:
    """The ports of Service objects as text, the same for the same Services in whatever order.

    A Service of type ExternalName is a name for something else, and is left out.
    """
    return pack_ports(
        {
            f"{service['metadata']['namespace']}/{service['metadata']['name']}": _ports(service.get("spec") or {})
            for service in services
            if (service.get("spec") or {}).get("type") != "ExternalName"
        }
    )


def pack_ports(ports: Mapping[str, Ports]) -> str:
    """Ports by the name of their service as text, to be read by unpack()."""
    text = json.dumps(ports, sort_keys=True, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def unpack(text: str) -> dict[str, Ports]:
    """C("namespace/name") to ports, from the text of pack(); what pack_ports() was given, from its text.

    Empty for an empty text. Raises AllianceError.
    """
    if not text:
        return {}
    try:
        value: dict[str, Ports] = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
    except (ValueError, zlib.error):
        raise AllianceError("the ports of its Services can't be read", remedy="gather them anew") from None
    return value


def clashes(one: str, other: str) -> list[str]:
    """The Services (C(namespace/name)) that both clusters have with differing ports, sorted. Texts as of pack()."""
    if one == other:
        return []
    mine, theirs = _sets(one), _sets(other)
    return sorted(name for name in mine.keys() & theirs.keys() if mine[name] != theirs[name])


# One cluster is compared with many others.
@functools.lru_cache(maxsize=4)
def _sets(text: str) -> _Sets:
    return {name: frozenset(tuple(port) for port in ports) for name, ports in unpack(text).items()}


def _ports(spec: Mapping[str, Any]) -> Ports:
    entries = spec.get("ports") or []
    return sorted([entry.get("name") or "", entry["port"], entry.get("protocol") or "TCP"] for entry in entries)
