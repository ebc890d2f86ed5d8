# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From module options and C(K8S_AUTH_*) variables to one unambiguous way to a cluster's API.

The names are those of kubernetes.core. Unlike there, the two ways to a cluster (a kubeconfig, or a host with
credentials) are never mixed: AWX's Kubernetes credential sets C(K8S_AUTH_HOST) for a whole job, and every host of the
inventory would then be sent to one cluster.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

KUBECONFIG_OPTIONS = ("kubeconfig", "context")
HOST_OPTIONS = ("host", "api_key", "username", "password", "client_cert", "client_key", "ca_cert")
OTHER_OPTIONS = ("validate_certs", "proxy", "no_proxy", "impersonate_user", "impersonate_groups")

AUTH_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "raw"},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "impersonate_user": {"type": "str"},
    "impersonate_groups": {"type": "list", "elements": "str"},
}


# Keys of a kubeconfig's users whose values are secret (client-go: tools/clientcmd/api/types.go and its auth providers).
_SECRET_KEYS = frozenset(
    {"token", "password", "client-key-data", "id-token", "refresh-token", "access-token", "client-secret"}
)


@dataclass(frozen=True)
class Auth:
    """How to reach one API server: either C(kubeconfig)/C(context) or C(host) with its credentials is set."""

    kubeconfig: str | dict[str, Any] | None = field(default=None, repr=False)
    context: str | None = None
    host: str | None = None
    api_key: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    client_cert: str | None = None
    client_key: str | None = None
    ca_cert: str | None = None
    validate_certs: bool | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    impersonate_user: str | None = None
    impersonate_groups: tuple[str, ...] = ()


def resolve(options: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Auth:
    """Choose the way to the API: options first, the environment only where they name no way at all.

    Raises AllianceError when both ways are named on the same level.
    """
    environ = os.environ if environ is None else environ
    given = {name: options.get(name) for name in KUBECONFIG_OPTIONS + HOST_OPTIONS if options.get(name)}
    source = "the options"
    from_environment = not given
    if from_environment:
        given = _from_environment(environ)
        source = "the environment (K8S_AUTH_*)"
    by_kubeconfig = [name for name in KUBECONFIG_OPTIONS if name in given]
    by_host = [name for name in HOST_OPTIONS if name in given]
    if by_kubeconfig and by_host:
        raise AllianceError(
            f"{source} name two ways to the API server: {', '.join(by_kubeconfig)} and {', '.join(by_host)}",
            remedy="give each host of the inventory either kubeconfig and context, or host with its credentials",
        )
    if by_host and "host" not in given:
        raise AllianceError(f"{source} give {', '.join(by_host)} but no host", remedy="set host, or use a kubeconfig")
    others = {name: options[name] for name in OTHER_OPTIONS if options.get(name) is not None}
    if from_environment:
        others = {**_others_from_environment(environ), **others}
    groups = others.pop("impersonate_groups", None) or ()
    return Auth(**given, **others, impersonate_groups=tuple(groups))


def _others_from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: environ[f"K8S_AUTH_{name.upper()}"]
        for name in ("proxy", "no_proxy", "impersonate_user")
        if environ.get(f"K8S_AUTH_{name.upper()}")
    }
    if environ.get("K8S_AUTH_VERIFY_SSL"):
        found["validate_certs"] = environ["K8S_AUTH_VERIFY_SSL"].strip().lower() not in ("0", "false", "no", "off")
    if environ.get("K8S_AUTH_IMPERSONATE_GROUPS"):
        found["impersonate_groups"] = _split(environ["K8S_AUTH_IMPERSONATE_GROUPS"])
    return found


_ENVIRONMENT_NAMES = {"client_cert": "CERT_FILE", "client_key": "KEY_FILE", "ca_cert": "SSL_CA_CERT"}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {
        name: f"K8S_AUTH_{_ENVIRONMENT_NAMES.get(name, name.upper())}" for name in KUBECONFIG_OPTIONS + HOST_OPTIONS
    }
    return {name: environ[variable] for name, variable in names.items() if environ.get(variable)}


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def secrets_in(kubeconfig: Any) -> set[str]:
    """The secret values of a kubeconfig that was given as a dictionary; none for a path."""
    if isinstance(kubeconfig, Mapping):
        found = {str(value) for key, value in kubeconfig.items() if key in _SECRET_KEYS and isinstance(value, str)}
        return found.union(*(secrets_in(value) for value in kubeconfig.values()))
    if isinstance(kubeconfig, (list, tuple)):
        return set().union(*(secrets_in(item) for item in kubeconfig))
    return set()
