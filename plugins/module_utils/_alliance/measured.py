# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the exporters of a cluster measured of its neighbours, as each of them tells it on its second port: written,
read strictly, and put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import (
    ANSWERED,
    NOT_PUBLISHED,
    OUTCOMES,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.levels import ERROR, OK, UNKNOWN
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.texts import printable

MEASURED_PATH = "/status"
MEASURED_PORT = 8081
MAX_MEASURED_BYTES = 8 * 1024 * 1024
_FORMAT = 1
_MOST_NEIGHBOURS = 4096
# What is older than some intervals, and this many seconds, tells nothing of now.
_INTERVALS = 3
_GRACE_SECONDS = 60.0
_LONGEST_INTERVAL = 3600.0

# A neighbour's resource: its kind and name.
Key = tuple[str, str]


@dataclass(frozen=True)
class Measurement:
    """The last request for a neighbour's healthcheck.

    C(kind), C(name): of the neighbour's resource. C(outcome): one of healthcheck.OUTCOMES. C(reason): a sentence, empty
    for success. C(at): when it ended, C(succeeded): when one was answered last, unix seconds, 0 for never. C(seconds):
    how long it took.
    """

    kind: str
    name: str
    outcome: str
    host: str = ""
    reason: str = ""
    at: float = 0.0
    seconds: float = 0.0
    succeeded: float = 0.0

    @property
    def key(self) -> Key:
        """The resource."""
        return self.kind, self.name


@dataclass(frozen=True)
class Measured:
    """All of one exporter. C(time): its clock, unix seconds. C(interval): seconds between requests, 0 when it makes
    none."""

    time: float
    interval: float
    neighbours: tuple[Measurement, ...] = ()

    def render(self) -> bytes:
        """As JSON."""
        document = {
            "format": _FORMAT,
            "time": self.time,
            "interval": self.interval,
            "neighbours": [
                {
                    "kind": item.kind,
                    "name": item.name,
                    "outcome": item.outcome,
                    "host": item.host,
                    "reason": item.reason,
                    "at": item.at,
                    "seconds": item.seconds,
                    "succeeded": item.succeeded,
                }
                for item in self.neighbours
            ],
        }
        return json.dumps(document, sort_keys=True, allow_nan=False).encode()

    @classmethod
    def parse(cls, data: bytes) -> Measured:
        """Reads what render() wrote. Raises AllianceError for everything else; entries that make no sense are left
        out."""
        value = parse_json(data, max_bytes=MAX_MEASURED_BYTES, what="what the exporter measured")
        if not isinstance(value, Mapping) or value.get("format") != _FORMAT:
            raise AllianceError(
                "what the exporter measured is in another form than this version of the collection reads",
                remedy="run federate.yml, so that the exporter is of the same version",
            )
        listed = value.get("neighbours")
        entries = listed[:_MOST_NEIGHBOURS] if isinstance(listed, list) else []
        read = [found for entry in entries if (found := _measurement(entry)) is not None]
        return cls(_number(value.get("time")), min(_number(value.get("interval")), _LONGEST_INTERVAL), tuple(read))

    def of(self, key: Key) -> Measurement | None:
        """What counts now for a neighbour; None when nothing was measured, or too long ago by the exporter's clock."""
        found = next((item for item in self.neighbours if item.key == key), None)
        fresh = found is not None and found.at > 0 and self.time - found.at <= self.longest
        return found if fresh else None

    @property
    def longest(self) -> float:
        """For how many seconds a measurement counts."""
        return _INTERVALS * self.interval + _GRACE_SECONDS


@dataclass(frozen=True)
class Asked:
    """One replica: what it measured, or why it could not be asked."""

    replica: str
    measured: Measured | None = None
    error: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the replicas say together of one neighbour. C(level): ok, error or unknown. C(text): why."""

    level: str
    text: str


def verdict(asked: Sequence[Asked], key: Key) -> Verdict | None:
    """Whether requests get through to a neighbour: yes when every replica says so, no when one does.

    None when no replica tries; unknown when there is nothing to try, or not all of them can be asked.
    """
    told = [(item, item.measured.of(key) if item.measured is not None else None) for item in asked]
    tried = [found for _item, found in told if found is not None and found.outcome != NOT_PUBLISHED]
    failed = [found for found in tried if found.outcome != ANSWERED]
    if failed:
        text = f"{len(failed)} of {len(asked)} exporters get no answer through the mesh: {failed[0].reason}"
        return Verdict(ERROR, text)
    if tried and len(tried) == len(asked):
        return Verdict(OK, f"the healthcheck answered all exporters through the mesh ({len(asked)})")
    if any(found is not None and found.outcome == NOT_PUBLISHED for _item, found in told):
        return Verdict(UNKNOWN, "it publishes no healthcheck by which exporters see whether requests get through")
    silent = _why_silent(item for item, found in told if found is None)
    if tried:
        return Verdict(UNKNOWN, f"the healthcheck answered {len(tried)} of {len(asked)} exporters{silent}")
    return Verdict(UNKNOWN, f"no exporter has tried whether requests get through{silent}") if silent else None


def _why_silent(asked: Iterable[Asked]) -> str:
    """Why one of them says nothing; empty when none has a reason."""
    found = next((item for item in asked if item.error), None)
    return f"; {found.replica} can't be asked: {found.error}" if found else ""


def _measurement(entry: object) -> Measurement | None:
    if not isinstance(entry, Mapping):
        return None
    kind, name, outcome = (_text(entry.get(field)) for field in ("kind", "name", "outcome"))
    if not kind or not name or outcome not in OUTCOMES:
        return None
    host, reason = _text(entry.get("host")), _text(entry.get("reason"))
    at, seconds, succeeded = (_number(entry.get(field)) for field in ("at", "seconds", "succeeded"))
    return Measurement(kind, name, outcome, host, reason, at, seconds, succeeded)


def _text(value: object) -> str:
    return printable(value) if isinstance(value, str) else ""


def _number(value: object) -> float:
    """A number from zero on; zero for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if 0 <= value < 1e15 else 0.0
