# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's state on its way through Ansible variables."""

from __future__ import annotations

import json

import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.modules import cluster_info

STATE = ClusterState(
    name="a",
    uuid="u",
    istio=({"name": "default"},),
    pod_cidrs=("10.0.0.0/16",),
    gateways=({"address": "203.0.113.1", "port": 15443},),
    published=({"hostname": "bar.xyz.svc.a.local", "ports": []},),
    cluster_id="a",
    network="net-a",
    api_host="203.0.113.1:6443",
    multicluster_gateways=({"address": "203.0.113.1", "port": 15444},),
    mesh_networks=("net-x",),
    services="eJyrrgUAAXUA+Q==",
    findings=({"code": "x"},),
)


def test_through_json_and_back() -> None:
    assert ClusterState.from_dict(json.loads(json.dumps(STATE.to_dict()))) == STATE


def test_no_gateway_is_not_an_empty_list() -> None:
    for gateways in (None, ()):
        state = ClusterState(name="a", uuid="u", gateways=gateways)
        assert ClusterState.from_dict(state.to_dict()).gateways == gateways


def test_older_results_can_be_read() -> None:
    of_today = (
        "cluster_id",
        "network",
        "proxy_image",
        "api_host",
        "multicluster_gateways",
        "mesh_networks",
        "services",
    )
    older = {key: value for key, value in STATE.to_dict().items() if key not in of_today}
    read = ClusterState.from_dict(older)
    assert (read.cluster_id, read.network, read.proxy_image, read.services) == ("", "", "", "")
    assert (read.api_host, read.multicluster_gateways, read.mesh_networks) == (None, None, ())


def test_newer_results_can_be_read() -> None:
    assert ClusterState.from_dict({"name": "a", "uuid": "u", "of_tomorrow": [1]}) == ClusterState("a", "u")


def test_every_field_is_documented_by_the_module() -> None:
    documented = yaml.safe_load(cluster_info.RETURN)["state"]["contains"]
    assert set(documented) == set(STATE.to_dict())
