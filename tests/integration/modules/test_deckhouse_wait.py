# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""deckhouse_wait against a platform whose parts come one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.ansible_module import ModuleRun, ModuleRunner
from tests.integration.conftest import Admin
from tests.integration.neighbour import Neighbour
from tests.integration.platform import Platform


@pytest.fixture(scope="module")
def platform(admin: Admin, make_neighbour: Callable[[str], Neighbour]) -> Iterator[Platform]:
    made = Platform(admin, make_neighbour("waited"))
    made.install()
    yield made
    made.remove()


def wait(run: ModuleRunner, platform: Platform, *, check: bool = False, fails: bool = False, **more: int) -> ModuleRun:
    """An action plugin, which ansible alone runs.

    The endpoint is named: what the Ingress says leads nowhere. Its CA is found in the cluster.
    """
    endpoint = platform.exporter.option()["metadata_endpoint"]
    return run("deckhouse_wait", by_ansible=True, check=check, fails=fails, metadata_endpoint=endpoint, **more)


def test_reads_only_what_is_missing_in_check_mode(run: ModuleRunner, platform: Platform) -> None:
    done = wait(run, platform, check=True)
    assert (done.result["changed"], done.writes) == (False, ())
    assert done.result["state"]["provider"] == "deckhouse"
    assert done.result["awaiting"] == done.result["state"]["awaiting"] != []


def test_it_fails_with_what_is_missing(run: ModuleRunner, platform: Platform) -> None:
    platform.switch_on()
    platform.mesh()
    done = wait(run, platform, fails=True, timeout=0)
    message = done.result["msg"]
    assert message.startswith("cluster cluster-t: after 0 s the platform has not made: the ingress gateway")
    assert "kubectl -n d8-istio get pods" in message
    assert "key pair" not in message
    assert done.result["changed"] is False


def test_reads_only_until_all_is_there(run: ModuleRunner, platform: Platform) -> None:
    platform.make_ready()
    done = wait(run, platform)
    assert (done.result["changed"], done.writes) == (False, ())
    assert done.result["awaiting"] == []
    assert done.result["state"]["trust_domain"] == platform.exporter.domain
    assert "still to make" not in done.output
    assert "not for us" not in done.output


def test_an_endpoint_that_does_not_answer_is_missing_too(run: ModuleRunner, platform: Platform) -> None:
    platform.make_ready()
    platform.exporter.status = 503
    try:
        done = wait(run, platform, fails=True, timeout=1, interval=1)
        assert "a complete public document at https://127.0.0.1:" in done.result["msg"]
        assert "503" in done.result["msg"]
        assert "cluster-t: the platform is still to make: a complete public document" in done.output
    finally:
        platform.exporter.status = 200


def test_reads_only_and_goes_on_where_it_is_not_required(run: ModuleRunner, platform: Platform) -> None:
    platform.make_ready()
    platform.exporter.status = 503
    try:
        done = wait(run, platform, timeout=1, interval=1, required=False)
    finally:
        platform.exporter.status = 200
    assert (done.result["changed"], done.writes) == (False, ())
    (finding,) = done.result["findings"]
    assert (finding["severity"], finding["code"], finding["cluster"]) == ("warning", "platform-awaiting", "cluster-t")
    assert "503" in finding["message"]
    assert "alliance_metadata_endpoint" in finding["remedy"]
    assert done.result["state"]["awaiting"] == done.result["awaiting"] != []


def test_a_cluster_that_cannot_be_reached_is_not_waited_for(run: ModuleRunner, platform: Platform) -> None:
    done = run("deckhouse_wait", by_ansible=True, fails=True, kubeconfig="/no/such/kubeconfig")
    assert done.result["msg"].startswith("cluster cluster-t: kubeconfig /no/such/kubeconfig does not exist")
