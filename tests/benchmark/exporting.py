# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exporter as a process of its own: memory with many published services, and the time from label to document."""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair, generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token

from tests.benchmark.api import THREADS, Api
from tests.benchmark.contestants import BenchmarkError
from tests.benchmark.objects import published_service
from tests.gates.gates import PYTHON, VENV

DOMAIN = "bench.local"
NEIGHBOUR = "11111111-2222-3333-4444-555555555555"
SERVICES_NAMESPACE = "published"
READY_SECONDS = 120.0
APPEAR_SECONDS = 60.0
POLL_SECONDS = 0.005


@dataclass
class Memory:
    """Of one process, in MiB: resident now, and the most it ever was."""

    resident: float
    peak: float

    def to_dict(self) -> dict[str, float]:
        """Rounded."""
        return {"resident_mib": round(self.resident, 1), "peak_mib": round(self.peak, 1)}


def root_certificate() -> str:
    """A self-signed root, as istiod writes one to every namespace."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, DOMAIN)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def prepare(api: Api, neighbour: KeyPair) -> None:
    """Everything that the exporter reads, apart from services."""
    namespace = names.DEFAULT_NAMESPACE
    api.ensure_namespace(namespace)
    api.ensure_namespace(SERVICES_NAMESPACE)
    root = root_certificate()
    entry = {"clusterUUID": NEIGHBOUR, "authnKeyPub": neighbour.public_pem, "rootCA": root}
    remote = base64.b64encode(json.dumps({NEIGHBOUR: entry}).encode()).decode()
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": names.ROOT_CONFIGMAP, "namespace": namespace},
            "data": {names.ROOT_KEY: root},
        }
    )
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": names.REMOTE_METADATA_SECRET, "namespace": namespace},
            "data": {names.REMOTE_METADATA_KEY: remote},
        }
    )
    gateway = published_service(names.INGRESSGATEWAY, namespace, published=False)
    gateway["spec"]["ports"] = [{"name": names.GATEWAY_PORT_NAME, "port": names.GATEWAY_PORT}]
    gateway["spec"]["type"] = "LoadBalancer"
    api.apply(gateway)
    status = {**gateway, "spec": None, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}
    del status["spec"]
    path = f"/api/v1/namespaces/{namespace}/services/{names.INGRESSGATEWAY}/status?fieldManager=benchmark&force=true"
    api.call("PATCH", path, status, content_type="application/apply-patch+yaml")


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Exporter:
    """A running exporter, and a neighbour that reads its documents over one kept-alive connection."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, neighbour: KeyPair, log: Path) -> None:
        self._process = process
        self._port = port
        self._neighbour = neighbour
        self._log = log
        self._uuid = ""
        self._connection: http.client.HTTPConnection | None = None

    def _get(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._process.poll() is not None:
            raise BenchmarkError(f"the exporter ended:\n{self._log.read_text(encoding='utf-8')[-3000:]}")
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            self._connection.request("GET", path, headers=headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return 0, b""

    def wait_ready(self) -> None:
        """Until public.json is served."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            status, body = self._get(names.METADATA_PATH + names.PUBLIC_DOCUMENT, {})
            if status == 200:
                self._uuid = json.loads(body)["clusterUUID"]
                return
            time.sleep(0.05)
        raise BenchmarkError(f"the exporter isn't ready:\n{self._log.read_text(encoding='utf-8')[-3000:]}")

    def hosts(self) -> set[str]:
        """The published hosts as a neighbour sees them."""
        token = sign_token(
            self._neighbour.private_pem,
            subject=NEIGHBOUR,
            audience=self._uuid,
            scope=names.SCOPE_FEDERATION,
            now=time.time(),
        )
        headers = {"Authorization": f"Bearer {token}"}
        status, body = self._get(names.METADATA_PATH + names.FEDERATION_DOCUMENT, headers)
        if status != 200:
            return set()
        document: dict[str, Any] = json.loads(body)
        return {service["hostname"] for service in document.get("publicServices") or []}

    def wait_for(self, condition: str, count: int = -1, host: str = "", *, there: bool = True) -> float:
        """Seconds until the document has so many hosts, or has (or no longer has) one of them."""
        started = time.perf_counter()
        while time.perf_counter() - started < APPEAR_SECONDS:
            found = self.hosts()
            if (len(found) == count) if count >= 0 else ((host in found) is there):
                return time.perf_counter() - started
            time.sleep(POLL_SECONDS)
        raise BenchmarkError(f"{condition} did not happen within {APPEAR_SECONDS:.0f} s")

    def memory(self) -> Memory:
        """What the kernel says about the process."""
        text = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        sizes = {
            key: int(value) / 1024 for key, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", text, re.MULTILINE)
        }
        return Memory(sizes["VmRSS"], sizes["VmHWM"])

    def cpu_seconds(self) -> float:
        """Processor time since its start."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def exporter(kubeconfig: Path, neighbour: KeyPair, work: Path, name: str) -> Iterator[Exporter]:
    """Start an exporter beside the API server and end it."""
    own = generate_key_pair()
    public = work / "pub.pem"
    public.write_text(own.public_pem, encoding="utf-8")
    port, metrics = free_port(), free_port()
    command = [PYTHON, "-m", "ansible_collections.meshalliance.istio.exporter"]
    command += ["--namespace", names.DEFAULT_NAMESPACE, "--cluster-domain", DOMAIN, "--identity", name]
    command += ["--public-key-file", str(public), "--kubeconfig", str(kubeconfig), "--drain-seconds", "0"]
    command += ["--listen-address", "127.0.0.1", "--port", str(port), "--metrics-port", str(metrics)]
    log = work / f"exporter-{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=VENV,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        running = Exporter(process, port, neighbour, log)
        running.wait_ready()
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def label(api: Api, name: str, *, published: bool) -> None:
    """Set or remove the label that publishes a service."""
    patch = {"metadata": {"labels": {names.PUBLIC_SERVICE_LABEL: "" if published else None}}}
    path = f"/api/v1/namespaces/{SERVICES_NAMESPACE}/services/{name}"
    api.call("PATCH", path, patch, content_type="application/merge-patch+json")


def label_times(api: Api, running: Exporter, runs: int) -> tuple[list[float], list[float]]:
    """Seconds from the label to the document, and from its removal until the document no longer has the host."""
    name = "newcomer"
    host = f"{name}.{SERVICES_NAMESPACE}.svc.{DOMAIN}"
    api.apply(published_service(name, SERVICES_NAMESPACE, published=False))
    appear, disappear = [], []
    for _run in range(runs):
        # Beyond the pause after which writes are no longer gathered: a label comes out of the blue.
        time.sleep(2)
        started = time.perf_counter()
        label(api, name, published=True)
        running.wait_for("the label's effect", host=host)
        appear.append(time.perf_counter() - started)
        time.sleep(2)
        started = time.perf_counter()
        label(api, name, published=False)
        running.wait_for("the missing label's effect", host=host, there=False)
        disappear.append(time.perf_counter() - started)
    return appear, disappear


def summary(values: list[float]) -> dict[str, object]:
    """Median and single values in seconds."""
    return {"median": round(statistics.median(values), 3), "runs": [round(value, 3) for value in values]}


def run(kubeconfig: Path, *, services: int, runs: int, work: Path, tell: Any) -> dict[str, object]:
    """Memory without services and with many, and the times of a label in both cases."""
    api = Api(kubeconfig)
    neighbour = generate_key_pair()
    prepare(api, neighbour)
    with exporter(kubeconfig, neighbour, work, "empty") as running:
        empty_appear, empty_disappear = label_times(api, running, runs)
        empty = running.memory()
    tell(f"exporter, no service: {empty.resident:.0f} MiB, label to document {statistics.median(empty_appear):.2f} s")
    wanted = [
        published_service(f"service-{number:04d}", SERVICES_NAMESPACE, published=True) for number in range(services)
    ]
    api.create_all(wanted)
    tell(f"{services} labelled services made")
    with exporter(kubeconfig, neighbour, work, "full") as running:
        ready = running.wait_for("the complete document", count=services)
        appear, disappear = label_times(api, running, runs)
        full = running.memory()
        before, cpu = time.monotonic(), running.cpu_seconds()
        time.sleep(10)
        idle = (running.cpu_seconds() - cpu) / (time.monotonic() - before)
    tell(f"exporter with {services}: {full.resident:.0f} MiB, label to document {statistics.median(appear):.2f} s")
    with ThreadPoolExecutor(THREADS) as pool:
        paths = (f"/api/v1/namespaces/{SERVICES_NAMESPACE}/services/{item['metadata']['name']}" for item in wanted)
        list(pool.map(lambda path: api.call("DELETE", path), paths))
    return {
        "services": services,
        "memory_without_services": empty.to_dict(),
        "memory": full.to_dict(),
        "start_to_complete_document_s": round(ready, 3),
        "idle_cpu_percent": round(100 * idle, 2),
        "label_to_document_s": {"without_services": summary(empty_appear), "with_services": summary(appear)},
        "unlabel_to_document_s": {"without_services": summary(empty_disappear), "with_services": summary(disappear)},
    }
