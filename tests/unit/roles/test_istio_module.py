# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a Deckhouse platform has to be ready for the run to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[3] / "roles" / "istio_module"
READY: dict[str, Any] = {"roots": "PEM", "authn_key_pub": "PEM", "awaiting": []}


def rendered(text: str, **variables: Any) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701
    environment.tests["changed"] = lambda result: result["changed"]
    environment.filters["bool"] = lambda value: str(value) == "True"
    environment.filters["ternary"] = lambda value, yes, no: yes if value else no
    return environment.from_string(text).render(**variables).strip()


def required(*, changed: bool = False, **state: Any) -> str:
    own = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["istio_module_platform_required"]
    return rendered(own, istio_module_config_result={"changed": changed}, preflight_state={**READY, **state})


def test_a_platform_that_was_ready_is_not_required() -> None:
    assert required() == "False"
    assert required(awaiting=["the metadata-exporter (0/1 ready)"]) == "False"


@pytest.mark.parametrize(
    "missing",
    [{"changed": True}, {"roots": ""}, {"authn_key_pub": None}, {"awaiting": ["the definition of IstioFederation"]}],
)
def test_a_platform_that_is_being_made_is(missing: dict[str, Any]) -> None:
    assert required(**missing) == "True"


@pytest.mark.parametrize(
    ("needed", "limit", "expected"), [(True, 900, "900"), (False, 900, "30"), (False, "900", "30"), (False, 5, "5")]
)
def test_how_long_it_is_waited_for(needed: bool, limit: object, expected: str) -> None:
    (task,) = [
        task["meshalliance.istio.deckhouse_wait"]
        for entry in yaml.safe_load((ROLE / "tasks" / "deckhouse.yml").read_text())
        for task in entry.get("block", [entry])
        if "meshalliance.istio.deckhouse_wait" in task
    ]
    variables = {"istio_module_platform_required": needed, "istio_module_platform_timeout": limit}
    assert rendered(task["timeout"], **variables) == expected
    assert task["required"] == "{{ istio_module_platform_required }}"
