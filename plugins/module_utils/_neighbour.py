# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches a neighbour's metadata documents over HTTPS, from a server that may be slow, wrong or hostile.

Bounded in everything: one deadline for the whole exchange (proxy, TLS, headers, body), a limit of bytes, no redirects.
The standard library does the work, because the deadline needs the socket in hand.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
import threading
import time
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, unquote, urlsplit

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.addresses import AddressRules
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import (
    MAX_FEDERATION_BYTES,
    MAX_PUBLIC_BYTES,
    FederationMetadata,
    PublicMetadata,
    parse_federation,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, DocumentError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.multicluster import (
    MAX_MULTICLUSTER_BYTES,
    MulticlusterMetadata,
    parse_multicluster,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_DOCUMENT,
    MULTICLUSTER_DOCUMENT,
    PUBLIC_DOCUMENT,
)

_ANY_READER = AddressRules()
_CHUNK = 64 * 1024
_QUOTED_BODY = 200


class NeighbourError(AllianceError):
    """A document couldn't be had.

    reason: FetchFailed, NonOKResponse, InvalidJSON, InvalidPublicMetadata or InvalidPrivateMetadata. status: the HTTP
    status, if there was an answer.
    """

    def __init__(self, message: str, *, reason: str, obj: str, status: int | None = None, remedy: str = "") -> None:
        super().__init__(message, obj=obj, remedy=remedy or None)
        self.reason = reason
        self.status = status


@dataclass(frozen=True)
class _Answer:
    body: bytes
    date: float | None


class MetadataClient:
    """A neighbour's metadata endpoint.

    endpoint: https URL of the metadata's base. ca: PEM certificates trusted besides the system's. insecure: don't check
    the server's certificate. timeout: seconds for a whole exchange; connect_timeout: for the TCP connection.
    max_bytes: an own limit for each document. HTTPS_PROXY and NO_PROXY of the environment are honoured.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        ca: str | None = None,
        insecure: bool = False,
        timeout: float = 10.0,
        connect_timeout: float = 5.0,
        max_bytes: int | None = None,
    ) -> None:
        self.endpoint = endpoint if endpoint.endswith("/") else f"{endpoint}/"
        self._timeout = timeout
        self._connect_timeout = min(connect_timeout, timeout)
        self._max_bytes = max_bytes
        self._url = self._checked_url()
        self._tls = self._tls_context(ca, insecure)

    def public(self) -> tuple[PublicMetadata, float | None]:
        """Who the neighbour is, and its clock (unix seconds, None if not told). Raises NeighbourError."""
        answer = self._get(PUBLIC_DOCUMENT, MAX_PUBLIC_BYTES)
        try:
            return PublicMetadata.parse(answer.body), answer.date
        except DocumentError as error:
            raise self._invalid(error, PUBLIC_DOCUMENT) from None

    def federation(
        self, token: str, trust_domain: str, rules: AddressRules = _ANY_READER
    ) -> tuple[FederationMetadata, tuple[Finding, ...], float | None]:
        """What the neighbour offers, what of it was left out by the reader's rules, and its clock.

        Raises NeighbourError.
        """
        answer = self._get(FEDERATION_DOCUMENT, MAX_FEDERATION_BYTES, token)
        try:
            metadata, findings = parse_federation(answer.body, trust_domain=trust_domain, rules=rules)
        except DocumentError as error:
            raise self._invalid(error, FEDERATION_DOCUMENT) from None
        return metadata, findings, answer.date

    def multicluster(
        self, token: str, rules: AddressRules = _ANY_READER
    ) -> tuple[MulticlusterMetadata, tuple[Finding, ...], float | None]:
        """How the API and network of a cluster of the same domain are reached, as federation() returns what it offers.

        Raises NeighbourError.
        """
        answer = self._get(MULTICLUSTER_DOCUMENT, MAX_MULTICLUSTER_BYTES, token)
        try:
            metadata, findings = parse_multicluster(answer.body, rules)
        except DocumentError as error:
            raise self._invalid(error, MULTICLUSTER_DOCUMENT) from None
        return metadata, findings, answer.date

    def _checked_url(self) -> SplitResult:
        try:
            url = urlsplit(self.endpoint)
            port_is_valid = url.port is None or url.port > 0
        except ValueError:
            port_is_valid = False
        printable = self.endpoint.isascii() and self.endpoint.isprintable() and " " not in self.endpoint
        if not port_is_valid or not printable or url.scheme != "https" or not url.hostname:
            raise self._error("FetchFailed", "the metadata endpoint is not an https URL", "", remedy=_ENDPOINT_REMEDY)
        if url.username is not None or url.query or url.fragment:
            raise self._error(
                "FetchFailed", "the metadata endpoint holds more than host, port and path", "", remedy=_ENDPOINT_REMEDY
            )
        return url

    def _tls_context(self, ca: str | None, insecure: bool) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif ca:
            try:
                context.load_verify_locations(cadata=ca)
            except (ssl.SSLError, ValueError):
                raise self._error(
                    "FetchFailed", "the CA of the metadata endpoint is not PEM", "", remedy="set alliance_metadata_ca"
                ) from None
        return context

    def _get(self, path: str, limit: int, token: str | None = None) -> _Answer:
        limit = min(limit, self._max_bytes or limit)
        headers = {"Accept": "application/json", "User-Agent": "meshalliance.istio", "Connection": "close"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        deadline = time.monotonic() + self._timeout
        connection = self._connection(path)
        # A server that sends one byte at a time never lets a socket time-out happen; this ends it.
        watchdog = threading.Timer(self._timeout, connection.hang_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.connect()
            if connection.sock is not None:
                connection.sock.settimeout(max(0.001, deadline - time.monotonic()))
            connection.request("GET", f"{self._url.path}{path}", headers=headers)
            response = connection.getresponse()
            body = self._body(response, path, limit, deadline)
            if connection.expired:
                # http.client takes a connection that ends among the headers for the end of the headers.
                raise TimeoutError
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._error("FetchFailed", self._why(error, connection.expired), path, remedy=_FETCH_REMEDY) from None
        finally:
            watchdog.cancel()
            connection.close()
        if response.status != 200:
            raise self._refused(response, body, path)
        return _Answer(body, _server_clock(response.headers.get("Date")))

    def _connection(self, path: str) -> _Connection:
        host, port = str(self._url.hostname), self._url.port or 443
        proxy = _proxy_for(host, port)
        if proxy is None:
            return _Connection(host, port, server=host, tls=self._tls, timeout=self._connect_timeout)
        try:
            through, through_port = proxy.hostname, proxy.port or 3128
        except ValueError:
            through, through_port = None, 0
        if proxy.scheme != "http" or not through:
            raise self._error(
                "FetchFailed",
                "HTTPS_PROXY is not an http:// URL",
                path,
                remedy="use a proxy that is reached over http, or add the neighbour to NO_PROXY",
            )
        connection = _Connection(through, through_port, server=host, tls=self._tls, timeout=self._connect_timeout)
        connection.set_tunnel(host, port, headers=_proxy_authorization(proxy))
        return connection

    def _body(self, response: http.client.HTTPResponse, path: str, limit: int, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read1(_CHUNK):
            size += len(chunk)
            chunks.append(chunk)
            if response.status != 200 and size >= _QUOTED_BODY:
                break
            if size > limit:
                raise self._error("FetchFailed", f"the answer has more than {limit} bytes", path, remedy=_FETCH_REMEDY)
            if time.monotonic() > deadline:
                raise TimeoutError
        # http.client takes a chunked or sized body that ends early for a whole one when it is read in pieces.
        if response.status == 200 and response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(chunks)

    def _refused(self, response: http.client.HTTPResponse, body: bytes, path: str) -> NeighbourError:
        text = "".join(char if char.isprintable() else " " for char in body[:_QUOTED_BODY].decode("ascii", "replace"))
        said = f": {' '.join(text.split())}" if text.strip() else ""
        mode = "multicluster" if path == MULTICLUSTER_DOCUMENT else "federation"
        remedies = {
            401: "check that the neighbour knows this cluster's current key and that both clocks agree",
            404: f"check alliance_metadata_endpoint, and that {mode} is on at the neighbour",
        }
        remedy = remedies.get(response.status, "look at the neighbour's metadata-exporter and at what is before it")
        if 300 <= response.status < 400:
            remedy = "set alliance_metadata_endpoint to the final address: redirects are not followed"
        return self._error(
            "NonOKResponse", f"it answered {response.status}{said}", path, status=response.status, remedy=remedy
        )

    def _why(self, error: Exception, expired: bool) -> str:
        if expired or isinstance(error, TimeoutError):
            return f"no complete answer within {self._timeout:g} s"
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {error.verify_message}"
        detail = error.strerror if isinstance(error, OSError) else None
        return f"the connection failed: {detail or type(error).__name__}"

    def _invalid(self, error: DocumentError, path: str) -> NeighbourError:
        return self._error(error.reason, error.message, path, status=200, remedy=error.remedy or "")

    def _error(
        self, reason: str, message: str, path: str, *, status: int | None = None, remedy: str = ""
    ) -> NeighbourError:
        return NeighbourError(message, reason=reason, obj=f"{self.endpoint}{path}", status=status, remedy=remedy)


_ENDPOINT_REMEDY = "set alliance_metadata_endpoint, for example https://istio.example.com/metadata/"
_FETCH_REMEDY = "check that the endpoint can be reached from here; what was known of the neighbour stays in use"


class _Connection(http.client.HTTPSConnection):
    """An HTTPS connection that another thread can end at any moment, also in the middle of the TLS handshake."""

    def __init__(self, host: str, port: int, *, server: str, tls: ssl.SSLContext, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout, context=tls)
        self._server = server
        self._tls = tls
        self.expired = False
        # While TLS is being set up, the connection's own socket can't be reached: this is a second handle on it.
        self._handle: socket.socket | None = None

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        plain = self.sock
        self._handle = plain.dup()
        if self.expired:
            raise TimeoutError
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._server)

    def hang_up(self) -> None:
        self.expired = True
        for sock in (self._handle, self.sock):
            if sock is not None:
                with contextlib.suppress(OSError):
                    # Wakes a reader in another thread, which close() alone does not.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        if self._handle is not None:
            self._handle.close()


def _server_clock(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _proxy_for(host: str, port: int) -> SplitResult | None:
    proxy = urllib.request.getproxies().get("https")
    if not proxy or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}")


def _proxy_authorization(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}
