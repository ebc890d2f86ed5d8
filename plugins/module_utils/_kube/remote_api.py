# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another cluster's API as an istiod sees it: with the kubeconfig of its remote secret, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.remote_proof import ready_endpoints
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import INVALID_ANSWER, Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import ENDPOINT_SLICE

PAUSE_SECONDS = 1.0
# A proxy that doesn't know us yet, or isn't there yet, says one of these.
_NOT_YET = frozenset({0, 401, 403, 404, 502, 503, 504})


class RemoteApiError(AllianceError):
    """A remote API can't be used. C(reason) is the condition reason of IstioMulticluster, C(status) HTTP's, or 0."""

    def __init__(self, message: str, *, reason: str, status: int = 0, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason
        self.status = status


def probe(
    kubeconfig: Mapping[str, Any],
    *,
    patience: float = 0.0,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """See that the API answers a kubeconfig's token, as Deckhouse does: C(GET /api) tells C(APIVersions).

    patience: seconds for which one that doesn't know the token yet is asked again. Raises RemoteApiError.
    """
    end = clock() + patience
    while True:
        try:
            answer = _ask(kubeconfig)
        except ApiError as error:
            if error.status in _NOT_YET and error.reason != INVALID_ANSWER and clock() < end:
                pause(PAUSE_SECONDS)
                continue
            if error.reason != INVALID_ANSWER:
                raise _refused(error) from None
            answer = {}
        if answer.get("kind") != "APIVersions":
            raise RemoteApiError(
                "what answers at its API host is no Kubernetes API",
                reason="NonOKResponse",
                remedy="see where its apiHost leads to, or set alliance_api_host there",
            )
        return


def list_endpoints(kubeconfig: Mapping[str, Any]) -> dict[tuple[str, str], frozenset[str]]:
    """The ready endpoints of a remote cluster, listed as istiod lists them. Raises RemoteApiError."""
    client = Client.from_options({"kubeconfig": dict(kubeconfig)})
    try:
        return ready_endpoints(client.list(ENDPOINT_SLICE).items)
    except ApiError as error:
        raise _refused(error) from None
    finally:
        client.close()


def _ask(kubeconfig: Mapping[str, Any]) -> Any:
    client = Client.from_options({"kubeconfig": dict(kubeconfig)})
    try:
        return client.request("GET", "/api").body
    finally:
        client.close()


def _refused(error: ApiError) -> RemoteApiError:
    remedies = {
        401: "see that the neighbour knows this cluster's current key (run the play there), and that both clocks agree",
        403: "see that this cluster is in the neighbour's alliance, and look at the log of its api-proxy",
    }
    return RemoteApiError(
        f"its API does not answer istiod's token: {error.message}",
        reason="NonOKResponse" if error.status else "FetchFailed",
        status=error.status,
        remedy=remedies.get(error.status, "look at the neighbour's api-proxy and at the gateway before it"),
    )
