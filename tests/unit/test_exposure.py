# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of ansible shows is collected: a secret that a playbook gives away is found in each place where it is."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import yaml

from tests.ansible_commands import environment
from tests.exposure import Exposure, exposed
from tests.leaks import Secrets

TOKEN = "correct-horse-battery-staple-0123456789"
HIDDEN = "9876543210-never-shown-to-anybody-else"


@pytest.fixture(scope="module")
def exposure(tmp_path_factory: pytest.TempPathFactory) -> Exposure:
    """A playbook that gives one token away in all ways, and another one only where ansible hides it."""
    folder = tmp_path_factory.mktemp("exposure")
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.command": {"cmd": f"sleep 0.2 {TOKEN}"}, "ignore_errors": True},
        {"ansible.builtin.command": {"cmd": "sleep 0.2"}, "environment": {"A_TOKEN": TOKEN}},
        {"ansible.builtin.set_fact": {"told": TOKEN, "cacheable": True}},
        {"ansible.builtin.copy": {"content": f"a\n{TOKEN}\n", "dest": str(folder / "out-of-the-way")}, "diff": True},
        {
            "meshalliance.istio.authn_keypair": {
                "host": "http://127.0.0.1:9",
                "api_key": HIDDEN,
                "cluster": "cluster-t",
            },
            "ignore_errors": True,
        },
    ]
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "A task", **task} for task in tasks]}
    (folder / "playbook.yml").write_text(yaml.safe_dump([play]))
    command = [sys.executable, "-m", "ansible", "playbook", str(folder / "playbook.yml")]
    return exposed(command, environment(), folder / "shown")


def found(exposure: Exposure, token: str) -> set[str]:
    """The kinds of places in which a token is."""
    secrets = Secrets()
    secrets.add_token("the token", token)
    places = [place for place, data in exposure.places.items() if secrets.leaks(place, data)]
    return {place.partition(" ")[0].partition("/")[0] for place in places}


def test_what_is_given_away_is_found_everywhere(exposure: Exposure) -> None:
    assert exposure.status == 0, exposure.output
    assert found(exposure, TOKEN) == {"output", "ansible.log", "remote", "facts", "arguments", "environment"}


def test_the_modules_arguments_are_in_the_kept_files_alone(exposure: Exposure) -> None:
    """Ansible writes them there: whoever sets ANSIBLE_KEEP_REMOTE_FILES keeps the inventory's credentials in files."""
    assert found(exposure, HIDDEN) == {"remote"}


def test_the_collections_modules_are_unpacked(exposure: Exposure) -> None:
    packed = [data for place, data in exposure.places.items() if place.endswith("AnsiballZ_authn_keypair.py, packed")]
    assert len(packed) == 1
    assert b"class Connection" in packed[0]
