# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""metadata_certificate: the endpoint's certificate follows the gateway's addresses, its CA stays."""

from __future__ import annotations

import base64
import datetime
from typing import Any

import pytest
from cryptography import x509

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.serving import make_ca, make_leaf

from tests.gates.cycle import Step, cycle
from tests.integration.ansible_module import Cycle, ModuleRun, ModuleRunner
from tests.integration.conftest import Admin

NAMESPACE = "certificates"
SERVED, AUTHORITY = "alliance-metadata-tls", "alliance-metadata-ca"
INSIDE = f"alliance-ingressgateway.{NAMESPACE}.svc"
ARGUMENTS: dict[str, dict[str, Any]] = {
    "create": {"namespace": NAMESPACE, "names": ["metadata.example.com"]},
    "change": {"namespace": NAMESPACE, "names": ["metadata.example.com", "203.0.113.20"]},
    "delete": {"namespace": NAMESPACE, "state": "absent"},
}


def secret(admin: Admin, name: str) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in admin.data("Secret", NAMESPACE, name).items()}


def names_in(pem: str) -> set[str]:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def assert_hidden(done: ModuleRun, *keys: str) -> None:
    assert "PRIVATE KEY" not in done.output
    for key in keys:
        for line in key.splitlines()[1:-1]:
            assert line not in done.output
        assert base64.b64encode(key.encode()).decode()[:60] not in done.output


def gateway(admin: Admin, *addresses: str) -> None:
    """The gateway's Service, whose load balancer has addresses."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "alliance-ingressgateway", "namespace": NAMESPACE},
    }
    ports = [{"name": "https", "port": 443}]
    admin.apply({**service, "spec": {"type": "LoadBalancer", "ports": ports}})
    ingress = [{"ip": address} for address in addresses]
    admin.apply({**service, "status": {"loadBalancer": {"ingress": ingress}}}, subresource="status")


@pytest.fixture(scope="module", autouse=True)
def _namespaces(admin: Admin) -> None:
    admin.namespace(NAMESPACE)


@cycle
def test_cycle(step: Step, run: ModuleRunner, expect: Cycle, admin: Admin) -> None:
    kept = secret(admin, AUTHORITY) if step.id == "change-real-first" else None
    done = run("metadata_certificate", check=step.check, by_ansible=True, **ARGUMENTS[step.action])
    expect(step, done)
    if step.mode == "real" and step.action != "delete":
        served, authority = secret(admin, SERVED), secret(admin, AUTHORITY)
        assert_hidden(done, served["tls.key"], authority["tls.key"])
        assert served["ca.crt"] == authority["tls.crt"]
        assert names_in(served["tls.crt"]) == set(done.result["names"]) == {INSIDE, *ARGUMENTS[step.action]["names"]}
        leaf = x509.load_pem_x509_certificate(served["tls.crt"].encode())
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority["tls.crt"].encode()))
        assert "ca.key" not in served
    if kept is not None:
        assert secret(admin, AUTHORITY) == kept, "neighbours know this CA"
        assert done.result["reason"] == "its names are not those of the gateway any more"
    if step.check:
        assert_hidden(done)


def test_the_gateways_addresses_are_followed_under_the_same_ca(run: ModuleRunner, admin: Admin) -> None:
    gateway(admin, "203.0.113.10")
    run("metadata_certificate", namespace=NAMESPACE)
    before = secret(admin, SERVED)
    assert names_in(before["tls.crt"]) == {INSIDE, "203.0.113.10"}
    gateway(admin, "203.0.113.11", "203.0.113.12")
    done = run("metadata_certificate", namespace=NAMESPACE)
    after = secret(admin, SERVED)
    assert done.objects == {("updated", "Secret", SERVED)}
    assert names_in(after["tls.crt"]) == {INSIDE, "203.0.113.11", "203.0.113.12"}
    assert after["ca.crt"] == before["ca.crt"]
    assert after["tls.key"] != before["tls.key"]
    assert run("metadata_certificate", namespace=NAMESPACE).writes == ()


def test_it_is_renewed_before_it_ends(run: ModuleRunner, admin: Admin) -> None:
    """A leaf that was made eleven months ago has less than 60 days left; its CA has more."""
    arguments = {"namespace": NAMESPACE}
    run("metadata_certificate", **arguments)
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=330)
    ca = make_ca("old", then)
    old = make_leaf(ca, run("metadata_certificate", **arguments).result["names"], then)
    for name, data in (
        (AUTHORITY, {"tls.crt": ca.certificate, "tls.key": ca.key}),
        (SERVED, {"tls.crt": old.certificate, "tls.key": old.key, "ca.crt": ca.certificate}),
    ):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        metadata = {"name": name, "namespace": NAMESPACE}
        admin.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded})
    assert run("metadata_certificate", renew_before_days=20, **arguments).result["reason"] == ""
    done = run("metadata_certificate", **arguments)
    assert done.result["reason"] == "it ends within 60 days"
    renewed = secret(admin, SERVED)
    assert renewed["ca.crt"] == ca.certificate
    assert renewed["tls.crt"] != old.certificate
    assert_hidden(done, renewed["tls.key"], old.key, ca.key)
