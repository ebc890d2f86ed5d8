# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which the API server refuses what the platform wouldn't take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.deckhouse import facts

Object = dict[str, Any]

FEDERATION_OFF = "d8-istio-federation-off"
MULTICLUSTER_OFF = "d8-istio-multicluster-off"
MODULE_CONFIG = "d8-istio-module-config"
OFF_MESSAGE = "IstioFederation can't be used: settings.federation.enabled of ModuleConfig istio is off"
MULTICLUSTER_OFF_MESSAGE = "IstioMulticluster can't be used: settings.multicluster.enabled of ModuleConfig istio is off"

_API_VERSION = "admissionregistration.k8s.io/v1"
# The newest schema version of the module's settings.
_NEWEST_VERSION = 3
_SETTINGS = "object.spec.?settings"
# What is known below settings.alliance.ingressGateway.
_GATEWAY_KEYS = ("inlet", "nodePort", "serviceAnnotations", "nodeSelector", "tolerations", "advertise")
_TOLERATION_KEYS = ("key", "operator", "value", "effect", "tolerationSeconds")
_VARIABLES = {
    "gateway": f"dyn({_SETTINGS}.?alliance.?ingressGateway.orValue({{}}))",
    "nodePort": "dyn(variables.gateway.?nodePort.orValue({}))",
    "tolerations": "dyn(variables.gateway.?tolerations.orValue([]))",
    "advertise": "dyn(variables.gateway.?advertise.orValue([]))",
}


def federation_off() -> list[Object]:
    """No IstioFederation while federation is off."""
    return _rule(FEDERATION_OFF, "istiofederations", [{"expression": "false", "message": OFF_MESSAGE}])


def multicluster_off() -> list[Object]:
    """No IstioMulticluster while multicluster is off."""
    validations = [{"expression": "false", "message": MULTICLUSTER_OFF_MESSAGE}]
    return _rule(MULTICLUSTER_OFF, "istiomulticlusters", validations)


def module_settings() -> list[Object]:
    """The limits of ModuleConfig istio, which say nothing about the module's other settings."""
    validations = [
        {"expression": f"object.metadata.name != 'istio' || ({expression})", "message": message}
        for message, expression in _limits().items()
    ]
    return _rule(MODULE_CONFIG, "moduleconfigs", validations, _VARIABLES)


def _limits() -> dict[str, str]:
    """CEL expressions by what is said when they don't hold. A wrong type further up is an error, which refuses too."""
    return {
        "spec.version is newer than the module": f"object.spec.?version.orValue(1) <= {_NEWEST_VERSION}",
        "federation.enabled is no boolean": f"type({_SETTINGS}.?federation.?enabled.orValue(false)) == bool",
        "multicluster.enabled is no boolean": f"type({_SETTINGS}.?multicluster.?enabled.orValue(false)) == bool",
        "ingressGateway is no object": "type(variables.gateway) == map",
        "ingressGateway has a setting that is not known": _only(_GATEWAY_KEYS, "variables.gateway"),
        "inlet is not one of the two": (
            "variables.gateway.?inlet.orValue('LoadBalancer') in ['LoadBalancer', 'NodePort']"
        ),
        "nodePort has a setting that is not known": _only(("port",), "variables.nodePort"),
        "nodePort.port is not from 1024 to 65535": _port("variables.nodePort.?port.orValue(1024)", 1024),
        "serviceAnnotations are no texts": _texts("variables.gateway.?serviceAnnotations.orValue({})"),
        "nodeSelector is no labels": _texts("variables.gateway.?nodeSelector.orValue({})"),
        "tolerations are no list of tolerations": (
            "type(variables.tolerations) == list && variables.tolerations.all(item, "
            f"type(item) == map && {_only(_TOLERATION_KEYS, 'item')})"
        ),
        "advertise is no list of address and port": (
            "type(variables.advertise) == list && variables.advertise.all(item, type(item) == map && "
            f"{_only(('address', 'port'), 'item')} && type(item.address) == string && {_port('item.port', 1)})"
        ),
    }


def _only(known: tuple[str, ...], value: str) -> str:
    """No other keys than these."""
    return f"{value}.all(key, key in [{', '.join(repr(key) for key in known)}])"


def _port(value: str, lowest: int) -> str:
    return f"type({value}) == int && {value} >= {lowest} && {value} <= 65535"


def _texts(value: str) -> str:
    """A map from texts to texts."""
    return f"type(dyn({value})) == map && dyn({value}).all(key, type(dyn({value})[key]) == string)"


def _rule(
    name: str, plural: str, validations: list[dict[str, str]], variables: Mapping[str, str] | None = None
) -> list[Object]:
    rules = [
        {
            "apiGroups": [facts.GROUP],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": [plural],
        }
    ]
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "variables": [{"name": key, "expression": text} for key, text in (variables or {}).items()],
        "validations": validations,
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return [
        {"apiVersion": _API_VERSION, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": policy},
        {
            "apiVersion": _API_VERSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": binding,
        },
    ]
