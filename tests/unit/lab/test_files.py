# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artefacts, state, images and configuration files on disk."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.lab.archive import Image, write_archive
from tests.lab.cache import artefact, digest
from tests.lab.files import write_if_changed
from tests.lab.rootfs import Entry, write_layer
from tests.lab.state import ClusterState, State


def test_an_artefact_is_made_once_and_never_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls = []

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError

    def make(folder: Path) -> None:
        calls.append(folder)
        (folder / "whole").touch()

    with pytest.raises(RuntimeError):
        artefact("thing", ["1"], fail)
    first = artefact("thing", ["1"], make)
    assert artefact("thing", ["1"], make) == first
    assert [path.name for path in first.iterdir()] == ["whole"]
    assert len(calls) == 1
    assert artefact("thing", ["2"], make) != first


def test_the_digest_depends_on_where_a_part_ends() -> None:
    assert digest(["ab", "c"]) != digest(["a", "bc"])


def test_an_unchanged_file_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert write_if_changed(path, "one", mode=0o600)
    before = path.stat()
    assert not write_if_changed(path, "one")
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_mode & 0o777 == 0o600
    assert write_if_changed(path, "two")


def test_state_survives_and_knows_what_is_done(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    state.clusters["one"] = ClusterState(0, "10.96.0.0/19")
    state.mark("one", "istio", "abc")
    again = State(tmp_path / "state.json")
    assert again.is_done("one", "istio", "abc")
    assert not again.is_done("one", "istio", "def")
    assert again.clusters["one"].block == "10.96.0.0/19"


def test_layers_and_archives_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    entries = {"opt/app/run": Entry(b"#!/bin/sh\n", 0o755), "etc/app.conf": Entry(b"a=1\n")}
    for name in ("one", "two"):
        write_layer(tmp_path / f"{name}.tar", entries)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as layer:
        assert layer.getnames() == ["etc", "etc/app.conf", "opt", "opt/app", "opt/app/run"]
        assert layer.getmember("opt/app/run").mode == 0o755


def test_a_shared_layer_is_written_once(tmp_path: Path) -> None:
    write_layer(tmp_path / "base.tar", {"base": Entry(b"x")})
    images = [Image(f"lab.test/{name}:1", [tmp_path / "base.tar"], [f"/{name}"], "1000:0") for name in ("one", "two")]
    write_archive(tmp_path / "images.tar", images)
    with tarfile.open(tmp_path / "images.tar") as archive:
        names = archive.getnames()
        manifest = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(archive.extractfile(manifest[0]["Config"]))  # type: ignore[arg-type]
    assert len([name for name in names if name.endswith("layer.tar")]) == 1
    assert [image["RepoTags"] for image in manifest] == [["lab.test/one:1"], ["lab.test/two:1"]]
    assert config["config"]["User"] == "1000:0"
