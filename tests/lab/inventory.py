# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of the lab's clusters: who shares a domain is joined by it, the others are federated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FEDERATION, MULTICLUSTER = "istio_federation", "istio_multicluster"


def inventory(
    clusters: Mapping[str, Mapping[str, Any]], image: str, domains: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The inventory's document.

    `clusters` maps names to what is special about them; `image` is the tag of the execution environment's image. Those
    that have a domain of `domains` (by name) together are in the group of multicluster, which is there when somebody is
    in it; all others are in that of federation.
    """
    members = Counter((domains or {}).values())
    groups: dict[str, dict[str, Any]] = {FEDERATION: {}, MULTICLUSTER: {}}
    for name, special in clusters.items():
        shares = members[(domains or {}).get(name, "")] > 1
        groups[MULTICLUSTER if shares else FEDERATION][name] = {
            "alliance_kubeconfig": f"{{{{ inventory_dir }}}}/{name}/operator.kubeconfig",
            **special,
        }
    return {
        group: {"hosts": hosts, "vars": _variables(image)}
        for group, hosts in groups.items()
        if hosts or group == FEDERATION
    }


def _variables(image: str) -> dict[str, Any]:
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "metadata_exporter_image": image,
        "alliance_gateway": {"inlet": "NodePort", "node_port": 30443},
        "istio_module_restart_workloads": True,
        # What is broken and repaired is seen soon.
        "metadata_exporter_probe_interval": 5,
    }


def write_inventory(
    path: Path, clusters: Mapping[str, Mapping[str, Any]], image: str, domains: Mapping[str, str] | None = None
) -> None:
    """Write the inventory to `path`."""
    path.write_text("---\n" + yaml.safe_dump(inventory(clusters, image, domains), sort_keys=False))
