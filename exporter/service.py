# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process: puts the parts together, runs until SIGTERM, ends in an orderly way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import make_wsgi_app
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from ansible_collections.meshalliance.istio.exporter.documents import View
from ansible_collections.meshalliance.istio.exporter.health import Health
from ansible_collections.meshalliance.istio.exporter.http_server import HttpServer
from ansible_collections.meshalliance.istio.exporter.keeper import Keeper
from ansible_collections.meshalliance.istio.exporter.leadership import Leadership
from ansible_collections.meshalliance.istio.exporter.logs import LOGGER, configure
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.exporter.neighbour_metrics import NeighbourCollector
from ansible_collections.meshalliance.istio.exporter.options import Options, parse
from ansible_collections.meshalliance.istio.exporter.prober import Prober
from ansible_collections.meshalliance.istio.exporter.publisher import Publisher
from ansible_collections.meshalliance.istio.exporter.sources import Sources
from ansible_collections.meshalliance.istio.exporter.version import collection_version
from ansible_collections.meshalliance.istio.exporter.web import Application, measured_application
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import MEASURED_PATH
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FINISH_SECONDS = 10.0
RELEASE_SECONDS = 3.0


def main(arguments: Sequence[str]) -> int:
    """Run; the process's exit code: 0 after SIGTERM or SIGINT, 1 when it can't start."""
    options = parse(arguments)
    configure(options.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        exporter = Exporter(options, _client(options))
    except (AllianceError, OSError) as error:
        LOGGER.error("can't start", extra={"fields": {"error": str(error)}})
        return 1
    except Exception:
        LOGGER.exception("can't start")
        return 1
    exporter.start()
    stop.wait()
    exporter.stop(options.drain_seconds)
    return 0


class Exporter:
    """All parts of the service, wired."""

    def __init__(self, options: Options, client: Client) -> None:
        self._options = options
        self._started = False
        self._metrics = Metrics()
        self._client = client
        self._sources = Sources(client, options, self._metrics, self._on_change)
        self._publisher = Publisher(
            self._sources.inputs, self._metrics, self._on_view, multicluster=bool(options.cluster_id)
        )
        leadership = Leadership(
            client,
            options.namespace,
            options.identity,
            lambda: next(iter(self._sources.lease.items), None),
            synced=lambda: self._sources.lease.synced,
        )
        self._keeper = Keeper(
            client,
            options.namespace,
            leadership,
            lambda: next(iter(self._sources.published_gateway.items), None),
            lambda: self._publisher.view.wanted,
            self._metrics,
        )
        self._health = Health(
            lambda: self._publisher.view,
            dead=self._dead,
            stale=self._sources.files_changed,
            refresh=self._publisher.poke,
        )
        sources = self._sources
        self._prober = Prober(sources.neighbours, sources.identity, options.probe_interval)
        self._metrics.registry.register(
            NeighbourCollector(sources.neighbours, self._prober.measured, self._prober.counts, sources.own_ends)
        )
        self._metrics.ready.set_function(lambda: float(not self._health.not_ready()))
        application = Application(lambda: self._publisher.view, self._health, self._metrics)
        self._documents = HttpServer(application, options.listen_address, options.port, threads=4, name="documents")
        figures: WSGIApplication = DispatcherMiddleware(
            NotFound(),
            {
                "/metrics": make_wsgi_app(self._metrics.registry, disable_compression=True),
                MEASURED_PATH: measured_application(self._prober.measured),
            },
        )
        self._figures = HttpServer(figures, options.listen_address, options.metrics_port, threads=2, name="metrics")

    def start(self) -> None:
        """Begin: the ports first, so that probes are answered from the start."""
        self._documents.start()
        self._figures.start()
        self._sources.start()
        self._publisher.start()
        self._keeper.start()
        self._prober.start()
        self._started = True
        fields = {
            "version": collection_version(),
            "namespace": self._options.namespace,
            "cluster_domain": self._options.cluster_domain,
            "trust_domain": self._options.trust_domain,
            "cluster_id": self._options.cluster_id,
            "identity": self._options.identity,
            "port": self._documents.port,
            "metrics_port": self._figures.port,
        }
        LOGGER.info("started", extra={"fields": fields})

    def stop(self, drain_seconds: float) -> None:
        """Not ready first; answer on while clients turn elsewhere; give the Lease back; finish; end."""
        LOGGER.info("stopping", extra={"fields": {"drain_seconds": drain_seconds}})
        self._health.drain()
        self._documents.announce_end()
        self._prober.stop()
        self._keeper.stop(RELEASE_SECONDS)
        threading.Event().wait(drain_seconds)
        self._documents.stop(FINISH_SECONDS)
        self._publisher.stop()
        self._sources.stop()
        self._figures.stop(1.0)
        self._client.close()
        LOGGER.info("stopped")

    def _on_change(self) -> None:
        self._publisher.poke()
        self._keeper.poke()

    def _on_view(self, view: View) -> None:
        self._keeper.poke()

    def _dead(self) -> tuple[str, ...]:
        if not self._started or self._health.draining:
            return ()
        parts = {
            "thread publisher": self._publisher.alive,
            "thread keeper": self._keeper.alive,
            "thread prober": self._prober.alive,
            "thread http": self._documents.alive,
        }
        dead = [name for name, alive in parts.items() if not alive]
        return (*dead, *(f"thread informer {name}" for name in self._sources.dead_threads()))


def _client(options: Options) -> Client:
    if options.kubeconfig:
        return Client.from_options({"kubeconfig": options.kubeconfig, "context": options.context})
    return Client.in_cluster()
