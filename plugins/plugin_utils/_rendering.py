# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions of modules that apply objects: with C(render_dir) their manifests become files of the controller instead.

The manifests, which may be thousands, come back from the module and end here: the task's result names the file alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.render import (
    file_name,
    folder_name,
    manifests_text,
    not_known_yet,
    secret_left_out,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._files import place, read_text, write_text


class RenderingAction(ActionBase):
    """Runs the module of its own name. C(module): that name, in full."""

    TRANSFERS_FILES = False
    module = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result. With C(render_dir) it names C(rendered_file), and C(changed) means that or a status."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        result = dict(self._execute_module(module_name=self.module, module_args=self._task.args, task_vars=variables))
        rendered = result.pop("rendered_set", None)
        directory = self._task.args.get("render_dir")
        if rendered is None or not directory:
            return result
        cluster = str(self._task.args.get("cluster") or variables.get("inventory_hostname") or "cluster")
        try:
            files = self._rendered(rendered, place(str(directory)) / folder_name(cluster))
            files["warnings"] = [*(result.get("warnings") or []), *files["warnings"]]
            # What was proved is no file: the module has written it.
            files["changed"] = files["changed"] or bool(result.get("statuses"))
            return {**result, **files}
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            message = f"cluster {cluster}: the files in {directory} can't be read or written: {why}"
            remedy = "set alliance_render_dir to a folder of the machine that runs the playbook"
            return {**result, "failed": True, "msg": f"{message}. Remedy: {remedy}"}

    def _rendered(self, rendered: dict[str, Any], folder: Path) -> dict[str, Any]:
        objects, warnings = [], []
        for obj in rendered["objects"]:
            name = f"{obj['kind']} {obj['metadata']['name']}"
            if secret_left_out(obj):
                warnings.append(
                    f"{name} is not written into a file, because it is a Secret: it has to come another way"
                )
            elif not_known_yet(obj):
                warnings.append(
                    f"{name} is not written into a file yet: it needs what is not there yet. Apply, then run again"
                )
            else:
                objects.append(obj)
        if not objects:
            return {"changed": False, "rendered_file": "", "warnings": warnings}
        path = folder / file_name(rendered["set"], objects)
        text = manifests_text(objects)
        changed = read_text(path) != text
        if changed and not self._task.check_mode:
            write_text(path, text)
        return {"changed": changed, "rendered_file": str(path), "warnings": warnings}
