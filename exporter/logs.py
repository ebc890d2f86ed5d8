# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Structured logs: one JSON object per line on standard output, free of secrets.

Callers name the fields they log with C(extra={"fields": {...}}). What they may pass by mistake is removed here as well:
tokens, private keys and Authorization values.
"""

from __future__ import annotations

import datetime
import json
import logging
import re
import sys
from typing import IO, Any

LOGGER = logging.getLogger("metadata-exporter")

_LONGEST_TEXT = 2000
_SECRETS = (
    # Any JWS, whole or cut off: its header is a JSON object in base64url, which begins with eyJ.
    re.compile(r"eyJ[A-Za-z0-9_-]{4,}(\.[A-Za-z0-9_-]*){0,2}"),
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"(?i)\bbearer\s+[^\s\"',]+"),
)
_REMOVED = "[removed]"


def redact(text: str) -> str:
    """The text without tokens and private keys, cut to a sane length."""
    # Cut last, or the end of a secret could escape its pattern.
    for secret in _SECRETS:
        text = secret.sub(_REMOVED, text)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON with time (UTC), level, message and the caller's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        when = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        entry: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        for name, value in getattr(record, "fields", {}).items():
            entry.setdefault(name, _safe(value))
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=True)


def configure(level: str, stream: IO[str] | None = None) -> None:
    """Send all logs of the process to C(stream) (standard output) from C(level) on."""
    handler = logging.StreamHandler(sys.stdout if stream is None else stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(level.upper())
    logging.captureWarnings(True)
    # It warns each time that more requests are under way than there are threads.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def _safe(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_safe(item) for item in sorted(value, key=str)]
    return redact(str(value))
