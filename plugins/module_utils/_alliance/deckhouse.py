# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Deckhouse Kubernetes Platform's module istio: how it is switched on, and what its objects tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

Object = dict[str, Any]

# Older schema versions are converted by the platform; where there is one, it stays.
NEWEST_CONFIG_VERSION = 3
INLETS = ("LoadBalancer", "NodePort")
LOWEST_NODE_PORT, HIGHEST_NODE_PORT = 1024, 65535
# alliance_gateway's keys by the settings that they become.
_GATEWAY_SETTINGS = {
    "inlet": "inlet",
    "service_annotations": "serviceAnnotations",
    "node_selector": "nodeSelector",
    "tolerations": "tolerations",
    "advertise": "advertise",
}
_MAPPINGS = ("service_annotations", "node_selector")
_LISTS = ("tolerations", "advertise", "multicluster_advertise")
_ADDRESS_KEYS = frozenset({"address", "port"})
_NODE_PORT = "node_port"
# Keys of the same variable that have no place here: the platform's exporter and its api-proxy are behind Ingresses, and
# its gateway has one port for everybody.
_UPSTREAM_NODE_PORTS = ("metadata_node_port", "multicluster_node_port", "api_node_port")
_UPSTREAM_ADVERTISE = "multicluster_advertise"
# The name of its way to the API in public names.
API_PROXY = "istio-api-proxy"
_METADATA_HOST = "istio-metadata."
_METADATA_PATH = names.METADATA_PATH.rstrip("/")


def module_config(version: int | None, gateway: Mapping[str, Any], *, multicluster: bool = False) -> Object:
    """The part of ModuleConfig istio that an alliance needs, for server-side apply: what others set there stays.

    version: the schema version of the live one, None for none. gateway: the variable alliance_gateway; only the keys
    that it has become settings. Raises AllianceError for a key or value that the platform doesn't know.
    """
    settings: Object = {"federation": {"enabled": True}}
    if multicluster:
        settings["multicluster"] = {"enabled": True}
    ingressgateway = _ingressgateway(gateway)
    if ingressgateway:
        settings["alliance"] = {"ingressGateway": ingressgateway}
    return {
        "apiVersion": f"{names.FEDERATION_GROUP}/{names.FEDERATION_VERSION}",
        "kind": "ModuleConfig",
        "metadata": {"name": names.DKP_MODULE},
        "spec": {"version": version or NEWEST_CONFIG_VERSION, "enabled": True, "settings": settings},
    }


def check_gateway(gateway: object) -> None:
    """Whether a cluster of either kind can take the variable alliance_gateway. Raises AllianceError when it can't."""
    if gateway is not None:
        _ingressgateway(gateway)


def config_version(config: Mapping[str, Any] | None) -> int | None:
    """The schema version of a ModuleConfig; None when there is none or it doesn't say."""
    version = _spec(config).get("version")
    return version if isinstance(version, int) else None


def switched_off(config: Mapping[str, Any] | None) -> list[str]:
    """What is still to be switched on in ModuleConfig istio, in words."""
    if config is None:
        return ["the ModuleConfig istio with the federation switched on"]
    spec = _spec(config)
    missing = []
    if spec.get("enabled") is not True:
        missing.append("the module istio (spec.enabled of ModuleConfig istio)")
    federation = (spec.get("settings") or {}).get("federation") or {}
    if federation.get("enabled") is not True:
        missing.append("federation (spec.settings.federation.enabled of ModuleConfig istio)")
    return missing


@dataclass(frozen=True)
class Endpoint:
    """Where the platform's metadata-exporter is, and which Secret of its namespace has the certificate."""

    url: str
    secret: str | None = None


def ingress_endpoint(ingresses: Iterable[Mapping[str, Any]], wanted: str | None = None) -> Endpoint | None:
    """The metadata endpoint that the Ingresses of d8-istio tell; None when none of them leads there.

    The host of the newer platform (istio-metadata.<domain>) goes first, but the one of C(wanted), a URL, before all.
    """
    found: dict[str, Endpoint] = {}
    for ingress in ingresses:
        spec = ingress.get("spec") or {}
        for rule in spec.get("rules") or []:
            host = str(rule.get("host") or "")
            paths = [str(path.get("path") or "") for path in (rule.get("http") or {}).get("paths") or []]
            if host and any(path.startswith(_METADATA_PATH) for path in paths):
                url = f"https://{host}{names.METADATA_PATH}"
                found.setdefault(host, Endpoint(url, _tls_secret(spec.get("tls") or [], host)))
    preferred = urlsplit(wanted).hostname if wanted else None
    order = sorted(found, key=lambda host: (host != preferred, not host.startswith(_METADATA_HOST), host))
    return found[order[0]] if order else None


def template_endpoint(global_config: Mapping[str, Any] | None) -> Endpoint | None:
    """The metadata endpoint by the platform's template of public names (ModuleConfig global); None without one."""
    host = template_host(global_config, names.DKP_MODULE)
    return Endpoint(f"https://{host}{names.METADATA_PATH}") if host else None


def ingress_host(ingresses: Iterable[Mapping[str, Any]], prefix: str) -> str | None:
    """The first host with this beginning that Ingresses tell; None when they tell none."""
    rules = [rule for ingress in ingresses for rule in (ingress.get("spec") or {}).get("rules") or []]
    hosts = sorted(str(rule.get("host") or "") for rule in rules)
    return next((host for host in hosts if host.startswith(prefix)), None)


def template_host(global_config: Mapping[str, Any] | None, name: str) -> str | None:
    """The public name of one of the platform's services by its template (ModuleConfig global); None without one."""
    modules = (_spec(global_config).get("settings") or {}).get("modules") or {}
    template = modules.get("publicDomainTemplate")
    if not isinstance(template, str) or "%s" not in template:
        return None
    return template.replace("%s", name, 1)


def _spec(config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    spec = (config or {}).get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _tls_secret(entries: Iterable[Mapping[str, Any]], host: str) -> str | None:
    """The Secret with the certificate for a host; an entry without hosts stands for all of them."""
    for entry in entries:
        if entry.get("secretName") and host in (entry.get("hosts") or [host]):
            return str(entry["secretName"])
    return None


def _ingressgateway(gateway: object) -> Object:
    known = (*_GATEWAY_SETTINGS, _NODE_PORT, *_UPSTREAM_NODE_PORTS, _UPSTREAM_ADVERTISE)
    if not isinstance(gateway, Mapping):
        raise _refused("it is no mapping", f"write a mapping with the keys {', '.join(sorted(known))}")
    unknown = sorted(str(key) for key in gateway if key not in known)
    if unknown:
        raise _refused(f"it has {', '.join(unknown)}", f"it knows {', '.join(sorted(known))}")
    given = {key: value for key, value in gateway.items() if value not in (None, "", [], {})}
    _check_shapes(given)
    settings: Object = {setting: given[key] for key, setting in _GATEWAY_SETTINGS.items() if key in given}
    if settings.get("inlet", INLETS[0]) not in INLETS:
        raise _refused(f"inlet is {settings['inlet']}", f"set it to {' or '.join(INLETS)}")
    for key in _UPSTREAM_NODE_PORTS:
        if key in given:
            _port(given[key], key, LOWEST_NODE_PORT)
    for entry in given.get(_UPSTREAM_ADVERTISE, []):
        _address(entry, _UPSTREAM_ADVERTISE)
    if _NODE_PORT in given:
        settings["nodePort"] = {"port": _port(given[_NODE_PORT], _NODE_PORT, LOWEST_NODE_PORT)}
    if "advertise" in settings:
        settings["advertise"] = [_address(entry) for entry in settings["advertise"]]
    return settings


def _check_shapes(given: Mapping[str, Any]) -> None:
    for key in _MAPPINGS:
        value = given.get(key, {})
        if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
            raise _refused(f"{key} is no mapping of texts", 'quote values that are no text, for example "true"')
    for key in _LISTS:
        value = given.get(key, [])
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, Mapping) for item in value):
            raise _refused(f"{key} is no list of mappings", "begin each of its entries with a dash")


def _address(entry: Mapping[str, Any], what: str = "advertise") -> Object:
    address = entry.get("address")
    if not isinstance(address, str) or not address or set(entry) != _ADDRESS_KEYS:
        raise _refused(f"an entry of {what} has not just address and port", "give each entry address and port")
    return {"address": address, "port": _port(entry["port"], f"a port of {what}", 1)}


def _port(value: object, what: str, lowest: int) -> int:
    text = str(value)
    if not text.isdecimal() or not lowest <= int(text) <= HIGHEST_NODE_PORT:
        raise _refused(f"{what} is {text}", f"set it to a number from {lowest} to {HIGHEST_NODE_PORT}")
    return int(text)


def _refused(message: str, remedy: str) -> AllianceError:
    return AllianceError(message, obj="alliance_gateway", remedy=remedy)
