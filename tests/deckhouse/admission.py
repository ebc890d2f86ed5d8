# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which the API server refuses what the platform wouldn't take."""

from __future__ import annotations

from typing import Any

from tests.deckhouse import facts

Object = dict[str, Any]

FEDERATION_OFF = "d8-istio-federation-off"
MODULE_CONFIG = "d8-istio-module-config"
OFF_MESSAGE = "IstioFederation can't be used: settings.federation.enabled of ModuleConfig istio is off"

_API_VERSION = "admissionregistration.k8s.io/v1"
# The newest schema version of the module's settings.
_NEWEST_VERSION = 3
_GATEWAY = "object.spec.?settings.?alliance.?ingressGateway"


def federation_off() -> list[Object]:
    """No IstioFederation while federation is off."""
    return _rule(FEDERATION_OFF, "istiofederations", [{"expression": "false", "message": OFF_MESSAGE}])


def module_settings() -> list[Object]:
    """The limits of ModuleConfig istio."""
    checks = {
        f"object.spec.?version.orValue(1) <= {_NEWEST_VERSION}": "spec.version is newer than the module",
        f"{_GATEWAY}.?inlet.orValue('LoadBalancer') in ['LoadBalancer', 'NodePort']": "inlet is not one of the two",
        f"{_GATEWAY}.?nodePort.?port.orValue(1024) >= 1024 && {_GATEWAY}.?nodePort.?port.orValue(1024) <= 65535": (
            "nodePort.port is not from 1024 to 65535"
        ),
    }
    validations = [
        {"expression": f"object.metadata.name != 'istio' || ({expression})", "message": message}
        for expression, message in checks.items()
    ]
    return _rule(MODULE_CONFIG, "moduleconfigs", validations)


def _rule(name: str, plural: str, validations: list[dict[str, str]]) -> list[Object]:
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
