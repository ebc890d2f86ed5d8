# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane alone (etcd and an API server on loopback ports), for tests of modules; it needs no root."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from . import builds, control_plane_argv
from .audit import AuditLog
from .cache import cache_root, locked
from .errors import LabError
from .kubeconfig import write_kubeconfig
from .kubectl import Kubectl
from .pki import Pki
from .processes import Daemon

_ADDRESS = "127.0.0.1"
_SERVICES = "10.255.0.0/16"  # nobody routes to it
_TRIES = 5
# A test run that is killed can't stop it: after two hours it ends by itself.
_BOUNDED = ("timeout", "--kill-after=5", "7200")


class ControlPlane:
    """A context manager: `with ControlPlane("one") as plane: plane.kubeconfig`.

    Namespaces `kube-system` and `default` are there, nothing runs in them. Users are `lab-admin` (kubeconfig) and
    `alliance-operator` (operator_kubeconfig), both without limits. Raises LabError when it can't be started.
    """

    def __init__(self, name: str = "plane", *, istio_crds: bool = True, domain: str | None = None) -> None:
        """Nothing is started yet; `domain` is the cluster domain, by default `<name>.local`."""
        self.name = name
        self.domain = domain or f"{name}.local"
        self._istio_crds = istio_crds
        self._folder: Path | None = None
        self._audit: AuditLog | None = None
        self.server = ""

    @property
    def folder(self) -> Path:
        """The temporary folder of a started control plane."""
        if self._folder is None:
            raise LabError(f"the control plane {self.name} isn't started")
        return self._folder

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of lab-admin."""
        return self.folder / "kubeconfig"

    @property
    def operator_kubeconfig(self) -> Path:
        """The kubeconfig of alliance-operator."""
        return self.folder / "operator.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON object a line."""
        return self.folder / "audit.log"

    @property
    def kubectl(self) -> Kubectl:
        """kubectl as lab-admin."""
        return Kubectl(self.kubeconfig)

    def audit_events(self, user: str | None = None) -> list[dict[str, Any]]:
        """The requests that were answered so far, as audit events; of one user or of all."""
        if self._audit is None:
            self._audit = AuditLog(self.audit_log)
        return self._audit.events(user)

    def start(self) -> ControlPlane:
        """Start it and wait until it answers and, if asked for, serves Istio's kinds."""
        builds.part("kubernetes")
        self._folder = Path(tempfile.mkdtemp(prefix=f"plane-{self.name}-"))
        try:
            for attempt in range(1, _TRIES + 1):
                try:
                    self._start()
                    break
                except LabError:
                    # Somebody else may have taken a port between our look and our start.
                    if attempt == _TRIES:
                        raise
                    self._end()
            if self._istio_crds:
                self.kubectl.apply_file(builds.part("istio") / "crds.yaml")
                self._await_definitions()
        except BaseException:
            self.stop()
            raise
        return self

    def _await_definitions(self) -> None:
        """Wait until all CRDs are served; kubectl gives up at once on one that has no conditions yet."""
        for attempt in range(1, _TRIES + 1):
            try:
                self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
                return
            except LabError:
                if attempt == _TRIES:
                    raise
                time.sleep(1)

    def _start(self) -> None:
        folder = self.folder
        pki = Pki(folder / "pki")
        pki.create(server_names=["localhost", _ADDRESS, "kubernetes"], clients=control_plane_argv.CLIENTS)
        control_plane_argv.write_audit_policy(folder / "audit-policy.yaml")
        with _free_ports(3) as (client, peer, secure):
            etcd_url = f"http://{_ADDRESS}:{client}"
            self.server = f"https://{_ADDRESS}:{secure}"
            for identity, path in (("admin", self.kubeconfig), ("operator", self.operator_kubeconfig)):
                user = control_plane_argv.CLIENTS[identity][0]
                write_kubeconfig(path, cluster=self.name, server=self.server, pki=pki, identity=identity, user=user)
            shutil.rmtree(folder / "etcd", ignore_errors=True)
            peer_url = f"http://{_ADDRESS}:{peer}"
            self._daemon("etcd").start([*_BOUNDED, *control_plane_argv.etcd_argv(folder / "etcd", etcd_url, peer_url)])
            apiserver = self._daemon("kube-apiserver")
            command = control_plane_argv.apiserver_argv(
                pki=pki,
                etcd_url=etcd_url,
                address=_ADDRESS,
                port=secure,
                services=_SERVICES,
                domain=self.domain,
                audit_policy=folder / "audit-policy.yaml",
                audit_log=self.audit_log,
            )
            apiserver.start([*_BOUNDED, *command])
            apiserver.wait(self.kubectl.ready, timeout=60)

    def _daemon(self, name: str) -> Daemon:
        return Daemon(name, self.folder / "processes", self.folder / "logs")

    def _end(self) -> None:
        for name in ("kube-apiserver", "etcd"):
            self._daemon(name).stop(timeout=3)

    def stop(self) -> None:
        """End its processes and delete its folder; stopping twice is no error."""
        if self._folder is not None:
            self._end()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> ControlPlane:
        """Start it."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()


@contextmanager
def _free_ports(count: int) -> Iterator[list[int]]:
    """Free loopback ports; control planes that start at the same time wait for each other, so they don't share one."""
    with locked(cache_root() / ".ports.lock"):
        sockets = [socket.socket() for _number in range(count)]
        for one in sockets:
            one.bind((_ADDRESS, 0))
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        yield ports
