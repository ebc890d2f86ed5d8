# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the Kubernetes API."""

from __future__ import annotations

from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError


class ApiError(AllianceError):
    """A request that an API server refused, or that never reached it.

    C(status) is the HTTP status, 0 when there was no answer; C(reason) is the C(reason) of the C(Status) object
    (U(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/)) or the name of the network
    error.
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "", **where: Any) -> None:
        super().__init__(message, **where)
        self.status = status
        self.reason = reason


class WaitTimeoutError(AllianceError):
    """Objects that were written but did not become ready in time."""
