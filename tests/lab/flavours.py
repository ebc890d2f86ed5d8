# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways in which a cluster of the lab gets its Istio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Flavour:
    """How Istio is installed: its namespace, which is the root namespace too, and what istiod and proxies are told.

    `platform`: something besides the collection looks after Istio, so the simulator of Deckhouse runs beside the
    cluster, and the inventory says so.
    """

    name: str
    namespace: str
    istiod: Mapping[str, str] = field(default_factory=dict)
    proxies: Mapping[str, str] = field(default_factory=dict)
    platform: bool = False


ISTIO = Flavour("istio", "istio-system")
# What Deckhouse's own istio module sets for federation.
DECKHOUSE = Flavour(
    "deckhouse",
    "d8-istio",
    istiod={"ISTIO_MULTIROOT_MESH": "true"},
    proxies={"PROXY_CONFIG_XDS_AGENT": "true", "ISTIO_META_DNS_CAPTURE": "true"},
    platform=True,
)
FLAVOURS = {flavour.name: flavour for flavour in (ISTIO, DECKHOUSE)}
