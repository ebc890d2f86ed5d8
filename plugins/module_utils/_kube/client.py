# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small client of the Kubernetes API: plain objects, pages, server-side apply, watches and retries.

Thread-safe: the apply set sends its requests from several threads over the same pool of connections.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from ansible_collections.meshalliance.istio.plugins.module_utils._kube import resolver
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.auth import resolve
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.connection import (
    Connection,
    connect,
    connect_in_cluster,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import ApiError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import Kind

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    import urllib3
    import websocket

Object = dict[str, Any]

PAGE_SIZE = 500
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
# What a watch may be late after the time that it was asked to end at.
WATCH_GRACE_SECONDS = 15.0
ATTEMPTS = 5
# A refused or silent address seldom answers a moment later; a connection that broke often does.
ATTEMPTS_AT_SILENCE = 2
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 8.0
RETRIED_STATUS = frozenset({409, 429, 500, 502, 503, 504})
# Refused before anything was done (U(https://kubernetes.io/docs/concepts/cluster-administration/flow-control/)).
REFUSED_UNDONE = frozenset({429})
# The reason of an ApiError for an answer that is no JSON object: cut short, or somebody else's.
INVALID_ANSWER = "InvalidAnswer"
APPLY_PATCH = "application/apply-patch+yaml"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class ObjectList:
    """The objects of a LIST, all pages, and the resource version at which a watch continues it."""

    items: list[Object]
    resource_version: str


@dataclass(frozen=True)
class Answer:
    """An API server's answer: the HTTP status, the parsed body and the headers."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Client:
    """The API of one cluster. C(cluster) is the name by which errors call it."""

    def __init__(self, connection: Connection, cluster: str | None = None) -> None:
        self._connection = connection
        self.cluster = cluster
        # Called before each request that changes something; what it raises keeps that from being sent.
        self.before_write: Callable[[], None] | None = None
        self._resolver = resolver.Resolver(self._find_resources, self._preferred_version)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], cluster: str | None = None) -> Client:
        """A client for module options as in auth.AUTH_ARGUMENT_SPEC. Raises AllianceError for unusable ones."""
        return cls(connect(resolve(options)), cluster)

    @classmethod
    def in_cluster(cls) -> Client:
        """A client for the cluster that this process runs in, as its pod's service account."""
        return cls(connect_in_cluster())

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def beside(self) -> Client:
        """Another client of the same cluster over the same connections, without C(before_write)."""
        return Client(self._connection, self.cluster)

    def kind_of(self, obj: Mapping[str, Any]) -> Kind:
        """The Kind of a manifest; unknown ones are looked up once per API version."""
        return self._resolver.kind_of(obj)

    def serves(self, obj: Mapping[str, Any]) -> bool:
        """Whether the cluster knows the kind of a manifest. Raises AllianceError for one without apiVersion or kind."""
        return self._resolver.find(obj) is not None

    def kind_of_group_kind(self, group_kind: str) -> Kind | None:
        """The Kind of C(Kind.group), or None when the cluster does not serve it any more."""
        return self._resolver.kind_of_group_kind(group_kind)

    def learn(self, definitions: list[Object]) -> None:
        """Take kinds from CustomResourceDefinitions that are about to be written."""
        self._resolver.learn(definitions)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Send one request and return the answer. Busy or failing servers are asked again, with growing pauses.

        A request whose answer was lost may have been carried out. It is sent again where that makes no difference:
        not POST. A conflict (409) is told at once where the body names the version that it is for.
        Raises ApiError for every status from 400 on, for a server that can't be reached, and for one whose answers are
        cut short or are no JSON objects.
        """
        if method != "GET" and self.before_write is not None:
            self.before_write()
        url = self._url(path, query)
        data = None if body is None else json.dumps(body).encode()
        retried = _retried_status(method, body)
        for attempt in range(1, ATTEMPTS + 1):
            headers = self._headers(accept)
            if data is not None:
                headers["Content-Type"] = content_type
            try:
                response = self._connection.pool.request(
                    method,
                    url,
                    body=data,
                    headers=headers,
                    timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                    redirect=False,  # credentials go to this address alone
                )
            except urllib3.exceptions.HTTPError as error:
                if attempt >= _attempts(method, error):
                    raise self._network_error(error) from error
                time.sleep(_pause(attempt, None))
                continue
            if response.status < 400:
                answer = _parsed(response.data)
                if answer is not None:
                    return Answer(response.status, answer, response.headers)
                if attempt >= _attempts(method) or response.status >= 300:
                    raise self._invalid_answer(f"{method} {path}", len(response.data))
            elif response.status not in retried or attempt == ATTEMPTS:
                raise self._api_error(response, f"{method} {path}")
            time.sleep(_pause(attempt, response.headers.get("Retry-After")))
        raise AssertionError("unreachable")

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None when it (or its kind) does not exist."""
        try:
            found: Object = self.request("GET", kind.path(namespace, name)).body
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
    ) -> ObjectList:
        """All objects of a kind, in pages; an unknown kind has none.

        With C(metadata_only) the server leaves out everything but C(metadata), so no Secret's data is read.
        """
        query = _selectors(label_selector, field_selector)
        accept = METADATA_ONLY if metadata_only else "application/json"
        for _restart in range(3):
            try:
                return self._pages(kind, namespace, query, accept)
            except ApiError as error:
                if error.status == 404:
                    return ObjectList([], "")
                if error.status != 410:  # 410: the continue token outlived the compaction; start again
                    raise
        raise ApiError(f"LIST {kind.plural} expired three times while reading it", status=410, cluster=self.cluster)

    def _pages(self, kind: Kind, namespace: str | None, query: dict[str, str], accept: str) -> ObjectList:
        items: list[Object] = []
        token = ""
        while True:
            page_query = {**query, "limit": str(PAGE_SIZE), **({"continue": token} if token else {})}
            page = self.request("GET", kind.path(namespace), query=page_query, accept=accept).body
            metadata = page.get("metadata")
            if not isinstance(metadata, dict):
                raise self._invalid_answer(f"LIST {kind.plural}", len(json.dumps(page)))
            for item in page.get("items") or []:
                item["apiVersion"] = kind.api_version
                item["kind"] = kind.kind
                items.append(item)
            token = metadata.get("continue") or ""
            if not token:
                return ObjectList(items, metadata.get("resourceVersion", ""))

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str,
        timeout_seconds: int,
    ) -> Iterator[tuple[str, Object]]:
        """The changes since a resource version, as (type, object), until the server or C(timeout_seconds) ends it.

        C(BOOKMARK) events are passed on. Raises ApiError, with status 410 when the resource version is too old.
        """
        query = _selectors(label_selector, field_selector)
        query.update(watch="1", allowWatchBookmarks="true", timeoutSeconds=str(timeout_seconds))
        if resource_version:
            query["resourceVersion"] = resource_version
        path = kind.path(namespace)
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout_seconds + WATCH_GRACE_SECONDS)
        try:
            response = self._connection.pool.request(
                "GET",
                self._url(path, query),
                headers=self._headers("application/json"),
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            try:
                if response.status >= 400:
                    raise self._api_error(response, f"WATCH {path}")
                for line in _lines(response):
                    event = _parsed(line) or {}
                    changed = event.get("object")
                    if not isinstance(changed, dict):
                        raise self._invalid_answer(f"WATCH {path}", len(line))
                    if event.get("type") == "ERROR":
                        raise self._status_error(changed, f"WATCH {path}", _code(changed))
                    yield str(event.get("type")), changed
            finally:
                # A watch that was left early still has bytes under way: its connection can't be used again.
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise self._network_error(error) from error

    def apply(self, obj: Object, *, field_manager: str, subresource: str | None = None) -> tuple[Object, bool]:
        """Server-side apply one object; returns what the server has now, and whether it was created.

        Conflicts are forced: the fields that we state are ours
        (U(https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts)).
        """
        kind = self.kind_of(obj)
        metadata = obj["metadata"]
        path = kind.path(metadata.get("namespace"), metadata["name"], subresource)
        query = {"fieldManager": field_manager, "force": "true"}
        try:
            answer = self.request("PATCH", path, query=query, body=obj, content_type=APPLY_PATCH)
        except ApiError as error:
            raise error.located(obj=describe(obj)) from error
        return answer.body, answer.status == 201

    def delete(self, kind: Kind, name: str, namespace: str | None = None, *, uid: str | None = None) -> bool:
        """Delete one object; False when it was not there. With C(uid), only that very object, not a namesake."""
        options: Object = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            self.request("DELETE", kind.path(namespace, name), body=options)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def websocket(
        self, path: str, query: Mapping[str, str] | Sequence[tuple[str, str]], *, subprotocol: str, timeout: float
    ) -> Any:
        """Open a WebSocket (of the package websocket-client) by a GET request; the caller closes it.

        C(query): as pairs where a parameter is repeated. C(timeout) is for each step of opening it and for each read
        later. Raises ApiError.
        """
        url = self._url(path, query)
        scheme, _colon, rest = url.partition(":")
        try:
            return self._connection.websocket(
                f"{'wss' if scheme == 'https' else 'ws'}:{rest}",
                headers=list(self._headers("*/*").iteritems()),
                subprotocol=subprotocol,
                timeout=timeout,
            )
        except websocket.WebSocketBadStatusException as error:
            refused = SimpleNamespace(status=error.status_code, data=getattr(error, "resp_body", None) or b"")
            raise self._api_error(refused, f"GET {path}") from error
        except (websocket.WebSocketException, OSError) as error:
            raise self._network_error(error) from error

    def server_time(self) -> float | None:
        """The API server's clock, seconds since the epoch, from the Date header (whole seconds)."""
        date = self.request("GET", "/version").headers.get("Date")
        return email.utils.parsedate_to_datetime(date).timestamp() if date else None

    def _find_resources(self, api_version: str) -> Any:
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            resources: Any = self.request("GET", path).body["resources"]
        except ApiError as error:
            if error.status == 404:
                return []
            raise
        return resources

    def _preferred_version(self, group: str) -> str | None:
        try:
            version: str = self.request("GET", f"/apis/{group}").body["preferredVersion"]["groupVersion"]
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return version

    def _url(self, path: str, query: Mapping[str, str] | Sequence[tuple[str, str]] | None) -> str:
        return self._connection.base_url + path + ("?" + urlencode(query) if query else "")

    def _headers(self, accept: str) -> Any:
        headers = urllib3.HTTPHeaderDict({"Accept": accept, "User-Agent": "meshalliance.istio"})
        for name, value in self._connection.headers().items():
            for one in [value] if isinstance(value, str) else value:
                headers.add(name, one)
        return headers

    def _api_error(self, response: Any, request: str) -> ApiError:
        status = _parsed(response.data)
        if status is None:
            status = {"message": response.data.decode("utf-8", "replace").strip()[:500]}
        return self._status_error(status, request, response.status)

    def _status_error(self, status: Mapping[str, Any], request: str, code: int) -> ApiError:
        remedy = {
            401: "check the credentials of this cluster in the inventory",
            403: "grant the user of the inventory the missing permission",
        }.get(code)
        return ApiError(
            f"{request}: {code} {status.get('message') or status.get('reason') or ''}".rstrip(),
            status=code,
            reason=str(status.get("reason") or ""),
            cluster=self.cluster,
            remedy=remedy,
        )

    def _network_error(self, error: Exception) -> ApiError:
        what = "can't be reached" if isinstance(error, (*_unreachable(), OSError)) else "gave no complete answer"
        return ApiError(
            f"the API server {self._connection.base_url} {what}: {error}",
            reason=type(error).__name__,
            cluster=self.cluster,
            remedy="check that the API server runs and that this machine can reach it",
        )

    def _invalid_answer(self, request: str, size: int) -> ApiError:
        # Never quoted: it may be the better part of a Secret.
        return ApiError(
            f"{request}: {self._connection.base_url} answers {size} bytes that are no answer of an API server",
            reason=INVALID_ANSWER,
            cluster=self.cluster,
            remedy="check that the address is the API server's, and what stands between it and this machine",
        )


def describe(obj: Mapping[str, Any]) -> str:
    """C(Kind namespace/name) of an object, as messages call it."""
    metadata = obj.get("metadata") or {}
    name = metadata.get("name", "?")
    return (
        f"{obj.get('kind', '?')} {metadata['namespace']}/{name}"
        if metadata.get("namespace")
        else f"{obj.get('kind', '?')} {name}"
    )


def _unreachable() -> tuple[type[Exception], ...]:
    return (
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.ProxyError,
    )


def _attempts(method: str, error: Exception | None = None) -> int:
    """How often a request is sent at most, when its answer was lost in this way."""
    if error is not None and isinstance(error, _unreachable()):
        # Who refuses a connection answers: a load balancer whose backends change, a server that restarts.
        return ATTEMPTS if isinstance(error.__cause__, ConnectionResetError) else ATTEMPTS_AT_SILENCE
    if method == "POST":
        return 1
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return ATTEMPTS_AT_SILENCE
    # Of TLS, a connection that broke while it was being set up may work the next time; a wrong certificate stays so.
    untrusted = error is not None and any(isinstance(arg, ssl.SSLCertVerificationError) for arg in error.args)
    return 1 if untrusted else ATTEMPTS


def _retried_status(method: str, body: Any) -> frozenset[int]:
    """The answers after which a request is sent again.

    409: another writer was faster. The same request may be sent again unless it is for a version that is past.
    """
    if method == "POST":
        return REFUSED_UNDONE
    parts = [body.get(name) or {} for name in ("metadata", "preconditions")] if isinstance(body, dict) else []
    exact = any("resourceVersion" in part for part in parts)
    return RETRIED_STATUS - {409} if exact else RETRIED_STATUS


def _pause(attempt: int, retry_after: str | None) -> float:
    if retry_after and retry_after.isdecimal():
        return min(float(retry_after), LONGEST_PAUSE_SECONDS)
    return float(min(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1), LONGEST_PAUSE_SECONDS))


def _parsed(data: bytes) -> dict[str, Any] | None:
    """A JSON object; None for anything else, such as one that was cut short."""
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _code(status: Mapping[str, Any]) -> int:
    code = status.get("code")
    return code if isinstance(code, int) else 0


def _selectors(label_selector: str | None, field_selector: str | None) -> dict[str, str]:
    pairs = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {name: value for name, value in pairs.items() if value}


def _lines(response: Any) -> Iterator[bytes]:
    buffer = b""
    for chunk in response.stream(amt=None, decode_content=True):
        buffer += chunk
        *lines, buffer = buffer.split(b"\n")
        yield from (line for line in lines if line.strip())
