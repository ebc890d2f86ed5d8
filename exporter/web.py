# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The WSGI application: routes, authentication, conditional requests, access log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from ansible_collections.meshalliance.istio.exporter import documents
from ansible_collections.meshalliance.istio.exporter.auth import Refusal, authenticate
from ansible_collections.meshalliance.istio.exporter.documents import Document, View
from ansible_collections.meshalliance.istio.exporter.health import Health
from ansible_collections.meshalliance.istio.exporter.logs import LOGGER
from ansible_collections.meshalliance.istio.exporter.metrics import Metrics
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.healthcheck import PROBED_BY_HEADER
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.measured import Measured
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import (
    FEDERATION_DOCUMENT,
    HEALTHCHECK_PATH,
    METADATA_PATH,
    MULTICLUSTER_DOCUMENT,
    PUBLIC_DOCUMENT,
    SCOPE_FEDERATION,
    SCOPE_MULTICLUSTER,
    SPIFFE_DOCUMENT,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIVE_PATH = "/healthz/live"
READY_PATH = "/healthz/ready"
RETRY_AFTER_SECONDS = 5

_LONGEST_LOGGED = 200
_HEALTH = ("live", "ready", "healthcheck")
_PRIVATE_CACHING = "private, no-cache"
_PUBLIC_CACHING = "public, no-cache"

# Which scope a token needs for a private document.
_SCOPES = {documents.FEDERATION: SCOPE_FEDERATION, documents.MULTICLUSTER: SCOPE_MULTICLUSTER}

_ROUTES = Map(
    [
        Rule(METADATA_PATH + PUBLIC_DOCUMENT, endpoint=documents.PUBLIC, methods=["GET"]),
        Rule(METADATA_PATH + SPIFFE_DOCUMENT, endpoint=documents.SPIFFE, methods=["GET"]),
        Rule(METADATA_PATH + FEDERATION_DOCUMENT, endpoint=documents.FEDERATION, methods=["GET"]),
        Rule(METADATA_PATH + MULTICLUSTER_DOCUMENT, endpoint=documents.MULTICLUSTER, methods=["GET"]),
        Rule(LIVE_PATH, endpoint="live", methods=["GET"]),
        Rule(READY_PATH, endpoint="ready", methods=["GET"]),
        Rule(HEALTHCHECK_PATH, endpoint="healthcheck", methods=["GET"]),
    ],
    # A path is what it says: no redirects to a corrected one.
    merge_slashes=False,
    redirect_defaults=False,
    strict_slashes=True,
)


class Application:
    """C(view) gives the current View; C(now) the time in unix seconds for tokens."""

    def __init__(
        self,
        view: Callable[[], View],
        health: Health,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._view = view
        self._health = health
        self._metrics = metrics
        self._now = now

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        began = time.perf_counter()
        request = Request(environ)
        fields: dict[str, object] = {}
        route = "other"
        try:
            # Without the Host header: it plays no part in our routes, and needs no checks then.
            route, _values = _ROUTES.bind("exporter").match(request.path, method=request.method)
            response = self._answer(route, request, fields)
        except HTTPException as error:
            response = _problem(error)
        except Exception:
            LOGGER.exception("request failed")
            response = _text(500, "internal error")
        self._record(request, response, route, time.perf_counter() - began, fields)
        return response(environ, start_response)

    def _answer(self, route: str, request: Request, fields: dict[str, object]) -> Response:
        if route == "live":
            return _check(self._health.not_live())
        if route == "ready":
            return _check(self._health.not_ready())
        if route == "healthcheck":
            # Reaching us is the answer: what this exporter knows plays no part.
            fields["probed_by"] = (request.headers.get(PROBED_BY_HEADER) or "")[:_LONGEST_LOGGED]
            return _text(200, "ok")
        view = self._health.fresh(self._view)
        if route == documents.MULTICLUSTER and not view.multicluster:
            return _text(404, "multicluster mode is off in this cluster")
        if route not in _SCOPES:
            return _document(view.documents.get(route), request, _PUBLIC_CACHING)
        if not view.cluster_uuid:
            return _unavailable()
        caller = authenticate(request.headers.get("Authorization"), _SCOPES[route], view, self._now())
        if isinstance(caller, Refusal):
            fields["refused"] = caller.reason
            self._metrics.auth_failures.labels(caller.reason).inc()
            return _unauthorized(caller)
        fields["subject"] = caller.subject
        response = _document(view.documents.get(route), request, _PRIVATE_CACHING)
        response.headers["Vary"] = "Authorization"
        return response

    def _record(
        self, request: Request, response: Response, route: str, seconds: float, fields: dict[str, object]
    ) -> None:
        self._metrics.requests.labels(route, str(response.status_code)).inc()
        self._metrics.request_seconds.labels(route).observe(seconds)
        entry = {
            "method": request.method[:_LONGEST_LOGGED],
            # Without the query: nothing of ours is in it, and people put secrets there.
            "path": request.path[:_LONGEST_LOGGED],
            "status": response.status_code,
            "milliseconds": round(seconds * 1000, 3),
            "client": request.remote_addr or "",
            "forwarded_for": (request.headers.get("X-Forwarded-For") or "")[:_LONGEST_LOGGED],
            **fields,
        }
        log = LOGGER.debug if route in _HEALTH and response.status_code == 200 else LOGGER.info
        log("request", extra={"fields": entry})


def measured_application(measured: Callable[[], Measured]) -> WSGIApplication:
    """A WSGI application that tells what was measured of the neighbours, whatever it is asked."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = Response(measured().render(), content_type="application/json")
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response(environ, start_response)

    return answer


def _document(found: Document | None, request: Request, caching: str) -> Response:
    if found is None:
        return _unavailable()
    response = Response(found.body, content_type="application/json")
    response.set_etag(found.etag)
    response.headers["Cache-Control"] = caching
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.make_conditional(request)
    return response


def _text(status: int, text: str) -> Response:
    response = Response(text + "\n", status=status, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _problem(error: HTTPException) -> Response:
    response = _text(error.code or 500, error.name)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def _unavailable() -> Response:
    response = _text(503, "not known yet")
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _unauthorized(refusal: Refusal) -> Response:
    response = _text(401, f"Authentication error: {refusal.text}")
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _check(problems: tuple[str, ...]) -> Response:
    if not problems:
        return _text(200, "ok")
    return _text(503, "missing: " + ", ".join(problems))
