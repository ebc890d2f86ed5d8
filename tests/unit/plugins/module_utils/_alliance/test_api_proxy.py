# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The api-proxy's configuration. That Envoy takes it, and what it does with it, is tested with a real one."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy import (
    config_hash,
    neighbours_config_map,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_bootstrap import bootstrap_files
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_rules import (
    cluster_rules,
    config_map_rules,
    empty_namespace_rules,
    readable_paths,
    review_paths,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    ProxyLayout,
    ProxyLimits,
    ProxyNeighbour,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, KeyPairError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair

NAMESPACE, OWN = "istio-alliance", "11111111-1111-4111-8111-111111111111"
KEYS = [generate_key_pair().public_pem for _number in range(3)]
B, C, D = (ProxyNeighbour(f"cluster-{name}", f"uuid-{name}", key) for name, key in zip("bcd", KEYS, strict=True))


def config_map(*neighbours: ProxyNeighbour, **options: Any) -> dict[str, Any]:
    return neighbours_config_map(NAMESPACE, OWN, neighbours, **{"cluster_domain": "mesh.local", **options})


def listener(*neighbours: ProxyNeighbour, **options: Any) -> dict[str, Any]:
    (found,) = json.loads(config_map(*neighbours, **options)["data"]["lds.json"])["resources"]
    assert isinstance(found, dict)
    return found


def clusters(*neighbours: ProxyNeighbour, **options: Any) -> list[dict[str, Any]]:
    return list(json.loads(config_map(*neighbours, **options)["data"]["cds.json"])["resources"])


def manager(*neighbours: ProxyNeighbour, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = listener(*neighbours, **options)["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def filters(*neighbours: ProxyNeighbour, **options: Any) -> dict[str, dict[str, Any]]:
    """The HTTP filters by the last part of their names, in their order."""
    found = manager(*neighbours, **options)["http_filters"]
    return {item["name"].rpartition(".")[2]: item["typed_config"] for item in found}


def routes(*neighbours: ProxyNeighbour, **options: Any) -> list[dict[str, Any]]:
    return list(manager(*neighbours, **options)["route_config"]["virtual_hosts"][0]["routes"])


def test_the_same_bytes_for_the_same_neighbours() -> None:
    assert config_map(B, C, D) == config_map(D, B, C)
    assert config_hash(config_map(B, C)) == config_hash(config_map(C, B))
    assert len({config_hash(config_map(*some)) for some in ((), (B,), (B, C), (B, D))}) == 4
    assert config_map(B)["metadata"] == {"name": names.API_PROXY_NEIGHBOURS_CONFIGMAP, "namespace": NAMESPACE}


def test_nobody_is_let_in_without_neighbours() -> None:
    assert "jwt_authn" not in filters()
    assert routes() == []
    assert clusters() == []


@pytest.mark.parametrize("some", [(B,), (B, C, D)])
def test_each_neighbour_has_its_own_key_and_subject(some: tuple[ProxyNeighbour, ...]) -> None:
    authentication = filters(*some)["jwt_authn"]
    providers = authentication["providers"]
    assert list(providers) == [item.name for item in some]
    for item in some:
        provider = providers[item.name]
        assert provider["subjects"] == {"exact": item.cluster_uuid}
        assert provider["audiences"] == [OWN]
        assert provider["issuer"] == "d8-istio"
        assert provider["forward"] is False
        assert 0 < provider["clock_skew_seconds"] <= 30
    keys = [json.loads(provider["local_jwks"]["inline_string"])["keys"] for provider in providers.values()]
    assert [len(found) for found in keys] == [1] * len(some)
    assert len({found[0]["x"] for found in keys}) == len(some)
    (rule,) = authentication["rules"]
    assert json.dumps(rule["requires"]).count("provider_name") == len(some)


def test_a_neighbour_that_rotates_its_key_has_two() -> None:
    provider = filters(ProxyNeighbour("cluster-b", "uuid-b", KEYS[0], KEYS[1]), C)["jwt_authn"]["providers"][
        "cluster-b"
    ]
    new, old = json.loads(provider["local_jwks"]["inline_string"])["keys"]
    assert new != old
    assert not [name for found in (new, old) for name in found if name == "kid"]


def test_each_neighbour_has_a_route_a_cluster_and_limits_of_its_own() -> None:
    limits = ProxyLimits(requests_per_second=7, burst=9, concurrent_requests=30)
    found = routes(B, C, limits=limits)
    assert [route["route"]["cluster"] for route in found] == [item["name"] for item in clusters(B, C)]
    for route, neighbour in zip(found, (B, C), strict=True):
        wanted = {item["path"][-1]["key"]: item["value"] for item in route["match"]["dynamic_metadata"]}
        assert wanted == {
            "sub": {"string_match": {"exact": neighbour.cluster_uuid}},
            "aud": {"string_match": {"exact": OWN}},
            "scope": {"string_match": {"exact": "api"}},
            "screened": {"bool_match": True},
        }
        bucket = route["typed_per_filter_config"]["envoy.filters.http.local_ratelimit"]["token_bucket"]
        assert (bucket["tokens_per_fill"], bucket["max_tokens"]) == (7, 9)
        assert route["route"]["timeout"] == "0s"
    for cluster in clusters(B, C, limits=limits):
        (thresholds,) = cluster["circuit_breakers"]["thresholds"]
        assert thresholds["max_requests"] == 30


def test_identity_is_taken_away_before_it_is_given() -> None:
    order = list(filters(B))
    assert order == [
        *("lua", "jwt_authn", "local_ratelimit", "rbac", "buffer", "credential_injector", "header_mutation", "router")
    ]
    # Without neighbours nothing else is different.
    assert [name for name in order if name != "jwt_authn"] == list(filters())


def test_all_secrets_are_those_of_the_empty_namespace() -> None:
    (route,) = routes(B)
    rewrite = route["route"]["regex_rewrite"]
    assert re.sub(rewrite["pattern"]["regex"], rewrite["substitution"], "/api/v1/secrets") == (
        "/api/v1/namespaces/istio-alliance-empty/secrets"
    )
    assert re.sub(rewrite["pattern"]["regex"], "", "/api/v1/secretsx") == "/api/v1/secretsx"


def matches(path: str, matchers: list[dict[str, Any]]) -> bool:
    return any(
        path == item["exact"] if "exact" in item else re.fullmatch(item["safe_regex"]["regex"], path) is not None
        for item in matchers
    )


def test_rules_and_paths_say_the_same() -> None:
    for rule in cluster_rules():
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                path = f"/apis/{group}/v1/{resource}" if group else f"/api/v1/{resource}"
                assert matches(path, review_paths()) is (rule["verbs"] == ["create"])
                assert matches(path, readable_paths("istio-system")) is (rule["verbs"] == ["list", "watch"])
                assert not matches(f"{path}/a", [*readable_paths("istio-system"), *review_paths()])


def test_no_rule_allows_a_write_or_a_secret_of_the_cluster() -> None:
    for rule in cluster_rules():
        assert "secrets" not in rule["resources"]
        assert "*" not in rule["resources"] + rule["apiGroups"] + rule["verbs"]
        reviews = set(rule["resources"]) <= {"tokenreviews", "subjectaccessreviews"}
        assert set(rule["verbs"]) <= ({"create"} if reviews else {"list", "watch"})
    assert empty_namespace_rules() == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "watch"]}]


@pytest.mark.parametrize(
    ("revision", "known"), [("default", ["istio"]), ("", ["istio"]), ("canary", ["istio", "istio-canary"])]
)
def test_the_mesh_config_of_a_revision(revision: str, known: list[str]) -> None:
    (rule,) = config_map_rules(revision)
    assert rule["resourceNames"] == known


def test_more_rules_open_more_paths() -> None:
    exports = {"apiGroups": ["multicluster.x-k8s.io"], "resources": ["serviceexports"], "verbs": ["get", "list"]}
    writes = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
    more = readable_paths("root", [exports, writes])
    assert matches("/apis/multicluster.x-k8s.io/v1alpha1/serviceexports", more)
    assert matches("/api/v1/namespaces/root/configmaps", more)
    assert not matches("/apis/multiclusterxx-k8s.io/v1alpha1/serviceexports", more)
    assert not matches("/apis/apps/v1/deployments", more)


@pytest.mark.parametrize("resource", ["*", "secrets", "pods/log", "pods/*", "", "..", "a b"])
def test_rules_that_can_not_be_told_as_paths(resource: str) -> None:
    rule = {"apiGroups": [""], "resources": [resource], "verbs": ["list"]}
    with pytest.raises(AllianceError, match="api_proxy_extra_rules"):
        config_map(B, extra_rules=[rule])


def test_doubles_and_useless_keys() -> None:
    with pytest.raises(AllianceError, match="name cluster-b"):
        config_map(B, ProxyNeighbour("cluster-b", "another", KEYS[1]))
    with pytest.raises(AllianceError, match="clusterUUID uuid-b"):
        config_map(B, ProxyNeighbour("another", "uuid-b", KEYS[1]))
    with pytest.raises(KeyPairError):
        config_map(ProxyNeighbour("cluster-x", "uuid-x", "no key"))


def test_it_fits_into_a_config_map() -> None:
    many = [ProxyNeighbour(f"cluster-{number}", f"uuid-{number}", KEYS[0]) for number in range(200)]
    assert len(json.dumps(config_map(*many))) < 1024 * 1024


def test_the_api_server_is_called_by_its_name() -> None:
    (cluster,) = clusters(B)
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    assert address == {"address": "kubernetes.default.svc.mesh.local", "port_value": 443}
    assert cluster["transport_socket"]["typed_config"]["sni"] == "kubernetes.default.svc"


def test_the_bootstrap() -> None:
    files = bootstrap_files(ProxyLayout(config="/c", neighbours="/n", tls="/t", account="/a"))
    bootstrap = json.loads(files["envoy.json"])
    assert bootstrap["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    assert set(bootstrap["node"]) == {"id", "cluster"}
    for kind in ("lds", "cds"):
        source = bootstrap["dynamic_resources"][f"{kind}_config"]["path_config_source"]
        assert source == {"path": f"/n/{kind}.json", "watched_directory": {"path": "/n"}}
    # Every file that is referred to as one of the bootstrap's is among them.
    text = "".join(files.values()) + json.dumps(listener(B)) + json.dumps(clusters(B))
    assert {name.rpartition("/")[2] for name in re.findall(r"sds-[a-z]+\.json", text)} <= set(files)
    nobody = config_map(layout=ProxyLayout(config="/c", neighbours="/n", tls="/t", account="/a"))["data"]
    assert {name: files[name] for name in nobody} == nobody
    assert bootstrap_files() == bootstrap_files()
