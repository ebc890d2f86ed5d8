# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests as files: what is in them, what must not be, and that every parser reads the same out of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import render
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.names import ALLIANCE_SETS


def obj(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **more}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(data=st.dictionaries(st.text(), JSON))
@example(data={"\n\x85": "\u2028\n"})
def test_what_is_written_is_read_again(data: dict[str, Any]) -> None:
    whole = obj("ConfigMap", "x", data=data)
    assert list(yaml.safe_load_all(render.manifests_text([whole, whole]))) == [whole, whole]


@pytest.mark.parametrize(
    "text", ["y", "On", "1e3", "0x1F", "012", "1_000", "~", "null", ".5", "2026-01-01", "=", "", "1:30", "a: b"]
)
def test_texts_that_some_parser_takes_for_something_else_are_quoted(text: str) -> None:
    assert f"value: {json.dumps(text)}\n" in render.manifests_text([{"value": text}])


def test_files_can_be_read_by_people() -> None:
    text = render.manifests_text([obj("ConfigMap", "x", data={"a.pem": "one\ntwo\n", "host": "bar.xyz.svc.b.local"})])
    assert text.startswith(render.HEADER)
    assert "  a.pem: |\n    one\n    two\n  host: bar.xyz.svc.b.local\n" in text
    shared = {"l": "v"}
    assert "&" not in render.manifests_text([{"one": shared, "two": shared}])


def test_no_private_key_becomes_a_file() -> None:
    secrets = [
        "alliance-authn-keypair",
        "alliance-metadata-tls",
        "alliance-metadata-ca",
        "named",
        "istio-remote-secret-b",
    ]
    assert all(render.secret_left_out(obj("Secret", name)) for name in secrets)
    assert not render.secret_left_out(obj("Secret", "alliance-remote-public-metadata"))
    assert not render.secret_left_out(obj("ConfigMap", "named"))


def test_what_is_not_known_yet_is_seen_anywhere() -> None:
    assert render.not_known_yet(obj("X", "x", spec={"list": [{"a": "https://known-after-apply.invalid/metadata/"}]}))
    assert not render.not_known_yet(obj("X", "x", spec={"list": [1, None, "known"]}))


def test_the_order_is_that_of_need_and_always_the_same() -> None:
    files = [render.file_name(name, []) for name in ALLIANCE_SETS]
    others = [
        render.file_name("", [obj("Deployment", "istiod")]),
        render.file_name("", [obj("Namespace", "istio-alliance")]),
    ]
    text = render.kustomization_text([*files, *others, render.KUSTOMIZATION])
    assert text == render.kustomization_text([*others, *files[::-1]])
    listed = re.findall(r"^- (\S+)$", text, re.MULTILINE)
    assert listed[0] == "namespace-istio-alliance.yaml"
    assert listed[-1] == "deployment-istiod.yaml"
    assert listed[1:-1] == files[::-1]


def test_names_are_fit_for_files() -> None:
    assert render.folder_name("Cluster_A/..") == "cluster-a"
    assert render.file_name("", [obj("ModuleConfig", "istio")]) == "moduleconfig-istio.yaml"
