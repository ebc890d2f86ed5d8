# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two waitress servers with limits on time, size and number, which can be stopped without cutting off a request."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from waitress import wasyncore  # type: ignore[import-untyped, unused-ignore]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped, unused-ignore]
from waitress.server import create_server  # type: ignore[import-untyped, unused-ignore]
from waitress.task import ErrorTask, WSGITask  # type: ignore[import-untyped, unused-ignore]

from ansible_collections.meshalliance.istio.exporter.logs import LOGGER

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# A whole request must arrive within this time, however slowly its bytes drip.
READ_SECONDS = 5.0
# A connection without any traffic is closed after this time.
IDLE_SECONDS = 15
MOST_CONNECTIONS = 256
MOST_HEADER_BYTES = 16 * 1024
# Answers wait in memory, never in a temporary file: the root file system of a pod is read-only.
MOST_BUFFERED_BYTES = 16 * 1024 * 1024
_POLL_SECONDS = 0.02


class _Closing:
    """Tells clients of a server that is about to end to connect anew, to another replica."""

    channel: Any

    def build_response_header(self) -> bytes:
        if getattr(self.channel.server, "ending", False):
            self.set_close_on_finish()  # type: ignore[attr-defined]
        header: bytes = super().build_response_header()  # type: ignore[misc]
        return header


class _Task(_Closing, WSGITask):  # type: ignore[misc, unused-ignore]
    """An answer of the application."""


class _ErrorTask(_Closing, ErrorTask):  # type: ignore[misc, unused-ignore]
    """An answer to what isn't a request."""


class _Channel(HTTPChannel):  # type: ignore[misc, unused-ignore]
    """A connection whose requests must be complete in time."""

    task_class = _Task
    error_task_class = _ErrorTask
    _began = 0.0

    def received(self, data: bytes) -> bool:
        now = time.monotonic()
        if self.request is None:
            self._began = now
        elif now - self._began > READ_SECONDS:
            self.will_close = True
            return False
        return bool(super().received(data))


class HttpServer:
    """One port. C(threads) requests are answered at a time; connections cost no thread."""

    def __init__(self, application: WSGIApplication, address: str, port: int, *, threads: int, name: str) -> None:
        self._socket = listen(address, port)
        self.port: int = self._socket.getsockname()[1]
        self._map: dict[int, Any] = {}
        server: Any = create_server(
            application,
            map=self._map,
            sockets=[self._socket],
            threads=threads,
            connection_limit=MOST_CONNECTIONS,
            cleanup_interval=5,
            channel_timeout=IDLE_SECONDS,
            outbuf_overflow=MOST_BUFFERED_BYTES,
            recv_bytes=2 * MOST_HEADER_BYTES,
            max_request_header_size=MOST_HEADER_BYTES,
            # No request of ours has a body: one byte is refused (413).
            max_request_body_size=1,
            log_socket_errors=False,
            clear_untrusted_proxy_headers=False,
            ident=None,
            asyncore_use_poll=True,
        )
        self._server = server
        self._server.channel_class = _Channel
        self._thread = threading.Thread(target=self._run, name=f"http-{name}", daemon=True)

    def start(self) -> None:
        """Begin to answer; returns at once."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._thread.is_alive()

    def announce_end(self) -> None:
        """From now on each answer ends its connection."""
        self._server.ending = True

    def stop(self, timeout: float) -> None:
        """Take no more connections, let answers under way finish within C(timeout) seconds, end."""
        self.announce_end()
        if not self._thread.is_alive():
            self._socket.close()
            return
        deadline = time.monotonic() + timeout
        self._in_loop(lambda: wasyncore.dispatcher.close(self._server))
        while self._busy() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        self._server.task_dispatcher.shutdown(timeout=max(deadline - time.monotonic(), 0.1))
        self._in_loop(lambda: wasyncore.close_all(self._map))
        self._thread.join(2.0)

    def _run(self) -> None:
        try:
            self._server.run()
        except Exception:
            LOGGER.exception("the HTTP server ended")

    def _busy(self) -> bool:
        return any(
            channel.requests or channel.total_outbufs_len for channel in list(self._server.active_channels.values())
        )

    def _in_loop(self, call: Callable[[], object]) -> None:
        """Have the server's own thread call it: its sockets must not be touched from another one."""
        done = threading.Event()

        def run() -> None:
            try:
                call()
            finally:
                done.set()

        self._server.trigger.pull_trigger(run)
        done.wait(2.0)


def listen(address: str, port: int) -> socket.socket:
    """A listening socket; without an address for IPv4 and IPv6 alike. Raises OSError. Port 0 takes a free one."""
    if not address and socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family)
