# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a rotation of the root, and the way from one to the next and back.

What istiod does is given by its Secret C(cacerts): who signs, the old CA or the new one, and which roots are handed out
in which order. That is all the state there is, and each step changes it so that every certificate which may be shown
meanwhile is trusted by whoever may see it:

  original    old signs   old
  trusting    old signs   old, new      neighbours and own proxies learn the new root
  signing     new signs   old, new      no certificate has to change yet
              new signs   new, old      the other order: istiod tells proxies of roots as one text, and each has its
                                        certificate signed anew when that text differs; all istiods sign with the new
                                        CA by now, which they didn't do while they were restarted for the line above
  withdrawn   new signs   new

Back, the two lines in the middle are gone through in the same way, with the old CA. From C(withdrawn) there is no way
back, for then nobody trusts the old root.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError

NONE, PREPARED, TRUSTING, SIGNING, WITHDRAWN, DONE = "none", "prepared", "trusting", "signing", "withdrawn", "done"
STAGES = (NONE, PREPARED, TRUSTING, SIGNING, WITHDRAWN, DONE)
OLD, NEW = "old", "new"

DESCRIPTIONS = {
    NONE: "no rotation is under way",
    PREPARED: "there is a new CA, which nothing uses yet",
    TRUSTING: "the old CA signs; the old and the new root are trusted",
    SIGNING: "the new CA signs; the old and the new root are trusted",
    WITHDRAWN: "the new CA signs; the old root is withdrawn",
    DONE: "the rotation is over",
}


@dataclass(frozen=True)
class Signing:
    """What istiod works with, by SHA-256 fingerprints: the certificate that signs, and the roots in their order."""

    signer: str
    roots: tuple[str, ...]


@dataclass(frozen=True)
class Configuration:
    """The same in terms of a rotation: which CA signs, and whose roots are handed out in which order."""

    signer: str
    roots: tuple[str, ...]

    @property
    def renewed(self) -> bool:
        """Whether the order of the roots was changed after all istiods signed with this CA."""
        return self.roots[0] == self.signer


ORIGINAL = Configuration(OLD, (OLD,))
TRUST = Configuration(OLD, (OLD, NEW))
SIGN = Configuration(NEW, (OLD, NEW))
RENEW = Configuration(NEW, (NEW, OLD))
WITHDRAW = Configuration(NEW, (NEW,))
BACK_SIGN = Configuration(OLD, (NEW, OLD))


def configuration_of(found: Signing, old: Signing, new: Signing) -> Configuration:
    """Where a cluster is between two CAs. Raises AllianceError when somebody else gave istiod another one meanwhile."""
    sides = {old.signer: OLD, new.signer: NEW}
    roots = set(found.roots)
    orders = {
        frozenset(old.roots): (OLD,),
        frozenset(new.roots): (NEW,),
        frozenset({*old.roots, *new.roots}): (OLD, NEW) if found.roots[0] in old.roots else (NEW, OLD),
    }
    signer, order = sides.get(found.signer), orders.get(frozenset(roots))
    if signer is None or order is None or signer not in order:
        raise AllianceError(
            f"istiod's CA was changed by somebody else during the rotation: {found.signer} signs, and"
            f" {', '.join(sorted(roots))} are trusted",
            remedy=f"give it back {old.signer} or {new.signer}, with the roots of both",
        )
    return Configuration(signer, order)


def stage_of(configuration: Configuration) -> str:
    """The stage that a configuration belongs to."""
    if configuration == ORIGINAL:
        return PREPARED
    if configuration == WITHDRAW:
        return WITHDRAWN
    return TRUSTING if configuration.signer == OLD else SIGNING


def forward(now: Configuration, target: str) -> Configuration | None:
    """The next configuration on the way to a stage; None when that is reached or behind.

    Raises AllianceError when the stage before it was not: it has to be proved first.
    """
    if STAGES.index(target) < STAGES.index(TRUSTING):
        return None
    if target == TRUSTING:
        return TRUST if now == ORIGINAL else None
    if now == ORIGINAL:
        raise _too_early(now, target)
    if target == SIGNING:
        if now.signer == OLD:
            return SIGN
        return RENEW if now == SIGN else None
    if now not in (RENEW, WITHDRAW):
        raise _too_early(now, target)
    return WITHDRAW if now == RENEW else None


def backward(now: Configuration, target: str) -> Configuration | None:
    """The same on the way back, to C(trusting), C(prepared) or C(none)."""
    if now == WITHDRAW:
        raise AllianceError(
            "the old root is withdrawn already, so the rotation can't be rolled back",
            remedy="complete it; to go to another CA, rotate again",
        )
    if now.signer == NEW:
        step: Configuration | None = BACK_SIGN
    elif now == BACK_SIGN:
        step = TRUST
    else:
        step = ORIGINAL if now == TRUST and target != TRUSTING else None
    if target != TRUSTING and step not in (ORIGINAL, None):
        raise _too_early(now, target)
    return step


def is_complete(now: Configuration, target: str) -> bool:
    """Whether a stage is reached, going forward."""
    return STAGES.index(stage_of(now)) >= STAGES.index(target) and forward(now, target) is None


def _too_early(now: Configuration, target: str) -> AllianceError:
    return AllianceError(
        f"the rotation is in stage {stage_of(now)} ({DESCRIPTIONS[stage_of(now)]}), from which {target} can't be"
        " reached in one go",
        remedy="go through the stages in their order; each has to be proved before the next",
    )
