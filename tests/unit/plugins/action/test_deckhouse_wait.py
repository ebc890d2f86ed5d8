# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action deckhouse_wait: what it asks, what it shows, how it ends. The modules that it runs are made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest

from ansible_collections.meshalliance.istio.plugins.action import deckhouse_wait

ENDPOINT = "https://istio.c.example/metadata/"
READY: dict[str, Any] = {"state": {"awaiting": [], "findings": [], "metadata_endpoint": ENDPOINT, "metadata_ca": "ca"}}
PUBLIC: dict[str, Any] = {"public": {"clusterUUID": "c"}}
REFUSED: dict[str, Any] = {"failed": True, "msg": "rootCA: it is empty"}
AWAY: dict[str, Any] = {"failed": True, "msg": "the API server can't be reached"}


def awaiting(*missing: str, **more: Any) -> dict[str, Any]:
    return {"state": {**READY["state"], "awaiting": list(missing), **more}}


class Modules:
    """Answers of the modules in their order, the last one again and again; what they were asked."""

    def __init__(self, cluster: list[dict[str, Any]], metadata: list[dict[str, Any]]) -> None:
        self.answers = {"cluster_info": cluster, "metadata_info": metadata}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        name = module_name.rpartition(".")[2]
        self.asked.append((name, module_args))
        answers = self.answers[name]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(deckhouse_wait, "display", MagicMock(display=lines.append))
    return lines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses so far; time passes by them alone."""
    pauses: list[float] = []
    monkeypatch.setattr(deckhouse_wait.time, "sleep", pauses.append)
    monkeypatch.setattr(deckhouse_wait.time, "monotonic", lambda: sum(pauses))
    return pauses


@pytest.fixture
def wait(shown: list[str], clock: list[float]) -> Callable[..., tuple[dict[str, Any], Modules]]:
    def run(
        *cluster: dict[str, Any],
        metadata: list[dict[str, Any]] | None = None,
        check: bool = False,
        **arguments: Any,
    ) -> tuple[dict[str, Any], Modules]:
        modules = Modules(list(cluster), metadata or [PUBLIC])
        task = MagicMock(args=arguments, async_val=0, check_mode=check)
        action = deckhouse_wait.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        # The loader sets it, and errors are told by it.
        action._load_name = "meshalliance.istio.deckhouse_wait"
        action._execute_module = modules  # type: ignore[method-assign]
        return dict(action.run(task_vars={"inventory_hostname": "cluster-c"})), modules

    return run


def test_a_cluster_that_is_ready_is_asked_once(wait: Callable[..., Any], shown: list[str], clock: list[float]) -> None:
    result, modules = wait(READY, kubeconfig="k", cert_file="c", gather_published=True)
    assert result == {"changed": False, "state": READY["state"], "awaiting": [], "findings": []}
    access = {"kubeconfig": "k", "cert_file": "c"}
    assert modules.asked == [
        ("cluster_info", {**access, "provider": "deckhouse", "gather_published": True}),
        ("metadata_info", {**access, "endpoint": ENDPOINT, "endpoint_ca": "ca", "insecure": False}),
    ]
    assert (shown, clock) == ([], [])


def test_what_the_inventory_says_of_the_endpoint_is_used(wait: Callable[..., Any]) -> None:
    _result, modules = wait(READY, metadata_endpoint="https://x/metadata/", metadata_ca="mine", metadata_insecure=True)
    (_name, cluster), (_other, metadata) = modules.asked
    assert cluster["metadata_endpoint"] == "https://x/metadata/"
    # What cluster_info returns is what is asked: it knows the option too.
    assert metadata == {"endpoint": ENDPOINT, "endpoint_ca": "mine", "insecure": True}


def test_progress_is_shown_whenever_it_changes(wait: Callable[..., Any], shown: list[str], clock: list[float]) -> None:
    steps = [awaiting("key", "gateway"), awaiting("key", "gateway"), awaiting("gateway"), READY]
    result, _modules = wait(*steps, metadata=[REFUSED, PUBLIC], interval=7)
    assert not result.get("failed")
    prefix = "cluster-c: the platform is still to make: "
    assert shown == [
        f"{prefix}key; gateway",
        f"{prefix}gateway",
        f"{prefix}a complete public document at {ENDPOINT} (rootCA: it is empty)",
    ]
    assert clock == [7, 7, 7, 7]


def test_it_ends_with_what_is_missing_and_where_to_look(wait: Callable[..., Any], clock: list[float]) -> None:
    result, _modules = wait(awaiting("the key pair", "the gateway"), timeout=20, interval=5, cluster="c")
    assert result["failed"] is True
    assert result["changed"] is False
    assert result["awaiting"] == ["the key pair", "the gateway"]
    message = result["msg"]
    assert message.startswith("cluster c: after 20 s the platform has not made: the key pair; the gateway. Remedy: ")
    for hint in ("kubectl get module istio", "kubectl -n d8-istio get pods", "EE and CSE Pro"):
        assert hint in message
    assert sum(clock) == 20


def test_check_mode_looks_once_and_never_fails_for_what_is_missing(
    wait: Callable[..., Any], clock: list[float]
) -> None:
    result, modules = wait(awaiting("all of it"), check=True)
    state = awaiting("all of it")["state"]
    assert result == {"changed": False, "state": state, "awaiting": ["all of it"], "findings": []}
    assert ([name for name, _arguments in modules.asked], clock) == (["cluster_info"], [])
    unanswered, _modules = wait(READY, metadata=[REFUSED], check=True)
    assert not unanswered.get("failed")
    assert len(unanswered["awaiting"]) == 1


def test_who_was_ready_before_does_not_stop_the_run(wait: Callable[..., Any], clock: list[float]) -> None:
    result, _modules = wait(awaiting("the gateway"), required=False, timeout=10, interval=5)
    assert not result.get("failed")
    assert (result["awaiting"], sum(clock)) == (["the gateway"], 10)
    (finding,) = result["findings"]
    assert (finding["severity"], finding["code"], finding["cluster"]) == ("warning", "platform-awaiting", "cluster-c")
    assert finding["message"] == "the platform has not made: the gateway"
    assert "kubectl -n d8-istio get pods" in finding["remedy"]
    looked, _modules = wait(awaiting("the gateway"), required=False, check=True)
    assert looked["findings"] == [finding]
    ready, _modules = wait(READY, required=False)
    assert ready["findings"] == []


def test_a_public_document_alone_is_a_matter_of_the_endpoint(wait: Callable[..., Any]) -> None:
    told = {"failed": True, "msg": "no answer. Remedy: look; what was known of the neighbour stays in use"}
    result, _modules = wait(READY, metadata=[told], timeout=0)
    assert f"a complete public document at {ENDPOINT} (no answer). Remedy: " in result["msg"]
    for variable in ("alliance_metadata_endpoint", "alliance_metadata_ca"):
        assert variable in result["msg"]
    for other in ("EE and CSE Pro", "stays in use"):
        assert other not in result["msg"]
    # Whoever reads the state later is told too.
    assert result["state"]["awaiting"] == result["awaiting"]


def test_a_certificate_that_is_not_accepted_ends_the_wait_early(wait: Callable[..., Any], clock: list[float]) -> None:
    refused = {"failed": True, "msg": "its certificate is not accepted: self-signed certificate. Remedy: no"}
    result, _modules = wait(READY, metadata=[refused], timeout=600, interval=5)
    assert result["failed"] is True
    assert "after 60 s" in result["msg"]
    assert "alliance_metadata_ca" in result["msg"]
    assert sum(clock) == 60


def test_a_certificate_that_is_being_made_is_waited_for(wait: Callable[..., Any], clock: list[float]) -> None:
    refused = {"failed": True, "msg": "its certificate is not accepted: self-signed certificate"}
    result, _modules = wait(READY, metadata=[refused, refused, REFUSED, refused, refused, PUBLIC], interval=25)
    assert not result.get("failed")
    assert sum(clock) == 125


@pytest.mark.parametrize("check", [True, False])
def test_another_kind_of_cluster_is_not_waited_for(check: bool, wait: Callable[..., Any], clock: list[float]) -> None:
    finding = {"severity": "error", "code": "deckhouse-missing", "cluster": "c", "message": "no", "remedy": "istio"}
    result, _modules = wait(awaiting("all of it", findings=[finding]), check=check)
    assert result["failed"] is True
    assert result["msg"] == "ERROR c: no. Remedy: istio"
    assert clock == []


def test_a_cluster_that_can_never_be_read_is_not_waited_for(wait: Callable[..., Any], clock: list[float]) -> None:
    result, _modules = wait(AWAY)
    assert result == {"failed": True, "changed": False, "msg": AWAY["msg"]}
    assert clock == []


def test_an_api_server_that_is_away_for_a_moment_is_waited_for(wait: Callable[..., Any], shown: list[str]) -> None:
    result, _modules = wait(awaiting("key"), AWAY, READY)
    assert (result.get("failed"), result["awaiting"]) == (None, [])
    assert shown[-1] == f"cluster-c: the platform is still to make: {AWAY['msg']}"
    ended, _modules = wait(awaiting("key"), AWAY, timeout=10)
    assert ended["failed"] is True
    assert ended["awaiting"] == [AWAY["msg"]]
    assert ended["state"] == awaiting("key")["state"]


def test_a_cluster_without_an_endpoint_is_told_so(wait: Callable[..., Any]) -> None:
    result, modules = wait(awaiting(metadata_endpoint=None), timeout=0)
    assert "alliance_metadata_endpoint" in result["msg"]
    assert [name for name, _arguments in modules.asked] == ["cluster_info"]


def test_a_module_that_breaks_is_told_by_its_own_words(wait: Callable[..., Any]) -> None:
    result, _modules = wait({"failed": True, "module_stderr": "no python"})
    assert result["msg"] == "no python"
    broken, _modules = wait(READY, metadata=[{"failed": True}], timeout=0)
    assert "(it did not answer)" in broken["msg"]


def test_an_unknown_option_is_refused(wait: Callable[..., Any]) -> None:
    with pytest.raises(Exception, match="seconds"):
        wait(READY, seconds=1)
