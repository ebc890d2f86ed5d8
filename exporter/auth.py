# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who asks: the bearer token (RFC 6750) of a request for a private document."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.meshalliance.istio.exporter.documents import View
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import TokenError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import verify_token

MISSING = "missing"

# All that a caller learns. Which of its claims was wrong, or whether a clusterUUID is known, is for our log only.
_NOBODY = "no bearer token"
_REFUSED = "token refused"


@dataclass(frozen=True)
class Refusal:
    """C(text) goes into the answer, C(reason) into log and metrics."""

    text: str
    reason: str


@dataclass(frozen=True)
class Caller:
    """A neighbour, by its clusterUUID."""

    subject: str


def authenticate(header: str | None, scope: str, view: View, now: float) -> Caller | Refusal:
    """The caller that an Authorization header proves, or why there is none. C(now): unix seconds."""
    scheme, _space, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Refusal(_NOBODY, MISSING)
    try:
        subject = verify_token(
            token.strip(),
            audience=view.cluster_uuid,
            scope=scope,
            # By the clock, not by the next run: a key that was replaced ends when it was said to end.
            public_keys={uuid: keys.at(now) for uuid, keys in view.neighbour_keys.get(scope, {}).items()},
            now=now,
        )
    except TokenError as error:
        return Refusal(_REFUSED, error.reason)
    return Caller(subject)
