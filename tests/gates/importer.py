# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the collection and puts the archive through galaxy-importer, as Galaxy does at an upload.

    python -m tests.gates.importer

ansible-test is switched off in it, because sanity is a gate of its own and the importer would run it in a container.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.gates.staging import OUTPUT, stage

BIN = Path(sys.executable).parent
WORK = OUTPUT / "importer"

CONFIGURATION = """\
[galaxy-importer]
check_required_tags = true
run_ansible_doc = true
run_ansible_lint = true
offline_ansible_lint = true
run_ansible_test = false
run_flake8 = false
ansible_local_tmp = {work}/ansible
tmp_root_dir = {work}
"""


def build(copy: Path, output: Path, environment: dict[str, str]) -> Path:
    """Build the archive from the staged copy."""
    command = [str(BIN / "ansible-galaxy"), "collection", "build", "--force", "--output-path", str(output), str(copy)]
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)
    (archive,) = output.glob("meshalliance-istio-*.tar.gz")
    return archive


def main() -> int:
    """Build, import, and fail on every warning: the importer itself only fails when it can't go on."""
    copy = stage()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    configuration = WORK / "galaxy-importer.cfg"
    configuration.write_text(CONFIGURATION.format(work=WORK), encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)]),
        "GALAXY_IMPORTER_CONFIG": str(configuration),
        "ANSIBLE_HOME": str(WORK / "home"),
    }
    archive = build(copy, WORK, environment)
    done = subprocess.run(
        [sys.executable, "-m", "galaxy_importer.main", str(archive)],
        cwd=WORK,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout)
    findings = [line for line in done.stdout.splitlines() if line.startswith(("WARNING", "ERROR", "CRITICAL"))]
    if done.returncode == 0 and not findings and "completed successfully" in done.stdout:
        return 0
    print(f"{len(findings)} finding(s), exit code {done.returncode}")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
