# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is handed to the administrator of an external neighbour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.handover import federation_manifests
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member

CA = "-----BEGIN CERTIFICATE-----\nAAAABBBB\n-----END CERTIFICATE-----\n"
PARTNER = Member(
    "partner",
    provider="external",
    declared_domain="partner.local",
    endpoint="https://istio.example.com/metadata/",
    root_fingerprints=("AB" * 32,),
)


def member(name: str, **changes: Any) -> Member:
    """A member that was read; C(changes) are those of its state where it has such a field."""
    state = ClusterState(
        name=name,
        uuid=f"uuid-{name}",
        trust_domain=f"{name.lower()}.local",
        cluster_domain=f"{name.lower()}.local",
        root_fingerprints=(f"AA:{name}", f"BB:{name}"),
        metadata_endpoint=f"https://{name.lower()}.example.com/metadata/",
        metadata_ca=CA,
    )
    in_state = {key: value for key, value in changes.items() if key in ClusterState.__dataclass_fields__}
    others = {key: value for key, value in changes.items() if key not in in_state}
    return replace(Member(name, state=replace(state, **in_state)), **others)


def manifests(*members: Member, previous: str = "") -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(federation_manifests([*members, PARTNER], "partner", previous)))


def test_one_manifest_for_each_of_us() -> None:
    members = [member("b", provider="deckhouse", uuid=""), member("Cluster_A"), PARTNER]
    members.append(replace(PARTNER, name="other", endpoint="https://other.example.com/", declared_domain="other.local"))
    text = federation_manifests(members, "partner")
    first, second = yaml.safe_load_all(text)
    assert first == {
        "apiVersion": "deckhouse.io/v1alpha1",
        "kind": "IstioFederation",
        "metadata": {"name": "cluster-a"},
        "spec": {
            "trustDomain": "cluster_a.local",
            "metadataEndpoint": "https://cluster_a.example.com/metadata/",
            "metadata": {"clusterCA": CA},
        },
    }
    assert second["metadata"]["name"] == "b"
    lines = text.splitlines()
    place = lines.index("# Cluster: Cluster_A")
    assert lines[place - 1] == "---"
    assert lines[place + 1 : place + 4] == [
        "# clusterUUID: uuid-Cluster_A",
        "# SHA-256 of its root: AA:Cluster_A",
        "# SHA-256 of its root: BB:Cluster_A",
    ]
    assert "# clusterUUID: not known yet" in lines
    assert "partner" in lines[0]


def test_a_cluster_of_the_same_domain_is_entered_as_one() -> None:
    partner = replace(PARTNER, modes=("multicluster",))
    domain = {"trust_domain": "partner.local", "cluster_domain": "partner.local"}
    ours = member("a", modes=("multicluster",), cluster_id="a", network="a", flat_network=True, **domain)
    (made,) = yaml.safe_load_all(federation_manifests([ours, partner], "partner"))
    assert (made["kind"], made["metadata"]) == ("IstioMulticluster", {"name": "a"})
    assert made["spec"] == {
        "enableIngressGateway": False,
        "metadataEndpoint": "https://a.example.com/metadata/",
        "metadata": {"clusterCA": CA},
    }


def test_the_same_members_give_the_same_bytes() -> None:
    members = [member("a"), member("b"), PARTNER]
    text = federation_manifests(members, "partner")
    assert federation_manifests(list(reversed(members)), "partner") == text
    assert federation_manifests(members, "partner", text) == text
    assert text.endswith("\n")


def test_what_is_declared_wins_and_what_is_not_needed_is_left_out() -> None:
    (made,) = manifests(member("a", endpoint="https://e/", ca=CA + CA, insecure=True))
    assert made["spec"]["metadataEndpoint"] == "https://e/"
    assert made["spec"]["metadata"] == {"clusterCA": CA + CA, "enableInsecureConnection": True}
    (made,) = manifests(member("a", metadata_ca=None))
    assert "metadata" not in made["spec"]


def test_a_ca_with_other_line_ends_and_indents() -> None:
    (made,) = manifests(member("a", metadata_ca="\r\n  " + CA.replace("\n", "\r\n    ")))
    assert made["spec"]["metadata"]["clusterCA"] == CA


@pytest.mark.parametrize(
    ("left_out", "why"),
    [
        (member("b", metadata_endpoint=None), "its metadata endpoint is not known yet"),
        (Member("b"), "its API could not be read"),
        (member("b", root_fingerprints=()), "its roots are not known yet"),
        (member("b", provider="deckhouse", awaiting=("the gateway",)), "its platform is not ready yet"),
        (member("b", metadata_ca="nonsense"), "the CA of its metadata endpoint is no certificate"),
        (member("b", metadata_ca=CA[:-9]), "the CA of its metadata endpoint is no certificate"),
        (member("b", trust_domain="cluster.local", cluster_domain="cluster.local"), "not in order"),
    ],
)
def test_who_is_not_ready_is_named_and_stays_as_it_was(left_out: Member, why: str) -> None:
    text = federation_manifests([member("a"), left_out, PARTNER], "partner")
    assert f"# Left out, {why}: b" in text.splitlines()
    assert [made["metadata"]["name"] for made in yaml.safe_load_all(text)] == ["a"]
    earlier = federation_manifests([member("a", uuid="old"), member("b"), PARTNER], "partner")
    again = federation_manifests([member("a"), left_out, PARTNER], "partner", earlier)
    assert again == earlier.replace("# clusterUUID: old", "# clusterUUID: uuid-a")


def test_who_was_never_read_may_stand_as_the_inventory_has_it() -> None:
    pinned = Member("b", endpoint="https://b/metadata/", declared_domain="b.local", root_fingerprints=("CD" * 32,))
    text = federation_manifests([pinned, PARTNER], "partner")
    (made,) = yaml.safe_load_all(text)
    assert made["spec"] == {"trustDomain": "b.local", "metadataEndpoint": "https://b/metadata/"}
    assert f"# SHA-256 of its root: {'CD' * 32}" in text.splitlines()


def test_only_who_wants_it_as_a_neighbour() -> None:
    assert [made["metadata"]["name"] for made in manifests(member("a", peers=("b",)), member("b"))] == ["b"]
    earlier = federation_manifests([member("a"), member("b"), PARTNER], "partner")
    assert [made["metadata"]["name"] for made in manifests(member("b"), previous=earlier)] == ["b"]


def test_nobody_s_text_gets_out_of_its_comment_or_value() -> None:
    hostile = member("a", uuid="u\nkind: Secret", trust_domain="", cluster_domain="")
    hostile = replace(hostile, declared_domain="a.local", endpoint="https://a/")
    (made,) = manifests(hostile)
    assert set(made) == {"apiVersion", "kind", "metadata", "spec"}
    assert made["kind"] == "IstioFederation"


def test_only_certificates_are_handed_over() -> None:
    key = CA.replace("CERTIFICATE", "PRIVATE KEY").replace("AAAABBBB", "CCCCDDDD")
    text = federation_manifests([member("a", metadata_ca=f"\x1b[2J subject: us\n{CA}{key}{CA}"), PARTNER], "partner")
    (made,) = yaml.safe_load_all(text)
    assert made["spec"]["metadata"]["clusterCA"] == CA + CA
    for inside in ("CCCCDDDD", "PRIVATE", "subject"):
        assert inside not in text


def test_no_control_character_gets_into_the_text() -> None:
    hostile = replace(member("a", uuid="u\x1b[2J\u2028\x9b"), name="a\x1b]0;\u2028b")
    text = federation_manifests([hostile, PARTNER], "partner")
    spoilt = text.replace("uuid", "uuid\x1b[31m\x85") + "\r\x9b\n"
    kept = federation_manifests([replace(hostile, state=None), PARTNER], "partner", spoilt)
    for made in (text, kept):
        assert [line for line in made.split("\n") if not line.isprintable()] == []
        assert len(list(yaml.safe_load_all(made))) == 1


def test_a_ca_that_the_platform_showed_before_is_not_lost() -> None:
    """Without its Ingress the endpoint is known by the template alone."""
    ours = replace(member("c"), provider="deckhouse")
    before = federation_manifests([ours, PARTNER], "partner")
    without = replace(ours, state=replace(ours.state, metadata_ca=None)) if ours.state else ours
    assert federation_manifests([without, PARTNER], "partner", before) == before
    # A public certificate needs none.
    (made,) = manifests(without)
    assert "metadata" not in made["spec"]
    declared = replace(without, endpoint="https://c/metadata/")
    assert "clusterCA" not in federation_manifests([declared, PARTNER], "partner", before)


@pytest.mark.parametrize("previous", ["nonsense", "---\n", "---\nkind: x\n# Cluster: a\n", "# Cluster: b\n"])
def test_a_file_of_somebody_else_is_no_memory(previous: str) -> None:
    assert manifests(Member("b"), previous=previous) == []


@pytest.mark.parametrize("name", ["a", "nobody"])
def test_only_for_an_external_member(name: str) -> None:
    with pytest.raises(AllianceError, match=f"{name} is not a member with alliance_provider: external"):
        federation_manifests([member("a"), PARTNER], name)
