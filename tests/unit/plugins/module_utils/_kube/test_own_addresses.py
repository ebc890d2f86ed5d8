# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a cluster is told by its API as its own."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import ObjectList
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.own_addresses import read_address_rules

NODE = {
    "metadata": {"name": "one"},
    "spec": {"podCIDRs": ["10.42.0.0/24", "fd00:42::/64"]},
    "status": {
        "addresses": [
            {"type": "InternalIP", "address": "192.168.7.2"},
            {"type": "ExternalIP", "address": "198.51.100.2"},
            {"type": "Hostname", "address": "One.Example."},
        ]
    },
}


def service(name: str, kind: str, **changes: Any) -> dict[str, Any]:
    spec = {"type": kind, "clusterIP": "10.43.0.7", "clusterIPs": ["10.43.0.7", "fd00:43::7"], **changes}
    ingress = [{"ip": "198.51.100.9"}, {"hostname": "lb.own.example"}] if kind == "LoadBalancer" else []
    return {
        "metadata": {"namespace": "ours", "name": name},
        "spec": spec,
        "status": {"loadBalancer": {"ingress": ingress}},
    }


class Client:
    """C(cidrs): what ServiceCIDR tells; old API servers have none."""

    def __init__(self, *cidrs: str) -> None:
        self.cidrs = cidrs

    def list(self, kind: Any, _namespace: str | None = None, **options: Any) -> ObjectList:
        if kind == kinds.NODE:
            return ObjectList([NODE], "1")
        if kind == kinds.SERVICE_CIDR:
            return ObjectList([{"spec": {"cidrs": list(self.cidrs)}}] if self.cidrs else [], "1")
        if kind == kinds.NAMESPACE:
            assert options["metadata_only"]
            return ObjectList([{"metadata": {"name": "default"}}], "1")
        assert kind == kinds.SERVICE
        only = options["field_selector"]
        assert only == ("spec.type=LoadBalancer" if self.cidrs else None)
        found = [service("gateway", "LoadBalancer"), service("plain", "ClusterIP")]
        found += [service("headless", "ClusterIP", clusterIP="None", clusterIPs=["None"])]
        return ObjectList([item for item in found if not only or item["spec"]["type"] == "LoadBalancer"], "1")


@pytest.mark.parametrize("cidrs", [("10.43.0.0/16", "fd00:43::/108"), ()])
def test_everything_that_its_api_tells(cidrs: tuple[str, ...]) -> None:
    rules = read_address_rules(Client(*cidrs), ["10.42.0.9"], ["own.local", None, ""])  # type: ignore[arg-type]
    for address in (
        *("192.168.7.2", "198.51.100.2", "one.example", "10.42.0.1", "fd00:42::1", "10.43.0.7", "fd00:43::7"),
        *("198.51.100.9", "lb.own.example", "kubernetes.default", "a.b.svc.own.local"),
    ):
        assert rules.problem(address), address
    assert bool(rules.problem("10.43.0.8")) is bool(cidrs)
    for address in ("10.42.0.9", "192.168.7.3", "gw.example", "a.default.example"):
        assert rules.problem(address) is None, address
