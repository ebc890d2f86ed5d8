# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a healthcheck is asked, and what its answer means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    FederationMetadata,
    PublicService,
    ServicePort,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    ANSWERED,
    BROKEN,
    LATE,
    OTHER_STATUS,
    OUTCOMES,
    UNREACHED,
    UNRESOLVED,
    Reply,
    healthcheck_host,
    outcome_of,
    reason_of,
)

DOMAIN, UUID = "b.local", "uuid-b"


def service(name: str, *, namespace: str = "istio-alliance", domain: str = DOMAIN, port: int = 80) -> PublicService:
    return PublicService(f"{name}.{namespace}.svc.{domain}", (ServicePort("http", port, "HTTP"),))


COMMON, OWN = service("alliance-healthcheck"), service(f"alliance-healthcheck-{UUID}")


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ([COMMON, OWN], OWN.hostname),
        ([COMMON], COMMON.hostname),
        ([service("bar"), COMMON], COMMON.hostname),
        ([service("alliance-healthcheck", namespace="d8-istio"), COMMON], "alliance-healthcheck.d8-istio.svc.b.local"),
        ([], None),
        ([service("bar")], None),
        ([service("alliance-healthcheck-other")], None),
        ([service("alliance-healthcheck", domain="a.local")], None),
        ([service("alliance-healthcheck", domain="evil.b.local")], None),
        ([service("alliance-healthcheck", port=8080)], None),
    ],
)
def test_where_it_is_asked(services: list[PublicService], found: str | None) -> None:
    assert healthcheck_host(services, DOMAIN, UUID) == found
    assert healthcheck_host(reversed(services), DOMAIN, UUID) == found


def test_without_a_domain_there_is_none() -> None:
    assert healthcheck_host([COMMON], "", UUID) is None
    assert healthcheck_host([COMMON], DOMAIN, "") == COMMON.hostname


names = st.sampled_from(["alliance-healthcheck", f"alliance-healthcheck-{UUID}", "bar", "", "..", "a b", "x\r\ny"])
hosts = st.one_of(
    st.text(max_size=40),
    st.builds(".".join, st.lists(st.one_of(names, st.sampled_from(["svc", "b", "local", "b.local", "xyz"])))),
)


@given(st.lists(hosts), st.sampled_from([DOMAIN, "", "local", "a.b.local"]))
def test_nothing_is_asked_outside_of_the_neighbour_s_domain(hostnames: list[str], domain: str) -> None:
    services = [PublicService(host, (ServicePort("http", 80, "HTTP"),)) for host in hostnames]
    found = healthcheck_host(services, domain, UUID)
    if found is not None:
        assert found in hostnames
        assert domain
        assert found.endswith(f".svc.{domain}")
        assert found.isascii()
        assert not set(found) & set("\r\n /:@")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_a_document_remembers(value: object) -> None:
    """As a status holds it, which is what the exporter reads."""
    document = {"ingressGateways": None, "publicServices": [{"hostname": value, "ports": value}, value]}
    try:
        services = FederationMetadata.from_dict(document).public_services
    except DocumentError:
        return
    assert healthcheck_host(services, DOMAIN, UUID) is None


@pytest.mark.parametrize(
    ("reply", "outcome", "reason"),
    [
        (Reply(200, text="ok"), ANSWERED, ""),
        (Reply(204), OTHER_STATUS, "h answered with HTTP status 204"),
        (Reply(302, text="elsewhere"), OTHER_STATUS, "h answered with HTTP status 302: elsewhere"),
        (Reply(503, text="no healthy\nupstream"), OTHER_STATUS, "h answered with HTTP status 503: no healthy upstream"),
        (Reply(outcome=UNRESOLVED, text="unknown"), UNRESOLVED, "h is not resolved: unknown"),
        (Reply(outcome=UNREACHED), UNREACHED, "h can't be reached"),
        (Reply(outcome=LATE), LATE, "h did not answer in time"),
        (Reply(outcome=BROKEN, text="x"), BROKEN, "h gave no HTTP answer: x"),
        (Reply(), BROKEN, "h gave no HTTP answer"),
        (Reply(outcome=ANSWERED), BROKEN, "h gave no HTTP answer"),
    ],
)
def test_what_an_answer_means(reply: Reply, outcome: str, reason: str) -> None:
    assert (outcome_of(reply), reason_of(reply, "h")) == (outcome, reason)


@given(st.integers(), st.text(), st.text())
def test_every_answer_has_a_meaning_in_one_line(status: int, outcome: str, text: str) -> None:
    reply = Reply(status, outcome, text)
    assert outcome_of(reply) in OUTCOMES
    reason = reason_of(reply, "h")
    assert (reason == "") == (status == 200)
    assert len(reason) < 500
    assert reason.isprintable()
