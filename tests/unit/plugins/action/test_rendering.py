# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions that make files of manifests, with a module that returns what it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml

from ansible_collections.meshalliance.istio.plugins.action import (
    alliance_render,
    applyset,
    service_entries,
    trust_anchors,
)

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "n"}, "data": {"a": "b"}}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "key", "namespace": "n"},
    "data": {"a": "c2VjcmV0"},
}
UNKNOWN = {**CONFIG, "metadata": {"name": "later"}, "data": {"a": "https://known-after-apply.invalid/"}}


def run(
    module: Any, arguments: dict[str, Any], returned: dict[str, Any] | None = None, *, check: bool = False, **more: Any
) -> tuple[dict[str, Any], MagicMock]:
    task = MagicMock(args=arguments, async_val=0, check_mode=check)
    connection = MagicMock(_shell=MagicMock(tmpdir="/nowhere"))
    action = module.ActionModule(task, connection, MagicMock(), MagicMock(), MagicMock(), MagicMock())
    action._execute_module = MagicMock(return_value={"changed": True, **(returned or {})})
    return dict(action.run(task_vars={"inventory_hostname": "Cluster_A", **more})), action._execute_module


def rendered(*objects: dict[str, Any], name: str = "alliance-istio") -> dict[str, Any]:
    return {"rendered_set": {"set": name, "objects": list(objects)}, "objects": [{"kind": "ConfigMap"}]}


@pytest.mark.parametrize("module", [applyset, trust_anchors, service_entries])
def test_without_a_folder_nothing_is_different(module: Any) -> None:
    arguments = {"namespace": "n", "render_dir": ""}
    result, called = run(module, arguments, {"objects": []})
    assert result == {"changed": True, "objects": []}
    (call,) = called.call_args_list
    assert call.kwargs["module_name"] == module.ActionModule.module
    assert call.kwargs["module_args"] == arguments


def test_a_set_becomes_a_file_once(tmp_path: Path) -> None:
    file = tmp_path / "cluster-a" / "alliance-istio.yaml"
    arguments = {"render_dir": str(tmp_path)}
    result, _called = run(applyset, arguments, rendered(CONFIG), check=True)
    assert (result["changed"], file.exists()) == (True, False)
    result, _called = run(applyset, arguments, rendered(CONFIG))
    assert (result["changed"], result["rendered_file"]) == (True, str(file))
    assert "rendered_set" not in result
    assert list(yaml.safe_load_all(file.read_text())) == [CONFIG]
    result, _called = run(applyset, arguments, rendered(CONFIG))
    assert result["changed"] is False


def test_no_secret_and_nothing_unknown_is_written(tmp_path: Path) -> None:
    result, _called = run(applyset, {"render_dir": str(tmp_path), "cluster": "b"}, rendered(CONFIG, SECRET, UNKNOWN))
    text = (tmp_path / "b" / "alliance-istio.yaml").read_text()
    assert list(yaml.safe_load_all(text)) == [CONFIG]
    assert "c2VjcmV0" not in text + str(result)
    assert [warning.split(" is not")[0] for warning in result["warnings"]] == ["Secret key", "ConfigMap later"]


def test_nothing_to_write_is_no_file(tmp_path: Path) -> None:
    result, _called = run(applyset, {"render_dir": str(tmp_path)}, rendered(SECRET))
    assert (result["changed"], result["rendered_file"]) == (False, "")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_t_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result, _called = run(applyset, {"render_dir": str(tmp_path / "file")}, rendered(CONFIG))
    assert result["failed"] is True
    assert "alliance_render_dir" in result["msg"]


def complete(folder: Path, hosts: dict[str, Any], *, check: bool = False) -> dict[str, Any]:
    groups = {"istio_federation": list(hosts)}
    arguments = {"group": "istio_federation", "directory": str(folder)}
    return run(alliance_render, arguments, check=check, groups=groups, hostvars=hosts)[0]


def test_a_folder_names_the_files_of_the_run_and_no_others(tmp_path: Path) -> None:
    for name in ("alliance-istio", "alliance-trust"):
        run(applyset, {"render_dir": str(tmp_path)}, rendered(CONFIG, name=name))
    folder = tmp_path / "cluster-a"
    (folder / "theirs.yaml").write_text("kind: X\n")
    step = {"rendered_file": str(folder / "alliance-istio.yaml")}
    hosts = {"Cluster_A": {"istio_module_proxies": step, "istio_module_definitions": {"rendered_file": ""}}, "b": {}}
    assert complete(tmp_path, hosts, check=True)["changed"] is True
    assert not (folder / "kustomization.yaml").exists()
    assert complete(tmp_path, hosts) == {"changed": True, "files": {"Cluster_A": ["alliance-istio.yaml"]}}
    assert {path.name for path in folder.iterdir()} == {"alliance-istio.yaml", "kustomization.yaml", "theirs.yaml"}
    assert yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"] == ["alliance-istio.yaml"]
    assert complete(tmp_path, hosts)["changed"] is False
    assert not (tmp_path / "b").exists()


def test_a_run_that_failed_takes_no_file_away(tmp_path: Path) -> None:
    run(applyset, {"render_dir": str(tmp_path)}, rendered(CONFIG))
    failed = {"istio_module_proxies": {"rendered_file": ""}, "root_exchange_result": {"failed": True, "msg": "no"}}
    assert complete(tmp_path, {"Cluster_A": failed}) == {"changed": False, "files": {}}
    assert (tmp_path / "cluster-a" / "alliance-istio.yaml").exists()
