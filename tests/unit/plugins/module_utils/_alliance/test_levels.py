# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import LEVELS, at_least, worst


def test_nothing_looked_at_is_not_well() -> None:
    assert worst([]) == "unknown"


@pytest.mark.parametrize("better, worse", list(itertools.pairwise(LEVELS)))
def test_the_worse_one_counts(better: str, worse: str) -> None:
    assert worst([better, worse, better]) == worse
    assert at_least(worse, better)
    assert not at_least(better, worse)


def test_a_word_that_is_no_level_is_nothing_known() -> None:
    assert worst(["ok", "fine"]) == "unknown"
