# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules inside of the tests' own process: hundreds of times what a run through ansible would allow."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from dataclasses import dataclass
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from tests.integration.ansible_module import MUTATING, OPERATOR
from tests.lab.controlplane import ControlPlane


@dataclass(frozen=True)
class Run:
    """A module's result, and the mutating requests that the API server saw meanwhile."""

    result: dict[str, Any]
    writes: tuple[str, ...]

    @property
    def findings(self) -> dict[str, list[dict[str, str]]]:
        """The findings by neighbour."""
        found: dict[str, list[dict[str, str]]] = {}
        for finding in self.result["findings"]:
            found.setdefault(finding["neighbour"], []).append(finding)
        return found


@dataclass(frozen=True)
class Runner:
    """Runs modules of the collection against one control plane. A run that ends otherwise than by a result fails."""

    control_plane: ControlPlane

    def __call__(self, module: str, *, check: bool = False, **options: Any) -> Run:
        seen = len(self.control_plane.audit_events(user=OPERATOR))
        program = importlib.import_module(f"ansible_collections.meshalliance.istio.plugins.modules.{module}")
        arguments = {
            "kubeconfig": str(self.control_plane.operator_kubeconfig),
            "cluster": "reader",
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            **options,
        }
        output, errors = io.StringIO(), io.StringIO()
        with (
            patch_module_args(arguments),
            contextlib.redirect_stdout(output),
            contextlib.redirect_stderr(errors),
            pytest.raises(SystemExit),
        ):
            program.main()
        assert "Traceback" not in output.getvalue() + errors.getvalue()
        result = json.loads(output.getvalue())
        assert not result.get("failed"), result.get("msg")
        events = self.control_plane.audit_events(user=OPERATOR)[seen:]
        writes = [
            f"{event['verb']} {event['objectRef'].get('resource')}/{event['objectRef'].get('name', '')}"
            for event in events
            if event["verb"] in MUTATING and event["stage"] == "ResponseComplete"
        ]
        return Run(result, tuple(writes))
