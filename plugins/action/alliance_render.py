# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action alliance_render: see the module of the same name for its documentation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.render import (
    HEADER,
    KUSTOMIZATION,
    SUFFIX,
    folder_name,
    kustomization_text,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._files import place, read_text, write_text
from ansible_collections.meshalliance.istio.plugins.plugin_utils._steps import MODES, done_steps, failures_of


class ActionModule(ActionBase):
    """Names a run's files in each folder's kustomization.yaml, and takes away those that are of an earlier one."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The files by cluster, and whether a folder was changed here."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "group": {"type": "str", "required": True, "choices": list(MODES)},
                "directory": {"type": "str", "required": True},
            }
        )
        variables = task_vars or {}
        changed, files = False, {}
        try:
            for host in sorted(variables["groups"].get(arguments["group"], [])):
                names = _files_of(variables["hostvars"][host], MODES[arguments["group"]])
                if names is not None:
                    files[host] = names
                    folder = place(arguments["directory"]) / folder_name(host)
                    changed |= _complete(folder, names, write=not self._task.check_mode)
        except (OSError, UnicodeDecodeError) as error:
            message = f"the files in {arguments['directory']} can't be read or written: {error}"
            return {"changed": changed, "failed": True, "msg": message}
        return {"changed": changed, "files": files}


def _files_of(variables: Mapping[str, Any], mode: str) -> list[str] | None:
    """The names of the files of a host's run; None when it rendered none, or not all: then its folder stays."""
    done = done_steps(variables, mode)
    steps = [step for step in done.values() if "rendered_file" in step]
    if not steps or failures_of(done):
        return None
    return sorted({Path(step["rendered_file"]).name for step in steps if step["rendered_file"]})


def _complete(folder: Path, names: list[str], *, write: bool) -> bool:
    """Whether the folder is (or without C(write) would be) changed."""
    stale = [path for path in sorted(folder.glob(f"*{SUFFIX}")) if path.name not in (*names, KUSTOMIZATION)]
    # Files that somebody else put there are theirs, and not applied.
    stale = [path for path in stale if read_text(path).startswith(HEADER)]
    path, text = folder / KUSTOMIZATION, kustomization_text(names)
    changed = bool(stale) or read_text(path) != text
    if changed and write:
        write_text(path, text)
        for old in stale:
            old.unlink()
    return changed
