# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines of etcd and the API server, and the identities that both kinds of control plane have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from . import builds
from .files import write_if_changed
from .pki import Pki

ADMIN = "lab-admin"
OPERATOR = "alliance-operator"
CLIENTS: dict[str, tuple[str, Sequence[str]]] = {
    "admin": (ADMIN, ("system:masters",)),
    "operator": (OPERATOR, ("system:masters",)),
}


def write_audit_policy(path: Path) -> None:
    """Write the policy: who asked for what, without bodies; once for each read, at the begin and the end of a write."""
    quiet = ["system:kube-scheduler", "system:kube-controller-manager", "system:kube-proxy", "system:apiserver"]
    reads = ["get", "list", "watch"]
    leases = [{"group": "coordination.k8s.io", "resources": ["leases"]}]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "rules": [
            {"level": "None", "users": quiet, "verbs": reads},
            {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"], "verbs": reads},
            {"level": "None", "users": quiet, "resources": leases},
            {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts"], "resources": leases},
            {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
            {"level": "Metadata", "verbs": reads, "omitStages": ["RequestReceived"]},
            {"level": "Metadata"},
        ],
    }
    write_if_changed(path, yaml.safe_dump(policy, sort_keys=False))


def etcd_argv(data: Path, client_url: str, peer_url: str) -> list[str]:
    """etcd with one member; nothing is synced to disk, a lab's data need not survive a power cut."""
    return [
        str(builds.program("etcd")),
        f"--data-dir={data}",
        "--name=lab",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=lab={peer_url}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_argv(
    *,
    pki: Pki,
    etcd_url: str,
    address: str,
    port: int,
    services: str,
    domain: str,
    audit_policy: Path,
    audit_log: Path,
) -> list[str]:
    """The API server at `address:port`; `services` is the CIDR of cluster IPs, `domain` the cluster domain."""
    issuer = f"https://kubernetes.default.svc.{domain}"
    return [
        str(builds.program("kube-apiserver")),
        f"--etcd-servers={etcd_url}",
        f"--advertise-address={address}",
        f"--bind-address={address}",
        f"--secure-port={port}",
        f"--cert-dir={pki.folder}",
        f"--tls-cert-file={pki.certificate('apiserver')}",
        f"--tls-private-key-file={pki.key('apiserver')}",
        f"--client-ca-file={pki.certificate('ca')}",
        f"--kubelet-client-certificate={pki.certificate('admin')}",
        f"--kubelet-client-key={pki.key('admin')}",
        # Without this, logs and exec would need to resolve the node's name.
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer={issuer}",
        f"--service-account-key-file={pki.folder / 'sa.pub'}",
        f"--service-account-signing-key-file={pki.key('sa')}",
        f"--api-audiences={issuer},istio-ca",
        f"--service-cluster-ip-range={services}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged",
        f"--audit-policy-file={audit_policy}",
        f"--audit-log-path={audit_log}",
        "--audit-log-format=json",
        "--profiling=false",
    ]
