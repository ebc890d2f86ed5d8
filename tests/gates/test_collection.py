# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Galaxy and Automation Hub ask of a collection, and what the archive holds."""

from __future__ import annotations

import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gates.gates import BIN
from tests.gates.staging import source_files, stage
from tests.gates.test_module_coverage import MODULES, has_cluster

# One of these is required (Automation Hub's list).
CATEGORIES = {
    "application",
    "cloud",
    "database",
    "eda",
    "infrastructure",
    "linux",
    "monitoring",
    "networking",
    "security",
    "storage",
    "tools",
    "windows",
}
SPDX = "# SPDX-License-Identifier: GPL-3.0-or-later"


@pytest.fixture(scope="module")
def copy() -> Path:
    return stage()


@pytest.fixture(scope="module")
def galaxy(copy: Path) -> Any:
    return yaml.safe_load((copy / "galaxy.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def runtime(copy: Path) -> Any:
    return yaml.safe_load((copy / "meta" / "runtime.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def archived(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in the built archive."""
    folder = tmp_path_factory.mktemp("archive")
    command = [str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(folder), str(copy)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_version_is_semantic(galaxy: Any) -> None:
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?", galaxy["version"])


def test_tags(galaxy: Any) -> None:
    tags = galaxy["tags"]
    assert len(tags) <= 20
    assert len(set(tags)) == len(tags)
    assert CATEGORIES & set(tags)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*", tag) for tag in tags)


def test_requires_ansible_in_full(runtime: Any) -> None:
    assert re.fullmatch(r">=\d+\.\d+\.\d+", runtime["requires_ansible"])


def test_action_group_holds_every_module_with_a_cluster(runtime: Any) -> None:
    """module_defaults of the group gives each of them the way to the cluster."""
    assert runtime["action_groups"]["all"] == [module for module in MODULES if has_cluster(module)]


def test_archive_has_what_a_user_needs(archived: list[str]) -> None:
    for name in ("README.md", "LICENSE", "meta/runtime.yml", "meta/ee-requirements.txt", "exporter/__main__.py"):
        assert name in archived
    assert any(name.startswith("CHANGELOG.") or name == "changelogs/changelog.yaml" for name in archived)


def test_archive_has_nothing_of_the_workplace(archived: list[str]) -> None:
    unwanted = re.compile(
        r"(^|/)(\.venv|\.lab|\.git|\.ci|__pycache__|\.[a-z]+_cache)(/|$)|^tests/output|^dist(/|$)|\.pyc$"
    )
    assert [name for name in archived if unwanted.search(name)] == []


def test_every_python_file_names_its_licence(copy: Path) -> None:
    bare = []
    for name in source_files():
        if name.endswith(".py"):
            text = (copy / name).read_text(encoding="utf-8")
            if text.strip() and SPDX not in text[:600]:
                bare.append(name)
    assert bare == []


def test_no_gate_is_switched_off(copy: Path) -> None:
    names = [path.name for path in copy.rglob("*") if ".git" not in path.relative_to(copy).parts]
    assert [
        name for name in names if re.fullmatch(r"ignore-[0-9.]+\.txt|ignore\.txt|\.ansible-lint-ignore", name)
    ] == []


def test_modules_run_on_python_3_10(copy: Path) -> None:
    config = yaml.safe_load((copy / "tests" / "config.yml").read_text(encoding="utf-8"))
    assert config["modules"]["python_requires"] == ">=3.10"
