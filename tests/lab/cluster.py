# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One complete cluster: bringing it up, looking at it, stopping it, taking it away."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml

from . import addons, builds, cgroups, control_plane_argv, deckhouse, mounts, network, node, workload
from .cache import digest
from .commands import run, succeeds
from .errors import LabError
from .flavours import FLAVOURS
from .images import WORKLOAD
from .kubeconfig import write_kubeconfig
from .kubectl import Kubectl
from .layout import ClusterLayout
from .pki import Pki
from .processes import Daemon
from .progress import say, step
from .state import State
from .subnets import Subnets

_PORT = 6443
_ETCD = "http://127.0.0.1:2379"
_ETCD_PEER = "http://127.0.0.1:2380"
_DAEMONS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
)


class Cluster:
    """A cluster of the lab, by its layout and the lab's state."""

    def __init__(self, layout: ClusterLayout, state: State) -> None:
        """Nothing is started or read yet."""
        self.layout = layout
        self._state = state
        self.subnets = Subnets(IPv4Network(state.clusters[layout.name].block))
        self.flavour = FLAVOURS[state.clusters[layout.name].flavour]
        self.kubectl = Kubectl(layout.kubeconfig)
        self._pki = Pki(layout.pki)

    @property
    def name(self) -> str:
        """The cluster's name."""
        return self.layout.name

    @property
    def variables(self) -> dict[str, Any]:
        """What the inventory says of this cluster besides its kubeconfig."""
        return deckhouse.variables(self._state.clusters[self.name].port) if self.flavour.platform else {}

    @property
    def _all_daemons(self) -> tuple[str, ...]:
        return (*_DAEMONS, *([deckhouse.DAEMON] if self.flavour.platform else []))

    def daemon(self, name: str) -> Daemon:
        """One of the cluster's daemons by name."""
        return Daemon(name, self.layout.folder / "processes", self.layout.folder / "logs")

    def up(self, archives: dict[str, Path]) -> None:
        """Bring everything up that isn't; `archives` maps the hash of an archive of images to its file."""
        with step(f"{self.name}: control plane and node"):
            self.start(archives)
        self._install()
        self._platform()
        if ended := [name for name in self._all_daemons if self.daemon(name).pid() is None]:
            raise LabError(f"{', '.join(ended)} ended; see {self.layout.folder / 'logs'} and run it again")
        say(f"{self.name}: up, https://{self.subnets.node}:{_PORT}, domain {self.layout.domain}")

    def start(self, archives: dict[str, Path]) -> None:
        """Start the daemons, import the images, and wait until the node is ready."""
        self.layout.folder.mkdir(parents=True, exist_ok=True)
        self._identities()
        node.write_configs(self.layout, self.subnets)
        network.connect(self.layout, self.subnets)
        group = cgroups.create(self.layout.unit)

        def launch(name: str, argv: list[str]) -> Daemon:
            daemon = self.daemon(name)
            daemon.start(argv, namespace=self.layout.namespace, group=group)
            return daemon

        launch("etcd", control_plane_argv.etcd_argv(self.layout.folder / "etcd", _ETCD, _ETCD_PEER))
        runtime = launch("containerd", node.containerd_argv(self.layout))
        apiserver = launch("kube-apiserver", self._apiserver())
        with ThreadPoolExecutor(1) as background:
            imported = background.submit(self._import, runtime, archives)
            apiserver.wait(self.kubectl.ready)
            launch("kube-controller-manager", self._controller_manager())
            launch("kube-scheduler", self._scheduler())
            launch("kube-proxy", node.kube_proxy_argv(self.layout))
            imported.result()
        began = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        containers_gone = not cgroups.members(f"{self.layout.unit}/kubepods")
        kubelet = launch("kubelet", node.kubelet_argv(self.layout, self.subnets))
        kubelet.wait(self.node_ready)
        if containers_gone:
            # What the API says of pods is from before until the kubelet has seen that their containers are gone.
            kubelet.wait(lambda: not self._running_before(began))

    def _running_before(self, moment: str) -> bool:
        """Whether a container is said to run since before `moment` (RFC 3339, UTC)."""
        pods = json.loads(self.kubectl("get", "pods", "-A", "-o=json"))["items"]
        containers = [container for pod in pods for container in pod["status"].get("containerStatuses", [])]
        running = [container["state"]["running"] for container in containers if "running" in container.get("state", {})]
        return any(state["startedAt"] < moment for state in running)

    def node_ready(self) -> bool:
        """Whether the Node is there and ready."""
        path = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}'
        try:
            return self.kubectl("get", "node", self.layout.node, "--ignore-not-found", path).strip() == "True"
        except LabError:
            return False

    def import_images(self, archives: dict[str, Path]) -> None:
        """Give the node the images that it hasn't been given yet."""
        for name, archive in archives.items():
            if not self._state.is_done(self.name, f"image {name}", str(archive)):
                run(node.ctr_argv(self.layout, "images", "import", "--no-unpack", archive))
                self._state.mark(self.name, f"image {name}", str(archive))

    def _import(self, runtime: Daemon, archives: dict[str, Path]) -> None:
        runtime.wait(lambda: succeeds(node.ctr_argv(self.layout, "version")))
        self.import_images(archives)

    def _identities(self) -> None:
        """Certificates and kubeconfigs."""
        domain, address = self.layout.domain, str(self.subnets.node)
        base = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}"]
        clients = {
            **control_plane_argv.CLIENTS,
            "kube-controller-manager": ("system:kube-controller-manager", ()),
            "kube-scheduler": ("system:kube-scheduler", ()),
            "kube-proxy": ("system:kube-proxy", ()),
            "kubelet": (f"system:node:{self.layout.node}", ("system:nodes",)),
        }
        names = [*base, "localhost", "127.0.0.1", address, str(self.subnets.kubernetes_service)]
        self._pki.create(server_names=names, clients=clients)
        control_plane_argv.write_audit_policy(self.layout.folder / "audit-policy.yaml")
        targets = {
            "admin": self.layout.kubeconfig,
            "operator": self.layout.operator_kubeconfig,
            **{name: self.layout.pki / f"{name}.kubeconfig" for name in clients if name not in ("admin", "operator")},
        }
        for identity, path in targets.items():
            write_kubeconfig(
                path,
                cluster=self.name,
                server=f"https://{address}:{_PORT}",
                pki=self._pki,
                identity=identity,
                user=clients[identity][0],
            )

    def _apiserver(self) -> list[str]:
        return control_plane_argv.apiserver_argv(
            pki=self._pki,
            etcd_url=_ETCD,
            address=str(self.subnets.node),
            port=_PORT,
            services=str(self.subnets.services),
            domain=self.layout.domain,
            audit_policy=self.layout.folder / "audit-policy.yaml",
            audit_log=self.layout.audit_log,
        )

    def _controller_manager(self) -> list[str]:
        return [
            str(builds.program("kube-controller-manager")),
            f"--kubeconfig={self.layout.pki / 'kube-controller-manager.kubeconfig'}",
            f"--service-account-private-key-file={self._pki.key('sa')}",
            f"--root-ca-file={self._pki.certificate('ca')}",
            f"--cluster-signing-cert-file={self._pki.certificate('ca')}",
            f"--cluster-signing-key-file={self._pki.key('ca')}",
            f"--cert-dir={self.layout.pki}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ]

    def _scheduler(self) -> list[str]:
        return [
            str(builds.program("kube-scheduler")),
            f"--kubeconfig={self.layout.pki / 'kube-scheduler.kubeconfig'}",
            f"--cert-dir={self.layout.pki}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ]

    def _install(self) -> None:
        """Install what runs inside the cluster; a step whose ingredients haven't changed is left alone."""
        dns = addons.coredns(self.layout.domain, str(self.subnets.dns_service))
        self._once("coredns", json.dumps(dns), lambda: self.kubectl.apply(dns))
        operator = yaml.safe_dump(addons.istio_operator(self.name, self.layout.domain, self.flavour))
        self._once("istio", operator, lambda: self._istio(operator))
        sample = workload.manifests(self.name, WORKLOAD)
        self._once("workload", json.dumps(sample), lambda: self.kubectl.apply(sample))
        for namespace in ("kube-system", self.flavour.namespace, workload.NAMESPACE):
            for deployment in self.kubectl("get", "deployments", "-n", namespace, "-o=name").split():
                self.kubectl("rollout", "status", deployment, "-n", namespace, "--timeout=120s", timeout=130)

    def _platform(self) -> None:
        """Start what looks after Istio besides the collection, on the machine itself, and wait until it is there."""
        if not self.flavour.platform:
            return
        self._once("platform", "1", lambda: self.kubectl.apply(deckhouse.identity()))
        daemon = self.daemon(deckhouse.DAEMON)
        command = deckhouse.argv(self.layout, self._state.clusters[self.name].port)
        daemon.start(command, environment=deckhouse.environment(self.layout.lab.checkout))
        established = "jsonpath={.status.conditions[?(@.type=='Established')].status}"
        asked = ("get", "crd", deckhouse.DEFINITION, "--ignore-not-found", "-o", established)
        daemon.wait(lambda: self.kubectl(*asked).strip() == "True")

    def _istio(self, operator: str) -> None:
        path = self.layout.folder / "istio-operator.yaml"
        path.write_text(operator)
        arguments = ["install", "-y", f"--filename={path}", f"--kubeconfig={self.layout.kubeconfig}"]
        run([builds.program("istioctl"), *arguments, "--readiness-timeout=3m"], timeout=240)

    def _once(self, name: str, ingredients: str, do: Callable[[], object]) -> None:
        mark = digest([ingredients])
        if not self._state.is_done(self.name, name, mark):
            with step(f"{self.name}: {name}"):
                do()
            self._state.mark(self.name, name, mark)

    def status(self) -> dict[str, bool]:
        """Whether each daemon runs, the API server answers, and the node is ready."""
        found = {name: self.daemon(name).pid() is not None for name in self._all_daemons}
        found["api"] = found["kube-apiserver"] and self.kubectl.ready()
        found["node"] = found["api"] and self.node_ready()
        return found

    def stop(self) -> None:
        """Switch the cluster off as a power cut would: its daemons and all its containers end, its data stays."""
        for name in reversed(self._all_daemons):
            # The API server would wait long for its watchers, and only etcd has something to put in order.
            self.daemon(name).stop(timeout=10 if name == "etcd" else 2)
        # What is left are containers and their shims.
        cgroups.kill(self.layout.unit)

    def remove(self) -> None:
        """Stop it and take away everything that it made on the machine."""
        self.stop()
        mounts.unmount_below(self.layout.var)
        mounts.remove_traces(self.layout)
        network.disconnect(self.layout, self.subnets.block)
        cgroups.remove(self.layout.unit)
        shutil.rmtree(self.layout.var, ignore_errors=True)
        shutil.rmtree(self.layout.folder, ignore_errors=True)
