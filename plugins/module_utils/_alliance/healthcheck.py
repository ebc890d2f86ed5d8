# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The healthcheck of a neighbour, by which others see that requests get through the mesh: where it is, and what an
answer of it means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicService
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.hostnames import is_dns_name
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    HEALTHCHECK_PORT,
    HEALTHCHECK_SERVICE,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.texts import printable

USER_AGENT = "alliance-healthcheck/1.0"
# By this header the caller says its clusterUUID; nobody checks it.
PROBED_BY_HEADER = "X-alliance-healthcheck-from"

# How a request for it ended. The first one alone is success; the second one means that none was made.
ANSWERED = "answered"
NOT_PUBLISHED = "not_published"
UNRESOLVED = "unresolved"
UNREACHED = "unreached"
LATE = "late"
BROKEN = "broken"
OTHER_STATUS = "other_status"
OUTCOMES = (ANSWERED, NOT_PUBLISHED, UNRESOLVED, UNREACHED, LATE, BROKEN, OTHER_STATUS)

_OK = 200
# HEALTHCHECK_SERVICE.namespace.svc, before the trust domain.
_PLACE_LABELS = 3


@dataclass(frozen=True)
class Reply:
    """What came of a request. C(status): of HTTP, 0 without an answer; C(outcome): how it failed then, one of OUTCOMES.

    C(text): the beginning of the answer, or the reason, in somebody else's words.
    """

    status: int = 0
    outcome: str = ""
    text: str = ""


def healthcheck_host(services: Iterable[PublicService], trust_domain: str, uuid: str) -> str | None:
    """The host of a neighbour's healthcheck among the services that it publishes; None when it publishes none.

    Only a Service of the neighbour's own trust domain counts, with the port that is asked. The name with its UUID is
    preferred: the other one is the same in every cluster. Of several namespaces the first one by name is taken.
    """
    wanted = [f"{HEALTHCHECK_SERVICE}-{uuid}"] if uuid else []
    wanted.append(HEALTHCHECK_SERVICE)
    found = [
        (wanted.index(name), service.hostname)
        for service in services
        if (name := _service_name(service.hostname, trust_domain)) in wanted
        and any(port.port == HEALTHCHECK_PORT for port in service.ports)
    ]
    return min(found)[1] if found else None


def outcome_of(reply: Reply) -> str:
    """One of OUTCOMES. A redirect leads elsewhere, so it is no answer of the healthcheck."""
    if reply.status == _OK:
        return ANSWERED
    if reply.status:
        return OTHER_STATUS
    return reply.outcome if reply.outcome in OUTCOMES[2:] else BROKEN


def reason_of(reply: Reply, host: str) -> str:
    """A sentence for people; empty for success."""
    outcome = outcome_of(reply)
    said = f": {printable(reply.text)}" if printable(reply.text) else ""
    return {
        ANSWERED: "",
        OTHER_STATUS: f"{host} answered with HTTP status {reply.status}{said}",
        UNRESOLVED: f"{host} is not resolved{said}",
        UNREACHED: f"{host} can't be reached{said}",
        LATE: f"{host} did not answer in time",
        BROKEN: f"{host} gave no HTTP answer{said}",
    }[outcome]


def _service_name(hostname: str, trust_domain: str) -> str:
    """The name of the Service, when a host is name.namespace.svc.<trust domain>; else an empty text."""
    suffix = f".{trust_domain}"
    if not trust_domain or not is_dns_name(hostname) or not hostname.endswith(suffix):
        return ""
    labels = hostname[: -len(suffix)].split(".")
    return labels[0] if len(labels) == _PLACE_LABELS and labels[2] == "svc" else ""
