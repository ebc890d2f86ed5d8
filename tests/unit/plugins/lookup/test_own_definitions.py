# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup own_definitions, and what the roles ask it for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleError

from ansible_collections.meshalliance.istio.plugins.lookup.own_definitions import (
    DEFINITIONS,
    DOCUMENTATION,
    LookupModule,
)

ROLES = Path(__file__).parents[4] / "roles"


def asked_by_roles() -> set[str]:
    text = "\n".join(path.read_text() for path in ROLES.rglob("*") if path.suffix in (".yml", ".j2"))
    calls = re.findall(r"(?:lookup|query)\(\s*'meshalliance\.istio\.own_definitions'((?:\s*,\s*'\w+')+)", text)
    assert len(calls) == text.count("meshalliance.istio.own_definitions"), "a call in a form that is not understood"
    return {term for call in calls for term in re.findall(r"'(\w+)'", call)}


def test_roles_ask_for_what_there_is_and_nothing_is_unused() -> None:
    assert asked_by_roles() == set(DEFINITIONS)


def test_the_documentation_names_all_terms() -> None:
    assert set(yaml.safe_load(DOCUMENTATION)["options"]["_terms"]["choices"]) == set(DEFINITIONS)


def test_a_list_for_each_term_in_order() -> None:
    crds, rules = LookupModule().run(["crds", "exporter_cluster_rules"])
    assert [crd["spec"]["names"]["kind"] for crd in crds] == ["IstioFederation", "IstioMulticluster"]
    assert rules
    for rule in rules:
        assert set(rule["verbs"]) <= {"get", "list", "watch"}


def test_unknown_terms() -> None:
    with pytest.raises(AnsibleError, match="nothing is none of api_proxy_bootstrap"):
        LookupModule().run(["crds", "nothing"])
