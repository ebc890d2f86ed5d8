# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules grant what is used and nothing that would let the exporter read other secrets."""

from __future__ import annotations

from ansible_collections.meshalliance.istio.exporter.rbac import cluster_rules, namespace_rules

WRITES = {"create", "update", "patch", "delete", "deletecollection", "*"}


def test_only_the_gateway_and_the_lease_may_be_written() -> None:
    writing = [rule for rule in [*cluster_rules(), *namespace_rules()] if WRITES.intersection(rule["verbs"])]
    assert [(rule["resources"], rule["resourceNames"]) for rule in writing] == [
        (["gateways"], ["alliance-published"]),
        (["leases"], ["metadata-exporter"]),
    ]


def test_neighbours_are_only_read() -> None:
    rules = [rule for rule in cluster_rules() if "deckhouse.io" in rule["apiGroups"]]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [
        (["istiofederations", "istiomulticlusters"], ["list", "watch"])
    ]


def test_secrets_and_config_maps_are_named() -> None:
    for rule in cluster_rules():
        assert {"secrets", "configmaps", "*"}.isdisjoint(rule["resources"])
    named = {rule["resources"][0]: rule.get("resourceNames") for rule in namespace_rules()}
    assert named["secrets"] == ["alliance-remote-public-metadata"]
    assert named["configmaps"] == ["istio-ca-root-cert", "metadata-exporter-ingressgateway-advertise"]
