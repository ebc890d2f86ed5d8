# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is probed of a neighbour, and how that is told between the module and the probe."""

from __future__ import annotations

import json

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import FederationMetadata
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe import (
    FORGED,
    Answer,
    AtGateway,
    Held,
    Looked,
    Observation,
    Order,
    Refusal,
    Target,
    done,
    read,
    written,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.probe_targets import (
    forged_identities,
    targets_of,
    unpublished_of,
)

DOMAIN = "cluster-b.local"
GATEWAYS = [{"address": "10.0.0.1", "port": 30443}, {"address": "gw.example.com", "port": 443}]
HEALTH = f"alliance-healthcheck.istio-alliance.svc.{DOMAIN}"


def document(count: int = 2) -> FederationMetadata:
    ports = [{"name": "http", "port": 80, "protocol": "HTTP"}, {"name": "grpc-api", "port": 90, "protocol": "HTTP2"}]
    services = [{"hostname": f"s{number:03}.xyz.svc.{DOMAIN}", "ports": ports} for number in range(count)]
    services.append({"hostname": HEALTH, "ports": ports[:1]})
    return FederationMetadata.from_dict({"ingressGateways": GATEWAYS, "publicServices": services})


def test_every_port_is_a_target_and_the_healthcheck_comes_first() -> None:
    targets, of = targets_of(document(), path="/ready")
    assert of == len(targets) == 5
    assert (targets[0].host, targets[0].path) == (HEALTH, "/healthz")
    assert {target.path for target in targets[1:]} == {"/ready"}
    assert [target.grpc for target in targets] == [False, False, True, False, True]
    assert {len(target.gateways) for target in targets} == {2}


def test_a_sample_has_its_number_and_is_always_the_same() -> None:
    targets, of = targets_of(document(500), limit=11)
    assert (len(targets), of) == (11, 1001)
    assert targets == targets_of(document(500), limit=11)[0]
    assert targets[0].host == HEALTH
    numbers = [int(target.host[1:4]) for target in targets[1:]]
    assert numbers[0] == 0
    assert numbers[-1] >= 400
    assert len(set(targets)) == 11


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_small_limits(limit: int) -> None:
    assert len(targets_of(document(), limit=limit)[0]) == limit


def test_named_services_alone() -> None:
    targets, of = targets_of(document(), wanted=("s001.*", f"nobody.{DOMAIN}"))
    assert {target.host for target in targets} == {f"s001.xyz.svc.{DOMAIN}"}
    assert of == 2


SERVICES = {
    "istio-alliance/metadata-exporter": [["http", 8080, "TCP"], ["http-metrics", 8081, "TCP"]],
    "xyz/s000": [["http", 80, "TCP"]],
    "kube-system/kube-dns": [["dns", 53, "UDP"], ["dns-tcp", 53, "TCP"]],
    **{f"apps/a{number:02}": [["http", 80, "TCP"]] for number in range(40)},
}


def test_what_is_not_published_is_asked_for() -> None:
    unpublished = unpublished_of(document(), DOMAIN, SERVICES)
    assert len(unpublished) == 3
    assert unpublished[0].sni == f"outbound_.8080_._.metadata-exporter.istio-alliance.svc.{DOMAIN}"
    assert unpublished == unpublished_of(document(), DOMAIN, dict(reversed(SERVICES.items())))
    everything = unpublished_of(document(), DOMAIN, SERVICES, most=100)
    assert f"s000.xyz.svc.{DOMAIN}" not in {target.host for target in everything}, "which is published"
    assert [target.port for target in everything if target.host.startswith("kube-dns")] == [53]
    assert len(everything) == len(set(everything)) == 43
    assert unpublished_of(document(), DOMAIN, {}) == ()


def test_what_is_in_the_mesh_for_certain_or_probably_is_asked_for_first() -> None:
    services = {**SERVICES, "xyz/hidden": [["http", 80, "TCP"]], "istio-alliance/gateway": [["tls", 15443, "TCP"]]}
    names = [target.host.split(".")[0] for target in unpublished_of(document(), DOMAIN, services)]
    assert names[:2] == ["metadata-exporter", "hidden"], "which is beside what is published"
    assert "gateway" not in names, "beside the Services that are there to be probed"
    assert len(names) == 3


def test_forged_identities_are_of_both_domains_each_once() -> None:
    both = forged_identities((DOMAIN, "cluster-a.local", DOMAIN))
    assert [identity.split("/")[2] for identity in both] == [DOMAIN, "cluster-a.local"]


def test_an_order_travels_as_one_line() -> None:
    targets = targets_of(document())[0]
    order = Order(DOMAIN, "-----BEGIN\nroots", targets, targets[:1], ("spiffe://x/y",), 1.5, 20.0, 3)
    assert "\n" not in order.render()
    assert Order.parse(order.render()) == order


def test_an_order_of_another_version_is_refused() -> None:
    text = Order(DOMAIN, "", ()).render()
    with pytest.raises(AllianceError, match="another format"):
        Order.parse(json.dumps({**json.loads(text), "format": 99}))


SEEN = Observation(
    HEALTH,
    80,
    Looked(("240.240.0.1",)),
    Held(True, ("10.0.0.1:30443",), True, "a/b"),
    (AtGateway("10.0.0.1", 30443, identities=("spiffe://x/y",), answer=Answer(200, text="\u2713")),),
    Answer(503, grpc_status=14),
    "expired",
)


@pytest.mark.parametrize(
    "seen", [SEEN, Observation(HEALTH, 80, unfinished=True), Refusal(FORGED, "spiffe://x/y", "there", "HTTP 200")]
)
def test_what_was_seen_travels_as_one_line(seen: Observation | Refusal) -> None:
    assert "\n" not in written(seen)
    assert read(written(seen)) == seen


def test_the_end_is_told() -> None:
    assert read(done()) is None


@pytest.mark.parametrize(
    "line", ["", "nonsense", "[]", '{"kind":"target"}', '{"kind":"else"}', '{"kind":"forged","a":1}']
)
def test_other_lines_are_errors(line: str) -> None:
    with pytest.raises(AllianceError, match="something else"):
        read(line)


def test_a_target_of_a_sample_is_a_target() -> None:
    assert isinstance(targets_of(document())[0][0], Target)
