# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platform's resource definitions, our own text: same group, names, fields and limits."""

from __future__ import annotations

from typing import Any

from tests.deckhouse import facts

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_OPEN: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
_GATEWAYS: Schema = {
    "type": "array",
    "nullable": True,
    "items": {"type": "object", "properties": {"address": _TEXT, "port": _PORT}},
}
_ENDPOINT: Schema = {
    "metadataEndpoint": {"type": "string", "pattern": "^(https|file)://[0-9a-zA-Z._/:-]+$"},
    "metadata": {
        "type": "object",
        "properties": {"clusterCA": _TEXT, "enableInsecureConnection": {"type": "boolean"}},
    },
}


def module_config() -> Schema:
    """ModuleConfig: a module's switch and its settings, which only the module understands."""
    spec = {
        "type": "object",
        "properties": {
            "version": {"type": "integer", "minimum": 1},
            "enabled": {"type": "boolean"},
            "settings": _OPEN,
        },
    }
    return _definition("ModuleConfig", "moduleconfigs", spec, _OPEN)


def istio_federation() -> Schema:
    """IstioFederation: a peer with a trust domain of its own."""
    services = {
        "type": "array",
        "nullable": True,
        "items": {
            "type": "object",
            "properties": {
                "hostname": _TEXT,
                "ports": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"name": _TEXT, "port": _PORT, "protocol": _TEXT}},
                },
            },
        },
    }
    spec = {
        "type": "object",
        "required": ["trustDomain", "metadataEndpoint"],
        "properties": {"trustDomain": {"type": "string", "pattern": "^[0-9a-zA-Z._-]+$"}, **_ENDPOINT},
    }
    private = {"ingressGateways": _GATEWAYS, "publicServices": services}
    return _definition("IstioFederation", "istiofederations", spec, _status(private))


def istio_multicluster() -> Schema:
    """IstioMulticluster: a peer with the same cluster domain."""
    spec = {
        "type": "object",
        "required": ["metadataEndpoint"],
        "properties": {"enableIngressGateway": {"type": "boolean", "default": True}, **_ENDPOINT},
    }
    private = {
        "ingressGateways": _GATEWAYS,
        "ambientGateways": _GATEWAYS,
        **dict.fromkeys(("apiHost", "networkName", "clusterID"), _TEXT),
    }
    return _definition("IstioMulticluster", "istiomulticlusters", spec, _status(private))


def _status(private: Schema) -> Schema:
    time = {"type": "string", "format": "date-time"}
    public = dict.fromkeys(("clusterUUID", "authnKeyPub", "rootCA"), _TEXT)
    condition = dict.fromkeys(("type", "status", "reason", "message"), _TEXT)
    return {
        "type": "object",
        "properties": {
            "metadataCache": {
                "type": "object",
                "properties": {
                    "public": {"type": "object", "properties": public},
                    "private": {"type": "object", "properties": private},
                    "publicLastFetchTimestamp": time,
                    "privateLastFetchTimestamp": time,
                },
            },
            "conditions": {
                "type": "array",
                "items": {"type": "object", "properties": {**condition, "lastTransitionTime": time}},
            },
        },
    }


def _definition(kind: str, plural: str, spec: Schema, status: Schema) -> Schema:
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec, "status": status}}
    version = {
        "name": facts.API_VERSION.partition("/")[2],
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{facts.GROUP}"},
        "spec": {
            "group": facts.GROUP,
            "scope": "Cluster",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }
