# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With which keys a neighbour is asked while the own key pair is rotated."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import PublicMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import KeyPair, generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import verify_token
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.identity import Identity
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.signed import ask_signed
from ansible_collections.meshalliance.istio.plugins.module_utils._neighbour import NeighbourError

OLD, NEW = generate_key_pair(), generate_key_pair()
NOW = time.time()
OVERLAPPING = Identity("uuid-a", NEW.private_pem, OLD.private_pem, NOW + 3600, NOW)
THEIRS = PublicMetadata("uuid-b", "", "", None)


class Exporter:
    """A neighbour that knows one key at each request: C(known), the last of which stays."""

    def __init__(self, *known: str) -> None:
        self.known = list(known)
        self.asked = 0

    def __call__(self, token: str) -> str:
        known = self.known[min(self.asked, len(self.known) - 1)]
        self.asked += 1
        try:
            keys = {"uuid-a": known}
            verify_token(token, audience="uuid-b", scope=names.SCOPE_FEDERATION, public_keys=keys, now=time.time())
        except AllianceError as error:
            raise NeighbourError("it answered 401", reason="x", obj="x", status=401) from error
        return "answer"


def ask(exporter: Exporter, identity: Identity = OVERLAPPING, findings: list[Finding] | None = None) -> str:
    return ask_signed(exporter, names.SCOPE_FEDERATION, THEIRS, identity, pauses=(), findings=findings)


@pytest.mark.parametrize(
    ("known", "requests"),
    [
        pytest.param([NEW], 1, id="knows the new key"),
        pytest.param([OLD], 2, id="knows the old key"),
        pytest.param([OLD, NEW], 3, id="learns of the new one between two attempts"),
    ],
)
def test_nobody_has_to_know_both(known: list[KeyPair], requests: int) -> None:
    exporter = Exporter(*(pair.public_pem for pair in known))
    assert ask(exporter) == "answer"
    assert exporter.asked == requests


def test_with_one_key_one_refusal_is_the_answer() -> None:
    exporter = Exporter(generate_key_pair().public_pem)
    with pytest.raises(NeighbourError):
        ask(exporter, Identity("uuid-a", NEW.private_pem))
    assert exporter.asked == 1


@pytest.mark.parametrize(("known", "told"), [(OLD, ["authn-key-not-known"]), (NEW, [])])
def test_who_is_late_is_told_when_half_of_the_overlap_is_over(known: KeyPair, told: list[str]) -> None:
    findings: list[Finding] = []
    late = replace(OVERLAPPING, rotated=NOW - 7200)
    ask(Exporter(known.public_pem), late, findings)
    assert [finding.code for finding in findings] == told
