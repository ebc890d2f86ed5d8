# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ModuleConfig istio, and the endpoint that a Deckhouse cluster's objects tell."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.deckhouse import (
    Endpoint,
    config_version,
    ingress_endpoint,
    module_config,
    switched_off,
    template_endpoint,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError


def settings(gateway: dict[str, Any], **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = module_config(None, gateway, **more)["spec"]["settings"]
    return made


def test_the_manifest_holds_only_what_an_alliance_needs() -> None:
    """Every other field of the live object is somebody else's and stays."""
    assert module_config(None, {}) == {
        "apiVersion": "deckhouse.io/v1alpha1",
        "kind": "ModuleConfig",
        "metadata": {"name": "istio"},
        "spec": {"version": 3, "enabled": True, "settings": {"federation": {"enabled": True}}},
    }


def test_the_version_that_is_there_stays() -> None:
    assert module_config(2, {})["spec"]["version"] == 2


def test_multicluster_is_a_parameter_of_its_own() -> None:
    assert settings({}, multicluster=True) == {"federation": {"enabled": True}, "multicluster": {"enabled": True}}


def test_a_variable_shared_with_upstream_clusters_may_say_more() -> None:
    more = {
        "metadata_node_port": 30444,
        "multicluster_node_port": 30544,
        "api_node_port": "30644",
        "multicluster_advertise": [{"address": "gw.example.com", "port": 15444}],
    }
    assert settings(more) == {"federation": {"enabled": True}}


def test_the_gateway_has_the_settings_that_are_given() -> None:
    gateway = {
        "inlet": "NodePort",
        "node_port": "30443",
        "service_annotations": {"a": "b"},
        "node_selector": {"node-role": "edge"},
        "tolerations": [{"operator": "Exists"}],
        "advertise": [{"address": "gw.example.com", "port": "443"}],
    }
    assert settings(gateway)["alliance"] == {
        "ingressGateway": {
            "inlet": "NodePort",
            "nodePort": {"port": 30443},
            "serviceAnnotations": {"a": "b"},
            "nodeSelector": {"node-role": "edge"},
            "tolerations": [{"operator": "Exists"}],
            "advertise": [{"address": "gw.example.com", "port": 443}],
        }
    }
    assert settings({"inlet": "LoadBalancer"})["alliance"] == {"ingressGateway": {"inlet": "LoadBalancer"}}
    assert settings({"inlet": None, "advertise": [], "node_selector": {}}) == {"federation": {"enabled": True}}


@pytest.mark.parametrize(
    ("gateway", "named"),
    [
        ({"nodeport": 30443}, "nodeport"),
        ({"inlet": "HostPort"}, "HostPort"),
        ({"node_port": 80}, "from 1024 to 65535"),
        ({"node_port": "many"}, "many"),
        ({"node_port": True}, "True"),
        ({"multicluster_node_port": 80}, "multicluster_node_port is 80"),
        ({"api_node_port": "many"}, "api_node_port is many"),
        ({"multicluster_advertise": {"address": "gw.example.com"}}, "list of mappings"),
        ({"multicluster_advertise": [{"port": 443}]}, "an entry of multicluster_advertise"),
        ({"multicluster_advertise": [{"address": "a", "port": 0}]}, "a port of multicluster_advertise is 0"),
        ({"advertise": [{"port": 443}]}, "address"),
        ({"advertise": [{"address": "203.0.113.7"}]}, "address and port"),
        ({"advertise": ["gw.example.com"]}, "list of mappings"),
        ({"advertise": [{"address": "gw.example.com", "port": 70000}]}, "70000"),
    ],
)
def test_what_the_platform_would_not_know_is_refused(gateway: dict[str, Any], named: str) -> None:
    with pytest.raises(AllianceError, match=named) as caught:
        module_config(None, gateway)
    assert caught.value.obj == "alliance_gateway"
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("config", "version", "missing"),
    [
        (None, None, 1),
        ({}, None, 2),
        ({"spec": {"version": 2, "enabled": True}}, 2, 1),
        ({"spec": {"version": 3, "settings": {"federation": {"enabled": True}}}}, 3, 1),
        ({"spec": {"version": "3", "enabled": True, "settings": {"federation": {"enabled": True}}}}, None, 0),
        ({"spec": {"version": 3, "enabled": True, "settings": {"federation": None}}}, 3, 1),
    ],
)
def test_what_is_switched_on(config: dict[str, Any] | None, version: int | None, missing: int) -> None:
    assert config_version(config) == version
    assert len(switched_off(config)) == missing


def ingress(*hosts: str, path: str = "/metadata/", tls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    rules = [{"host": host, "http": {"paths": [{"path": path}]}} for host in hosts]
    return {"spec": {"rules": rules, "tls": tls or []}}


def test_the_newer_host_goes_first() -> None:
    found = ingress_endpoint([ingress("istio.b.example"), ingress("istio-metadata.b.example")])
    assert found == Endpoint("https://istio-metadata.b.example/metadata/")


def test_the_host_that_was_asked_for_goes_before_all() -> None:
    tls = [{"hosts": ["istio.b.example"], "secretName": "old"}, {"secretName": "any"}]
    found = ingress_endpoint(
        [ingress("istio-metadata.b.example"), ingress("istio.b.example", tls=tls)], "https://istio.b.example/metadata/"
    )
    assert found == Endpoint("https://istio.b.example/metadata/", "old")


def test_an_ingress_of_something_else_is_none() -> None:
    others = [ingress("kiali.b.example", path="/"), ingress("api.b.example", path=""), {"spec": {"rules": [{}]}}, {}]
    assert ingress_endpoint(others) is None


def test_a_certificate_without_hosts_is_for_all() -> None:
    tls = [{"hosts": ["else.example"], "secretName": "else"}, {"secretName": "all"}]
    assert ingress_endpoint([ingress("istio.b.example", tls=tls)]) == Endpoint(
        "https://istio.b.example/metadata/", "all"
    )


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("%s.b.example", "https://istio.b.example/metadata/"),
        ("apps-%s.b.example", "https://apps-istio.b.example/metadata/"),
        ("b.example", None),
        (None, None),
    ],
)
def test_the_template_of_public_names(template: str | None, url: str | None) -> None:
    found = template_endpoint({"spec": {"settings": {"modules": {"publicDomainTemplate": template}}}})
    assert (found.url if found else None) == url
    assert template_endpoint(None) is None
