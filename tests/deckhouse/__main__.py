# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.deckhouse`: simulate a cluster of the platform, or a peer without a cluster, until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

from tests.deckhouse import facts
from tests.deckhouse.cluster import DeckhouseCluster, Setup
from tests.deckhouse.folder import ENDPOINT
from tests.deckhouse.standalone import Standalone, StandaloneSetup

# The controller looks so often; the consumer's rhythm is --interval.
_CONTROLLER_SECONDS = 2.0
# The pod that stands for the exporter does nothing.
_PAUSE = "meshalliance.istio/pause:1"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.deckhouse", description=__doc__)
    parser.add_argument("--domain", required=True, help="cluster domain and trust domain")
    parser.add_argument("--folder", required=True, type=Path, help=f"for keys, certificates and {ENDPOINT}")
    parser.add_argument("--listen", default="127.0.0.1:0", type=_address, help="address of the exporter (HTTPS)")
    parser.add_argument("--interval", default=facts.CYCLE_SECONDS, type=float, help="seconds between two exchanges")
    cluster = parser.add_argument_group("a cluster")
    cluster.add_argument("--kubeconfig", type=Path, help="of an administrator of the cluster")
    cluster.add_argument("--data-plane", action="store_true", help="nodes run pods; without it they are made up")
    cluster.add_argument("--node-port", type=int, help="of the gateway, where ModuleConfig wants one and names none")
    cluster.add_argument("--exporter-image", default=_PAUSE, help="of the pod that stands for the exporter")
    cluster.add_argument("--public-domain-template", default="", help="for example %%s.example.com")
    alone = parser.add_argument_group("a peer without a cluster")
    alone.add_argument("--standalone", action="store_true")
    alone.add_argument("--site", type=Path, help="JSON with gateways and services; default: site.json of the folder")
    alone.add_argument(
        "--federations",
        type=Path,
        help="file or folder of IstioFederation manifests; default: federations of the folder",
    )
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _colon, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def main(arguments: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.standalone == bool(given.kubeconfig):
        parser.error("either --kubeconfig or --standalone is needed")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_arguments: ended.set())
    if given.standalone:
        _run_standalone(given, ended)
    else:
        _run_cluster(given, ended)
    return 0


def _run_standalone(given: argparse.Namespace, ended: threading.Event) -> None:
    folder: Path = given.folder
    peer = Standalone(
        StandaloneSetup(
            domain=given.domain,
            folder=folder,
            site=given.site or folder / "site.json",
            federations=given.federations or folder / "federations",
            listen=given.listen,
        )
    )
    peer.start()
    _say(f"answering at {peer.endpoint}")
    while not ended.wait(given.interval):
        _try(peer.step)
    peer.stop()


def _run_cluster(given: argparse.Namespace, ended: threading.Event) -> None:
    setup = Setup(
        kubeconfig=given.kubeconfig,
        domain=given.domain,
        folder=given.folder,
        listen=given.listen,
        data_plane=given.data_plane,
        node_port=given.node_port,
        exporter_image=given.exporter_image,
        public_domain_template=given.public_domain_template,
    )
    cluster = DeckhouseCluster(setup)
    while not _try(cluster.start) and not ended.wait(_CONTROLLER_SECONDS):
        pass
    _say(f"answering at {cluster.endpoint}")
    due = 0.0
    while not ended.wait(min(_CONTROLLER_SECONDS, given.interval)):
        if _try(cluster.reconcile) and time.monotonic() >= due and _try(cluster.consume):
            due = time.monotonic() + given.interval
    cluster.stop()


def _try(step: Callable[[], None]) -> bool:
    """Do a step; the cluster may be stopped, or taken down, and come back."""
    try:
        step()
    except (AllianceError, OSError) as error:
        _say(str(error))
        return False
    return True


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), text, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
