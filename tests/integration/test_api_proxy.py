# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Envoy as api-proxy before a real API server, with the role's RBAC: what it carries, and what it takes up."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.api_proxy_settings import (
    ProxyLimits,
)

from tests.integration.api_proxy import (
    ACCOUNT,
    ADDRESS,
    NAMESPACE,
    ROOT_NAMESPACE,
    ApiProxy,
    Neighbour,
    prepare,
    running,
    until,
)
from tests.integration.echo import Echo
from tests.lab.controlplane import ControlPlane
from tests.lab.errors import LabError

EMPTY = f"{NAMESPACE}-empty"
# What istiod follows in a remote cluster.
FOLLOWED = {
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "pods": "/api/v1/pods",
    "services": "/api/v1/services",
    "secrets": "/api/v1/secrets",
    "endpointslices": "/apis/discovery.k8s.io/v1/endpointslices",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "workloadentries": "/apis/networking.istio.io/v1/workloadentries",
}
MESH_CONFIG = f"/api/v1/namespaces/{ROOT_NAMESPACE}/configmaps?fieldSelector=metadata.name%3Distio"
PROTOBUF = "application/vnd.kubernetes.protobuf"
STREAM = "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
LONG = "timeoutSeconds=600"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane("proxied") as plane:
        prepare(plane)
        plane.kubectl.apply(
            [
                config_map("istio", mesh="trustDomain: plane.local"),
                config_map("other", password="nobody's"),
                {**named("Secret", "treasure", "default"), "stringData": {"password": "nobody's"}},
            ]
        )
        yield plane


@pytest.fixture(scope="module")
def neighbour() -> Neighbour:
    return Neighbour("cluster-b")


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, neighbour: Neighbour, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProxy]:
    with running(plane, tmp_path_factory.mktemp("proxy"), neighbour) as proxy:
        yield proxy


@pytest.fixture
def other(plane: ControlPlane, tmp_path: Path) -> Iterator[ApiProxy]:
    """A proxy for one test, which lets in whom it wants."""
    with running(plane, tmp_path) as proxy:
        yield proxy


def named(kind: str, name: str, namespace: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {**named("ConfigMap", name, ROOT_NAMESPACE), "data": data}


@pytest.mark.parametrize("kind", FOLLOWED)
def test_lists_what_istiod_follows(proxy: ApiProxy, neighbour: Neighbour, kind: str) -> None:
    answer = proxy.ask(f"{FOLLOWED[kind]}?limit=500", neighbour)
    assert answer.status == 200
    assert answer.json()["kind"].lower().startswith(kind[:3])


@pytest.mark.parametrize("kind", FOLLOWED)
def test_streams_what_istiod_follows(proxy: ApiProxy, neighbour: Neighbour, kind: str) -> None:
    """A WatchList: what there is, a bookmark that says so, and the stream stays open."""
    watch = proxy.watch(f"{FOLLOWED[kind]}?{STREAM}&{LONG}", neighbour)
    try:
        first = until(watch.event, "an event")
        while first["type"] == "ADDED":
            first = until(watch.event, "an event")
        assert first["type"] == "BOOKMARK"
        assert first["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
        with pytest.raises(TimeoutError):
            watch.event(timeout=0.2)
    finally:
        watch.close()


def test_a_change_arrives_on_an_open_watch(proxy: ApiProxy, neighbour: Neighbour, plane: ControlPlane) -> None:
    watch = proxy.watch(f"/api/v1/namespaces?watch=true&{LONG}", neighbour)
    plane.kubectl("create", "namespace", "newcomer")
    event = until(watch.event, "an event")
    while event["object"]["metadata"]["name"] != "newcomer":
        event = until(watch.event, "an event")
    watch.close()


def test_the_list_of_secrets_is_true_and_empty(proxy: ApiProxy, neighbour: Neighbour, plane: ControlPlane) -> None:
    assert json.loads(plane.kubectl("get", "secrets", "--all-namespaces", "-o", "json"))["items"]
    listed = proxy.ask("/api/v1/secrets", neighbour).json()
    assert (listed["kind"], listed["items"]) == ("SecretList", [])
    watch = proxy.watch(
        f"/api/v1/secrets?watch=true&resourceVersion={listed['metadata']['resourceVersion']}", neighbour
    )
    plane.kubectl.apply([{**named("Secret", "another", "default"), "stringData": {"a": "b"}}])
    with pytest.raises(TimeoutError):
        watch.event(timeout=1)
    watch.close()
    uris = {event["requestURI"].partition("?")[0] for event in proxy.reached() if "secrets" in event["requestURI"]}
    assert uris == {f"/api/v1/namespaces/{EMPTY}/secrets"}


def test_the_namespace_without_secrets_takes_none(plane: ControlPlane) -> None:
    # The controller that fills the status in is not there.
    patch = json.dumps({"status": {"hard": {"secrets": "0"}, "used": {"secrets": "0"}}})
    where = (f"--namespace={EMPTY}", "--subresource=status", "--type=merge", f"--patch={patch}")
    plane.kubectl("patch", "resourcequota", "empty", *where)
    with pytest.raises(LabError, match="quota"):
        plane.kubectl("create", "secret", "generic", "mine", f"--namespace={EMPTY}", "--from-literal=a=b")


def test_the_mesh_config_is_read_by_name(proxy: ApiProxy, neighbour: Neighbour) -> None:
    (found,) = proxy.ask(MESH_CONFIG, neighbour).json()["items"]
    assert found["data"] == {"mesh": "trustDomain: plane.local"}
    proxy.watch(f"{MESH_CONFIG}&watch=true&{LONG}", neighbour).close()


def test_the_probe_of_neighbours(proxy: ApiProxy, neighbour: Neighbour) -> None:
    assert proxy.ask("/api", neighbour).json()["kind"] == "APIVersions"


def test_token_reviews(proxy: ApiProxy, neighbour: Neighbour) -> None:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": proxy.account_token()}}
    answer = proxy.ask("/apis/authentication.k8s.io/v1/tokenreviews", neighbour, method="POST", body=review)
    assert answer.status == 201
    assert answer.json()["status"]["user"]["username"] == ACCOUNT


def test_subject_access_reviews(proxy: ApiProxy, neighbour: Neighbour) -> None:
    attributes = {"verb": "get", "resource": "secrets", "namespace": "default"}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "resourceAttributes": attributes},
    }
    answer = proxy.ask("/apis/authorization.k8s.io/v1/subjectaccessreviews", neighbour, method="POST", body=review)
    assert answer.status == 201
    assert answer.json()["status"]["allowed"] is False


def test_protobuf_and_compression_pass_through(proxy: ApiProxy, neighbour: Neighbour) -> None:
    answer = proxy.ask("/api/v1/namespaces", neighbour, headers={"Accept": PROTOBUF})
    assert answer.headers["content-type"] == PROTOBUF
    assert answer.body.startswith(b"k8s\0")
    # The API server compresses only what is worth it: the definitions are.
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    packed = proxy.ask(path, neighbour, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
def test_both_protocols(proxy: ApiProxy, neighbour: Neighbour, tmp_path: Path, option: str, version: str) -> None:
    (tmp_path / "ca.crt").write_text(proxy.ca.certificate)
    url = f"https://{ADDRESS}:{proxy.layout.port}/api/v1/nodes"
    command = ["curl", "--silent", option, "--cacert", str(tmp_path / "ca.crt"), "--output", "/dev/null"]
    command += ["--write-out", "%{http_version} %{http_code}", "--oauth2-bearer", neighbour.token(proxy.uuid), url]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == f"{version} 200"


def test_kubectl_reads_through_it(proxy: ApiProxy, neighbour: Neighbour, plane: ControlPlane, tmp_path: Path) -> None:
    """A kubeconfig as istiod gets it."""
    authority = base64.b64encode(proxy.ca.certificate.encode()).decode()
    server = {"server": f"https://{ADDRESS}:{proxy.layout.port}", "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "b",
        "contexts": [{"name": "b", "context": {"cluster": "b", "user": "b"}}],
        "clusters": [{"name": "b", "cluster": server}],
        "users": [{"name": "b", "user": {"token": neighbour.token(proxy.uuid)}}],
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(config))
    kubectl = type(plane.kubectl)(path)
    assert json.loads(kubectl("get", "--raw", "/api/v1/namespaces"))["items"]
    with pytest.raises(LabError, match="Forbidden"):
        kubectl("get", "--raw", "/api/v1/namespaces/default/secrets")


def test_nothing_that_carries_an_identity_passes(tmp_path: Path, plane: ControlPlane, neighbour: Neighbour) -> None:
    """What a server behind the proxy gets, header by header."""
    sent = {
        "Impersonate-User": "lab-admin",
        "Impersonate-Group": "system:masters",
        "Impersonate-Uid": "0",
        "Impersonate-Extra-Scopes": "all",
        "Impersonate-Extra-Whatever.example%2fx": "all",
        "X-Remote-User": "lab-admin",
        "X-Remote-Group": "system:masters",
        "X-Remote-Extra-Scopes": "all",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Client-Cert": "By=me",
        "X-Real-Ip": "192.0.2.1",
        "X-Api-Proxy-Token": "mine",
        "X-Envoy-Original-Path": "/api/v1/secrets",
        "X-Original-Url": "/api/v1/secrets",
        "X-Http-Method-Override": "DELETE",
        "Forwarded": "for=192.0.2.1",
        "Cookie": "session=1",
        "Proxy-Authorization": "Basic eDp5",
        "Sec-Websocket-Protocol": "base64url.bearer.authorization.k8s.io.bWluZQ",
        "Audit-Id": "mine",
        "X-Request-Id": "mine",
        "User-Agent": "somebody else",
        "Accept": PROTOBUF,
        "Accept-Encoding": "gzip",
    }
    with Echo(plane, tmp_path / "echo") as echo, running(plane, tmp_path / "proxy", neighbour, **echo.place) as proxy:
        answer = proxy.ask("/api/v1/pods?limit=500", neighbour, headers=sent)
        assert answer.status == 200, answer.body
        got = answer.json()
        token = (Path(proxy.layout.account) / "token").read_text()
        assert got.pop("authorization") == f"Bearer {token}"
        assert len(got.pop("audit-id")) == 36
        assert got == {
            ":method": "GET",
            ":path": "/api/v1/pods?limit=500",
            ":scheme": "https",
            ":authority": "kubernetes",
            "accept": PROTOBUF,
            "accept-encoding": "gzip",
            "user-agent": "api-proxy for cluster-b",
            "x-forwarded-proto": "https",
        }


def test_each_request_is_in_the_log_with_its_neighbour(proxy: ApiProxy, neighbour: Neighbour) -> None:
    told = proxy.ask("/api/v1/services?limit=7", neighbour).headers["audit-id"]
    (line,) = until(lambda: proxy.log(audit_id=told), "the line")
    expected = {"neighbour": "cluster-b", "method": "GET", "path": "/api/v1/services?limit=7", "status": 200}
    assert {key: line[key] for key in expected} == expected
    (event,) = until(lambda: [item for item in proxy.reached() if item["auditID"] == told], "the audit event")
    assert event["userAgent"] == "api-proxy for cluster-b"
    refused = "/api/v1/namespaces/default/secrets"
    proxy.ask(refused, neighbour)
    (line,) = until(lambda: proxy.log(path=refused, neighbour="cluster-b"), "the line of a refusal")
    assert line["status"] == 403
    assert neighbour.token(proxy.uuid)[:20] not in proxy.text


def test_requests_a_second_are_limited_for_each_neighbour(other: ApiProxy) -> None:
    hasty, calm = Neighbour("hasty"), Neighbour("calm")
    other.let_in(hasty, calm, limits=ProxyLimits(requests_per_second=1, burst=5))
    answers = [other.ask("/api", hasty) for _number in range(15)]
    refused = [answer for answer in answers if answer.status == 429]
    assert answers[0].status == 200
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].json()["reason"] == "TooManyRequests"
    assert other.ask("/api", calm).status == 200
    assert until(lambda: other.log(neighbour="hasty", status=429), "the line")
    until(lambda: other.ask("/api", hasty).status == 200, "it is served again")


def test_requests_at_a_time_are_limited_for_each_neighbour(other: ApiProxy) -> None:
    hungry, modest = Neighbour("hungry"), Neighbour("modest")
    other.let_in(hungry, modest, limits=ProxyLimits(concurrent_requests=3))
    watches = [other.watch(f"/api/v1/pods?watch=true&{LONG}", hungry) for _number in range(3)]
    refused = other.ask("/api/v1/pods", hungry)
    assert (refused.status, refused.json()["reason"]) == (503, "ServiceUnavailable")
    assert other.ask("/api/v1/pods", modest).status == 200
    watches.pop().close()
    until(lambda: other.ask("/api/v1/pods", hungry).status == 200, "it is served again")
    for watch in watches:
        watch.close()


def test_no_watch_is_longer_than_it_may(other: ApiProxy) -> None:
    patient = Neighbour("patient")
    other.let_in(patient, limits=ProxyLimits(stream_seconds=2))
    assert other.watch("/api/v1/pods?watch=true&timeoutSeconds=86400", patient).ended()


def test_neighbours_come_and_go_without_a_restart(other: ApiProxy) -> None:
    pid, going, staying, coming = other.pid, Neighbour("going"), Neighbour("staying"), Neighbour("coming")
    assert other.ask("/api/v1/pods", staying).status == 403  # nobody is let in yet
    other.let_in(going, staying)
    path = f"/api/v1/pods?watch=true&{LONG}"
    cut, kept = other.watch(path, going), other.watch(path, staying)
    other.let_in(staying, coming)
    assert other.ask("/api/v1/pods", going).status == 401
    assert other.ask("/api/v1/pods", coming).status == 200
    assert cut.ended()
    # The other's is cut as well, or goes on; it can be opened again at once.
    kept.close()
    other.watch(path, staying).close()
    # And the last one goes too.
    other.let_in()
    assert other.ask("/api/v1/pods", staying).status == 403
    assert other.pid == pid


def test_a_neighbour_with_a_new_key_is_known_by_it_alone(other: ApiProxy) -> None:
    before = Neighbour("cluster-c")
    other.let_in(before)
    assert other.ask("/api", before).status == 200
    after = Neighbour("cluster-c", before.uuid)
    other.let_in(after)
    assert (other.ask("/api", before).status, other.ask("/api", after).status) == (401, 200)


def test_a_neighbour_that_rotates_its_key_is_known_by_both(other: ApiProxy) -> None:
    before = Neighbour("cluster-c")
    after, stranger = Neighbour("cluster-c", before.uuid), Neighbour("cluster-c", before.uuid)
    for first, second in ((after, before), (before, after)):
        other.let_in(replace(first, previous=second.keys))
        assert [other.ask("/api", who).status for who in (before, after, stranger)] == [200, 200, 401]


def test_a_listener_that_comes_before_its_clusters_is_taken(other: ApiProxy) -> None:
    """The two files are read one after the other, in no certain order."""
    neighbour = Neighbour("cluster-d")
    other.let_in(neighbour, clusters=False)
    assert other.ask("/api", neighbour).status == 503
    other.let_in(neighbour)
    until(lambda: other.ask("/api", neighbour).status == 200, "its cluster is known")


def test_a_new_certificate_is_taken_up(other: ApiProxy) -> None:
    def presented() -> str:
        with other.socket() as connection:
            certificate = connection.getpeercert(binary_form=True)
            assert certificate is not None
            return ssl.DER_cert_to_PEM_cert(certificate)

    neighbour, pid = Neighbour("cluster-b"), other.pid
    other.let_in(neighbour)
    watch = other.watch(f"/api/v1/pods?watch=true&{LONG}", neighbour)
    leaf = other.leaf()
    assert presented() != leaf.certificate
    other.set_certificate(leaf)
    until(lambda: presented() == leaf.certificate, "the new certificate is presented")
    assert not watch.ended(timeout=1)
    watch.close()
    assert other.pid == pid


def test_a_new_token_is_taken_up(other: ApiProxy) -> None:
    neighbour, pid = Neighbour("cluster-b"), other.pid
    other.let_in(neighbour)

    def sent() -> str:
        told = other.ask("/api/v1/pods", neighbour).headers["audit-id"]
        (event,) = until(lambda: [item for item in other.reached() if item["auditID"] == told], "the audit event")
        return str(event["user"]["extra"]["authentication.kubernetes.io/credential-id"][0])

    before, token = sent(), other.account_token()
    other.set_token(token)
    payload = token.split(".")[1]
    identifier = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]
    until(lambda: sent() == f"JTI={identifier}", "the new token is sent")
    assert identifier not in before
    assert other.pid == pid


def test_the_status_port_shows_readiness_and_figures_and_nothing_else(proxy: ApiProxy, neighbour: Neighbour) -> None:
    assert proxy.status_page("/ready").status == 200
    figures = proxy.status_page("/stats/prometheus")
    assert b'envoy_cluster_name="neighbour/cluster-b"' in figures.body
    for path in ("/", "/config_dump", "/certs", "/clusters", "/stats", "/ready/../config_dump", "//config_dump"):
        assert proxy.status_page(path).status == 404, path
    for path in ("/quitquitquit", "/ready", "/healthcheck/fail", "/drain_listeners", "/stats/prometheus"):
        assert proxy.status_page(path, method="POST").status == 404, path
    assert proxy.ready()


def test_nothing_reached_the_api_server_but_as_the_service_account(proxy: ApiProxy) -> None:
    users = {event["user"]["username"] for event in proxy.reached()}
    assert users == {ACCOUNT}
    assert not [event for event in proxy.reached() if "impersonatedUser" in event]
