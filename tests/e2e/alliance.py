# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alliance under test: complete clusters, runs of a playbook, and what the API servers saw of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner
import yaml

from tests.demo.playbook import environment, playbook_command
from tests.lab.inventory import FEDERATION
from tests.lab.lab import Lab
from tests.lab.layout import CHECKOUT

A, B = "cluster-a", "cluster-b"
CLUSTERS = (A, B)
MEMBERS = "members.yml"
NAMESPACE = "istio-alliance"
OURS = "app.kubernetes.io/managed-by=meshalliance.istio"
OPERATOR = "alliance-operator"
# These tests take longer than times in a status stay as they are while nothing else changes.
SELDOM = {"alliance_status_refresh": 86400}
# What a run holds while it writes.
LEASE = "alliance-write"
MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
PUBLIC_LABEL = "federation.istio.deckhouse.io/public-service"


@dataclass(frozen=True)
class Run:
    """One run of the playbook: exit status, the recap's numbers by host, results of modules by host, and the output."""

    status: int
    recap: dict[str, dict[str, int]]
    results: dict[str, list[dict[str, Any]]]
    output: str

    def changed(self) -> dict[str, int]:
        """How many tasks changed something, by host."""
        return self.recap.get("changed", {})

    def objects(self, cluster: str) -> set[tuple[str, str, str, str]]:
        """What was (or in check mode would be) written to a cluster: action, kind, namespace, name."""
        return {
            (entry["action"], entry["kind"], entry.get("namespace", ""), entry["name"])
            for result in self.results.get(cluster, [])
            for entry in result.get("objects") or []
        }

    def diffs(self, cluster: str) -> list[dict[str, Any]]:
        """The entries of all diffs of a cluster."""
        return [entry for result in self.results.get(cluster, []) for entry in result.get("diff") or []]


class Alliance:
    """Runs of a playbook against clusters of one lab.

    `variables` are of the inventory, by member: in addition to a cluster's own, or of members without a cluster here.
    `groups` says which members are in which group of the inventory; without it, all are federated.
    """

    def __init__(
        self,
        lab: Lab,
        clusters: Sequence[str] = CLUSTERS,
        variables: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        playbook: str = "federate.yml",
        groups: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.lab = lab
        self.clusters = tuple(clusters)
        self.variables = {name: dict(entries) for name, entries in (variables or {}).items()}
        self.playbook = playbook
        others = [name for name in self.variables if name not in self.clusters]
        self.groups = dict(groups or {FEDERATION: [*self.clusters, *others]})

    @property
    def inventory(self) -> Path:
        """The inventory that the lab wrote, with our members alone."""
        folder = self.lab.layout.folder
        written = yaml.safe_load((folder / "inventory.yml").read_text())
        known = {name: entry for group in written.values() for name, entry in group["hosts"].items()}
        common = written[FEDERATION]["vars"]
        document = {
            group: {
                "hosts": {name: {**known.get(name, {}), **self.variables.get(name, {})} for name in names},
                "vars": dict(common),
            }
            for group, names in self.groups.items()
        }
        path = folder / MEMBERS
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    def domain(self, cluster: str) -> str:
        """The domain of a cluster."""
        return self.lab.domain(cluster)

    def run(self, *arguments: str) -> Run:
        """Run the playbook through ansible-runner, as AWX does."""
        folder = Path(tempfile.mkdtemp(prefix="alliance-run-"))
        try:
            done = ansible_runner.run(
                private_data_dir=str(folder),
                project_dir=str(CHECKOUT / "playbooks"),
                playbook=self.playbook,
                inventory=str(self.inventory),
                cmdline=" ".join(arguments) or None,
                envvars=environment(),
                quiet=True,
                suppress_env_files=True,
            )
            results: dict[str, list[dict[str, Any]]] = {}
            for event in done.events:
                if event["event"] in ("runner_on_ok", "runner_on_failed"):
                    data = event["event_data"]
                    results.setdefault(data["host"], []).append(data["res"])
            stats = {key: dict(value) for key, value in (done.stats or {}).items()}
            return Run(done.rc, stats, results, done.stdout.read())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def converge(self) -> Run:
        """Run until everything is as it should be; fails when that does not work."""
        run = self.run()
        assert run.status == 0, run.output
        return run

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A run as a process of its own, in its own process group."""
        command = playbook_command(self.playbook, self.inventory, *arguments)
        with subprocess.Popen(
            command,
            env=environment(),
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            yield process

    def kubectl(self, cluster: str, *arguments: str, check: bool = True, stdin: str | None = None) -> str:
        """What kubectl prints, as the user lab-admin."""
        command = self.lab.kubectl(cluster, list(arguments))
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180, input=stdin)
        assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def get(self, cluster: str, *what: str) -> dict[str, Any]:
        """Objects as JSON."""
        found: dict[str, Any] = json.loads(
            self.kubectl(cluster, "get", *what, "-o", "json", "--show-managed-fields=false")
        )
        return found

    def apply(self, cluster: str, *manifests: dict[str, Any]) -> None:
        """Write objects as the user lab-admin."""
        self.kubectl(cluster, "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(manifests))

    def audit(self, cluster: str) -> list[dict[str, Any]]:
        """The finished requests of the operator that would change something, oldest first."""
        log = self.lab.layout.folder / cluster / "audit.log"
        events = [json.loads(line) for line in log.read_text().splitlines() if OPERATOR in line]
        return [
            event
            for event in events
            if event["user"]["username"] == OPERATOR
            and event["verb"] in MUTATING
            and event["stage"] == "ResponseComplete"
        ]

    def writes(self) -> dict[str, int]:
        """The number of the operator's mutating requests so far, by cluster."""
        return {cluster: len(self.audit(cluster)) for cluster in self.clusters}

    def healthcheck_hosts(self, cluster: str) -> list[str]:
        """The hosts under which neighbours probe a cluster; they are published beside the Services of its users."""
        uuid = self.get(cluster, "namespace", "kube-system")["metadata"]["uid"]
        names = (f"alliance-healthcheck-{uuid}", "alliance-healthcheck")
        return [f"{name}.{NAMESPACE}.svc.{self.domain(cluster)}" for name in names]

    def publish(self, cluster: str, service: str, *, public: bool) -> None:
        """Set the label on a Service of the namespace xyz, or take it away."""
        label = f"{PUBLIC_LABEL}=" if public else f"{PUBLIC_LABEL}-"
        self.kubectl(cluster, "label", "service", "-n", "xyz", service, "--overwrite", label)

    def reset(self, *clusters: str) -> None:
        """Make clusters with upstream Istio as they were before the first run; all members when none is named."""
        for cluster in clusters or self.clusters:
            self._reset(cluster)

    def _reset(self, cluster: str) -> None:
        env = '[{"op":"replace","path":"/spec/template/spec/containers/0/env","value":%s}]'
        istiod = self.get(cluster, "deployment", "-n", "istio-system", "istiod")
        entries = istiod["spec"]["template"]["spec"]["containers"][0]["env"]
        kept = [entry for entry in entries if entry["name"] not in ("ISTIO_MULTIROOT_MESH", "SHARED_MESH_CONFIG")]
        gone = ("delete", "--ignore-not-found", "--wait=true")
        self.kubectl(cluster, *gone, "namespace", NAMESPACE, f"{NAMESPACE}-empty")
        self.kubectl(cluster, *gone, "crd", "istiofederations.deckhouse.io", "istiomulticlusters.deckhouse.io")
        self.kubectl(cluster, *gone, "-n", "istio-system", "proxyconfig/istio-federation", "configmap/istio-federation")
        self.kubectl(cluster, *gone, "-n", "istio-system", "secret,role,rolebinding", "-l", OURS)
        self.kubectl(cluster, *gone, "clusterrole,clusterrolebinding", "-l", OURS)
        patch = ("patch", "deployment", "-n", "istio-system", "istiod", "--type=json", "-p", env % json.dumps(kept))
        self.kubectl(cluster, *patch)
        self.kubectl(cluster, "rollout", "status", "-n", "istio-system", "deployment/istiod", "--timeout=120s")
