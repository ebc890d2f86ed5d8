# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom resource definitions of IstioFederation and IstioMulticluster, for clusters where nobody brought them.

Field names, scope, group and version are those that Deckhouse's resources have, so that tools read both.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_GROUP,
    FEDERATION_KIND,
    FEDERATION_VERSION,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    MULTICLUSTER_KIND,
)


def federation_crd() -> dict[str, Any]:
    """CustomResourceDefinition of IstioFederation: a neighbour with a trust domain of its own."""
    private = {
        "ingressGateways": _list(_gateway()),
        "publicServices": _list(
            {
                "type": "object",
                "properties": {
                    "hostname": {"type": "string"},
                    "ports": _list(
                        {
                            "type": "object",
                            "properties": {
                                "name": {"type": "string"},
                                "port": _PORT,
                                "protocol": {"type": "string"},
                            },
                        }
                    ),
                },
            }
        ),
    }
    spec = {
        "trustDomain": {
            "type": "string",
            "pattern": "^[0-9a-zA-Z._-]+$",
            "description": "The trust domain, which is the cluster domain, of the neighbour.",
        },
        **_spec_of_endpoint(),
    }
    columns = [
        _column("Trust-Domain", ".spec.trustDomain"),
        _column("Endpoint", ".spec.metadataEndpoint"),
        _column("Services", ".status.publicServices", "integer"),
    ]
    return _crd(FEDERATION_KIND, "istiofederations", spec, ["metadataEndpoint", "trustDomain"], private, columns)


def multicluster_crd() -> dict[str, Any]:
    """CustomResourceDefinition of IstioMulticluster: a neighbour with the same cluster domain."""
    private = {
        "ingressGateways": _list(_gateway()),
        "ambientGateways": _list(_gateway()),
        "apiHost": {"type": "string"},
        "networkName": {"type": "string"},
        "clusterID": {"type": "string"},
    }
    spec = {
        "enableIngressGateway": {
            "type": "boolean",
            "default": True,
            "description": "Whether pods are reached through the neighbour's gateway; false in a flat network.",
        },
        **_spec_of_endpoint(),
    }
    columns = [_column("Endpoint", ".spec.metadataEndpoint")]
    return _crd(MULTICLUSTER_KIND, "istiomulticlusters", spec, ["metadataEndpoint"], private, columns)


_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}


def _gateway() -> dict[str, Any]:
    return {"type": "object", "properties": {"address": {"type": "string"}, "port": _PORT}}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    # null is what an exporter with a problem says; it is kept as it came.
    return {"type": "array", "nullable": True, "items": items}


def _column(name: str, path: str, kind: str = "string") -> dict[str, str]:
    return {"name": name, "type": kind, "jsonPath": path}


def _spec_of_endpoint() -> dict[str, Any]:
    return {
        "metadataEndpoint": {
            "type": "string",
            "pattern": r"^(https|file)://[0-9a-zA-Z._/:\[\]-]+$",
            "description": "The base address of the neighbour's metadata, for example https://istio.example.com/metadata/.",
        },
        "metadata": {
            "type": "object",
            "properties": {
                "clusterCA": {
                    "type": "string",
                    "description": "PEM certificates that are trusted for the endpoint, besides the system's.",
                },
                "enableInsecureConnection": {
                    "type": "boolean",
                    "default": False,
                    "description": "Don't check the endpoint's certificate.",
                },
            },
        },
    }


def _status(private: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {
            "publicServices": {"type": "integer", "description": "How many services the neighbour offers."},
            "metadataCache": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "properties": {
                    "public": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                        "properties": {name: {"type": "string"} for name in ("clusterUUID", "authnKeyPub", "rootCA")},
                    },
                    "private": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                        "properties": private,
                    },
                    "publicLastFetchTimestamp": {"type": "string", "format": "date-time"},
                    "privateLastFetchTimestamp": {"type": "string", "format": "date-time"},
                },
            },
            "conditions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["type", "status"],
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {
                        "type": {"type": "string"},
                        "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
                        "reason": {"type": "string"},
                        "message": {"type": "string"},
                        "lastTransitionTime": {"type": "string", "format": "date-time"},
                    },
                },
            },
        },
    }


def _crd(
    kind: str,
    plural: str,
    spec: dict[str, Any],
    required: list[str],
    private: dict[str, Any],
    columns: list[dict[str, str]],
) -> dict[str, Any]:
    stale = '.status.conditions[?(@.type=="Stale")].status'
    ready = '.status.conditions[?(@.type=="PrivateMetadataExchangeReady")].status'
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{FEDERATION_GROUP}", "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "spec": {
            "group": FEDERATION_GROUP,
            "scope": "Cluster",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": FEDERATION_VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        *columns,
                        _column("Ready", ready),
                        _column("Stale", stale),
                        _column("Last-Answer", ".status.metadataCache.privateLastFetchTimestamp", "date"),
                        _column("Age", ".metadata.creationTimestamp", "date"),
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "required": ["spec"],
                            "properties": {
                                "spec": {"type": "object", "required": required, "properties": spec},
                                "status": _status(private),
                            },
                        }
                    },
                }
            ],
        },
    }
