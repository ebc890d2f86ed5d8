# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root of cluster-b is rotated under load; the run is killed in every stage and resumed; no request fails.

The tests of this file build on each other, in their order.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret

from .alliance import A, Alliance, B, Run
from .certificates import Authority, authority_in, authority_of, signed_by
from .load import Load
from .observing import ROOT_NAMESPACE, client
from .tls import call_gateway
from tests.demo.calls import call_until
from tests.lab.lab import Lab
from tests.processes import kill_with_children

pytestmark = pytest.mark.long

RECORD = "alliance-root-rotation"
PATIENCE_SECONDS = 300
# The kubelets of the lab look every 10 to 15 seconds.
DELAY = 30
OK = "HTTP/1.1 200 OK"


@dataclass
class Rotation:
    """The rotation of cluster-b and the load meanwhile, in both directions."""

    alliance: Alliance
    loads: tuple[Load, Load]
    old: Authority
    killed: list[str] = field(default_factory=list)
    last: Run | None = None

    def authorities(self) -> list[Authority]:
        """The old CA, and the new one where it is made."""
        new = authority_in(self.alliance, B, RECORD, "new-") or authority_in(self.alliance, B, "cacerts")
        return [self.old, *([new] if new and new != self.old else [])]


def arguments(**more: object) -> str:
    """The options of a run."""
    options = {"alliance_rotate": B, "root_rotation_kubelet_delay": DELAY, **more}
    return " ".join(f"-e {name}={value}" for name, value in options.items())


def secret(opened: Client, name: str) -> dict[str, str]:
    """A Secret next to istiod; empty when there is none."""
    return read_secret(opened, ROOT_NAMESPACE, name)


def signer(opened: Client) -> str:
    """Which CA is in cacerts: old, new, or none."""
    plugged, record = secret(opened, "cacerts"), secret(opened, RECORD)
    if not plugged:
        return ""
    return "new" if plugged["ca-cert.pem"].strip() == record.get("new-ca-cert.pem", "").strip() else "old"


def roots(opened: Client) -> list[str]:
    """The fingerprints of the roots in cacerts, in their order, the new one as "new"."""
    plugged, record = secret(opened, "cacerts"), secret(opened, RECORD)
    new = fingerprint(record["new-root-cert.pem"]) if record else ""
    found = [fingerprint(root) for root in split_certificates(plugged["root-cert.pem"])] if plugged else []
    return ["new" if item == new else "old" for item in found]


def handed_out(opened: Client) -> int:
    """How many roots istiod hands out."""
    found = opened.get(kinds.CONFIG_MAP, "istio-ca-root-cert", ROOT_NAMESPACE)
    return len(split_certificates(found["data"]["root-cert.pem"])) if found else 0


# When a run is killed, in the order in which it comes by.
POINTS: dict[str, Callable[[Client], bool]] = {
    "prepared": lambda opened: bool(secret(opened, RECORD)),
    "trusting, before istiod is restarted": lambda opened: signer(opened) == "old",
    "trusting, before the neighbours follow": lambda opened: handed_out(opened) == 2,
    "signing, before istiod is restarted": lambda opened: signer(opened) == "new",
    "signing, before certificates are renewed": lambda opened: roots(opened) == ["new", "old"],
    "withdrawn": lambda opened: roots(opened) == ["new"],
}


def kill_at(rotation: Rotation, reached: Callable[[Client], bool], **more: object) -> bool:
    """Start a run and kill it and its children as soon as a point is reached; False when it ended before."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    words = arguments(**more).split()
    with client(rotation.alliance, B) as opened, rotation.alliance.started(*words) as process:
        while process.poll() is None:
            assert time.monotonic() < deadline, "the point is not reached"
            if reached(opened):
                kill_with_children(process)
                return True
            time.sleep(0.1)
    return False


def assert_identities_hold(rotation: Rotation, folder: Path) -> None:
    """Neither CA of cluster-b speaks for cluster-a, to cluster-a or to cluster-b's callers there."""
    for number, authority in enumerate(rotation.authorities()):
        place = folder / str(number)
        place.mkdir(exist_ok=True)
        forged = signed_by(rotation.alliance, B, f"spiffe://{A}.local/ns/xyz/sa/foo", place, authority)
        answer = call_gateway(rotation.alliance, A, f"foo.xyz.svc.{A}.local", forged)
        assert answer.startswith("refused"), answer


@pytest.fixture(scope="module")
def rotation(lab: Lab, alliance: Alliance) -> Iterator[Rotation]:
    """The alliance before the rotation, called all the time in both directions."""
    alliance.converge()
    old = authority_of(alliance, B)
    there = Load(alliance, A, "foo", f"bar.xyz.svc.{B}.local")
    back = Load(alliance, B, "bar", f"foo.xyz.svc.{A}.local")
    for load in (there, back):
        call_until(lab, load.cluster, load.deployment, f"http://{load.host}/")
    rotating = Alliance(lab, alliance.clusters, alliance.variables, playbook="rotate_root.yml")
    with there, back:
        for load in (there, back):
            load.settle()
        yield Rotation(rotating, (there, back), old)
    # Told after the load has ended, and asserted there: a request that failed fails the last test's teardown.
    for load in (there, back):
        total = sum(load.counts.values())
        print(f"{load.cluster} -> {load.host}: {total} requests, {total - load.answered} failed {load.failed}")
    assert [load.failed for load in (there, back)] == [{}, {}]
    assert all(load.answered > 100 for load in (there, back))


def test_check_mode_tells_the_stage_and_writes_nothing(rotation: Rotation) -> None:
    written = rotation.alliance.writes()
    run = rotation.alliance.run(arguments(), "--check", "--diff")
    assert run.status == 0, run.output
    assert "stage none, no rotation is under way" in run.output
    assert ("created", "Secret", ROOT_NAMESPACE, RECORD) in run.objects(B)
    assert rotation.alliance.writes() == written


def test_rolled_back_it_is_as_before(rotation: Rotation, tmp_path: Path) -> None:
    """From the middle of the last stage that has a way back; sidecars reach istiod again when their kubelet looked."""
    point = POINTS["signing, before certificates are renewed"]
    assert kill_at(rotation, point, root_rotation_kubelet_delay=0)
    assert_identities_hold(rotation, tmp_path)
    identity, host = f"spiffe://{B}.local/ns/xyz/sa/anybody", f"foo.xyz.svc.{A}.local"
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    for folder in (kept, gone):
        folder.mkdir()
    old, new = rotation.authorities()
    of_new = signed_by(rotation.alliance, B, identity, gone, new)
    assert call_gateway(rotation.alliance, A, host, of_new) == OK
    run = rotation.alliance.run(arguments(root_rotation_rollback="true"))
    assert run.status == 0, run.output
    assert "stage none, no rotation is under way" in run.output
    assert call_gateway(rotation.alliance, A, host, of_new).startswith("refused")
    assert call_gateway(rotation.alliance, A, host, signed_by(rotation.alliance, B, identity, kept, old)) == OK
    assert rotation.authorities() == [old]


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_no_identity_can_be_forged(rotation: Rotation, tmp_path: Path, point: str) -> None:
    assert kill_at(rotation, POINTS[point]), f"the run ended before {point}"
    rotation.killed.append(point)
    assert_identities_hold(rotation, tmp_path)


def test_it_is_completed(rotation: Rotation, tmp_path: Path) -> None:
    opened = [load.connections() for load in rotation.loads]
    run = rotation.alliance.run(arguments())
    assert run.status == 0, run.output
    assert "stage done, the rotation is over" in run.output
    rotation.last = run
    assert all(load.connections() > before + 5 for load, before in zip(rotation.loads, opened, strict=True))
    assert_identities_hold(rotation, tmp_path)


def test_the_new_root_alone_is_trusted(rotation: Rotation, tmp_path: Path) -> None:
    """A certificate of the old root is refused, one of the new root for its own domain is not."""
    identity, host = f"spiffe://{B}.local/ns/xyz/sa/anybody", f"foo.xyz.svc.{A}.local"
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    of_old = signed_by(rotation.alliance, B, identity, old, rotation.old)
    assert call_gateway(rotation.alliance, A, host, of_old).startswith("refused")
    assert call_gateway(rotation.alliance, B, f"bar.xyz.svc.{B}.local", of_old).startswith("refused")
    assert call_gateway(rotation.alliance, A, host, signed_by(rotation.alliance, B, identity, new)) == OK


def test_no_private_key_is_in_the_output(rotation: Rotation) -> None:
    assert rotation.last is not None
    text = rotation.last.output + json.dumps(rotation.last.results)
    assert "PRIVATE KEY" not in text
    with client(rotation.alliance, B) as opened:
        for name in ("cacerts", "istio-ca-secret"):
            body = re.sub(r"-----[^-]+-----|\s", "", secret(opened, name)["ca-key.pem"])
            assert body[:40] not in re.sub(r"\\n|\s", "", text)
        assert set(secret(opened, RECORD)) == {"old-root-cert.pem", "new-root-cert.pem"}


def test_it_is_not_done_again(rotation: Rotation) -> None:
    written = rotation.alliance.writes()
    run = rotation.alliance.run(arguments())
    assert run.status == 0, run.output
    assert all(count == 0 for count in run.changed().values()), run.output
    assert rotation.alliance.writes() == written


def test_every_stage_was_interrupted_and_no_request_failed(rotation: Rotation) -> None:
    """The numbers are printed and compared when the load ends."""
    assert rotation.killed == list(POINTS)


def test_the_alliance_still_works(alliance: Alliance) -> None:
    """What the rotation has told the members is all that the playbook for federation would."""
    before = {cluster: alliance.audit(cluster) for cluster in alliance.clusters}
    run = alliance.run()
    assert run.status == 0, run.output
    assert all(count == 0 for count in run.changed().values()), run.output
    assert {cluster: alliance.audit(cluster) for cluster in alliance.clusters} == before
    assert call_until(alliance.lab, A, "foo", f"http://bar.xyz.svc.{B}.local/")["cluster"] == B
