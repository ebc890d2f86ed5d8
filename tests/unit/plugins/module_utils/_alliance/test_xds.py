# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.xds import ProxySync, lasting, syncs_of

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"


def entry(**more: Any) -> dict[str, Any]:
    return {
        "proxy": "app-1.shop",
        "cluster_sent": "a1",
        "cluster_acked": "a1",
        "listener_sent": "b1",
        "listener_acked": "b1",
        **more,
    }


def test_a_proxy_that_took_all() -> None:
    assert syncs_of([entry()]) == [ProxySync("app-1.shop")]


def test_a_kind_that_was_never_sent_is_not_behind() -> None:
    assert syncs_of([entry(route_sent="", route_acked="")]) == [ProxySync("app-1.shop")]


def test_a_number_that_stays_behind() -> None:
    (sync,) = syncs_of([entry(listener_sent="b2")])
    assert sync.behind == {"listeners": "b2"}
    assert lasting(sync, sync) == {"listeners": "b2"}
    (later,) = syncs_of([entry(listener_sent="b3")])
    assert lasting(sync, later) == {}


def test_a_refusal_is_told_with_its_error_until_the_next_acceptance() -> None:
    refused = entry(resources={LISTENER: {"sent": "b2", "lastError": "duplicate listener"}})
    assert syncs_of([refused])[0].refused == {"Listener": "duplicate listener"}
    assert syncs_of([entry(resources={LISTENER: {"sent": "b2", "acked": "b2"}})])[0].refused == {}


def test_errors_are_cut() -> None:
    (sync,) = syncs_of([entry(resources={LISTENER: {"lastError": "x" * 5000}})])
    assert len(sync.refused["Listener"]) == 300


def test_proxies_are_sorted() -> None:
    assert [sync.proxy for sync in syncs_of([entry(proxy="b.x"), entry(proxy="a.x")])] == ["a.x", "b.x"]


@pytest.mark.parametrize("document", [None, {}, "[]", 7])
def test_what_is_no_answer(document: Any) -> None:
    with pytest.raises(ValueError):
        syncs_of(document)
