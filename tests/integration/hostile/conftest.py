# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane of its own for hostile neighbours, and the figures at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import (
    federation_crd,
    multicluster_crd,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import MetadataClient

from tests.integration.hostile.in_process import Runner
from tests.integration.hostile.stage import Reader
from tests.lab.controlplane import ControlPlane

# A test that looked at something says so in this property of its report, as "what": how many.
FIGURE = "hostile: "


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    with ControlPlane("reader") as plane:
        client = Client.from_options({"kubeconfig": str(plane.kubeconfig)}, "reader")
        applier = Applier(client, manager="somebody")
        applier.execute(applier.plan([federation_crd(), multicluster_crd()]))
        yield Reader(Runner(plane), client)
        client.close()


@pytest.fixture(scope="module", autouse=True)
def _short_patience(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The time limits are as they are, only shorter: dozens of neighbours here wait for them.

    The system's CAs, which are read for each of thousands of requests, are none here.
    """
    limits: Any = MetadataClient.__init__.__kwdefaults__
    with pytest.MonkeyPatch.context() as patch:
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            patch.delenv(name, raising=False)
        none = tmp_path_factory.mktemp("system-cas")
        (none / "none.pem").write_text("")
        patch.setenv("SSL_CERT_FILE", str(none / "none.pem"))
        patch.setenv("SSL_CERT_DIR", str(none))
        patch.setitem(limits, "timeout", 4.0)
        yield


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: Any) -> None:
    figures: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        for name, value in getattr(report, "user_properties", []):
            if name.startswith(FIGURE) and report.when == "call":
                figures[name.removeprefix(FIGURE)] += value
    if figures:
        terminalreporter.section("hostile neighbours")
        for name in sorted(figures):
            terminalreporter.write_line(f"{figures[name]:>8,} {name}")
