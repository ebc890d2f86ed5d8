# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""execution-environment.yml and meta/ describe one image: ansible-builder makes a build context of them, as far as
that goes without a registry."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gates.gates import BIN
from tests.gates.staging import stage

REQUIREMENT = re.compile(r"^[A-Za-z][A-Za-z0-9._-]*>=[0-9.]+$")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def lines(path: Path) -> list[str]:
    """The entries of a requirement file, without comments."""
    text = path.read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="module")
def copy() -> Path:
    return stage()


@pytest.fixture(scope="module")
def context(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build context. The archive in it is the real one, built from the same files."""
    command = [str(BIN / "ansible-galaxy"), "collection", "build", "--force", "--output-path", "dist"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("builder") / "context"
    create = [str(BIN / "ansible-builder"), "create", "--context", str(folder)]
    done = subprocess.run(create, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_context_has_the_instructions(context: Path) -> None:
    # The name depends on which container runtime is installed.
    (file,) = [path for path in context.iterdir() if path.name in {"Containerfile", "Dockerfile"}]
    text = file.read_text(encoding="utf-8")
    assert re.search(r"^COPY _build/requirements\.txt ", text, re.MULTILINE)
    assert re.search(r"^COPY _build/bindep\.txt ", text, re.MULTILINE)
    assert "--user-pip=requirements.txt --user-bindep=bindep.txt" in text
    assert "ENV PYTHONPATH=/usr/share/ansible/collections" in text
    assert '--collections-path "/usr/share/ansible/collections"' in text


def test_the_context_has_our_requirements(copy: Path, context: Path) -> None:
    build = context / "_build"
    assert lines(build / "requirements.txt") == lines(copy / "meta" / "ee-requirements.txt")
    assert lines(build / "bindep.txt") == lines(copy / "meta" / "ee-bindep.txt")


def test_the_context_has_the_collection(copy: Path, context: Path) -> None:
    """The archive's name holds the version, so a new version has to be followed in execution-environment.yml."""
    galaxy = load(copy / "galaxy.yml")
    name = f"files/{galaxy['namespace']}-{galaxy['name']}-{galaxy['version']}.tar.gz"
    requirements = load(context / "_build" / "requirements.yml")
    assert requirements == {"collections": [{"name": name, "type": "file"}]}
    assert (context / "_build" / name).stat().st_size > 0


def test_the_collection_names_the_same_files(copy: Path) -> None:
    """ansible-builder reads meta/ wherever the collection is installed; both ways lead to the same files."""
    own = load(copy / "meta" / "execution-environment.yml")
    ready = load(copy / "execution-environment.yml")
    assert own["version"] == ready["version"] == 3
    assert own["dependencies"] == {key: ready["dependencies"][key] for key in ("python", "system")}


def test_requirements_have_lower_bounds(copy: Path) -> None:
    for line in lines(copy / "meta" / "ee-requirements.txt"):
        assert REQUIREMENT.match(line), line


def test_ansible_core_is_the_one_that_the_collection_asks_for(copy: Path) -> None:
    wanted = load(copy / "meta" / "runtime.yml")["requires_ansible"]
    ready = load(copy / "execution-environment.yml")
    assert ready["dependencies"]["ansible_core"]["package_pip"] == f"ansible-core{wanted}"


def test_introspection_finds_the_requirements(copy: Path) -> None:
    """The way that an image is built in which the collection is one of many."""
    command = [str(BIN / "ansible-builder"), "introspect", str(copy.parents[2])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in lines(copy / "meta" / "ee-requirements.txt"):
        # ansible-builder leaves out what ansible-core brings along.
        assert line in done.stdout or line.startswith("PyYAML")
