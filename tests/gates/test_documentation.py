# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module and role documentation renders, with what ansible-doc needs at hand and nothing from the network."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from typing import Any

import pytest
import yaml

from tests.gates.gates import BIN, VENV
from tests.gates.staging import ROOT, stage

NAME = "meshalliance.istio"
PLUGIN_TYPES = ("module", "filter", "lookup", "test")
ROLES = sorted(path.name for path in (ROOT / "roles").glob("*") if path.is_dir())


def ansible_doc(*arguments: str) -> Any:
    """What ansible-doc says, parsed; a word on its standard error is a failure too."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(VENV / "collections"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        [str(BIN / "ansible-doc"), "--json", *arguments],
        cwd=ROOT / "tests" / "gates",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip(), done.stderr
    return json.loads(done.stdout)


@cache
def documented(kind: str) -> dict[str, Any]:
    """The complete documentation of the collection's plugins of one type, by full name."""
    names = sorted(name for name in ansible_doc("--type", kind, "--list", NAME) if name.startswith(f"{NAME}."))
    found: dict[str, Any] = ansible_doc("--type", kind, *names) if names else {}
    return found


def modules() -> list[str]:
    return sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("module", modules())
def test_modules_are_fully_documented(module: str) -> None:
    entry = documented("module")[f"{NAME}.{module}"]
    assert entry["doc"]["short_description"]
    assert entry["examples"].strip()
    assert entry["return"]
    assert f"{NAME}.{module}:" in entry["examples"], "the examples don't call the module by its full name"
    attributes = entry["doc"].get("attributes", {})
    assert {"check_mode", "diff_mode"} <= set(attributes), "attributes must tell about check_mode and diff_mode"
    assert attributes["check_mode"]["support"] == "full"
    for option in entry["doc"].get("options", {}).values():
        assert option["description"]


@pytest.mark.parametrize("kind", PLUGIN_TYPES)
def test_other_plugins_render(kind: str) -> None:
    for name, entry in documented(kind).items():
        assert entry["doc"]["short_description"], name


@pytest.mark.parametrize("role", ROLES)
def test_roles_are_documented(role: str) -> None:
    folder = ROOT / "roles" / role
    assert (folder / "README.md").is_file(), "no README.md"
    entry = ansible_doc("--type", "role", f"{NAME}.{role}")[f"{NAME}.{role}"]
    assert "main" in entry["entry_points"]
    for name, point in entry["entry_points"].items():
        assert point["short_description"], name
        check_options(f"{role}.{name}", point.get("options", {}))


def check_options(where: str, options: dict[str, Any]) -> None:
    """Every option says what it is; a dictionary, or a list of them, says what is in it."""
    for name, option in options.items():
        path = f"{where}.{name}"
        assert option.get("description"), f"{path} has no description"
        if option.get("type") == "list":
            assert option.get("elements"), f"{path} doesn't say what it is a list of"
        check_options(path, option.get("options") or {})


@pytest.mark.parametrize("role", ROLES)
def test_role_defaults_are_arguments(role: str) -> None:
    """A default that argument_specs doesn't know is never checked; one of another value misleads the reader."""
    defaults_file = ROOT / "roles" / role / "defaults" / "main.yml"
    if not defaults_file.exists():
        pytest.skip("no defaults")
    defaults = yaml.safe_load(defaults_file.read_text(encoding="utf-8")) or {}
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    known: dict[str, Any] = {}
    for point in specs["argument_specs"].values():
        known.update(point.get("options") or {})
    assert sorted(set(defaults) - set(known)) == []
    for name, value in defaults.items():
        if "default" in known[name] and "{{" not in str(value):
            assert known[name]["default"] == value, name


def test_antsibull_docs_finds_nothing() -> None:
    copy = stage()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)]),
        "ANSIBLE_COLLECTIONS_PATH": str(copy.parents[2]),
        "ANSIBLE_NOCOLOR": "1",
    }
    command = [str(BIN / "antsibull-docs"), "lint-collection-docs", "--plugin-docs", "--skip-rstcheck"]
    command += ["--validate-collection-refs=self", "."]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
