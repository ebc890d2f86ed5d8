# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a rotation from going on, from what the hosts of the play registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

# What the role root_rotation and the role root_exchange register.
PROOF = "root_rotation_proof"
TRUST = "root_exchange_result"
SHOWN = 5


def unproved_neighbours(
    hostvars: Mapping[str, Mapping[str, Any]],
    cluster: str,
    neighbours: Iterable[str],
    reached: Iterable[str],
    left_out: Iterable[str] = (),
) -> list[str]:
    """The neighbours of a cluster whose proxies are not proved to trust as they should, each with the reason.

    reached: the hosts on which nothing has failed so far; what others registered before may be out of date. left_out:
    neighbours that may be unproved.
    """
    excused, working = {str(name) for name in left_out}, {str(name) for name in reached}
    return [
        f"{name} ({reason})"
        for name in sorted(str(item) for item in neighbours)
        if name not in excused and (reason := _reason(hostvars.get(name) or {}, cluster, reached=name in working))
    ]


def _reason(variables: Mapping[str, Any], cluster: str, *, reached: bool) -> str:
    """Why one neighbour is not proved; the empty string when it is."""
    proof = variables.get(PROOF) or {}
    if reached and proof.get("proved") is True:
        return ""
    if str(variables.get("alliance_provider") or "") == "external":
        return "it is external, so its proxies can't be asked: ask its administrator"
    if proof.get("failed"):
        return str(proof.get("msg") or "its proxies could not be asked")
    findings = (variables.get(TRUST) or {}).get("findings") or []
    refused = [str(item.get("message")) for item in findings if item.get("neighbour") == cluster]
    if refused:
        return "; ".join(refused)
    reasons = sorted((proof.get("reasons") or {}).items())
    if not reasons:
        return "its proxies were not asked" if reached else "it could not be read or written in this run"
    more = f", and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
    return ", ".join(f"Pod {pod}: {reason}" for pod, reason in reasons[:SHOWN]) + more


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"unproved_neighbours": unproved_neighbours}
