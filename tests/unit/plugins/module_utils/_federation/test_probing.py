# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a cluster knows of a neighbour to results: the order, the program's lines, and what the API adds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.cluster_state import ClusterState
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    FORGED,
    NO_CERTIFICATE,
    Answer,
    AtGateway,
    Held,
    Looked,
    Observation,
    Order,
    Refusal,
    done,
    written,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_layers import Entry, ProbeResult
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.service_ports import pack
from ansible_collections.meshalliance.istio.plugins.module_utils._federation import probing
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.neighbours import Neighbour
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.probing import (
    Limits,
    Plan,
    Reader,
    istiod_result,
    plan_of,
    probe_services,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.pod_exec import Ended, ExecError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.probe_pod import ProbePod, Shaping

HOST = "bar.xyz.svc.cluster-b.local"
PORTS = [{"name": "http", "port": 80, "protocol": "HTTP"}]
OFFER = {
    "ingressGateways": [{"address": "10.0.0.1", "port": 30443}],
    "publicServices": [{"hostname": HOST, "ports": PORTS}],
}
RESOURCE = {"status": {"metadataCache": {"private": OFFER}}}
STATE = ClusterState(
    "cluster-b",
    "uuid-b",
    services=pack(
        [
            {
                "metadata": {"namespace": "their-alliance", "name": "metadata-exporter"},
                "spec": {"ports": [{"name": "http", "port": 8080}]},
            },
            {"metadata": {"namespace": "default", "name": "kubernetes"}, "spec": {"ports": [{"port": 443}]}},
        ]
    ),
    roots="THE ROOTS",
    gateways=({"address": "10.0.0.1", "port": 30443},),
    published=({"hostname": HOST, "ports": PORTS},),
)
NEIGHBOUR = Neighbour("cluster-b", trust_domain="cluster-b.local", state=STATE)
READER = Reader("cluster-a", "cluster-a.local", "istio-alliance", "istio-alliance")
ANSWER = Answer(200, forwarded=True, ms=2.0)
SEEN = Observation(
    HOST,
    80,
    Looked(("240.240.0.1",)),
    Held(True, ("10.0.0.1:30443",), True),
    (AtGateway("10.0.0.1", 30443, identities=("spiffe://cluster-b.local/ns/xyz/sa/bar",), answer=ANSWER),),
    ANSWER,
)


class Pod:
    """Takes the place of the probe's pod: it is found or not, and its program writes lines or fails."""

    def __init__(self, *seen: Observation | Refusal, failure: AllianceError | None = None) -> None:
        self.lines = tuple(line.encode() for line in (*map(written, seen), done()))
        self.failure = failure
        self.missing: AllianceError | None = None
        self.order: Order | None = None

    def find(self, _client: Any, namespace: str) -> ProbePod:
        assert namespace == "istio-alliance"
        if self.missing:
            raise self.missing
        return ProbePod("alliance-probe-1", captures_dns=True, hot_roots=True)

    def run(self, _client: Any, _space: str, pod: str, container: str, command: Any, stdin: str, **_more: Any) -> Ended:
        assert (pod, container, command[-1]) == ("alliance-probe-1", "alliance-probe", probing.PROGRAM)
        self.order = Order.parse(stdin)
        if self.failure:
            raise self.failure
        return Ended(self.lines)


def plan() -> Plan:
    made = plan_of(NEIGHBOUR, RESOURCE, READER, Limits())
    assert made is not None
    return made


def probed(
    monkeypatch: pytest.MonkeyPatch, pod: Pod, neighbour: Neighbour = NEIGHBOUR, **more: Any
) -> list[ProbeResult]:
    entries = {HOST: (Entry(f"istio-alliance/{HOST}", ("240.240.0.1",)),)}
    monkeypatch.setattr(probing, "find_probe", pod.find)
    monkeypatch.setattr(probing, "run_in_pod", pod.run)
    monkeypatch.setattr(probing, "read_shaping", lambda *_arguments, **_named: Shaping(entries))
    options: dict[str, Any] = {"reader": READER, "resource": RESOURCE, "plan": plan(), "limits": Limits(), **more}
    return probe_services(None, neighbour=neighbour, **options)  # type: ignore[arg-type]


def test_the_plan_is_what_the_cluster_learnt() -> None:
    made = plan()
    assert made.names() == [f"{HOST}:80"]
    assert made.of == 1
    assert [target.host for target in made.unpublished] == [
        "metadata-exporter.their-alliance.svc.cluster-b.local",
        "kubernetes.default.svc.cluster-b.local",
    ]
    assert [identity.split("/")[2] for identity in made.forged] == ["cluster-b.local", "cluster-a.local"]


def test_what_is_not_published_is_not_known_of_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = replace(NEIGHBOUR, state=None)
    made = plan_of(stranger, RESOURCE, READER, Limits())
    assert made is not None
    assert made.unpublished == ()
    results = probed(monkeypatch, Pod(SEEN), stranger, plan=made)
    (secrecy,) = [result for result in results if result.check == "secrecy"]
    assert secrecy.skipped


@pytest.mark.parametrize("resource", [None, {}, {"status": {"metadataCache": {"private": "nonsense"}}}])
def test_a_neighbour_of_which_nothing_is_known(monkeypatch: pytest.MonkeyPatch, resource: Any) -> None:
    assert plan_of(NEIGHBOUR, resource, READER, Limits()) is None
    (result,) = probed(monkeypatch, Pod(), plan=None)
    assert (result.layer, result.blamed) == ("service-entry", "cluster-a")


def test_the_order_has_the_roots_of_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = Pod(SEEN)
    probed(monkeypatch, pod)
    assert pod.order is not None
    assert pod.order.roots == "THE ROOTS"
    assert pod.order.targets[0].gateways == (GatewayAddress("10.0.0.1", 30443),)


def test_what_was_seen_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    well, refused = probed(monkeypatch, Pod(SEEN, Refusal(FORGED, "spiffe://x/y", "there")))
    assert (well.ok, well.ms, refused.check) == (True, 2.0, "identity")


@pytest.mark.parametrize(
    ("published", "words"),
    [((), "does not publish it any more"), (STATE.published, "publishes it, but"), (None, "closes")],
)
def test_what_its_api_publishes_counts(monkeypatch: pytest.MonkeyPatch, published: Any, words: str) -> None:
    closed = replace(SEEN, gateways=(AtGateway("10.0.0.1", 30443, stage=NO_CERTIFICATE),))
    neighbour = replace(NEIGHBOUR, state=replace(STATE, published=published))
    (result,) = probed(monkeypatch, Pod(closed), neighbour)
    assert result.layer == "route"
    assert words in result.reason


def test_what_was_not_told_was_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    (result,) = probed(monkeypatch, Pod())
    assert result.skipped
    assert not result.ok


def test_a_probe_that_does_not_run_is_a_failure_of_the_own_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = Pod()
    pod.missing = AllianceError("the probe does not run: why", obj="Deployment a/b", remedy="look")
    reader = replace(READER, istiod="0 of 1 pods are ready")
    (result,) = probed(monkeypatch, pod, reader=reader)
    assert (result.layer, result.blamed, result.remedy) == ("workload", "cluster-a", "look")
    assert "Deployment a/b: the probe does not run: why; istiod does not work: 0 of 1" in result.reason


def test_an_image_without_the_program_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = ExecError("exit code 1", stderr="/usr/bin/python3: No module named ansible_collections.x")
    (result,) = probed(monkeypatch, Pod(failure=failure))
    assert result.layer == "workload"
    assert "the image of the probe has no probe in it" in result.reason
    assert "verify_image" in result.remedy


def test_lines_that_are_none_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    pod = Pod()
    pod.lines = (b"nonsense",)
    (result,) = probed(monkeypatch, pod)
    assert result.layer == "workload"


def test_a_missing_permission_is_an_error_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ApiError):
        probed(monkeypatch, Pod(failure=ApiError("forbidden", status=403)))


def test_an_istiod_that_does_not_work_is_told() -> None:
    assert istiod_result(READER, NEIGHBOUR) is None
    result = istiod_result(replace(READER, istiod="it does not exist"), NEIGHBOUR)
    assert result is not None
    assert (result.layer, result.blamed) == ("workload", "cluster-a")
