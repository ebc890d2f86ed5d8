# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata documents that neighbours exchange: read strictly, written to the same bytes each time.

public/public.json: {clusterUUID, authnKeyPub, rootCA}, our own exporter adds trustDomain, and authnKeyChange while it
rotates its key.
private/federation.json: {ingressGateways: [{address, port}], publicServices: [{hostname, ports: [{name, port,
protocol}]}]}. Unknown fields are ignored in both. What clusters of one domain exchange is in multicluster.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import is_ca, split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import (
    CertificateError,
    DocumentError,
    KeyPairError,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.hostnames import (
    is_dns_label,
    is_dns_name,
    is_trust_domain,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.key_change import written_key_change
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_public_key, public_key_pem
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.protocols import (
    KNOWN_PROTOCOLS,
    wire_protocol,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

MAX_PUBLIC_BYTES = 512 * 1024
MAX_FEDERATION_BYTES = 16 * 1024 * 1024
MAX_GATEWAYS = 256
MAX_SERVICES = 20_000
MAX_PORTS = 100
# Each service is written with each gateway, and each of those with each port: what one object may hold, and all.
MAX_PORTS_AT_GATEWAYS = 4096
MAX_ENDPOINTS = 500_000
# A document is remembered in the status of a resource; an API server takes 1.5 MiB for an object.
MAX_REMEMBERED_BYTES = 1024 * 1024
# Of one document; what is wrong in thousands of entries is told of the first ones.
MAX_FINDINGS = 50

_FEDERATION = "the federation metadata"
_MISSING = object()
_ANY_READER = AddressRules()
_CLUSTER_UUID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")


@dataclass(frozen=True)
class PublicMetadata:
    """Who a cluster is. authn_key_pub: one PEM block. root_ca: one or more PEM certificates.

    key_change: how its key of before vouches for this one (key_change.py), while it rotates them; not verified yet.
    """

    cluster_uuid: str
    authn_key_pub: str
    root_ca: str
    trust_domain: str | None = None
    key_change: str | None = None

    @classmethod
    def create(
        cls,
        cluster_uuid: object,
        authn_key_pub: object,
        root_ca: object,
        trust_domain: object = None,
        key_change: object = None,
    ) -> PublicMetadata:
        """Checked and normalised. Raises DocumentError, reason InvalidPublicMetadata, that names the field."""
        for name, value in (("clusterUUID", cluster_uuid), ("authnKeyPub", authn_key_pub), ("rootCA", root_ca)):
            if not isinstance(value, str) or not value:
                raise _bad_public(name, "it is missing, empty or not a text")
        if not _CLUSTER_UUID.fullmatch(str(cluster_uuid)):
            raise _bad_public("clusterUUID", "it is not 1 to 128 letters, digits, dots, dashes and underscores")
        if trust_domain in (None, ""):
            domain = None
        elif is_trust_domain(trust_domain):
            domain = str(trust_domain)
        else:
            raise _bad_public("trustDomain", "it is not a domain name")
        try:
            key = public_key_pem(load_public_key(str(authn_key_pub)))
        except KeyPairError as error:
            raise _bad_public("authnKeyPub", error.message) from None
        try:
            roots = tuple(dict.fromkeys(split_certificates(str(root_ca))))
            if not all(is_ca(root) for root in roots):
                raise CertificateError("a certificate in it is not a CA's")
        except CertificateError as error:
            raise _bad_public("rootCA", error.message) from None
        return cls(str(cluster_uuid), key, "".join(roots), domain, written_key_change(key_change))

    @classmethod
    def parse(cls, data: bytes | str) -> PublicMetadata:
        """Reads public.json. Raises DocumentError: InvalidJSON or InvalidPublicMetadata."""
        return cls.from_dict(parse_json(data, max_bytes=MAX_PUBLIC_BYTES, what="the public metadata"))

    @classmethod
    def from_dict(cls, value: object) -> PublicMetadata:
        """Reads the parsed document, or its copy in a status. Raises DocumentError."""
        if not isinstance(value, Mapping):
            raise DocumentError(
                "the public metadata is not a JSON object",
                reason="InvalidPublicMetadata",
                remedy="check what answers at this address",
            )
        return cls.create(
            value.get("clusterUUID"),
            value.get("authnKeyPub"),
            value.get("rootCA"),
            value.get("trustDomain"),
            value.get("authnKeyChange"),
        )

    def to_dict(self) -> dict[str, str]:
        """The wire's form; trustDomain and authnKeyChange only when known."""
        document = {"clusterUUID": self.cluster_uuid, "authnKeyPub": self.authn_key_pub, "rootCA": self.root_ca}
        if self.trust_domain:
            document["trustDomain"] = self.trust_domain
        if self.key_change:
            document["authnKeyChange"] = self.key_change
        return document

    def render(self) -> bytes:
        """The document's bytes, always the same for the same content."""
        return rendered(self.to_dict())


@dataclass(frozen=True, order=True)
class GatewayAddress:
    """Where a cluster's ingress gateway takes mTLS pass-through connections. address: IP or DNS name."""

    address: str
    port: int


@dataclass(frozen=True)
class ServicePort:
    """protocol: as in a ServiceEntry; the metadata document uses TLS, HTTP, HTTP2 and TCP."""

    name: str
    port: int
    protocol: str


@dataclass(frozen=True)
class PublicService:
    """A published service: hostname is name.namespace.svc.<trust domain>; ports sorted by number."""

    hostname: str
    ports: tuple[ServicePort, ...]


@dataclass(frozen=True)
class FederationMetadata:
    """What a cluster offers. ingress_gateways is None when it doesn't know: that is no answer, not "none"."""

    ingress_gateways: tuple[GatewayAddress, ...] | None
    public_services: tuple[PublicService, ...]

    @classmethod
    def from_dict(cls, value: object, rules: AddressRules = _ANY_READER) -> FederationMetadata:
        """Reads a copy that we wrote ourselves, for example in a status. Bad entries are left out.

        rules: of the cluster that reads. Raises DocumentError, reason InvalidPrivateMetadata, when the shape as a whole
        is wrong.
        """
        return _federation(value, None, rules)[0]

    def to_dict(self) -> dict[str, object]:
        """The wire's form, sorted."""
        return {
            "ingressGateways": written_gateways(self.ingress_gateways),
            "publicServices": [
                {
                    "hostname": service.hostname,
                    "ports": [
                        {"name": port.name, "port": port.port, "protocol": port.protocol}
                        for port in sorted(service.ports, key=_port_order)
                    ],
                }
                for service in sorted(self.public_services, key=lambda service: service.hostname)
            ],
        }

    def render(self) -> bytes:
        """The document's bytes, always the same for the same content, whatever the order it was found in."""
        return rendered(self.to_dict())


def parse_federation(
    data: bytes | str, *, trust_domain: str, rules: AddressRules = _ANY_READER
) -> tuple[FederationMetadata, tuple[Finding, ...]]:
    """Reads a neighbour's federation.json; trust_domain is the neighbour's, the rules are those of the reader.

    A service or gateway that can't be right is left out with a finding. Raises DocumentError (InvalidJSON,
    InvalidPrivateMetadata) when the document as a whole can't be used: not the shape, or over a limit.
    """
    value = parse_json(data, max_bytes=MAX_FEDERATION_BYTES, what=_FEDERATION)
    return _federation(value, trust_domain, rules)


class _RefusedError(Exception):
    """Why one entry is left out."""


def _federation(
    value: object, trust_domain: str | None, rules: AddressRules
) -> tuple[FederationMetadata, tuple[Finding, ...]]:
    if not isinstance(value, Mapping):
        raise bad_private(_FEDERATION, "it is not a JSON object")
    findings: list[Finding] = []
    gateways = read_gateways(value.get("ingressGateways"), findings, _FEDERATION, rules)
    services = value.get("publicServices", _MISSING)
    if services is None:
        services = []  # how a Go program writes an empty list that nothing was ever put into
    if not isinstance(services, (list, tuple)):
        raise bad_private(_FEDERATION, "publicServices is missing or not a list")
    if len(services) > MAX_SERVICES:
        raise bad_private(_FEDERATION, f"it publishes {len(services)} services, more than the {MAX_SERVICES} allowed")
    document = FederationMetadata(gateways, _services(services, trust_domain, len(gateways or ()), findings))
    _refuse_too_much(document)
    return document, condensed(findings)


def _refuse_too_much(document: FederationMetadata) -> None:
    services, gateways = len(document.public_services), len(document.ingress_gateways or ())
    if services * gateways > MAX_ENDPOINTS:
        raise bad_private(
            _FEDERATION,
            f"{services} services at {gateways} gateways are more than the {MAX_ENDPOINTS} endpoints allowed",
        )
    size = len(document.render())
    if size > MAX_REMEMBERED_BYTES:
        raise bad_private(
            _FEDERATION, f"what it offers takes {size} bytes, more than the {MAX_REMEMBERED_BYTES} that are remembered"
        )


def condensed(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings of one document: at most 50, and how many there are besides."""
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    left = findings[MAX_FINDINGS:]
    text = f"there are {len(left)} more problems in its document"
    worst = min((finding.severity for finding in left), key=("error", "warning").index)
    return (*findings[:MAX_FINDINGS], Finding(worst, "more-findings", text, "the neighbour has to correct it"))


def read_gateways(
    value: object, findings: list[Finding], what: str, rules: AddressRules
) -> tuple[GatewayAddress, ...] | None:
    """The gateways of a neighbour's document, without bad ones, which become findings; None when it doesn't know them.

    what: which document it is, for messages. rules: of the cluster that reads. Raises DocumentError, reason
    InvalidPrivateMetadata, when it is no list.
    """
    if value is None:
        return None
    if not isinstance(value, (list, tuple)):
        raise bad_private(what, "ingressGateways is not a list")
    if len(value) > MAX_GATEWAYS:
        raise bad_private(what, f"it names {len(value)} gateways, more than the {MAX_GATEWAYS} allowed")
    gateways = set()
    for entry in value:
        try:
            gateways.add(_gateway(entry, rules))
        except _RefusedError as why:
            findings.append(
                Finding(
                    "error",
                    "gateway-refused",
                    f"an ingress gateway is left out: {why}",
                    "correct the advertised gateway addresses of the neighbour; where they are right, allow them here"
                    " in alliance_allowed_gateway_addresses",
                )
            )
    # Only bad addresses are no answer: nothing may be concluded from them.
    return tuple(sorted(gateways)) if gateways or not value else None


def written_gateways(gateways: Iterable[GatewayAddress] | None) -> list[dict[str, object]] | None:
    """The wire's form of a document's gateways, sorted."""
    if gateways is None:
        return None
    return [{"address": gateway.address, "port": gateway.port} for gateway in sorted(set(gateways))]


def parse_gateway(entry: object) -> GatewayAddress:
    """One {address, port}. Raises ValueError that says what is wrong."""
    try:
        return _gateway(entry, _ANY_READER)
    except _RefusedError as why:
        raise ValueError(str(why)) from None


def _gateway(entry: object, rules: AddressRules) -> GatewayAddress:
    if not isinstance(entry, Mapping):
        raise _RefusedError("an entry is not an object")
    address, port = entry.get("address"), entry.get("port")
    problem = rules.problem(address)
    if problem:
        raise _RefusedError(f"{quoted(address)}: {problem}")
    return GatewayAddress(str(address), _port_number(port))


def _services(
    entries: Iterable[object], trust_domain: str | None, gateways: int, findings: list[Finding]
) -> tuple[PublicService, ...]:
    services: dict[str, PublicService] = {}
    for entry in entries:
        hostname = entry.get("hostname") if isinstance(entry, Mapping) else None
        try:
            service = _service(entry, trust_domain, findings)
            if len(service.ports) * gateways > MAX_PORTS_AT_GATEWAYS:
                raise _RefusedError(f"{len(service.ports)} ports at {gateways} gateways are too many for one object")
        except _RefusedError as why:
            findings.append(
                Finding(
                    "error",
                    "service-refused",
                    f"a published service is left out: {why}",
                    "the neighbour has to correct what it publishes",
                    object=quoted(hostname),
                )
            )
            continue
        first = services.setdefault(service.hostname, service)
        if first.ports != service.ports:
            findings.append(
                Finding(
                    "warning",
                    "service-twice",
                    "the service is published twice with different ports: the first one counts",
                    "the neighbour has to publish each hostname once",
                    object=service.hostname,
                )
            )
    return tuple(services[hostname] for hostname in sorted(services))


def _service(entry: object, trust_domain: str | None, findings: list[Finding]) -> PublicService:
    if not isinstance(entry, Mapping):
        raise _RefusedError("an entry is not an object")
    hostname = entry.get("hostname")
    problem = hostname_problem(hostname, trust_domain)
    if problem:
        raise _RefusedError(f"{quoted(hostname)}: {problem}")
    entries = entry.get("ports")
    if not isinstance(entries, (list, tuple)) or not entries:
        raise _RefusedError("it has no ports")
    if len(entries) > MAX_PORTS:
        raise _RefusedError(f"it has {len(entries)} ports, more than the {MAX_PORTS} allowed")
    ports = [_port(port, str(hostname), findings) for port in entries]
    if len({port.name for port in ports}) != len(ports) or len({port.port for port in ports}) != len(ports):
        raise _RefusedError("two of its ports have the same name or number")
    return PublicService(str(hostname), tuple(sorted(ports, key=_port_order)))


def hostname_problem(hostname: object, trust_domain: str | None) -> str | None:
    """Why this can't be a service of the cluster with this trust domain (None: of any); None when it can."""
    if not is_dns_name(hostname):
        return "the hostname is not a DNS name in small letters of at most 253 characters"
    parts = str(hostname).split(".", 3)
    if len(parts) < 4 or parts[2] != "svc":
        return "the hostname is not name.namespace.svc.<trust domain>"
    if trust_domain is not None and parts[3] != trust_domain:
        return f"the hostname is outside of the neighbour's trust domain {trust_domain}"
    return None


def _port(entry: object, hostname: str, findings: list[Finding]) -> ServicePort:
    if not isinstance(entry, Mapping):
        raise _RefusedError("a port is not an object")
    name, protocol = entry.get("name"), entry.get("protocol")
    if not is_dns_label(name):
        raise _RefusedError(f"the port name {quoted(name)} is not a DNS label")
    number = _port_number(entry.get("port"))
    if protocol is None or protocol == "":
        return ServicePort(str(name), number, wire_protocol(str(name)))
    if isinstance(protocol, str) and protocol.upper() in KNOWN_PROTOCOLS:
        return ServicePort(str(name), number, protocol.upper())
    derived = wire_protocol(str(name))
    findings.append(
        Finding(
            "warning",
            "protocol-unknown",
            f"port {name}: the protocol {quoted(protocol)} is not known, {derived} is taken from the name",
            "",
            object=hostname,
        )
    )
    return ServicePort(str(name), number, derived)


def _port_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise _RefusedError(f"the port {quoted(value)} is not a number from 1 to 65535")
    return value


def _port_order(port: ServicePort) -> tuple[int, str]:
    return port.port, port.name


def quoted(value: object) -> str:
    """A stranger's value for a message: ASCII, short, on one line."""
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def rendered(document: Mapping[str, object]) -> bytes:
    """A document's bytes, always the same for the same content."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _bad_public(field: str, why: str) -> DocumentError:
    return DocumentError(
        f"{field} of the public metadata can't be used: {why}",
        reason="InvalidPublicMetadata",
        remedy="look at the neighbour's metadata-exporter; while a cluster comes up, fields may be empty",
    )


def bad_private(what: str, why: str) -> DocumentError:
    """The error for a private document, C(what), that can't be used as a whole."""
    return DocumentError(
        f"{what} can't be used: {why}",
        reason="InvalidPrivateMetadata",
        remedy="look at the neighbour's metadata-exporter",
    )
