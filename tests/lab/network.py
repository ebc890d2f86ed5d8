# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges, cables and network namespaces on the machine.

Each cluster has a bridge and one node behind it. The lab's bridges reach each other and the machine, nothing else: a
table of nftables drops what comes from or goes to any other interface.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path

from .commands import run, succeeds
from .layout import ClusterLayout, Layout
from .subnets import Subnets

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def taken() -> list[IPv4Network]:
    """Every network that the machine has an address in or a route to (its default route aside)."""
    found: set[IPv4Network] = set()
    for interface in json.loads(run(["ip", "-j", "-4", "address"]) or "[]"):
        for address in interface.get("addr_info", []):
            found.add(IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False))
    for route in json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]) or "[]"):
        if route.get("dst", "default") != "default":
            found.add(IPv4Network(route["dst"], strict=False))
    return sorted(found)


def reserve(block: IPv4Network) -> None:
    """Make the block visible to others as taken, and keep what isn't routed in it from leaving the machine."""
    run(["ip", "route", "replace", "blackhole", str(block)])


def allow_forwarding() -> bool:
    """Let the machine route between the bridges; True when it did not before."""
    if _FORWARDING.read_text().strip() == "1":
        return False
    _FORWARDING.write_text("1")
    return True


def forbid_forwarding() -> None:
    """Take allow_forwarding back, unless another lab still needs it."""
    if not any(name.startswith("mal") for name in _interfaces()):
        _FORWARDING.write_text("0")


def _interfaces() -> list[str]:
    return [interface["ifname"] for interface in json.loads(run(["ip", "-j", "link"]))]


def isolate(lab: Layout) -> None:
    """Write the lab's table: its bridges reach each other only."""
    ours = f'"{lab.bridges}*"'
    rules = f"""
        table inet {lab.table}
        delete table inet {lab.table}
        table inet {lab.table} {{
            chain forward {{
                type filter hook forward priority 0; policy accept;
                iifname {ours} oifname {ours} accept
                iifname {ours} drop
                oifname {ours} drop
            }}
        }}
    """
    run(["nft", "-f", "-"], stdin=rules)


def connect(cluster: ClusterLayout, subnets: Subnets) -> None:
    """Make the cluster's bridge, namespace and cable; what is there already stays."""
    if not cluster.namespace.exists():
        run(["ip", "netns", "add", cluster.unit])
    inside = ["ip", "-n", cluster.unit]
    interfaces = _interfaces()
    if cluster.bridge not in interfaces:
        run(["ip", "link", "add", cluster.bridge, "type", "bridge"])
    width = subnets.nodes.prefixlen
    run(["ip", "address", "replace", f"{subnets.gateway}/{width}", "dev", cluster.bridge])
    run(["ip", "link", "set", cluster.bridge, "up"])
    if cluster.veth not in interfaces:
        run(["ip", "link", "add", cluster.veth, "type", "veth", "peer", "name", "eth0", "netns", cluster.unit])
    run(["ip", "link", "set", cluster.veth, "master", cluster.bridge, "up"])
    run([*inside, "link", "set", "lo", "up"])
    run([*inside, "address", "replace", f"{subnets.node}/{width}", "dev", "eth0"])
    run([*inside, "link", "set", "eth0", "up"])
    run([*inside, "route", "replace", "default", "via", str(subnets.gateway)])
    run(["nsenter", f"--net={cluster.namespace}", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])


def disconnect(cluster: ClusterLayout, block: IPv4Network) -> None:
    """Take away all that connect and reserve made."""
    for argv in (
        ["ip", "link", "delete", cluster.veth],
        ["ip", "netns", "delete", cluster.unit],
        ["ip", "link", "delete", cluster.bridge],
        ["ip", "route", "delete", "blackhole", str(block)],
    ):
        succeeds(argv)


def open_up(lab: Layout) -> None:
    """Take the lab's table away."""
    succeeds(["nft", "delete", "table", "inet", lab.table])
