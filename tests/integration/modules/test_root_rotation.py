# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""root_rotation: every stage is made so once, is resumed where it was interrupted, and no key is seen by anybody."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import NewCa, make_authority
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import secret_manifest

from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.istiod import SimulatedIstiod, decoded

MODULE = "root_rotation"
RECORD = "alliance-root-rotation"
SMALL = {"type": "ECC", "curve": "secp256r1"}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "create": {"stage": "prepared"},
    "change": {"stage": "trusting"},
    "delete": {"stage": "none", "state": "rolled_back"},
}


def authority(name: str) -> Any:
    return make_authority(NewCa(type="ECC", subject={"O": name}), datetime.now(timezone.utc))


def self_signed(admin: Admin, namespace: str) -> Any:
    """What istiod makes for itself where nobody gave it a CA."""
    made = authority("cluster.local")
    values = {"ca-cert.pem": made.certificate, "ca-key.pem": made.key}
    admin.apply(secret_manifest(namespace, "istio-ca-secret", values))
    return made


def secret(admin: Admin, namespace: str, name: str) -> dict[str, str] | None:
    found = admin.get("Secret", namespace, name)
    return None if found is None else decoded(found)


def assert_hidden(done: ModuleRun, *keys: str) -> None:
    """No private key is in the output, whole or encoded."""
    assert "PRIVATE KEY" not in done.output
    for pem in keys:
        body = pem.split("-----")[2].strip()
        for text in (body, body[:30], base64.b64encode(pem.encode()).decode()[:60]):
            assert text not in done.output


def options(namespace: str, **more: Any) -> dict[str, Any]:
    return {"root_namespace": namespace, "new_ca": SMALL, "kubelet_delay": 0, "wait_timeout": 30, **more}


@pytest.fixture(scope="module")
def rotating(admin: Admin) -> Iterator[SimulatedIstiod]:
    admin.namespace("rotation")
    self_signed(admin, "rotation")
    with SimulatedIstiod(admin, "rotation").running() as istiod:
        yield istiod


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin, rotating: SimulatedIstiod) -> None:
    done = run(MODULE, check=step.check, by_ansible=True, **options("rotation", **ARGUMENTS[step.action]))
    expect(step, done)
    keys = [
        text
        for name in (RECORD, "cacerts", "istio-ca-secret")
        for key, text in (secret(admin, "rotation", name) or {}).items()
        if key.endswith("key.pem")
    ]
    assert_hidden(done, *keys)
    before = {"create": "none", "change": "prepared", "delete": "trusting"}[step.action]
    assert done.result["stage"] == (before if step.check else ARGUMENTS[step.action]["stage"])
    if step.id == "delete-real-second":
        assert secret(admin, "rotation", RECORD) is None
        assert secret(admin, "rotation", "cacerts") is None
        assert len(split_certificates(rotating.starts[-1])) == 1


def test_all_the_way(run: ModuleRunner, admin: Admin) -> None:
    """Each stage once; each again without a write; and the rotation that is over is not done again."""
    namespace = "rotation-way"
    admin.namespace(namespace)
    old = self_signed(admin, namespace)
    with SimulatedIstiod(admin, namespace).running() as istiod:
        assert (
            "can't be reached in one go" in run(MODULE, fails=True, **options(namespace, stage="signing")).result["msg"]
        )
        new = (secret(admin, namespace, RECORD) or {})["new-root-cert.pem"]
        handed_out = {
            "trusting": [old.root + new],
            "signing": [old.root + new, new + old.root],
            "withdrawn": [new],
            "done": [],
        }
        for stage, roots in handed_out.items():
            seen = len(istiod.starts)
            done = run(MODULE, **options(namespace, stage=stage))
            assert (done.result["stage"], done.result["changed"]) == (stage, True)
            assert done.result["new_roots"] == [new]
            assert istiod.starts[seen:] == roots
            assert_hidden(done, old.key)
            again = run(MODULE, **options(namespace, stage=stage))
            assert (again.result["stage"], again.result["changed"], again.writes) == (stage, False, ())
        plugged, record = secret(admin, namespace, "cacerts"), secret(admin, namespace, RECORD)
        assert plugged is not None and record is not None
        assert plugged["ca-cert.pem"] == plugged["root-cert.pem"] == new
        assert record == {"old-root-cert.pem": old.root, "new-root-cert.pem": new}
        assert run(MODULE, **options(namespace, stage="trusting")).writes == ()
        back = run(MODULE, **options(namespace, stage="trusting", state="rolled_back"))
        assert (back.result["stage"], back.writes) == ("done", ())
        # A larger number begins the next one, from what the last one left.
        following = run(MODULE, **options(namespace, stage="trusting", serial=2))
        assert (following.result["stage"], following.result["serial"]) == ("trusting", 2)
        assert following.result["old_roots"] == [new]
        # Rolled back, the first one is over as before, and not done again.
        run(MODULE, **options(namespace, stage="none", state="rolled_back", serial=2))
        last = run(MODULE, **options(namespace, stage="trusting"))
        assert (last.result["stage"], last.result["serial"], last.writes) == ("done", 1, ())
        assert secret(admin, namespace, "cacerts") == plugged


def test_a_restart_that_was_interrupted_is_made_up_for(run: ModuleRunner, admin: Admin) -> None:
    namespace = "rotation-interrupted"
    admin.namespace(namespace)
    self_signed(admin, namespace)
    with SimulatedIstiod(admin, namespace).running() as istiod:
        run(MODULE, **options(namespace, stage="trusting"))
        plugged = secret(admin, namespace, "cacerts")
        assert plugged is not None
        record = secret(admin, namespace, RECORD)
        assert record is not None
        # As if the run had ended between the Secret and the restart.
        signing = {**plugged, "ca-cert.pem": record["new-ca-cert.pem"], "ca-key.pem": record["new-ca-key.pem"]}
        admin.apply(secret_manifest(namespace, "cacerts", signing))
        seen = len(istiod.starts)
        done = run(MODULE, **options(namespace, stage="trusting"))
        assert done.result["stage"] == "signing"
        assert len(istiod.starts) == seen + 1
        assert {kind for _action, kind, _name in done.objects} == {"Deployment"}
        # And back: the old CA signs again, in two steps, then the new root is withdrawn.
        seen = len(istiod.starts)
        back = run(MODULE, **options(namespace, stage="trusting", state="rolled_back"))
        assert back.result["stage"] == "trusting"
        assert len(istiod.starts) == seen + 2
        assert "from which none can't be reached" not in back.output
        assert run(MODULE, **options(namespace, stage="prepared", state="rolled_back")).result["stage"] == "prepared"
        assert secret(admin, namespace, "cacerts") is None


def test_from_a_given_ca_to_a_given_one_and_back(run: ModuleRunner, admin: Admin) -> None:
    namespace = "rotation-given"
    admin.namespace(namespace)
    first, second = authority("first"), authority("second")
    admin.apply(
        secret_manifest(namespace, "cacerts", first.values()), secret_manifest(namespace, "mine", second.values())
    )
    given = {"new_ca_secret": f"{namespace}/mine"}
    with SimulatedIstiod(admin, namespace).running():
        missing = run(MODULE, fails=True, **options(namespace, stage="prepared", new_ca_secret=f"{namespace}/no"))
        assert f"Secret {namespace}/no: there is no such Secret" in missing.result["msg"]
        done = run(MODULE, **options(namespace, stage="trusting", **given))
        assert done.result["new_roots"] == [second.root]
        assert run(MODULE, **options(namespace, stage="signing", **given)).result["stage"] == "signing"
        plugged = secret(admin, namespace, "cacerts")
        assert plugged == second.values((second.root, first.root))
        early = run(MODULE, fails=True, **options(namespace, stage="none", state="rolled_back"))
        assert "from which none can't be reached in one go" in early.result["msg"]
        assert early.writes == ()
        for stage in ("trusting", "none"):
            back = run(MODULE, **options(namespace, stage=stage, state="rolled_back"))
            assert_hidden(back, first.key, second.key)
        assert secret(admin, namespace, "cacerts") == first.values()
        # A CA that somebody else gives istiod meanwhile is not taken for one of the two.
        run(MODULE, **options(namespace, stage="trusting", **given))
        admin.apply(secret_manifest(namespace, "cacerts", authority("third").values()))
        lost = run(MODULE, fails=True, **options(namespace, stage="signing", **given))
        assert "changed by somebody else" in lost.result["msg"]
        assert lost.writes == ()


@pytest.mark.parametrize(
    ("metadata", "data", "why"),
    [
        ({"annotations": {"cert-manager.io/certificate-name": "mesh"}}, {}, "it is kept by cert-manager"),
        ({}, {"tls.crt": "x"}, "form of a kubernetes.io/tls Secret"),
        ({}, {"istio-generated": ""}, "istiod made it itself"),
    ],
    ids=["cert-manager", "tls", "generated"],
)
def test_a_ca_that_is_not_ours_is_left_alone(
    run: ModuleRunner, admin: Admin, request: pytest.FixtureRequest, metadata: Any, data: dict[str, str], why: str
) -> None:
    namespace = f"rotation-{request.node.callspec.id}"
    admin.namespace(namespace)
    manifest = secret_manifest(namespace, "cacerts", {**authority("x").values(), **data})
    manifest["metadata"].update(metadata)
    admin.apply(manifest)
    with SimulatedIstiod(admin, namespace).running():
        done = run(MODULE, fails=True, **options(namespace, stage="prepared"))
    assert why in done.result["msg"]
    assert done.writes == ()


def test_an_istiod_that_hands_out_one_root_is_told(run: ModuleRunner, admin: Admin) -> None:
    admin.namespace("rotation-single")
    self_signed(admin, "rotation-single")
    with SimulatedIstiod(admin, "rotation-single", multiroot=False).running():
        done = run(MODULE, fails=True, **options("rotation-single", stage="prepared"))
    assert "ISTIO_MULTIROOT_MESH is not set" in done.result["msg"]
    assert done.result["error"]["remedy"] == "run federate.yml or multicluster.yml first"
