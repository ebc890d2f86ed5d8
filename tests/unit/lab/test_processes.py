# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Daemons are started once, found again, and only they are ended."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.lab.errors import LabError
from tests.lab.processes import Daemon, start_time


def test_start_find_and_stop(tmp_path: Path) -> None:
    daemon = Daemon("sleeper", tmp_path / "processes", tmp_path / "logs")
    assert daemon.pid() is None
    daemon.start(["sleep", "60"])
    pid = daemon.pid()
    assert pid is not None
    daemon.start(["sleep", "60"])
    assert Daemon("sleeper", tmp_path / "processes", tmp_path / "logs").pid() == pid
    daemon.stop()
    assert daemon.pid() is None
    assert start_time(pid) is None


def test_another_process_with_the_same_id_is_left_alone(tmp_path: Path) -> None:
    daemon = Daemon("other", tmp_path, tmp_path)
    daemon.record.write_text(json.dumps({"pid": os.getpid(), "start": 1}))
    assert daemon.pid() is None
    daemon.stop()
    assert not daemon.record.exists()


def test_a_daemon_that_ends_is_reported_with_its_log(tmp_path: Path) -> None:
    daemon = Daemon("broken", tmp_path, tmp_path)
    daemon.start(["sh", "-c", "echo no such flag; exit 2"])
    with pytest.raises(LabError, match="no such flag"):
        daemon.wait(lambda: False, timeout=10)
