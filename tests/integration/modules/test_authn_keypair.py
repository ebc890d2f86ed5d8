# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""authn_keypair: the key pair is made once, kept, and seen by nobody."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import (
    generate_key_pair,
    load_private_key,
    public_key_pem,
)

from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin

NAMESPACE = "keys"
SECRET = "alliance-authn-keypair"
# A change is asked for by taking the keys away: the module never changes a good pair on its own.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "create": {"namespace": NAMESPACE},
    "change": {"namespace": NAMESPACE, "regenerate": "unusable"},
    "delete": {"namespace": NAMESPACE, "state": "absent"},
}


def values(admin: Admin, namespace: str = NAMESPACE) -> dict[str, str]:
    found = admin.data("Secret", namespace, SECRET)
    return {key: base64.b64decode(value).decode() for key, value in found.items()}


def put(admin: Admin, namespace: str, public: str, private: str) -> None:
    pair = {"pub.pem": public, "priv.pem": private}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in pair.items()}
    metadata = {"name": SECRET, "namespace": namespace}
    admin.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}, manager="somebody")


def assert_hidden(done: ModuleRun, *private: str) -> None:
    """The private key is nowhere, whole or encoded, not even its middle."""
    assert "PRIVATE KEY" not in done.output
    for pem in private:
        body = pem.split("-----")[2].strip()
        assert len(body) > 40
        for text in (body, body[:30], base64.b64encode(pem.encode()).decode()):
            assert text not in done.output


@pytest.fixture(scope="module", autouse=True)
def _namespaces(admin: Admin) -> None:
    admin.namespace(NAMESPACE, "unusable", "foreign", "rotated")


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin) -> None:
    if step.id == "change-check-first":
        put(admin, NAMESPACE, generate_key_pair().public_pem, values(admin)["priv.pem"])
    done = run("authn_keypair", check=step.check, by_ansible=True, **ARGUMENTS[step.action])
    expect(step, done)
    if step.mode == "real" and step.action != "delete":
        kept = values(admin)
        assert_hidden(done, kept["priv.pem"])
        assert done.result["public_key"] == kept["pub.pem"]
        assert kept["pub.pem"] == public_key_pem(load_private_key(kept["priv.pem"]).public_key())
    elif step.check and step.action != "delete":
        assert_hidden(done)
        assert done.result["public_key"] == ""
    else:
        assert admin.get("Secret", NAMESPACE, SECRET) is None or step.check


def test_a_pair_that_cannot_be_used(run: ModuleRunner, admin: Admin) -> None:
    """It is an error that says what to do; nothing is replaced without being asked to."""
    run("authn_keypair", namespace="unusable")
    good = values(admin, "unusable")
    put(admin, "unusable", generate_key_pair().public_pem, good["priv.pem"])
    broken = values(admin, "unusable")
    done = run("authn_keypair", fails=True, namespace="unusable")
    assert done.result["msg"].startswith(f"cluster cluster-t, Secret unusable/{SECRET}: it can't be used: ")
    assert "regenerate: unusable" in done.result["error"]["remedy"]
    assert done.writes == ()
    assert_hidden(done, good["priv.pem"])
    assert values(admin, "unusable") == broken
    put(admin, "unusable", good["pub.pem"], "no key at all")
    assert run("authn_keypair", fails=True, namespace="unusable").writes == ()


def test_always_makes_a_new_pair(run: ModuleRunner, admin: Admin) -> None:
    """At once and without what was before, when nothing of it is to count."""
    run("authn_keypair", namespace="unusable", regenerate="always", overlap="0")
    old = values(admin, "unusable")
    done = run("authn_keypair", namespace="unusable", regenerate="always", overlap="0")
    new = values(admin, "unusable")
    assert set(new) == {"pub.pem", "priv.pem"}
    assert new["priv.pem"] != old["priv.pem"]
    assert done.result["public_key"] == new["pub.pem"] != old["pub.pem"]
    assert_hidden(done, old["priv.pem"], new["priv.pem"])


def annotate(admin: Admin, **annotations: str) -> None:
    """As if time had passed."""
    found = {f"meshalliance.istio/{name.replace('_', '-')}": value for name, value in annotations.items()}
    secret = {"apiVersion": "v1", "kind": "Secret"}
    admin.apply({**secret, "metadata": {"name": SECRET, "namespace": "rotated", "annotations": found}}, manager="time")


ROTATED = {"namespace": "rotated", "max_age": "365d", "overlap": "2d"}


def planned_and_done(run: ModuleRunner, action: str, **arguments: Any) -> ModuleRun:
    """A plan says what the run then does; another run does nothing."""
    plan = run("authn_keypair", check=True, **{**ROTATED, **arguments})
    assert (plan.result["changed"], plan.result["action"], plan.writes) == (True, action, ())
    done = run("authn_keypair", **{**ROTATED, **arguments})
    assert (done.result["changed"], done.result["action"], done.objects) == (True, action, plan.objects)
    for check in (True, False):
        again = run("authn_keypair", check=check, **ROTATED)
        assert (again.result["changed"], again.result["action"], again.writes) == (False, "kept", ())
    return done


def test_a_rotation(run: ModuleRunner, admin: Admin) -> None:
    """A pair that is too old gets a new one beside it, and goes when its time is over."""
    planned_and_done(run, "created")
    old = values(admin, "rotated")
    annotate(admin, key_created="2020-01-01T00:00:00Z")
    plan = run("authn_keypair", check=True, **ROTATED)
    assert [item["code"] for item in plan.result["findings"]] == ["authn-key-rotated"]
    assert "is due to be replaced" in plan.result["findings"][0]["message"]
    done = planned_and_done(run, "rotated")
    new = values(admin, "rotated")
    assert (new["previous-pub.pem"], new["previous-priv.pem"]) == (old["pub.pem"], old["priv.pem"])
    assert done.result["public_key"] == new["pub.pem"] != old["pub.pem"]
    assert done.result["previous_until"] > "2026"
    assert_hidden(done, old["priv.pem"], new["priv.pem"])
    # Not a third one meanwhile, whoever asks for it.
    forced = run("authn_keypair", regenerate="always", **ROTATED)
    assert (forced.result["changed"], forced.writes) == (False, ())
    assert [item["code"] for item in forced.result["findings"]] == ["authn-key-overlap"]
    annotate(admin, previous_key_until="2020-01-01T00:00:00Z")
    planned_and_done(run, "retired")
    assert values(admin, "rotated") == {"pub.pem": new["pub.pem"], "priv.pem": new["priv.pem"]}


def test_lengths_of_time_that_make_no_rotation(run: ModuleRunner) -> None:
    for arguments in ({"max_age": "1d", "overlap": "1d"}, {"max_age": "soon"}):
        done = run("authn_keypair", fails=True, **{**ROTATED, **arguments})
        assert "max_age" in done.result["msg"] + done.result["error"]["remedy"]
        assert done.writes == ()


def test_a_secret_of_somebody_else_is_not_taken(run: ModuleRunner, admin: Admin) -> None:
    pair = generate_key_pair()
    put(admin, "foreign", pair.public_pem, pair.private_pem)
    done = run("authn_keypair", fails=True, namespace="foreign", regenerate="always")
    assert "not ours" in done.result["msg"]
    assert done.writes == ()
    assert_hidden(done, pair.private_pem)
