# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: roots, keys and the small world of world.py."""

from __future__ import annotations

import json

import pytest

from ansible_collections.meshalliance.istio.exporter.documents import Inputs, build
from ansible_collections.meshalliance.istio.exporter.gateway import published_gateway
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair, generate_key_pair

from tests.unit.exporter.world import HOST, NEIGHBOUR_UUID, OWN_UUID, World, make_root, service


@pytest.fixture(scope="session")
def root() -> str:
    return make_root("cluster-b.local")


@pytest.fixture(scope="session")
def second_root() -> str:
    return make_root("cluster-b.local, the next")


@pytest.fixture(scope="session")
def own() -> KeyPair:
    return generate_key_pair()


@pytest.fixture(scope="session")
def neighbour() -> KeyPair:
    return generate_key_pair()


@pytest.fixture
def world(own: KeyPair, neighbour: KeyPair, root: str) -> World:
    remote = {
        NEIGHBOUR_UUID: {"clusterUUID": NEIGHBOUR_UUID, "authnKeyPub": neighbour.public_pem, "rootCA": root},
    }
    inputs = Inputs(
        trust_domain="cluster-b.local",
        cluster_uuid=OWN_UUID,
        public_key=own.public_pem,
        root_pem=root,
        root_version="4711",
        services=(service(),),
        gateway=published_gateway("istio-alliance", [HOST]),
        addresses=(GatewayAddress("192.0.2.7", 30443),),
        remote_metadata=json.dumps(remote),
    )
    return World(own, neighbour, inputs, build(inputs))
