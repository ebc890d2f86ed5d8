# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of one checkout: its clusters together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from . import builds, host, images, mounts, network
from .cache import locked
from .cluster import Cluster
from .deckhouse import free_port
from .errors import LabError
from .flavours import DECKHOUSE, ISTIO, Flavour
from .inventory import write_inventory
from .layout import ClusterLayout, Layout
from .progress import say, step
from .state import ClusterState, State
from .subnets import free_block

DEFAULT_CLUSTERS = ("cluster-a", "cluster-b")
_MACHINE_LOCK = Path("/run/lock/meshalliance-lab")


class Lab:
    """Every operation holds the lab's lock, so two commands of one checkout wait for each other."""

    def __init__(self, layout: Layout | None = None) -> None:
        """The lab of this checkout, or of another layout."""
        self.layout = layout or Layout()

    @contextmanager
    def _opened(self) -> Iterator[State]:
        with locked(self.layout.folder / "lock"):
            yield State(self.layout.folder / "state.json")

    def _cluster(self, state: State, name: str) -> Cluster:
        if name not in state.clusters:
            raise LabError(f"the lab has no cluster {name}; it has: {', '.join(sorted(state.clusters)) or 'none'}")
        entry = state.clusters[name]
        return Cluster(ClusterLayout(self.layout, name, entry.index, entry.domain), state)

    def build(self) -> tuple[str, dict[str, Path]]:
        """Build programs and images; the tag of the execution environment, and the archives by name."""
        host.prepare()
        builds.build_all()
        tag, environment = images.execution_environment(self.layout.checkout)
        return tag, {"fixed": images.fixed_archive(), "ee": environment}

    def up(self, names: Sequence[str], deckhouse: Sequence[str] = (), domains: Mapping[str, str] | None = None) -> None:
        """Bring the named clusters up (beside those that the lab has already) and write the inventory.

        Those of `deckhouse` are set up as the Deckhouse Kubernetes Platform does it. `domains` maps names to cluster
        domains other than `<name>.local`.
        """
        tag, archives = self.build()
        with self._opened() as state:
            if not names and not deckhouse:
                names = DEFAULT_CLUSTERS
            flavours = {**dict.fromkeys(names, ISTIO), **dict.fromkeys(deckhouse, DECKHOUSE)}
            self._allocate(state, flavours, domains or {})
            clusters = [self._cluster(state, name) for name in sorted(state.clusters)]
            _each(clusters, lambda cluster: cluster.up(archives))
            self._write_inventory(state, tag)
            say(f"inventory: {self.layout.folder / 'inventory.yml'}")

    def _write_inventory(self, state: State, tag: str) -> None:
        clusters = {name: self._cluster(state, name).variables for name in sorted(state.clusters)}
        domains = {name: self._cluster(state, name).layout.domain for name in clusters}
        write_inventory(self.layout.folder / "inventory.yml", clusters, tag, domains)

    def _check(self, state: State, flavours: Mapping[str, Flavour], domains: Mapping[str, str]) -> None:
        """Refuse what a cluster that is up can't become any more."""
        for name, flavour in flavours.items():
            if name in state.clusters and state.clusters[name].flavour != flavour.name:
                raise LabError(f"{name} is up as {state.clusters[name].flavour}; take the lab down to change that")
        for name, domain in domains.items():
            if name not in flavours:
                raise LabError(f"{name} is given the domain {domain}, but is not among the clusters to bring up")
            if name in state.clusters and (found := self._cluster(state, name).layout.domain) != domain:
                raise LabError(f"{name} is up with the domain {found}; take the lab down to change that")

    def _allocate(self, state: State, flavours: Mapping[str, Flavour], domains: Mapping[str, str]) -> None:
        """Give new clusters a number and free addresses, and lay the lab's part of the machine's network."""
        self._check(state, flavours, domains)
        with locked(_MACHINE_LOCK):
            for name in state.clusters:
                network.reserve(self._cluster(state, name).subnets.block)
            for name, flavour in flavours.items():
                if name not in state.clusters:
                    used = {entry.index for entry in state.clusters.values()}
                    index = next(number for number in range(100) if number not in used)
                    block = free_block(network.taken())
                    port = free_port() if flavour.platform else 0
                    state.clusters[name] = ClusterState(
                        index, str(block), flavour=flavour.name, port=port, domain=domains.get(name, "")
                    )
                    state.save()
                    network.reserve(block)
            network.isolate(self.layout)
            if network.allow_forwarding():
                state.forwarding_was_off = True
                state.save()

    def image(self) -> str:
        """Give the running clusters the execution environment with the collection as it is now; its tag."""
        tag, archive = images.execution_environment(self.layout.checkout)
        with self._opened() as state:
            for name in sorted(state.clusters):
                cluster = self._cluster(state, name)
                if cluster.status()["containerd"]:
                    cluster.import_images({"ee": archive})
            if state.clusters:
                self._write_inventory(state, tag)
        return tag

    def stop(self, names: Iterable[str]) -> None:
        """Switch clusters off."""
        with self._opened() as state:
            for name in names:
                with step(f"{name}: stop"):
                    self._cluster(state, name).stop()

    def start(self, names: Iterable[str]) -> None:
        """Switch clusters on again."""
        with self._opened() as state:
            clusters = [self._cluster(state, name) for name in names]
            _each(clusters, lambda cluster: cluster.up({}))

    def status(self) -> dict[str, dict[str, bool]]:
        """For each cluster what works and what doesn't."""
        state = State(self.layout.folder / "state.json")
        return {name: self._cluster(state, name).status() for name in sorted(state.clusters)}

    def domain(self, name: str) -> str:
        """The cluster domain of one cluster, which is its trust domain too."""
        state = State(self.layout.folder / "state.json")
        return self._cluster(state, name).layout.domain

    def kubectl(self, name: str, arguments: Sequence[str]) -> list[str]:
        """The command line of kubectl for one cluster."""
        state = State(self.layout.folder / "state.json")
        return self._cluster(state, name).kubectl.argv(*arguments)

    def down(self) -> None:
        """Take everything away; what was half made too."""
        with self._opened() as state:
            clusters = [self._cluster(state, name) for name in sorted(state.clusters)]

            def remove(cluster: Cluster) -> None:
                with step(f"{cluster.name}: take down"):
                    cluster.remove()

            _each(clusters, remove)
            with locked(_MACHINE_LOCK):
                mounts.remove_dead_sockets()
                network.open_up(self.layout)
                if state.forwarding_was_off:
                    network.forbid_forwarding()
            shutil.rmtree(self.layout.var, ignore_errors=True)
            shutil.rmtree(self.layout.folder / "images", ignore_errors=True)
            for name in ("state.json", "inventory.yml"):
                (self.layout.folder / name).unlink(missing_ok=True)


def _each(clusters: Sequence[Cluster], do: Callable[[Cluster], None]) -> None:
    """Do something with all clusters at once; every failure is reported, the first is raised."""
    if not clusters:
        return
    with ThreadPoolExecutor(len(clusters)) as pool:
        futures = [(cluster, pool.submit(do, cluster)) for cluster in clusters]
    failures = [(cluster, error) for cluster, future in futures if (error := future.exception()) is not None]
    for cluster, error in failures:
        say(f"{cluster.name}: {error}")
    if failures:
        raise LabError(f"failed: {', '.join(cluster.name for cluster, _error in failures)}") from failures[0][1]
