# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for everything that is made of a neighbour's words, checked without the collection's own code.

Each function raises AssertionError that says which rule an object breaks.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.integration.hostile import pki

Object = Mapping[str, Any]

LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
PROTOCOLS = {"TLS", "HTTP", "HTTP2", "TCP", "GRPC", "GRPC-WEB", "HTTPS", "MONGO", "MYSQL", "REDIS"}
# What means this machine, this link, everybody or nobody; and what Istio gives to ServiceEntries itself.
NOWHERE = [
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/96", "fe80::/10", "ff00::/8"),
        *("::ffff:0:0/96", "64:ff9b::7f00:0/104", "2002:7f00::/24", "2001:2::/48", "fec0::/10"),
    )
]
MAX_OBJECT_BYTES = 1024 * 1024


def of_address(address: Any, own: Collection[str] = (), allowed: Collection[str] = ()) -> None:
    """A gateway's address: an IP address or DNS name that is neither here nor nowhere. C(own): networks and names."""
    assert isinstance(address, str), address
    if address in allowed:
        return
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        assert len(address) <= 253, address
        assert re.fullmatch(rf"{LABEL}(\.{LABEL})*", address), address
        assert not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", address.split(".")[-1]), address
        assert address.split(".")[-1] not in ("localhost", "localdomain", "svc"), address
        assert ".svc." not in f"{address}." or not address.endswith((".local", ".svc")), address
        assert address not in own, address
        return
    assert "%" not in address, address
    assert not any(parsed in network for network in NOWHERE), address
    for text in own:
        if re.fullmatch(r"[0-9a-f.:]+(/[0-9]+)?", text):
            assert parsed not in ipaddress.ip_network(text), address


def of_port(value: Any) -> None:
    """A port's number."""
    assert isinstance(value, int), value
    assert not isinstance(value, bool), value
    assert 1 <= value <= 65535, value


def of_service_entry(
    entry: Object, domains: Collection[str], own: Collection[str] = (), allowed: Collection[str] = ()
) -> None:
    """An imported host. C(domains): the neighbours' trust domains."""
    spec, (host,) = entry["spec"], entry["spec"]["hosts"]
    assert entry["metadata"]["name"] == host
    match = re.fullmatch(rf"{LABEL}\.{LABEL}\.svc\.(?P<domain>.+)", host)
    assert match, host
    assert match["domain"] in domains, host
    assert len(host) <= 253, host
    assert set(spec) <= {"hosts", "location", "resolution", "ports", "endpoints"}, sorted(spec)
    assert spec["location"] == "MESH_INTERNAL"
    assert 1 <= len(spec["ports"]) <= 100
    for port in spec["ports"]:
        assert set(port) <= {"name", "number", "protocol"}, port
        of_port(port["number"])
        assert re.fullmatch(LABEL, port["name"]), port
        assert port["protocol"] in PROTOCOLS, port
    names = {port["name"] for port in spec["ports"]}
    assert len(names) == len({port["number"] for port in spec["ports"]}) == len(spec["ports"]), spec["ports"]
    assert spec["endpoints"], host
    numeric = []
    for endpoint in spec["endpoints"]:
        # Above all no serviceAccount, whose identity would be expected in the reader's own domain, and no network.
        assert set(endpoint) <= {"address", "labels", "ports", "locality"}, endpoint
        assert endpoint["labels"] == {"security.istio.io/tlsMode": "istio"}, endpoint
        of_address(endpoint["address"], own, allowed)
        assert set(endpoint["ports"]) == names, endpoint
        for number in endpoint["ports"].values():
            of_port(number)
        numeric.append(bool(re.fullmatch(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*", endpoint["address"])))
    assert spec["resolution"] == ("STATIC" if all(numeric) else "DNS"), host
    assert len(json.dumps(entry)) <= MAX_OBJECT_BYTES, host


def of_destination_rule(rule: Object, domains: Collection[str]) -> None:
    """How an imported host is called: by mutual TLS of the mesh, and nothing else is said."""
    host = rule["spec"]["host"]
    assert rule["metadata"]["name"] == host
    assert any(host.endswith(f".svc.{domain}") for domain in domains), host
    assert rule["spec"] == {"host": host, "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}, rule["spec"]


def of_shared_mesh_config(text: str, roots: Mapping[str, Collection[str]]) -> None:
    """Whom istiod trusts. C(roots): the roots that may be trusted, PEM, by trust domain."""
    assert len(text) <= MAX_OBJECT_BYTES
    config = yaml.safe_load(text)
    assert set(config) <= {"caCertificates"}, sorted(config)
    for entry in config.get("caCertificates") or []:
        assert set(entry) == {"pem", "trustDomains"}, sorted(entry)
        (domain,) = entry["trustDomains"]
        keys = {pki.key_of(root) for root in roots.get(domain, ())}
        of_anchor(entry["pem"], domain)
        assert pki.key_of(entry["pem"]) in keys, f"a root of somebody else is trusted for {domain}"


def of_anchor(pem: str, domain: str) -> None:
    """An anchor: one certificate that speaks for one domain only, and that istiod can read."""
    assert pem.count("-----BEGIN") == pem.count("-----BEGIN CERTIFICATE-----") == 1
    certificate = x509.load_pem_x509_certificate(pem.encode())
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        assert 2048 <= key.key_size <= 8192
    elif isinstance(key, ec.EllipticCurvePublicKey):
        assert key.curve.name in ("secp256r1", "secp384r1", "secp521r1")
    else:
        assert isinstance(key, ed25519.Ed25519PublicKey)
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    extension = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert extension.critical
    permitted, excluded = extension.value.permitted_subtrees or [], extension.value.excluded_subtrees or []
    uris = [name.value for name in permitted if isinstance(name, x509.UniformResourceIdentifier)]
    assert uris[0] == domain
    assert all(not uri.endswith(f".{domain}") for uri in uris[1:])
    assert x509.DNSName("") in excluded


def of_exporter_keys(text: str, keys: Mapping[str, str], own_uuid: str) -> None:
    """Whose tokens the exporter takes: each with its own key. C(keys): PEM by clusterUUID."""
    assert len(text) <= MAX_OBJECT_BYTES
    told = json.loads(text)
    assert own_uuid not in told
    for uuid, entry in told.items():
        assert re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}", uuid), uuid
        assert entry["clusterUUID"] == uuid
        assert entry["authnKeyPub"].count("-----BEGIN ED25519 PUBLIC KEY-----") == 1
        assert entry["authnKeyPub"].count("-----BEGIN") == 1
        if uuid in keys:
            assert entry["authnKeyPub"] == keys[uuid], f"{uuid} has somebody else's key"


def of_status(resource: Object, own: Collection[str] = (), allowed: Collection[str] = ()) -> None:
    """What is remembered of a neighbour: only what may be used again."""
    assert len(json.dumps(resource)) <= MAX_OBJECT_BYTES + 128 * 1024
    cache = (resource.get("status") or {}).get("metadataCache") or {}
    private = cache.get("private") or {}
    for gateway in private.get("ingressGateways") or []:
        of_address(gateway["address"], own, allowed)
        of_port(gateway["port"])
    for condition in (resource.get("status") or {}).get("conditions") or []:
        assert condition["status"] in ("True", "False")
        assert condition["message"].isprintable(), condition
        assert len(condition["message"]) <= 2000, len(condition["message"])


def of_networks(text: str, names: Collection[str]) -> None:
    """How networks are joined."""
    networks = yaml.safe_load(text)["networks"]
    for name, network in networks.items():
        assert name in names, name
        assert re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,252}", name), name
        for gateway in network["gateways"]:
            of_address(gateway["address"])
            of_port(gateway["port"])


def of_finding(finding: Mapping[str, str]) -> None:
    """What is said to people: on one line, without anything that a terminal would act upon, and with a way out."""
    assert finding["severity"] in ("error", "warning")
    assert finding["code"]
    for text in (finding["message"], finding["object"], finding["remedy"]):
        assert text.isprintable(), text
        assert len(text) <= 4000, len(text)
    assert "BEGIN PRIVATE KEY" not in finding["message"]
    if finding["severity"] == "error":
        assert finding["remedy"], finding


def of_all(objects: Iterable[Object], kinds: Collection[str]) -> None:
    """Nothing but what is made here: no other kinds."""
    assert {item["kind"] for item in objects} <= set(kinds)
