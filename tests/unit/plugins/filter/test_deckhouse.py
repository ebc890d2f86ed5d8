# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that makes ModuleConfig istio."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.meshalliance.istio.plugins.filter.deckhouse import FilterModule, module_config


@pytest.mark.parametrize("gateway", [None, "", {}])
def test_no_gateway_is_no_setting(gateway: Any) -> None:
    assert module_config(gateway)["spec"]["settings"] == {"federation": {"enabled": True}}


def test_its_arguments() -> None:
    spec = module_config({"inlet": "NodePort"}, 1, True)["spec"]
    assert (spec["version"], sorted(spec["settings"])) == (1, ["alliance", "federation", "multicluster"])


@pytest.mark.parametrize("gateway", ["inlet=NodePort", ["NodePort"]])
def test_what_is_no_mapping_is_an_error_too(gateway: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="alliance_gateway: it is no mapping"):
        module_config(gateway)


def test_an_error_names_the_variable() -> None:
    with pytest.raises(AnsibleFilterError, match="alliance_gateway: it has port"):
        module_config({"port": 1})


def test_it_is_found_by_its_name() -> None:
    assert FilterModule().filters() == {"module_config": module_config}
