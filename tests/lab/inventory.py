# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory that federates the lab's clusters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def inventory(clusters: Mapping[str, Mapping[str, Any]], image: str) -> dict[str, Any]:
    """The inventory's document.

    `clusters` maps names to what is special about them; `image` is the tag of the execution environment's image.
    """
    hosts = {
        name: {"alliance_kubeconfig": f"{{{{ inventory_dir }}}}/{name}/operator.kubeconfig", **special}
        for name, special in clusters.items()
    }
    return {
        "istio_federation": {
            "hosts": hosts,
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                "metadata_exporter_image": image,
                "alliance_gateway": {"inlet": "NodePort", "node_port": 30443},
                "istio_module_restart_workloads": True,
            },
        }
    }


def write_inventory(path: Path, clusters: Mapping[str, Mapping[str, Any]], image: str) -> None:
    """Write the inventory to `path`."""
    path.write_text("---\n" + yaml.safe_dump(inventory(clusters, image), sort_keys=False))
