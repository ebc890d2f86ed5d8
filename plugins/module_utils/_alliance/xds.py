# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which proxies took the configuration that an istiod sent, by its C(/debug/syncz).

For each proxy and kind of resource it tells the number (nonce) of what was sent last and of what the proxy accepted
last (pilot/pkg/xds/debug.go). Newer ones tell the error of a refusal as well; of older ones a refusal is seen by a
number that stays behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The fields that all versions have, by what they tell of.
_KINDS = {
    "cluster": "clusters",
    "listener": "listeners",
    "route": "routes",
    "endpoint": "endpoints",
    "extensionconfig": "extensions",
}
_MOST_ERROR = 300


@dataclass(frozen=True)
class ProxySync:
    """A proxy (C(name.namespace)) that is connected to an istiod.

    C(refused): the errors by kind of resource. C(behind): by kind, the number of what was sent and not accepted so far.
    """

    proxy: str
    refused: Mapping[str, str] = field(default_factory=dict)
    behind: Mapping[str, str] = field(default_factory=dict)


def syncs_of(document: Any) -> list[ProxySync]:
    """The proxies in the answer of C(/debug/syncz), sorted. Raises ValueError for what is no such answer."""
    if not isinstance(document, list):
        raise ValueError("it is no list of proxies")
    return sorted((_sync(entry) for entry in document if isinstance(entry, Mapping)), key=lambda sync: sync.proxy)


def lasting(first: ProxySync, second: ProxySync) -> Mapping[str, str]:
    """What a proxy has not accepted in two looks at it, because nothing else was sent in between."""
    return {kind: sent for kind, sent in second.behind.items() if first.behind.get(kind) == sent}


def _sync(entry: Mapping[str, Any]) -> ProxySync:
    refused = {}
    resources = entry.get("resources")
    for type_url, resource in resources.items() if isinstance(resources, Mapping) else ():
        error = _error(resource)
        if error:
            refused[str(type_url).rpartition(".")[2]] = error
    behind = {}
    for prefix, kind in _KINDS.items():
        sent, accepted = entry.get(f"{prefix}_sent"), entry.get(f"{prefix}_acked")
        if sent and sent != accepted:
            behind[kind] = str(sent)
    return ProxySync(str(entry.get("proxy") or ""), refused, behind)


def _error(resource: Any) -> str:
    """The error of the last refusal, which is empty again after the next acceptance."""
    if not isinstance(resource, Mapping):
        return ""
    text = str(resource.get("lastError") or "")
    return text if len(text) <= _MOST_ERROR else f"{text[: _MOST_ERROR - 3]}..."
