# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.drift import drift

CHANGED = [
    {"action": "updated", "kind": "ServiceEntry", "namespace": "istio-alliance", "name": "a"},
    {"action": "created", "kind": "DestinationRule", "namespace": "istio-alliance", "name": "b"},
    {"action": "deleted", "kind": "IstioFederation", "namespace": "", "name": "c"},
]


def test_no_drift() -> None:
    check, findings = drift([], 12)
    assert (check.level, check.text, findings) == ("ok", "all 12 objects are as a run would write them", ())


def test_drift_names_the_objects() -> None:
    check, (finding,) = drift(CHANGED, 9, name="objects")
    assert (check.name, check.level) == ("objects", "warning")
    assert finding.message == (
        "3 of 12 objects are not as a run would write them: ServiceEntry istio-alliance/a differs,"
        " DestinationRule istio-alliance/b is missing, IstioFederation c is not wanted any more"
    )


def test_of_much_drift_some_is_named() -> None:
    _check, (finding,) = drift(CHANGED * 3, 0)
    assert finding.message.endswith(" and 4 more")


def test_what_could_not_be_compared_is_unknown_and_hides_no_drift() -> None:
    check, (finding,) = drift([], 3, ["no image is set"])
    assert (check.level, finding.severity, finding.message) == ("unknown", "unknown", "no image is set")
    check, findings = drift(CHANGED, 3, ["no image is set"])
    assert check.level == "warning"
    assert [item.severity for item in findings] == ["warning", "unknown"]
