# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One GET of a consumer: ten seconds for everything, the system's CAs and the resource's."""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.deckhouse import facts


class FetchError(Exception):
    """There was no answer."""


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes


def get(url: str, *, ca: str | None = None, insecure: bool = False, token: str | None = None) -> Answer:
    """GET an https URL. Raises FetchError. Redirects are answers like any other."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise FetchError(f"{url} is not an https URL")
    context = ssl.create_default_context()
    try:
        if insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        elif ca:
            context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError):
        raise FetchError("clusterCA is not PEM") from None
    deadline = time.monotonic() + facts.FETCH_SECONDS
    connection = http.client.HTTPSConnection(
        parts.hostname, parts.port or 443, timeout=facts.FETCH_SECONDS, context=context
    )
    headers = {"User-Agent": "Go-http-client/1.1", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        connection.request("GET", parts.path, headers=headers)
        response = connection.getresponse()
        body = bytearray()
        while chunk := response.read1(64 * 1024):
            body += chunk
            if time.monotonic() > deadline:
                raise FetchError("no complete answer in time")
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"GET {url}: {error}") from None
    finally:
        connection.close()
    return Answer(response.status, bytes(body))
