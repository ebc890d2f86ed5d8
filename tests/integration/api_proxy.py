# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The api-proxy as its pod runs it: a real Envoy with the role's objects and files, before a real API server.

Only addresses and folders differ from the pod's. Folders are exchanged as the kubelet does it.
"""

from __future__ import annotations

import datetime
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import yaml

from ansible_collections.meshalliance.istio.plugins.lookup.own_definitions import LookupModule
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy import (
    neighbours_config_map,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_bootstrap import bootstrap_files
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    ProxyLayout,
    ProxyLimits,
    ProxyNeighbour,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair, generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import Issued, make_ca, make_leaf
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token

from tests.lab.controlplane import ControlPlane
from tests.lab.pins import ENVOY_WHEEL
from tests.lab.processes import Daemon
from tests.lab.rootfs import envoy_program

NAMESPACE = names.DEFAULT_NAMESPACE
ROOT_NAMESPACE = names.DEFAULT_ROOT_NAMESPACE
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{names.API_PROXY}"
ADDRESS = "127.0.0.1"
ROLE = Path(__file__).parents[2] / "roles" / "api_proxy"
# Wide enough for tests that are about something else.
GENEROUS = ProxyLimits(requests_per_second=20000, burst=20000, concurrent_requests=1000)


def until(condition: Callable[[], Any], what: str, timeout: float = 20.0) -> Any:
    """The first true value, asked for often; fails with C(what)."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        time.sleep(0.02)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


def role_objects(**variables: Any) -> list[dict[str, Any]]:
    """The objects that the role makes, with its defaults."""
    known = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    state = {"cluster_domain": "plane.local", "root_namespace": ROOT_NAMESPACE, "revision": "default"}
    known.update(api_proxy_namespace=NAMESPACE, api_proxy_image="proxyv2", api_proxy_tls_secret="tls")
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    environment.filters["to_json"] = json.dumps
    environment.filters["hash"] = lambda text, name: hashlib.new(name, text.encode()).hexdigest()
    environment.globals["lookup"] = lambda _name, term, **options: LookupModule().run([term], **options)[0]
    template = environment.from_string((ROLE / "templates" / "api_proxy.yml.j2").read_text())
    text = template.render({**known, "preflight_state": state, **variables})
    return [item for item in yaml.safe_load_all(text) if item]


class Mounted:
    """A folder as the kubelet keeps it: names lead through C(..data) to a folder that is exchanged as a whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    def write(self, files: Mapping[str, str]) -> None:
        """Have exactly these files, all at once."""
        current = self.folder / "..data"
        before = current.resolve() if current.is_symlink() else None
        version = self.folder / f"..{uuid.uuid4()}"
        version.mkdir()
        for name, text in files.items():
            (version / name).write_text(text)
        (self.folder / "..data_tmp").symlink_to(version.name)
        (self.folder / "..data_tmp").rename(current)
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if before is not None:
            shutil.rmtree(before)


@dataclass
class Neighbour:
    """A cluster that reads: it signs tokens."""

    name: str
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    keys: KeyPair = field(default_factory=generate_key_pair)
    # While it rotates them.
    previous: KeyPair | None = None

    def known(self) -> ProxyNeighbour:
        """As the proxy knows it."""
        before = self.previous.public_pem if self.previous else None
        return ProxyNeighbour(self.name, self.uuid, self.keys.public_pem, before)

    def token(self, audience: str, *, scope: str = names.SCOPE_API, age: float = 0, lifetime: int = 43200) -> str:
        """A token that was signed so many seconds ago."""
        now = time.time() - age
        return sign_token(
            self.keys.private_pem, subject=self.uuid, audience=audience, scope=scope, now=now, lifetime=lifetime
        )


@dataclass
class Answer:
    """An answer of the proxy."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)


class Watch:
    """An open watch."""

    def __init__(self, connection: http.client.HTTPSConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response

    def event(self, timeout: float = 10.0) -> dict[str, Any] | None:
        """The next event, None when the stream has ended. Raises TimeoutError."""
        assert self._connection.sock is not None
        self._connection.sock.settimeout(timeout)
        try:
            line = self._response.readline()
        except (http.client.HTTPException, ConnectionError, ssl.SSLError):
            return None
        return json.loads(line) if line.strip() else None

    def ended(self, timeout: float = 10.0) -> bool:
        """Whether the stream ends within so many seconds; events are passed over."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if self.event(max(0.1, deadline - time.monotonic())) is None:
                    return True
            except TimeoutError:
                return False
        return False

    def close(self) -> None:
        """Leave."""
        self._connection.close()


class ApiProxy:
    """One Envoy with its folders. C(uuid) is the clusterUUID that tokens are for."""

    def __init__(self, plane: ControlPlane, folder: Path, **place: Any) -> None:
        self.plane = plane
        self.uuid = str(uuid.uuid4())
        now = datetime.datetime.now(datetime.timezone.utc)
        self.ca = make_ca("endpoint", now)
        self._mounted = {name: Mounted(folder / name) for name in ("config", "neighbours", "tls", "account")}
        self._daemon = Daemon("envoy", folder / "processes", folder / "logs")
        upstream = {"api_host": ADDRESS, "api_port": int(plane.server.rpartition(":")[2]), "api_name": "kubernetes"}
        folders = {name: str(mounted.folder) for name, mounted in self._mounted.items()}
        ports = {name: free_port() for name in ("port", "status_port", "admin_port")}
        self.layout = ProxyLayout(**{"address": ADDRESS, **folders, **ports, **upstream, **place})

    def start(self) -> None:
        """Start it with nobody let in."""
        files = bootstrap_files(self.layout)
        self._mounted["config"].write(files)
        self._mounted["neighbours"].write({name: files[name] for name in ("cds.json", "lds.json")})
        self.set_certificate(self.leaf())
        self.set_token(self.account_token())
        (deployment,) = [item for item in role_objects() if item["kind"] == "Deployment"]
        arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
        arguments = [item.replace("/etc/api-proxy/config", self.layout.config) for item in arguments]
        self._daemon.start([*_own_user(), envoy_program(ENVOY_WHEEL), *arguments])
        self._daemon.wait(self.ready, timeout=30)

    def stop(self) -> None:
        """End it."""
        self._daemon.stop(timeout=3)

    @property
    def pid(self) -> int | None:
        """Its process."""
        return self._daemon.pid()

    @property
    def text(self) -> str:
        """Its output so far."""
        return self._daemon.log.read_text()

    def log(self, **wanted: Any) -> list[dict[str, Any]]:
        """The lines of the access log with these values."""
        lines = [json.loads(line) for line in self.text.splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in lines if all(line.get(key) == value for key, value in wanted.items())]

    def status_page(self, path: str, method: str = "GET") -> Answer:
        """What the port for kubelet and Prometheus answers."""
        connection = http.client.HTTPConnection(ADDRESS, self.layout.status_port, timeout=5)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether the kubelet would call it ready."""
        try:
            return self.status_page("/ready").status == 200
        except OSError:
            return False

    def figure(self, name: str) -> int:
        """One figure of the admin interface, 0 when there is none yet."""
        connection = http.client.HTTPConnection(ADDRESS, self.layout.admin_port, timeout=5)
        try:
            connection.request("GET", f"/stats?filter=^{name}$")
            return int(connection.getresponse().read().decode().rpartition(":")[2] or 0)
        finally:
            connection.close()

    def leaf(self) -> Issued:
        """A new certificate of the same CA."""
        return make_leaf(self.ca, [ADDRESS], datetime.datetime.now(datetime.timezone.utc))

    def set_certificate(self, leaf: Issued) -> None:
        """Exchange the certificate."""
        self._mounted["tls"].write({"tls.crt": leaf.certificate, "tls.key": leaf.key})

    def set_token(self, token: str) -> None:
        """Exchange the service account's token."""
        ca = (self.plane.folder / "pki" / "ca.crt").read_text()
        self._mounted["account"].write({"token": token, "ca.crt": ca})

    def account_token(self, seconds: int = 3600) -> str:
        """A new token of the service account."""
        kubectl = self.plane.kubectl
        return kubectl("create", "token", "api-proxy", f"--namespace={NAMESPACE}", f"--duration={seconds}s").strip()

    def let_in(self, *neighbours: Neighbour, limits: ProxyLimits = GENEROUS, clusters: bool = True) -> None:
        """Let exactly these in, and wait until the proxy knows; without C(clusters) their file is left as it is."""
        config = neighbours_config_map(
            NAMESPACE,
            self.uuid,
            [item.known() for item in neighbours],
            cluster_domain=self.plane.domain,
            limits=limits,
            layout=self.layout,
        )
        files = dict(config["data"])
        if not clusters:
            files["cds.json"] = (Path(self.layout.neighbours) / "cds.json").read_text()
        before = self.figure("listener_manager.lds.update_success")
        self._mounted["neighbours"].write(files)
        until(lambda: self.figure("listener_manager.lds.update_success") > before, "the proxy reads its files")
        until(lambda: self.figure("listener_manager.total_listeners_warming") == 0, "the listener is complete")
        assert self.figure("listener_manager.lds.update_rejected") == 0, self.text

    def context(self) -> ssl.SSLContext:
        """What a neighbour trusts."""
        return ssl.create_default_context(cadata=self.ca.certificate)

    def connection(self, timeout: float = 10.0) -> http.client.HTTPSConnection:
        """A connection, not opened yet."""
        return http.client.HTTPSConnection(ADDRESS, self.layout.port, timeout=timeout, context=self.context())

    def socket(self, *protocols: str) -> ssl.SSLSocket:
        """An open TLS connection, for bytes as they are."""
        context = self.context()
        if protocols:
            context.set_alpn_protocols(list(protocols))
        raw = socket.create_connection((ADDRESS, self.layout.port), timeout=10)
        return context.wrap_socket(raw, server_hostname=ADDRESS)

    def headers(self, by: Neighbour | str | None, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The headers of a request by a neighbour, or with a token."""
        token = by.token(self.uuid) if isinstance(by, Neighbour) else by
        return {**({} if token is None else {"Authorization": f"Bearer {token}"}), **(more or {})}

    def ask(
        self,
        path: str,
        by: Neighbour | str | None,
        *,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request over a connection of its own."""
        sent = self.headers(by, headers)
        data = None if body is None else json.dumps(body)
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, path, body=data, headers=sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
        finally:
            connection.close()

    def watch(self, path: str, by: Neighbour, **headers: str) -> Watch:
        """Open a watch, which has to be granted."""
        connection = self.connection()
        connection.request("GET", path, headers=self.headers(by, headers))
        response = connection.getresponse()
        assert response.status == 200, response.read()
        return Watch(connection, response)

    def reached(self) -> list[dict[str, Any]]:
        """The requests that the API server got from the proxy, as audit events."""
        events = self.plane.audit_events()
        return [event for event in events if event.get("userAgent", "").startswith(f"{names.API_PROXY} for ")]


def _own_user() -> list[str]:
    """Run as the pod's user where we may: watches of files are counted by user, and root's are many in a lab."""
    (deployment,) = [item for item in role_objects() if item["kind"] == "Deployment"]
    user = deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"]
    # The folders of tests are root's alone.
    read = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return [] if os.geteuid() else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *read]


@contextmanager
def running(plane: ControlPlane, folder: Path, *neighbours: Neighbour, **place: Any) -> Iterator[ApiProxy]:
    """A proxy that has let neighbours in."""
    proxy = ApiProxy(plane, folder, **place)
    try:
        proxy.start()
        if neighbours:
            proxy.let_in(*neighbours)
        yield proxy
    finally:
        proxy.stop()


def prepare(plane: ControlPlane) -> None:
    """All that the role makes, and what istiod has made in its root namespace."""
    space = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": it}} for it in (NAMESPACE, ROOT_NAMESPACE)]
    plane.kubectl.apply(space)
    plane.kubectl.apply(role_objects())
