# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The api-proxy's HTTP filters: what a request goes through before it is somebody's, and may be asked.

A neighbour is known by its own key alone: each has a JWT provider of its own, whose subject is its clusterUUID, so none
can sign for another.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Sequence

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_envoy import (
    Config,
    http_filter,
    sds,
    typed,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_rules import review_paths
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    ProxyLayout,
    ProxyNeighbour,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import load_public_key

with contextlib.suppress(ImportError):  # told by libraries.missing_libraries()
    from cryptography.hazmat.primitives import serialization

# The one time that a neighbour's clock may be off by; Envoy's own is a minute.
CLOCK_SKEW_SECONDS = 10
MAX_BODY_BYTES = 65536
# Where Envoy puts the service account's token before it becomes a bearer token; nobody's but the proxy's.
TOKEN_HEADER = "x-api-proxy-token"  # noqa: S105
JWT = "envoy.filters.http.jwt_authn"
CLAIMS = "claims"
SCREENED = "api_proxy"
# What goes on to the API server. A list of what may, because there are many headers that carry an identity
# (Impersonate-*, X-Remote-*, cookies, whatever is next) and few that an API request needs.
_HEADERS = (
    "accept",
    "accept-encoding",
    "authorization",  # for jwt_authn, which takes it out
    "content-length",
    "content-type",
    "transfer-encoding",
    "x-forwarded-proto",  # Envoy's own; the router needs it
    "x-request-id",  # Envoy's own
)
# Envoy lets a request pass when a script fails; the mark at its end is what the routes ask for. An upgrade is refused
# here because Envoy itself would do so only behind all other filters.
_SCREEN = """
local allowed = {ALLOWED}
function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get("upgrade") then
    handle:respond({[":status"] = "403"}, "no upgrades")
    return
  end
  local authorization = headers:get("authorization")
  if authorization and not string.match(authorization, "^Bearer [%w_.%-]+$") then
    handle:respond({[":status"] = "401"}, "not one bearer token")
    return
  end
  local unwanted = {}
  for name, _ in pairs(headers) do
    if string.sub(name, 1, 1) ~= ":" and not allowed[name] then
      table.insert(unwanted, name)
    end
  end
  for _, name in ipairs(unwanted) do
    headers:remove(name)
  end
  handle:streamInfo():dynamicMetadata():set("SCREENED", "screened", true)
end
"""


def http_filters(
    neighbours: Sequence[ProxyNeighbour], own_uuid: str, readable: Sequence[Config], layout: ProxyLayout
) -> list[Config]:
    """All filters in their order; without a neighbour nobody is let in. readable: see readable_paths()."""
    allowed = ", ".join(f'["{name}"] = true' for name in _HEADERS)
    script = _SCREEN.replace("ALLOWED", allowed).replace("SCREENED", SCREENED)
    token = typed(
        "extensions.http.injected_credentials.generic.v3.Generic", credential=sds("token", layout), header=TOKEN_HEADER
    )
    # Before Envoy 1.37 nothing else can put "Bearer " in front of an injected credential.
    bearer = {
        "header": {"key": "authorization", "value": f"Bearer %REQ({TOKEN_HEADER})%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    # So that the API server's audit log and our access log can be laid side by side.
    audit = {
        "header": {"key": "audit-id", "value": "%REQ(x-request-id)%"},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
    mutations = [{"append": bearer}, {"append": audit}, {"remove": TOKEN_HEADER}, {"remove": "x-request-id"}]
    return [
        http_filter("lua", "Lua", default_source_code={"inline_string": script}),
        *([_authentication(neighbours, own_uuid)] if neighbours else []),
        http_filter("local_ratelimit", "LocalRateLimit", stat_prefix="api"),
        http_filter("rbac", "RBAC", rules=_access(readable)),
        http_filter("buffer", "Buffer", max_request_bytes=MAX_BODY_BYTES),
        http_filter(
            "credential_injector",
            "CredentialInjector",
            overwrite=True,
            credential={"name": "envoy.http.injected_credentials.generic", "typed_config": token},
        ),
        http_filter("header_mutation", "HeaderMutation", mutations={"request_mutations": mutations}),
        http_filter("router", "Router", suppress_envoy_headers=True),
    ]


def _authentication(neighbours: Sequence[ProxyNeighbour], own_uuid: str) -> Config:
    providers = {item.name: _provider(item, own_uuid) for item in neighbours}
    wanted: list[Config] = [{"provider_name": item.name} for item in neighbours]
    requires = wanted[0] if len(wanted) == 1 else {"requires_any": {"requirements": wanted}}
    rule = {"match": {"prefix": "/"}, "requires": requires}
    return http_filter("jwt_authn", "JwtAuthentication", providers=providers, rules=[rule])


def _provider(neighbour: ProxyNeighbour, own_uuid: str) -> Config:
    return {
        "issuer": names.ISSUER,
        "audiences": [own_uuid],
        "subjects": {"exact": neighbour.cluster_uuid},
        "local_jwks": {"inline_string": _key_set(neighbour)},
        # With no place named, a query parameter would be one.
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
        "payload_in_metadata": CLAIMS,
        "clock_skew_seconds": CLOCK_SKEW_SECONDS,
        "require_expiration": True,
        "forward": False,
        # The route is the neighbour's, known only now.
        "clear_route_cache": True,
    }


def _key_set(neighbour: ProxyNeighbour) -> str:
    # Neither tokens nor keys have an ID: Envoy tries each.
    keys = [_key(pem) for pem in (neighbour.authn_key_pub, neighbour.previous_key_pub) if pem]
    return json.dumps({"keys": keys}, sort_keys=True)


def _key(public_pem: str) -> Config:
    raw = load_public_key(public_pem).public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    point = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {"alg": "EdDSA", "crv": "Ed25519", "kty": "OKP", "x": point}


def _access(readable: Sequence[Config]) -> Config:
    """What anybody may ask for; whatever no policy allows is refused."""

    def policy(method: str, paths: Sequence[Config]) -> Config:
        listed = {"or_rules": {"rules": [{"url_path": {"path": path}} for path in paths]}}
        verb = {"header": {"name": ":method", "string_match": {"exact": method}}}
        return {"permissions": [{"and_rules": {"rules": [verb, listed]}}], "principals": [{"any": True}]}

    return {"action": "ALLOW", "policies": {"read": policy("GET", readable), "review": policy("POST", review_paths())}}
