# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""proxy_trust_wait where no kubelet runs: who can't be asked is never taken as proved. Real proxies: tests/e2e."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import NewCa, make_authority

from tests.integration.ansible_module import ModuleRunner
from tests.integration.conftest import Admin

MODULE = "proxy_trust_wait"
NAMESPACE = "proxies"
ROOT = make_authority(NewCa(type="ECC", subject={"O": "x"}), datetime.now(timezone.utc)).root


@pytest.fixture
def pod(admin: Admin) -> Iterator[str]:
    """A pod with a proxy that seems to run, on a node that isn't there."""
    admin.namespace(NAMESPACE)
    metadata = {"name": "bar-0", "namespace": NAMESPACE}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE}}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
    spec = {"nodeName": "nowhere", "containers": [{"name": "istio-proxy", "image": "proxy"}]}
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    container = {"name": "istio-proxy", "image": "proxy", "imageID": "", "ready": True, "restartCount": 0}
    status = {"phase": "Running", "containerStatuses": [{**container, "state": state}]}
    admin.apply(account, {**made, "spec": spec})
    admin.apply({**made, "status": status}, subresource="status")
    yield f"{NAMESPACE}/bar-0"
    admin.client.request(
        "DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods/bar-0", body={"gracePeriodSeconds": 0, "kind": "DeleteOptions"}
    )


@pytest.mark.parametrize("check", [False, True], ids=["real", "check"])
def test_it_reads_only(run: ModuleRunner, admin: Admin, pod: str, check: bool) -> None:
    done = run(MODULE, check=check, trusted=[ROOT], withdrawn=[ROOT], signed_by=[ROOT], timeout=1, required=False)
    assert done.result["changed"] is False
    assert done.writes == ()
    assert done.result["proved"] is False
    assert done.result["reasons"][pod]


def test_what_is_not_proved_in_time_is_an_error_that_names_the_pod(run: ModuleRunner, pod: str) -> None:
    done = run(MODULE, fails=True, trusted=[ROOT], constrained_to="cluster-b.local", timeout=1)
    assert "proxies are not as they should be after 1 s: " in done.result["msg"]
    assert f"Pod {pod}: " in done.result["msg"]
    assert run(MODULE, check=True, trusted=[ROOT], timeout=1).result["proved"] is False


def test_a_pod_that_is_gone_is_not_waited_for(run: ModuleRunner, admin: Admin) -> None:
    done = run(MODULE, trusted=[ROOT], timeout=1, required=False)
    assert not [name for name in done.result["reasons"] if name.startswith(f"{NAMESPACE}/")]


def test_what_is_no_root_is_told(run: ModuleRunner) -> None:
    assert "a certificate can't be used" in run(MODULE, fails=True, trusted=["x"]).result["msg"]
