# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server in the API server's place, with its certificate, that answers with the headers of the request."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.integration.api_proxy import ADDRESS, free_port
from tests.lab.controlplane import ControlPlane
from tests.lab.pins import ENVOY_WHEEL
from tests.lab.processes import Daemon
from tests.lab.rootfs import envoy_program

_TYPES = "type.googleapis.com/envoy.extensions"
_SCRIPT = """
function envoy_on_request(handle)
  local found = {}
  for name, value in pairs(handle:headers()) do
    table.insert(found, string.format("%q: %q", name, value))
  end
  handle:respond({[":status"] = "200"}, "{" .. table.concat(found, ",") .. "}")
end
"""


class Echo:
    """A context manager; C(place) is where the proxy finds it."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self._pki = plane.folder / "pki"
        self._daemon = Daemon("echo", folder, folder)
        self.place: dict[str, Any] = {"api_port": self._port}

    def __enter__(self) -> Echo:
        """Start it; its port is bound before it says so in its log."""
        self._folder.mkdir(parents=True)
        config = self._folder / "bootstrap.json"
        config.write_text(json.dumps(self._config()))
        program = envoy_program(ENVOY_WHEEL)
        self._daemon.start([program, "--config-path", config, "--concurrency", "1", "--disable-hot-restart"])
        self._daemon.wait(lambda: "starting main dispatch loop" in self._daemon.log.read_text(), timeout=30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self._daemon.stop(timeout=3)

    def _config(self) -> dict[str, Any]:
        pair = {
            "certificate_chain": {"filename": str(self._pki / "apiserver.crt")},
            "private_key": {"filename": str(self._pki / "apiserver.key")},
        }
        tls = {
            "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {"alpn_protocols": ["h2"], "tls_certificates": [pair]},
        }
        filters = [
            {
                "name": "lua",
                "typed_config": {
                    "@type": f"{_TYPES}.filters.http.lua.v3.Lua",
                    "default_source_code": {"inline_string": _SCRIPT},
                },
            },
            {"name": "router", "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"}},
        ]
        manager = {
            "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "echo",
            # Nothing of its own: what it answers is what came.
            "generate_request_id": False,
            "route_config": {"virtual_hosts": []},
            "http_filters": filters,
        }
        chain = {
            "filters": [{"name": "manager", "typed_config": manager}],
            "transport_socket": {"name": "tls", "typed_config": tls},
        }
        address = {"socket_address": {"address": ADDRESS, "port_value": self._port}}
        return {"static_resources": {"listeners": [{"name": "echo", "address": address, "filter_chains": [chain]}]}}
