# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The results that the roles of the playbooks register, for actions that look back at a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_HOSTS,
    MODE_FEDERATION,
    MODE_MULTICLUSTER,
    MULTICLUSTER_HOSTS,
)

TRUST = "root_exchange_result"
IMPORTS = {MODE_FEDERATION: "service_import_result", MODE_MULTICLUSTER: "remote_clusters_result"}
MODES = {FEDERATION_HOSTS: MODE_FEDERATION, MULTICLUSTER_HOSTS: MODE_MULTICLUSTER}
FINDINGS = "preflight_findings"
OTHERS = (
    "istio_module_namespace_result",
    "istio_module_definitions",
    "istio_module_proxies",
    "istio_module_istiod_result",
    "istio_module_restarts",
    "istio_module_config_result",
    "istio_module_ready",
    "ingressgateway_address",
    "ingressgateway_certificate",
    "ingressgateway_workload",
    "metadata_exporter_keypair",
    "metadata_exporter_workload",
    "metadata_exporter_published",
    "api_proxy_workload",
    "external_neighbour_result",
)


def done_steps(variables: Mapping[str, Any], mode: str) -> dict[str, Mapping[str, Any]]:
    """The results of a host's steps by name. A step of another provider was skipped: it says nothing."""
    return {
        name: variables[name]
        for name in (TRUST, IMPORTS[mode], FINDINGS, *OTHERS)
        if variables.get(name) is not None and not variables[name].get("skipped")
    }


def failures_of(done: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Why steps failed."""
    return tuple(str(step.get("msg", "a step failed")) for step in done.values() if step.get("failed"))
