# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of one domain that misbehave in their multicluster document, beside one that behaves.

What they say becomes a Secret from which istiod takes where to send a token, and a part of the shared mesh config. All
are proved; then they misbehave. Those that istiod was not told of before are fresh ones.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.hostile import rules
from tests.integration.hostile.conftest import FIGURE
from tests.integration.hostile.in_documents import OTHER_TYPES, OWN_DOMAIN, OWN_NODE, OWN_SERVICE
from tests.integration.hostile.in_process import Run
from tests.integration.hostile.misbehaviour import PARTLY, REFUSED, TAKEN, Misbehaviour, Scene, group
from tests.integration.hostile.simulator import GATEWAY, MULTICLUSTER, Actor, Reply, Simulator, as_json, http
from tests.integration.hostile.stage import NAMESPACE, OWN, ROOT_NAMESPACE, Object, Reader
from tests.wire.proxy import everything_leads_to

DOMAIN = OWN_DOMAIN
OWN_ID, OWN_NETWORK = "cluster-reader", "network-reader"


def _cases() -> Iterator[Misbehaviour]:
    def changed(**changes: Any) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, _scene: as_json(actor.joint(**changes))

    def without(field: str) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, _scene: as_json({key: value for key, value in actor.joint().items() if key != field})

    hosts: dict[str, Any] = {
        **OTHER_TYPES,
        "with-a-user": "me:secret@api.example:6443",
        "with-a-path": "api.example:6443/elsewhere",
        "with-a-query": "api.example:6443?a=b",
        "with-a-fragment": "api.example:6443#a",
        "with-a-scheme": "https://api.example:6443",
        "with-two-ports": "api.example:6443:443",
        "with-port-0": "api.example:0",
        "with-port-65536": "api.example:65536",
        "with-port-of-letters": "api.example:https",
        "with-a-space": "api .example:6443",
        "with-a-newline": "api.example:6443\nX: y",
        "with-nul": "api.example\0:6443",
        "with-a-backslash": "api.example\\@evil.example",
        "loopback": "127.0.0.1:6443",
        "loopback-ipv6": "[::1]:6443",
        "loopback-mapped": "[::ffff:127.0.0.1]:6443",
        "link-local": "169.254.169.254:80",
        "with-a-zone": "[fe80::1%25eth0]:6443",
        "ipv6-without-brackets": "2001:db8::7:6443",
        "brackets-around-a-name": "[api.example]:6443",
        "own-api-by-name": "kubernetes.default.svc:443",
        "own-api-by-full-name": f"kubernetes.default.svc.{DOMAIN}",
        "own-api-by-address": f"{OWN_SERVICE}:443",
        "own-node": f"{OWN_NODE}:6443",
        "upper-case": "API.example:6443",
        "unicode": "\u00e4pi.example:6443",
        "dot-behind": "api.example.:6443",
    }
    names: dict[str, Any] = {
        **OTHER_TYPES,
        "too-long": "a" * 254,
        "a-path": "../x",
        "two-lines": "a\nb",
        "unicode": "\u00fc",
        "a-dash-in-front": "-a",
        "a-template": "{{ x }}",
    }
    ids = {name: value for name, value in names.items() if name not in ("null", "empty")}
    yield from group(
        MULTICLUSTER,
        REFUSED,
        "InvalidPrivateMetadata",
        {
            "api-host-missing": without("apiHost"),
            "network-missing": without("networkName"),
            **{f"api-host-{name}": changed(apiHost=value) for name, value in hosts.items()},
            **{f"network-{name}": changed(networkName=value) for name, value in names.items()},
            **{f"cluster-id-{name}": changed(clusterID=value) for name, value in ids.items()},
            "joint-gateways-none": changed(ingressGateways=[]),
            "joint-gateways-null": changed(ingressGateways=None),
            "joint-gateways-all-bad": changed(ingressGateways=[{"address": "127.0.0.1", "port": 15443}]),
            "joint-gateways-a-text": changed(ingressGateways="203.0.113.9"),
            "joint-gateways-too-many": changed(ingressGateways=[GATEWAY] * 257),
            "joint-a-list": lambda actor, _scene: as_json([actor.joint()]),
            "joint-empty": lambda _actor, _scene: as_json({}),
        },
    )
    yield from group(
        MULTICLUSTER,
        REFUSED,
        "InvalidJSON",
        {
            "joint-no-json": lambda _actor, _scene: http(b"<html>"),
            "joint-deep": lambda _actor, _scene: http(b"[" * 100_000),
            "joint-a-field-twice": lambda actor, _scene: http(
                json.dumps(actor.joint()).replace("{", '{"apiHost": "evil.example", ', 1).encode()
            ),
        },
    )
    too_long = {"joint-too-long": lambda _actor, _scene: http(b" " * 600_000)}
    yield from group(MULTICLUSTER, REFUSED, "FetchFailed", too_long)
    own = {"network-of-the-reader": changed(networkName=OWN_NETWORK)}
    yield from group(MULTICLUSTER, REFUSED, "ConfigurationError", own)
    clash = {"cluster-id-of-the-reader": changed(clusterID=OWN_ID)}
    yield from group(MULTICLUSTER, "left out", "cluster-id-shared", clash)
    mixed = [{"address": address, "port": 15443} for address in ("127.0.0.1", OWN_NODE, "a b")]
    some = {"joint-gateways-some-bad": changed(ingressGateways=[*mixed, GATEWAY])}
    yield from group(MULTICLUSTER, PARTLY, "gateway-refused", some)
    yield from group(MULTICLUSTER, TAKEN, "", {"joint-with-unknown-fields": changed(token="x", caCert="y", exec={})})


CASES = list(_cases())
PHASES = ("known", "fresh")


@dataclass
class Played:
    """The runs of remote_clusters, and the Secrets and the networks after each, by phase."""

    simulator: Simulator
    runs: dict[str, Run]
    secrets: dict[str, dict[str, Object]]
    networks: dict[str, dict[str, Any]]
    asked: list[str]


@pytest.fixture(scope="module")
def played(reader: Reader) -> Iterator[Played]:
    simulator = Simulator()
    honest = Actor("honest", DOMAIN, vouched="api")
    scene = Scene(reader.uuid, reader.authority.certificate, honest, simulator.elsewhere)
    actors = [honest, *(case.actor(scene) for case in CASES)]
    for actor in actors:
        actor.domain = DOMAIN
    simulator.add(*actors)
    common = {
        "neighbours": [actor.option(simulator.ca.certificate, mode="multicluster") for actor in actors],
        "namespace": NAMESPACE,
        "root_namespace": ROOT_NAMESPACE,
    }
    done = Played(simulator, {}, {}, {}, [])

    def run(phase: str) -> None:
        done.runs[phase] = reader.run(
            "remote_clusters",
            cluster_id=OWN_ID,
            network=OWN_NETWORK,
            cluster_domain=DOMAIN,
            wait_timeout=60,
            **common,
        )
        listed = [item for item in reader.objects() if item["metadata"].get("namespace") == ROOT_NAMESPACE]
        done.secrets[phase] = {item["metadata"]["name"]: item for item in listed if item["kind"] == "Secret"}
        (shared,) = (item for item in listed if item["metadata"]["name"] == "istio-federation")
        text = shared["data"].get("meshNetworks") or "{}"
        done.networks[phase] = json.loads(text).get("networks") or {}
        rules.of_networks(json.dumps({"networks": done.networks[phase]}), {f"network-{actor.name}" for actor in actors})

    with (
        pytest.MonkeyPatch.context() as patch,
        everything_leads_to({f"{actor.name}.api.example": actor.port for actor in actors}) as (proxy, asked),
    ):
        patch.setenv("HTTPS_PROXY", proxy)
        patch.setenv("NO_PROXY", "127.0.0.1")
        try:
            reader.run("trust_anchors", **common)
            simulator.behaving = False
            run("fresh")
            simulator.behaving = True
            run("well")
            simulator.behaving = False
            run("known")
            done.asked = list(asked)
            yield done
        finally:
            simulator.close()
            none = {**common, "neighbours": []}
            reader.run("remote_clusters", cluster_id=OWN_ID, network=OWN_NETWORK, **none)
            reader.run("trust_anchors", **none)


def _secret(case: str) -> str:
    return f"istio-remote-secret-{case}"


def test_there_are_enough_of_them(played: Played, record_property: Any) -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 60
    assert set(played.secrets["well"]) == {_secret(name) for name in (*names, "honest")}
    record_property(
        f"{FIGURE}named misbehaviours of clusters of one domain, each of a known and of a new one", len(names)
    )


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_comes_of_it(case: Misbehaviour, phase: str, played: Played) -> None:
    run, secrets = played.runs[phase], played.secrets[phase]
    findings = run.findings.get(case.name, [])
    for finding in findings:
        rules.of_finding(finding)
    stays = phase == "known" and case.outcome == REFUSED
    assert (_secret(case.name) in secrets) is (stays or case.outcome in (PARTLY, TAKEN))
    assert (f"network-{case.name}" in played.networks[phase]) is (_secret(case.name) in secrets)
    if stays:
        # What istiod was told of it is what it is told now.
        assert secrets[_secret(case.name)]["data"] == played.secrets["well"][_secret(case.name)]["data"]
    codes = [finding["code"] for finding in findings if finding["severity"] == "error"]
    assert codes == [] if case.outcome == TAKEN else case.code in codes


@pytest.mark.parametrize("phase", [*PHASES, "well"])
def test_istiod_is_led_nowhere_else(phase: str, played: Played) -> None:
    """Each Secret has one cluster, whose API is where its neighbour may say that it is, and whose token is for it."""
    actors = played.simulator.actors
    for name, secret in played.secrets[phase].items():
        actor = actors[name.removeprefix(_secret(""))]
        ((cluster_id, text),) = secret["data"].items()
        config = json.loads(base64.b64decode(text))
        assert cluster_id == f"cluster-{actor.name}"
        (cluster,) = config["clusters"]
        assert set(cluster["cluster"]) == {"server", "certificate-authority-data"}
        url = urlsplit(cluster["cluster"]["server"])
        assert (url.scheme, url.username, url.path, url.query) == ("https", None, "", "")
        rules.of_address(url.hostname, OWN)
        (user,) = config["users"]
        assert set(user["user"]) == {"token"}
        payload = user["user"]["token"].split(".")[1]
        assert json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["aud"] == actor.uuid


def test_who_behaves_loses_nothing(played: Played) -> None:
    for phase in PHASES:
        assert played.runs[phase].findings.get("honest", []) == []
        assert _secret("honest") in played.secrets[phase]
        assert "network-honest" in played.networks[phase]


def test_nobody_else_is_asked(played: Played) -> None:
    """Neither by us nor with one of our tokens."""
    assert {host.partition(":")[0] for host in played.asked} <= {
        f"{name}.api.example" for name in played.simulator.actors
    }
    assert played.simulator.asked_elsewhere == []
