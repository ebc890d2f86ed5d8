# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing to a platform that refuses resources for a while: with an applier that fails as told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.federation import federation_resource
from ansible_collections.meshalliance.istio.plugins.module_utils._federation.resources import write_when_admitted
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import ApplyError, Change, Outcome, Plan
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import ApplySet
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError

OBJECTS = [federation_resource(name, trust_domain="b.local", endpoint="https://b/metadata/") for name in ("b", "c")]
PARENT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "alliance-trust", "namespace": "ours"}}
OFF = (
    'PATCH /apis/deckhouse.io/v1alpha1/istiofederations/c: {} istiofederations.deckhouse.io "c" is forbidden:'
    " ValidatingAdmissionPolicy 'federation-off' with binding 'federation-off' denied request: federation is off"
)
FORBIDDEN = "PATCH /apis/deckhouse.io/v1alpha1/istiofederations/c: 403 istiofederations.deckhouse.io is forbidden: User"


class Platform:
    """Takes all but the last object for as many attempts as there are messages; C(time) passes in pauses alone."""

    def __init__(self, *messages: str) -> None:
        self.messages, self.attempts, self.time = list(messages), 0, 0.0

    def plan(self, objects: Any, _applyset: ApplySet, *, adopt: str) -> Plan:
        assert (list(objects), adopt) == (OBJECTS, "refuse")
        return Plan()

    def execute(self, _plan: Plan, _applyset: ApplySet) -> Outcome:
        self.attempts += 1
        first = [Change(None, PARENT), Change(None, OBJECTS[0])] if self.attempts == 1 else []
        unchanged = 0 if first else 1
        if self.messages:
            raise ApplyError([ApiError(self.messages.pop(0))], Outcome(first, unchanged), "c")
        return Outcome([*first, Change(None, OBJECTS[1])], unchanged)

    def pause(self, seconds: float) -> None:
        self.time += seconds

    def write(self, timeout: float = 60) -> Outcome:
        applier: Any = self
        return write_when_admitted(
            applier,
            OBJECTS,
            ApplySet("alliance-trust", "ours"),
            timeout=timeout,
            pause=self.pause,
            clock=lambda: self.time,
        )


@pytest.mark.parametrize("status", [422, 403])
@pytest.mark.parametrize("refusals", [0, 1, 5])
def test_a_platform_that_takes_it_after_a_while(refusals: int, status: int) -> None:
    platform = Platform(*[OFF.format(status)] * refusals)
    outcome = platform.write()
    assert [change.object["metadata"]["name"] for change in outcome.changes] == ["alliance-trust", "b", "c"]
    assert outcome.unchanged == 0
    assert platform.attempts == refusals + 1


def test_a_platform_that_does_not_take_it() -> None:
    platform = Platform(*[OFF.format(422)] * 100)
    with pytest.raises(ApplyError, match="federation is off") as caught:
        platform.write(timeout=10)
    assert platform.attempts == 5
    assert "spec.settings.federation.enabled" in str(caught.value)
    assert "platform_timeout" in str(caught.value)
    assert [change.object["metadata"]["name"] for change in caught.value.outcome.changes] == ["alliance-trust", "b"]


@pytest.mark.parametrize("message", [FORBIDDEN, "PATCH x: 500 ValidatingAdmissionPolicy", "PATCH x: 422 invalid value"])
def test_another_refusal_is_told_at_once(message: str) -> None:
    platform = Platform(message)
    with pytest.raises(ApplyError) as caught:
        platform.write()
    assert (platform.attempts, caught.value.remedy) == (1, None)
