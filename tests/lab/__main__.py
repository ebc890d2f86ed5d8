# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's command line: `python -m tests.lab up|down|status|build|image|stop|start|exec|kubectl`."""

from __future__ import annotations

import argparse
import os
import re
import sys

from .errors import LabError
from .lab import DEFAULT_CLUSTERS, Lab
from .layout import Layout
from .progress import say


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Kubernetes clusters with Istio, here.")
    parser.add_argument("--name", default="", help="a second lab of this checkout, in .lab-NAME")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="bring clusters up; what works already is kept")
    up.add_argument("clusters", nargs="*", metavar="cluster", help=f"default: {' '.join(DEFAULT_CLUSTERS)}")
    up.add_argument(
        *("--deckhouse", "-d"),
        action="append",
        default=[],
        metavar="cluster",
        help="a cluster set up as the Deckhouse Kubernetes Platform does it; may be given several times",
    )
    up.add_argument(
        "--domain",
        action="append",
        default=[],
        type=_domain,
        metavar="cluster=domain",
        help="a cluster domain other than <cluster>.local; clusters may share one; may be given several times",
    )
    verbs.add_parser("down", help="take everything away")
    verbs.add_parser("status", help="say what works; exit status 1 when something doesn't")
    verbs.add_parser("build", help="build programs and images only")
    verbs.add_parser("image", help="build the image with the collection, import it, print its tag")
    for verb, text in (("stop", "switch clusters off, keeping their data"), ("start", "switch them on again")):
        verbs.add_parser(verb, help=text).add_argument("clusters", nargs="+", metavar="cluster")
    inside = verbs.add_parser("exec", help="run a command in a pod of a deployment")
    for name in ("cluster", "namespace", "deployment"):
        inside.add_argument(name)
    inside.add_argument("command", nargs="+")
    kubectl = verbs.add_parser("kubectl", help="run kubectl with a cluster's kubeconfig")
    kubectl.add_argument("cluster")
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser


def _domain(text: str) -> tuple[str, str]:
    """The two sides of `cluster=domain`."""
    cluster, _sign, domain = text.partition("=")
    if not cluster or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
        raise argparse.ArgumentTypeError(f"{text!r} is not cluster=domain, as in cluster-d=mesh.local")
    return cluster, domain


def _status(lab: Lab) -> int:
    found = lab.status()
    if not found:
        print("the lab is down")
        return 1
    for name, parts in found.items():
        broken = [part for part, works in parts.items() if not works]
        print(f"{name}: {'ok' if not broken else 'not working: ' + ', '.join(broken)}")
    return 0 if all(all(parts.values()) for parts in found.values()) else 1


def main(arguments: list[str]) -> int:
    """Run one verb; the exit status."""
    options = _parser().parse_args(arguments)
    lab = Lab(Layout(name=options.name))
    match options.verb:
        case "up":
            lab.up(options.clusters, options.deckhouse, dict(options.domain))
        case "down":
            lab.down()
        case "status":
            return _status(lab)
        case "build":
            print(lab.build()[0])
        case "image":
            print(lab.image())
        case "stop":
            lab.stop(options.clusters)
        case "start":
            lab.start(options.clusters)
        case "exec":
            target = ["exec", "-n", options.namespace, f"deployment/{options.deployment}", "--", *options.command]
            argv = lab.kubectl(options.cluster, target)
            os.execv(argv[0], argv)
        case "kubectl":
            rest = options.arguments
            argv = lab.kubectl(options.cluster, rest[1:] if rest[:1] == ["--"] else rest)
            os.execv(argv[0], argv)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except LabError as error:
        say(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; run it again to go on, or `down` to clean up")
        sys.exit(130)
