# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a rotation, and what holds on every way through them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import rotation
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.rotation import (
    BACK_SIGN,
    DONE,
    NEW,
    NONE,
    OLD,
    ORIGINAL,
    PREPARED,
    RENEW,
    SIGN,
    SIGNING,
    TRUST,
    TRUSTING,
    WITHDRAW,
    WITHDRAWN,
    Configuration,
    Signing,
    backward,
    configuration_of,
    forward,
    is_complete,
    stage_of,
)

OLD_CA = Signing("old-signer", ("old-root", "older-root"))
NEW_CA = Signing("new-signer", ("new-root",))
ALL = (ORIGINAL, TRUST, BACK_SIGN, SIGN, RENEW, WITHDRAW)


def path(now: Configuration, target: str, step=forward) -> list[Configuration]:
    """All configurations on the way to a stage."""
    found = []
    while (following := step(now, target)) is not None:
        found.append(following)
        now = following
    return found


def test_the_way_forward():
    assert path(ORIGINAL, PREPARED) == []
    assert path(ORIGINAL, TRUSTING) == [TRUST]
    assert path(TRUST, SIGNING) == [SIGN, RENEW]
    assert path(RENEW, WITHDRAWN) == [WITHDRAW]


def test_the_way_back():
    assert path(RENEW, TRUSTING, backward) == [BACK_SIGN, TRUST]
    assert path(SIGN, TRUSTING, backward) == [BACK_SIGN, TRUST]
    assert path(TRUST, PREPARED, backward) == [ORIGINAL]
    assert path(TRUST, NONE, backward) == [ORIGINAL]
    assert path(ORIGINAL, NONE, backward) == []


def test_what_is_behind_is_no_step():
    assert path(WITHDRAW, TRUSTING) == path(WITHDRAW, SIGNING) == path(RENEW, TRUSTING) == []
    assert path(TRUST, TRUSTING, backward) == []


@pytest.mark.parametrize(
    ("now", "target", "step"),
    [
        (ORIGINAL, SIGNING, forward),
        (ORIGINAL, WITHDRAWN, forward),
        (TRUST, WITHDRAWN, forward),
        (BACK_SIGN, WITHDRAWN, forward),
        (SIGN, WITHDRAWN, forward),
        (RENEW, PREPARED, backward),
        (SIGN, NONE, backward),
        (BACK_SIGN, PREPARED, backward),
    ],
)
def test_no_stage_is_left_out(now, target, step):
    with pytest.raises(AllianceError, match="the rotation is in stage"):
        step(now, target)


def test_a_withdrawn_root_does_not_come_back():
    with pytest.raises(AllianceError, match="can't be rolled back"):
        backward(WITHDRAW, TRUSTING)


def test_stages_of_configurations():
    stages = [stage_of(configuration) for configuration in ALL]
    assert stages == [PREPARED, TRUSTING, TRUSTING, SIGNING, SIGNING, WITHDRAWN]
    assert set(rotation.DESCRIPTIONS) == set(rotation.STAGES) == {*stages, NONE, DONE}


def test_a_stage_is_complete_with_its_last_configuration():
    assert [is_complete(item, SIGNING) for item in ALL if item != ORIGINAL] == [False, False, False, True, True]
    assert is_complete(TRUST, TRUSTING) and is_complete(BACK_SIGN, TRUSTING)


@pytest.mark.parametrize("configuration", ALL)
def test_a_configuration_is_read_from_fingerprints(configuration):
    cas = {OLD: OLD_CA, NEW: NEW_CA}
    roots = tuple(root for side in configuration.roots for root in cas[side].roots)
    assert configuration_of(Signing(cas[configuration.signer].signer, roots), OLD_CA, NEW_CA) == configuration


@pytest.mark.parametrize(
    "found",
    [
        Signing("another", ("old-root", "older-root")),
        Signing("old-signer", ("old-root",)),
        Signing("old-signer", ("old-root", "older-root", "another")),
        Signing("old-signer", ("new-root",)),
        Signing("new-signer", ("old-root", "older-root")),
    ],
)
def test_what_somebody_else_did_is_told(found):
    with pytest.raises(AllianceError, match="changed by somebody else"):
        configuration_of(found, OLD_CA, NEW_CA)


WISHES = st.lists(
    st.sampled_from(
        [(forward, stage) for stage in (TRUSTING, SIGNING, WITHDRAWN)]
        + [(backward, stage) for stage in (TRUSTING, PREPARED, NONE)]
    ),
    max_size=30,
)


@given(WISHES, st.data())
def test_whatever_is_asked_for_no_certificate_in_use_is_distrusted(wishes, data):
    """Any order of wishes, each interrupted anywhere.

    leaves: whose certificates workloads may show; what signs is added to them, and they become those of one CA only
    by a change of the order of roots while all istiods sign with it. The stages in between are proved by nothing here,
    so the machine itself has to keep the order.
    """
    now, leaves = ORIGINAL, {OLD}
    for step, target in wishes:
        for _number in range(data.draw(st.integers(0, 3))):
            try:
                following = step(now, target)
            except AllianceError:
                break
            if following is None:
                break
            # While istiods are restarted, both the one before and the one after may sign and hand out roots.
            signing = {now.signer, following.signer}
            trusted = set(now.roots) & set(following.roots)
            assert signing <= trusted, (now, following)
            if following.roots != now.roots:
                # Each proxy has its certificate signed anew, by either.
                leaves = set(signing)
            assert leaves | signing <= trusted, (now, following)
            leaves |= signing if following.roots == now.roots else set()
            now = following
    assert leaves <= set(now.roots)


@given(st.sampled_from(ALL), st.sampled_from([TRUSTING, SIGNING, WITHDRAWN]))
def test_every_way_ends(now, target):
    for step in (forward, backward):
        place = now
        for _count in range(4):
            try:
                following = step(place, target)
            except AllianceError:
                following = None
            if following is None:
                break
            assert following != place
            place = following
        else:
            pytest.fail(f"{step.__name__} from {now} to {target} does not end")
