# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose roots a root exchange adds and takes away, from the resources and the shared mesh config."""

from __future__ import annotations

import datetime
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import fingerprint
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    PROVED_ANNOTATION,
    federation_resource,
    federation_status,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.platform import PlatformTrust
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust import Trust
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.trust_edges import (
    platform_edges,
    trust_edges,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import PART_OF_LABEL

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
KEY = generate_key_pair().public_pem
ONE, TWO = (make_ca(name, NOW).certificate for name in ("one", "two"))
B = Neighbour("Cluster_B", trust_domain="b.local", endpoint="https://b/")
OURS = "applyset-x"


def document(root: str, domain: str = "b.local") -> PublicMetadata:
    return PublicMetadata.create(f"uuid-{domain}", KEY, root, domain)


def resource(name: str, root: str, domain: str) -> dict[str, Any]:
    """A neighbour's resource that remembers a proof, in its status and as a platform has it."""
    proved = document(root, domain)
    made = federation_resource(name, trust_domain=domain, endpoint="https://x/", proved=proved.render().decode())
    made["metadata"]["labels"][PART_OF_LABEL] = OURS
    return {**made, "status": federation_status(None, now_iso="2026-01-01T00:00:00Z", public=proved)}


def trusting(**roots: str) -> Trust:
    """A trust in neighbours by resource name, each in the domain b.local."""
    trust = Trust()
    for name, root in roots.items():
        trust.trusted[name], trust.domains[name] = document(root), "b.local"
    return trust


def mesh(trust: Trust) -> list[dict[str, Any]]:
    trust.keys = {name: type("Keys", (), {"current": KEY, "previous": "", "to_dict": dict})() for name in trust.trusted}
    trust.disputed = set(trust.trusted)  # keys play no part here
    return [obj for obj in trust.objects("n", "r") if obj["kind"] == "ConfigMap"]


def change(*, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"added": [fingerprint(root) for root in added], "removed": [fingerprint(root) for root in removed]}


def test_a_first_root_and_a_rotated_one() -> None:
    before, after = trusting(**{"cluster-b": ONE}), trusting(**{"cluster-b": TWO})
    assert trust_edges(before, [B], {}, [], mesh(before)) == {
        "Cluster_B": {"trust_domain": "b.local", "roots": change(added=(ONE,))}
    }
    known = {"cluster-b": resource("cluster-b", ONE, "b.local")}
    edges = trust_edges(after, [B], known, mesh(before), mesh(after))
    assert edges["Cluster_B"]["roots"] == change(added=(TWO,), removed=(ONE,))
    assert trust_edges(before, [B], known, mesh(before), mesh(before)) == {}


def test_who_leaves_is_told_by_its_resource() -> None:
    before = trusting(**{"cluster-b": ONE})
    known = {"cluster-b": resource("cluster-b", ONE, "b.local")}
    assert trust_edges(Trust(), [], known, mesh(before), mesh(Trust())) == {
        "cluster-b": {"trust_domain": "b.local", "roots": change(removed=(ONE,))}
    }


def test_a_mesh_config_that_somebody_broke_trusted_nobody() -> None:
    after = trusting(**{"cluster-b": ONE})
    broken = [{**mesh(after)[0], "data": {"mesh": "caCertificates: yes"}}]
    assert trust_edges(after, [B], {}, broken, mesh(after))["Cluster_B"]["roots"] == change(added=(ONE,))


def test_what_a_platform_is_told() -> None:
    known = {"cluster-b": resource("cluster-b", ONE, "b.local"), "theirs": resource("theirs", ONE, "t.local")}
    del known["theirs"]["metadata"]["labels"][PART_OF_LABEL]
    trust = PlatformTrust(resources={"cluster-b": resource("cluster-b", TWO, "b.local")})
    assert PROVED_ANNOTATION in trust.resources["cluster-b"]["metadata"]["annotations"]
    assert platform_edges(trust, [B], known, OURS) == {
        "Cluster_B": {"trust_domain": "b.local", "roots": change(added=(TWO,), removed=(ONE,))}
    }
    assert platform_edges(PlatformTrust(), [], known, OURS)["cluster-b"]["roots"] == change(removed=(ONE,))
