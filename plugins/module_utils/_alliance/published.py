# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Services a cluster publishes, from the Services themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    MAX_PORTS,
    PublicService,
    ServicePort,
    hostname_problem,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    HEALTHCHECK_PORT,
    HEALTHCHECK_SERVICE,
    PUBLIC_SERVICE_LABEL,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.protocols import (
    is_ambiguous,
    wire_protocol,
)

_WANTED_VALUES = ("", "true")


def published_services(
    services: Iterable[Mapping[str, Any]], cluster_domain: str
) -> tuple[tuple[PublicService, ...], tuple[Finding, ...]]:
    """The labelled Services (Kubernetes objects) as neighbours see them, sorted by hostname.

    A labelled Service that can't be published is left out with a finding: ExternalName, headless, without ports, with
    unnamed ports. Ports that are not TCP are left out alone.
    """
    published: dict[str, PublicService] = {}
    findings: list[Finding] = []
    for service in services:
        metadata = service.get("metadata") or {}
        labels = metadata.get("labels") or {}
        if PUBLIC_SERVICE_LABEL not in labels:
            continue
        name, namespace = str(metadata.get("name")), str(metadata.get("namespace"))
        place = f"Service {namespace}/{name}"
        hostname = f"{name}.{namespace}.svc.{cluster_domain}"
        refusal = _refusal(service, labels[PUBLIC_SERVICE_LABEL], hostname)
        ports = () if refusal else _ports(service, place, findings)
        if not refusal and not ports:
            refusal = ("it has no TCP port", "publish a Service with TCP ports")
        if refusal:
            findings.append(
                Finding("error", "service-not-published", f"can't be published: {refusal[0]}", refusal[1], object=place)
            )
        else:
            published[hostname] = PublicService(hostname, ports)
    findings.sort(key=lambda finding: (finding.object, finding.code, finding.message))
    return tuple(published[hostname] for hostname in sorted(published)), tuple(findings)


def healthcheck_services(namespace: str, uuid: str, cluster_domain: str) -> tuple[PublicService, ...]:
    """The two Services by which neighbours probe the data plane, as they are published; sorted by hostname.

    They have to be what the template of the role metadata_exporter makes of them.
    """
    ports = (ServicePort("http", HEALTHCHECK_PORT, wire_protocol("http")),)
    names = (HEALTHCHECK_SERVICE, f"{HEALTHCHECK_SERVICE}-{uuid}")
    hostnames = sorted(f"{name}.{namespace}.svc.{cluster_domain}" for name in names)
    return tuple(PublicService(hostname, ports) for hostname in hostnames)


def _refusal(service: Mapping[str, Any], label: object, hostname: str) -> tuple[str, str] | None:
    """What is wrong and what to do, or None."""
    spec = service.get("spec") or {}
    ports = spec.get("ports") or []
    unlabel = f"or remove its label {PUBLIC_SERVICE_LABEL}"
    if label not in _WANTED_VALUES:
        return f"the label {PUBLIC_SERVICE_LABEL} has the value {label!a}", 'set the label to "" or remove it'
    if spec.get("type") == "ExternalName":
        return "it is of type ExternalName", f"publish a Service with a cluster IP, {unlabel}"
    if spec.get("clusterIP") in (None, "", "None"):
        return "it is headless", f"publish a Service with a cluster IP, {unlabel}"
    if not ports:
        return "it has no ports", f"add ports, {unlabel}"
    if len(ports) > MAX_PORTS:
        return f"it has more than {MAX_PORTS} ports", f"split it, {unlabel}"
    if not all(port.get("name") for port in ports):
        return "it has an unnamed port", "name each port after its protocol, for example http-api"
    problem = hostname_problem(hostname, None)
    return (problem, f"rename it, {unlabel}") if problem else None


def _ports(service: Mapping[str, Any], place: str, findings: list[Finding]) -> tuple[ServicePort, ...]:
    ports = []
    for port in service["spec"]["ports"]:
        name, number, app_protocol = str(port["name"]), int(port["port"]), port.get("appProtocol")
        transport = port.get("protocol") or "TCP"
        if transport != "TCP":
            findings.append(
                Finding(
                    "warning",
                    "port-not-published",
                    f"port {name} is left out: {transport} can't cross the gateway",
                    "publish TCP ports",
                    object=place,
                )
            )
            continue
        if is_ambiguous(name, app_protocol, number):
            findings.append(
                Finding(
                    "warning",
                    "protocol-doubtful",
                    f"port {name} doesn't say its protocol: neighbours take it for plain TCP",
                    "set appProtocol, or begin the port's name with its protocol, for example http-",
                    object=place,
                )
            )
        ports.append(ServicePort(name, number, wire_protocol(name, app_protocol)))
    return tuple(sorted(ports, key=lambda port: (port.port, port.name)))
