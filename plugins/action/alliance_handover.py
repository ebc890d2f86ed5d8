# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action alliance_handover: see the module of the same name for its documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.handover import federation_manifests
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.members import Member, resource_name
from ansible_collections.meshalliance.istio.plugins.module_utils._files import place, read_text, write_text

display = Display()

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "members": {"type": "list", "elements": "dict", "required": True},
    "directory": {"type": "str", "default": ""},
}


class ActionModule(ActionBase):
    """Writes the manifests to a file of the controller, and shows them when there is something new in them."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The manifests, the file, and whether it was (or in check mode would be) changed."""
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec=ARGUMENT_SPEC)
        name = arguments["name"]
        members = [Member.from_dict(member) for member in arguments["members"]]
        path = place(arguments["directory"]) / f"{resource_name(name)}.yml"
        try:
            before = read_text(path) if arguments["directory"] else ""
            manifests = federation_manifests(members, name, before)
            if not arguments["directory"]:
                display.display(_shown(name, manifests))
                return {"changed": False, "path": "", "manifests": manifests, "diff": []}
            changed = manifests != before
            if changed and not self._task.check_mode:
                write_text(path, manifests)
        except (AllianceError, OSError, UnicodeDecodeError) as error:
            return {"changed": False, "failed": True, "msg": f"external neighbour {name}: {_told(error, path)}"}
        where = f" ({'would be written to' if self._task.check_mode else 'also in'} {path})"
        display.display(_shown(name, manifests, where) if changed else _unchanged(name, path))
        diff = {"before_header": str(path), "after_header": str(path), "before": before, "after": manifests}
        return {
            "changed": changed,
            "path": str(path),
            "manifests": manifests,
            "diff": [diff] if changed else [],
        }


def _shown(name: str, manifests: str, where: str = "") -> str:
    return f"\nexternal neighbour {name}: hand this to its administrator{where}\n\n{manifests}"


def _unchanged(name: str, path: Path) -> str:
    return f"external neighbour {name}: what its administrator enters on the other side is in {path}, unchanged"


def _told(error: AllianceError | OSError | UnicodeDecodeError, path: Path) -> str:
    if isinstance(error, AllianceError):
        return str(error)
    why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
    return (
        f"the file {path} can't be read or written: {why}. Remedy: set external_neighbour_directory to a folder of the"
        ' machine that runs the playbook, or to "" to have the manifests printed alone'
    )
