# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof, by asking every proxy of a cluster, that all of them trust and show what they should."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.envoy_secrets import (
    ProxySecrets,
    parse_secrets,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.proxy_trust import Expected, difference
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import (
    SECRETS_PATH,
    Proxy,
    ask_proxies,
    list_proxies,
)

PAUSE_SECONDS = 2.0


@dataclass
class Proof:
    """What came of asking. C(proved): how many proxies were as expected. C(idle): how many of them end no mutual TLS.

    C(reasons): by pod (C(namespace/name)), what is not as expected or why it can't be asked. C(waiting): pods whose
    proxy doesn't run; it holds nothing and gets all from istiod when it starts. C(ending): pods on their way out that
    can't be asked any more.
    """

    proved: int = 0
    idle: int = 0
    reasons: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    ending: list[str] = field(default_factory=list)


def prove_proxies(
    client: Client,
    expected: Expected,
    timeout: float,
    *,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Proof:
    """Ask all proxies until they are as expected, for C(timeout) seconds at most (0: once).

    Who was as expected isn't asked again; pods that are new meanwhile are. Raises AllianceError when pods can't be
    listed or the user may not forward ports.
    """
    deadline = clock() + timeout
    proved: dict[Proxy, bool] = {}
    while True:
        proxies = list_proxies(client)
        proof = Proof(waiting=[_name(proxy) for proxy in proxies if not proxy.running])
        asked = ask_proxies(
            client,
            [proxy for proxy in proxies if _key(proxy) not in proved],
            [SECRETS_PATH],
            lambda bodies: _judged(bodies, expected),
        )
        for answer in asked:
            if answer.read is not None and not answer.read[0]:
                proved[_key(answer.proxy)] = answer.read[1]
            elif answer.read is not None:
                proof.reasons[_name(answer.proxy)] = answer.read[0]
            elif answer.proxy.terminating:
                proof.ending.append(_name(answer.proxy))
            else:
                proof.reasons[_name(answer.proxy)] = answer.error.message if answer.error else "it was not asked"
        alive = [_key(proxy) for proxy in proxies if _key(proxy) in proved]
        proof.proved, proof.idle = len(alive), sum(proved[key] for key in alive)
        if not proof.reasons or clock() >= deadline:
            return proof
        pause(PAUSE_SECONDS)


def _judged(bodies: Mapping[str, bytes], expected: Expected) -> tuple[str, bool]:
    """What is not as expected, and whether the proxy ends no mutual TLS."""
    secrets = parse_secrets(bodies[SECRETS_PATH])
    return difference(secrets, expected), secrets == ProxySecrets()


def _key(proxy: Proxy) -> Proxy:
    """What tells a pod from a later one of its name."""
    return Proxy(proxy.namespace, proxy.name, proxy.started)


def _name(proxy: Proxy) -> str:
    return f"{proxy.namespace}/{proxy.name}"
