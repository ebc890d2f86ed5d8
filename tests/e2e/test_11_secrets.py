# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of all playbooks that show all that they can show no private key and no token: not in the output, the log and
the diff, not in the files that ansible keeps and the cache of facts, not in arguments and environments of processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from .alliance import CLUSTERS, NAMESPACE, OURS, Alliance, B
from tests.demo.playbook import environment, playbook_command
from tests.exposure import Exposure, exposed
from tests.lab.inventory import FEDERATION, MULTICLUSTER
from tests.lab.lab import Lab
from tests.lab.layout import CHECKOUT
from tests.leaks import Secrets

pytestmark = pytest.mark.long

PAIR = ("cluster-d", "cluster-e")
MESH_DOMAIN = "mesh.local"
ROOT_NAMESPACE = "istio-system"
EVERYWHERE = frozenset({"applyset", "authn_keypair", "cluster_info", "metadata_certificate", "trust_anchors"})


def _as_it_is(_alliance: Alliance) -> None:
    """There is enough to do."""


def _renewed(alliance: Alliance) -> None:
    """The endpoints' certificates and the tokens for the neighbours' APIs have to be made again."""
    for cluster in alliance.clusters:
        gone = ("delete", "secret", "--ignore-not-found", "-n")
        alliance.kubectl(cluster, *gone, NAMESPACE, "alliance-metadata-tls")
        alliance.kubectl(cluster, *gone, ROOT_NAMESPACE, "-l", f"{OURS},istio/multiCluster=true")


@dataclass(frozen=True)
class Shown:
    """A playbook that shows everything: the members and their group, what its run finds to do, and the modules that
    have to be seen at work in it. C(changes): whether it changes the alliance, so that diffs are shown.
    """

    clusters: Sequence[str]
    group: str
    prepare: Callable[[Alliance], None]
    modules: frozenset[str]
    arguments: Sequence[str] = ()
    changes: bool = True


# Every playbook of the collection.
PLAYBOOKS: Mapping[str, Shown] = {
    "federate.yml": Shown(
        CLUSTERS,
        FEDERATION,
        _renewed,
        EVERYWHERE | {"service_entries"},
        # The key pair is made anew, too, and the one before kept beside it.
        ("-e", "metadata_exporter_key_regenerate=always"),
    ),
    "multicluster.yml": Shown(PAIR, MULTICLUSTER, _renewed, EVERYWHERE | {"remote_clusters"}),
    "rotate_root.yml": Shown(
        CLUSTERS,
        FEDERATION,
        _as_it_is,
        frozenset({"root_rotation", "proxy_trust_wait"}),
        # One that no test has made before; how long kubelets take is nothing to secrets.
        ("-e", f"alliance_rotate={B}", "-e", "root_rotation_serial=11", "-e", "root_rotation_kubelet_delay=0"),
    ),
    "status.yml": Shown(
        CLUSTERS, FEDERATION, _as_it_is, frozenset({"applyset", "cluster_info", "status_info"}), changes=False
    ),
    "verify.yml": Shown(
        CLUSTERS, FEDERATION, _as_it_is, frozenset({"applyset", "cluster_info", "traffic_probe"}), changes=False
    ),
    "unfederate.yml": Shown(
        CLUSTERS,
        FEDERATION,
        _as_it_is,
        frozenset({"departure", "departure_info", "departure_refusal_info"}),
        ("-e", f"alliance_leaving={B}"),
    ),
}


def test_no_playbook_is_left_out() -> None:
    assert {path.name for path in (CHECKOUT / "playbooks").glob("*.yml")} == set(PLAYBOOKS)


def learn(secrets: Secrets, alliance: Alliance) -> None:
    """Take the secrets of the members: all that their clusters hold, and the inventory's ways to them."""
    for cluster in alliance.clusters:
        for secret in alliance.get(cluster, "secrets", "-A")["items"]:
            secrets.add_secret(cluster, secret)
        for user in ("", "operator."):
            kubeconfig = alliance.lab.layout.folder / cluster / f"{user}kubeconfig"
            secrets.add_kubeconfig(f"kubeconfig of {cluster}", yaml.safe_load(kubeconfig.read_text()))


@dataclass(frozen=True)
class Run:
    """A run of a playbook: what it was, what it has shown, and what it must not."""

    playbook: str
    alliance: Alliance
    exposure: Exposure
    secrets: Secrets


@pytest.fixture(scope="module", params=PLAYBOOKS)
def run(request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Each playbook after the other."""
    shown = PLAYBOOKS[request.param]
    lab.up(shown.clusters, domains=dict.fromkeys(PAIR, MESH_DOMAIN) if shown.clusters == PAIR else None)
    alliance = Alliance(lab, shown.clusters, playbook=request.param, groups={shown.group: shown.clusters})
    secrets = Secrets()
    learn(secrets, alliance)
    shown.prepare(alliance)
    command = playbook_command(request.param, alliance.inventory, *shown.arguments)
    exposure = exposed(command, environment(), tmp_path_factory.mktemp(Path(request.param).stem))
    learn(secrets, alliance)
    yield Run(request.param, alliance, exposure, secrets)


def test_the_run_has_shown_everything(run: Run) -> None:
    """It did all there is to do, and each module was seen: its arguments, its process, its kept file."""
    assert run.exposure.status == 0, run.exposure.output[-20000:]
    places = run.exposure.places
    arguments = b"\n".join(text for place, text in places.items() if place.startswith("arguments"))
    at_work = {name.decode() for name in re.findall(rb"AnsiballZ_(\w+)\.py", arguments)}
    kept = {found.group(1) for place in places if (found := re.search(r"AnsiballZ_(\w+)\.py$", place))}
    for modules in (at_work, kept):
        assert PLAYBOOKS[run.playbook].modules <= modules
    assert any(b"ANSIBLE_KEEP_REMOTE_FILES" in text for place, text in places.items() if place.startswith("environ"))
    for told in ("module_args", *(["+++ after"] if PLAYBOOKS[run.playbook].changes else [])):
        assert told in run.exposure.output
        assert told.encode() in places["ansible.log"]


def test_the_secrets_are_known(run: Run) -> None:
    known = "\n".join(sorted(run.secrets.names))
    for cluster in run.alliance.clusters:
        for secret in (
            f"{NAMESPACE}/alliance-authn-keypair priv.pem",
            f"{NAMESPACE}/alliance-metadata-tls tls.key",
            f"{NAMESPACE}/alliance-metadata-ca",
            f"{ROOT_NAMESPACE}/istio-ca-secret ca-key.pem",
        ):
            assert f"{cluster} {secret}" in known
        assert f"kubeconfig of {cluster} alliance-operator, key 1" in known
        if run.alliance.clusters == PAIR:
            assert f"{cluster} {ROOT_NAMESPACE}/istio-remote-secret-" in known


def test_nothing_secret_is_shown(run: Run, figures: Callable[[str], None]) -> None:
    places = run.exposure.places
    assert [leak for place, data in places.items() for leak in run.secrets.leaks(place, data)] == []
    figures(f"{len(run.secrets.names)} secrets, {len(places)} places, {sum(map(len, places.values())):,} bytes")


def test_what_is_shown_would_be_found(run: Run) -> None:
    """The same look at the same output, in which a real key and a real token stand."""
    pair = run.alliance.get(run.alliance.clusters[0], "secret", "-n", NAMESPACE, "alliance-authn-keypair")
    value = pair["data"]["priv.pem"]
    planted = f"{run.exposure.output[:5000]}ok: [cluster] => {{'data': '{value}'}}{run.exposure.output[:5000]}"
    found = {leak.secret for leak in run.secrets.leaks("planted", planted.encode())}
    assert any(f"{NAMESPACE}/alliance-authn-keypair priv.pem" in secret for secret in found)
