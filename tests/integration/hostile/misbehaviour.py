# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a misbehaviour is: what is sent, and what is to come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.integration.hostile.simulator import FEDERATION, MULTICLUSTER, PUBLIC, Actor, Reply, Transport

TRANSPORT = "transport"
# What is to come of it: nothing is taken, what is good is taken, everything is taken.
REFUSED, PARTLY, TAKEN = "refused", "partly", "taken"
STEP = {PUBLIC: "public", FEDERATION: "private", MULTICLUSTER: "private", TRANSPORT: "public"}


@dataclass(frozen=True)
class Scene:
    """Whom a neighbour can pretend to be, and where it can lead to."""

    own_uuid: str
    own_root: str
    honest: Actor
    elsewhere: int


@dataclass(frozen=True)
class Misbehaviour:
    """C(outcome) is what is to come of it for who was known, C(fresh) for who is new, the same by default.

    C(codes): the code of a finding that it gets, among others perhaps; none of severity error for what is taken.
    C(says): a part of that finding's message.
    """

    name: str
    document: str
    reply: Callable[[Actor, Scene], Reply] | None
    outcome: str
    code: str = ""
    says: str = ""
    vouched: str = "first-use"
    fresh: str = ""
    transport: Transport | None = None

    def expected(self, phase: str) -> str:
        """What is to come of it in a phase, C(fresh) or C(known)."""
        return self.fresh or self.outcome if phase == "fresh" else self.outcome

    def actor(self, scene: Scene) -> Actor:
        """The neighbour that does so."""
        made = Actor(self.name, vouched=self.vouched, transport=self.transport, rekeyed=self.name == "key-changed")
        reply = self.reply
        if reply is not None:
            made.replies[self.document] = lambda: reply(made, scene)
        return made


def group(
    document: str,
    outcome: str,
    code: str,
    replies: Mapping[str, Callable[[Actor, Scene], Reply]],
    *,
    says: str = "",
    vouched: str = "first-use",
    fresh: str = "",
) -> Iterator[Misbehaviour]:
    """Misbehaviours that come to the same. C(code): a reason of a document, or a whole code."""
    reasons = ("FetchFailed", "NonOKResponse", "InvalidJSON", "InvalidPublicMetadata", "InvalidPrivateMetadata")
    whole = f"{STEP[document]}-{code}" if code.startswith((*reasons, "ClusterUUID", "Configuration")) else code
    for name, reply in replies.items():
        yield Misbehaviour(name, document, reply, outcome, whole, says, vouched, fresh)
