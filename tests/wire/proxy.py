# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTP proxy that leads hosts to ports of this machine: names that resolve nowhere can be asked by name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

ADDRESS = "127.0.0.1"


@contextmanager
def everything_leads_to(target: int | Mapping[str, int]) -> Iterator[tuple[str, list[str]]]:
    """The proxy's URL, and the hosts that were asked for through it.

    target: one port for all hosts, or ports by host.
    """
    asked: list[str] = []
    listener = socket.create_server((ADDRESS, 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _peer = listener.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = client.recv(4096)
                if not chunk:
                    return
                head += chunk
            asked.append(head.split()[1].decode())
            port = target if isinstance(target, int) else target.get(asked[-1].partition(":")[0], 0)
            with socket.create_connection((ADDRESS, port)) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://{ADDRESS}:{listener.getsockname()[1]}", asked
    finally:
        # Wakes accept(), which close() alone does not.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(64 * 1024):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
