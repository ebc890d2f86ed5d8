# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures, prints tables and writes .lab/bench.json.

python -m tests.benchmark [--runs 5] [--pairs 200] [--services 5000] [--only applying|exporting|proxying]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmark import applying, exporting, proxying, report
from tests.gates.staging import ROOT
from tests.lab import builds
from tests.lab.controlplane import ControlPlane

RESULT = ROOT / ".lab" / "bench.json"


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each measurement (default 5)")
    parser.add_argument(
        "--pairs", type=int, default=200, help="ServiceEntries, and as many DestinationRules (default 200)"
    )
    parser.add_argument("--services", type=int, default=5000, help="services of exporter and api-proxy (default 5000)")
    parser.add_argument("--only", choices=["applying", "exporting", "proxying"], help="measure only this")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Measure everything on one API server."""
    options = parse(arguments)
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    result: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8")) if options.only and RESULT.exists() else {}
    result["machine"] = {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}
    result["runs"] = options.runs
    kubectl = builds.program("kubectl")
    with tempfile.TemporaryDirectory(prefix="meshalliance-bench-") as folder, ControlPlane("bench") as plane:
        work, kubeconfig = Path(folder), Path(plane.kubeconfig)
        tell("API server started")
        if options.only in (None, "applying"):
            times = applying.run(kubeconfig, kubectl, pairs=options.pairs, runs=options.runs, work=work, tell=tell)
            figures = {name: found.to_dict() for name, found in times.items()}
            result["applying"] = {"objects": 2 * options.pairs, "seconds": figures, "targets": report.targets(figures)}
        if options.only in (None, "exporting"):
            result["exporting"] = exporting.run(
                kubeconfig, services=options.services, runs=options.runs, work=work, tell=tell
            )
        if options.only in (None, "proxying"):
            result["proxying"] = proxying.run(plane, services=options.services, runs=options.runs, work=work, tell=tell)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if "applying" in result:
        print("\n" + report.applying(result["applying"]["seconds"], result["applying"]["objects"]))
        print("\n" + report.target_table(result["applying"]["targets"]))
    if "exporting" in result:
        print("\n" + report.exporting(result["exporting"]))
    if "proxying" in result:
        print("\n" + report.proxying(result["proxying"]))
    print(f"\nMedians of {options.runs} runs; all figures: {RESULT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
