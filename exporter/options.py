# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line, each argument with an environment variable of the same meaning."""

from __future__ import annotations

import argparse
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import (
    api_host_problem,
    name_problem,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import INGRESSGATEWAY

PREFIX = "METADATA_EXPORTER_"
LOG_LEVELS = ("debug", "info", "warning", "error")

_DOMAIN = re.compile(r"[0-9a-zA-Z_-]+(\.[0-9a-zA-Z_-]+)*")
# In an AuthorizationPolicy this word always means "the local cluster", so it can't name one cluster among many.
_LOCAL_DOMAIN = "cluster.local"


@dataclass(frozen=True)
class Options:
    """What one exporter process was told. C(cluster_id) is empty while multicluster mode is off."""

    namespace: str
    cluster_domain: str
    trust_domain: str
    cluster_id: str
    network_name: str
    api_host: str
    public_key_file: str
    key_change_file: str
    certificate_file: str
    listen_address: str
    port: int
    metrics_port: int
    probe_interval: float
    gateway_service: str
    identity: str
    drain_seconds: float
    log_level: str
    kubeconfig: str | None
    context: str | None


def parse(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Options:
    """Options from arguments, else from the environment, else defaults. Ends the process when they can't be used."""
    parser = _parser(os.environ if environment is None else environment)
    given = parser.parse_args(arguments)
    for name in ("namespace", "cluster_domain"):
        if not getattr(given, name):
            parser.error(f"--{name.replace('_', '-')} or {PREFIX}{name.upper()} is required")
    trust_domain = given.trust_domain or given.cluster_domain
    for name, value in (("--cluster-domain", given.cluster_domain), ("--trust-domain", trust_domain)):
        if not _DOMAIN.fullmatch(value):
            parser.error(f"{name} {value!r} is not a domain")
        if value == _LOCAL_DOMAIN:
            parser.error(f"{name} must not be {_LOCAL_DOMAIN}: in an alliance every cluster has a domain of its own")
    problem = _multicluster_problem(given.cluster_id, given.network_name, given.api_host)
    if problem:
        parser.error(problem)
    return Options(
        namespace=given.namespace,
        cluster_domain=given.cluster_domain,
        trust_domain=trust_domain,
        cluster_id=given.cluster_id,
        network_name=given.network_name,
        api_host=given.api_host,
        public_key_file=given.public_key_file,
        key_change_file=given.key_change_file,
        certificate_file=given.certificate_file,
        listen_address=given.listen_address,
        port=given.port,
        metrics_port=given.metrics_port,
        probe_interval=given.probe_interval,
        gateway_service=given.gateway_service,
        identity=given.identity,
        drain_seconds=given.drain_seconds,
        log_level=given.log_level,
        kubeconfig=given.kubeconfig,
        context=given.context,
    )


def _multicluster_problem(cluster_id: str, network_name: str, api_host: str) -> str:
    """Why multicluster mode can't be switched on, or left off, with these; empty when it can."""
    if not cluster_id and not network_name:
        return "--api-host needs --cluster-id and --network-name" if api_host else ""
    problems = {"--cluster-id": name_problem(cluster_id), "--network-name": name_problem(network_name)}
    if api_host:
        problems["--api-host"] = api_host_problem(api_host)
    return next((f"{name} can't be used: {problem}" for name, problem in problems.items() if problem), "")


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="metadata-exporter",
        description="Tells a cluster's neighbours who it is and what it publishes.",
        epilog=f"Each argument may be given as {PREFIX}<NAME> in the environment.",
    )

    def add(name: str, default: str | None, help_text: str, **more: object) -> None:
        variable = PREFIX + name.upper().replace("-", "_")
        # argparse converts a default that is text with `type`, so a bad variable is reported like a bad argument.
        parser.add_argument(f"--{name}", default=environment.get(variable, default), help=help_text, **more)  # type: ignore[arg-type]

    add("namespace", None, "namespace of the exporter, the gateway and their objects")
    add("cluster-domain", None, "DNS domain of the cluster's Services, such as cluster-a.local")
    add("trust-domain", None, "trust domain of the cluster; default: its cluster domain")
    add("cluster-id", "", "how the cluster's istiod is called; with --network-name it switches multicluster mode on")
    add("network-name", "", "the network that the cluster's pods are in")
    add(
        "api-host",
        "",
        "host:port where clusters of the same domain reach the API; default: the gateway's first address",
    )
    add("public-key-file", "/etc/alliance-authn/pub.pem", "the cluster's public key, mounted alone")
    add(
        "key-change-file",
        "/etc/alliance-authn/key-change.jwt",
        "what the key of before says of the public key, while it is rotated; there is none otherwise",
    )
    add(
        "certificate-file",
        "/etc/alliance-metadata-tls/tls.crt",
        "the certificate of the metadata endpoint, mounted alone; only its end is told",
    )
    add("listen-address", "", "address of both ports; default: all, IPv4 and IPv6")
    add("port", "8080", "port of the documents and of the health checks", type=_port)
    add("metrics-port", "8081", "port of /metrics and /status", type=_port)
    add("probe-interval", "60", "seconds between two probes of the neighbours; 0: none", type=_interval)
    add("gateway-service", INGRESSGATEWAY, "Service of the alliance's ingress gateway")
    add("identity", socket.gethostname(), "name of this replica in the Lease; default: the host's name")
    add("drain-seconds", "5", "how long to answer on after SIGTERM, while clients turn elsewhere", type=_seconds)
    add("log-level", "info", "least severe log entry", choices=LOG_LEVELS)
    add("kubeconfig", None, "kubeconfig to use outside of a cluster; default: the pod's service account")
    add("context", None, "context of the kubeconfig; default: its current one")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not a port")
    return number


def _interval(text: str) -> float:
    number = float(text)
    if number != 0 and not 1 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is neither 0 nor between 1 and 3600 seconds")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 300:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 300 seconds")
    return number
