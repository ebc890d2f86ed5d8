# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way to the API server is taken."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.auth import AUTH_ARGUMENT_SPEC, resolve

AWX = {"K8S_AUTH_HOST": "https://job.example", "K8S_AUTH_API_KEY": "job-token", "K8S_AUTH_SSL_CA_CERT": "/job/ca"}


@pytest.mark.parametrize(
    "options",
    [{"kubeconfig": "/own"}, {"context": "own"}, {"host": "https://own.example"}, {"kubeconfig": {"a": 1}}],
)
def test_options_win_over_the_environment(options: dict[str, Any]) -> None:
    """AWX sets K8S_AUTH_HOST for a whole job; a host of the inventory that says its own way isn't sent there."""
    auth = resolve(options, {**AWX, "K8S_AUTH_CONTEXT": "job"})
    for name in ("kubeconfig", "context", "host"):
        assert getattr(auth, name) == options.get(name)
    assert auth.api_key is None
    assert auth.ca_cert is None


def test_the_environment_where_no_option_names_a_way() -> None:
    auth = resolve({"kubeconfig": None, "context": "", "validate_certs": None}, AWX)
    assert (auth.host, auth.api_key, auth.ca_cert) == ("https://job.example", "job-token", "/job/ca")
    auth = resolve({}, {"K8S_AUTH_KUBECONFIG": "/k", "K8S_AUTH_CONTEXT": "c"})
    assert (auth.kubeconfig, auth.context, auth.host) == ("/k", "c", None)
    auth = resolve({}, {"K8S_AUTH_HOST": "https://h", "K8S_AUTH_CERT_FILE": "/c", "K8S_AUTH_KEY_FILE": "/k"})
    assert (auth.client_cert, auth.client_key) == ("/c", "/k")
    auth = resolve({}, {"K8S_AUTH_HOST": "https://h", "K8S_AUTH_USERNAME": "u", "K8S_AUTH_PASSWORD": "p"})
    assert (auth.username, auth.password) == ("u", "p")


def test_nothing_at_all_is_the_default_kubeconfig() -> None:
    auth = resolve({}, {})
    assert (auth.kubeconfig, auth.context, auth.host) == (None, None, None)


@pytest.mark.parametrize(
    ("options", "environ", "named"),
    [
        ({"kubeconfig": "/k", "host": "https://h"}, {}, "the options name two ways"),
        ({"context": "c", "api_key": "t"}, {}, "the options name two ways"),
        ({}, {"K8S_AUTH_KUBECONFIG": "/k", "K8S_AUTH_HOST": "https://h"}, "the environment (K8S_AUTH_*) name two ways"),
        ({"api_key": "t"}, {}, "the options give api_key but no host"),
        ({}, {"K8S_AUTH_API_KEY": "t"}, "but no host"),
    ],
)
def test_an_ambiguous_mix_fails(options: dict[str, Any], environ: dict[str, str], named: str) -> None:
    with pytest.raises(AllianceError) as caught:
        resolve(options, environ)
    assert named in caught.value.message
    assert caught.value.remedy


REST = {
    "K8S_AUTH_PROXY": "http://p:3128",
    "K8S_AUTH_NO_PROXY": "a,b",
    "K8S_AUTH_IMPERSONATE_USER": "env",
    "K8S_AUTH_IMPERSONATE_GROUPS": "one, two",
    "K8S_AUTH_VERIFY_SSL": "false",
}


@pytest.mark.parametrize(("text", "expected"), [("false", False), ("No", False), ("0", False), ("true", True)])
def test_verification_from_the_environment(text: str, expected: bool) -> None:
    environ = {"K8S_AUTH_KUBECONFIG": "/k", "K8S_AUTH_VERIFY_SSL": text}
    assert resolve({}, environ).validate_certs is expected
    assert resolve({"validate_certs": not expected}, environ).validate_certs is (not expected)


def test_the_environment_completes_its_own_way() -> None:
    auth = resolve({"impersonate_user": "own"}, {**REST, "K8S_AUTH_KUBECONFIG": "/k"})
    assert (auth.proxy, auth.no_proxy, auth.impersonate_user) == ("http://p:3128", "a,b", "own")
    assert auth.impersonate_groups == ("one", "two")


def test_the_environment_adds_nothing_to_a_way_of_the_options() -> None:
    """A credential of the whole job must not switch off verification for a host with a kubeconfig of its own."""
    assert resolve({"kubeconfig": "/k"}, REST) == resolve({"kubeconfig": "/k"}, {})
    assert resolve({"host": "https://h", "impersonate_groups": ["x"]}, REST).impersonate_groups == ("x",)


def test_secrets_are_not_shown() -> None:
    shown = repr(resolve({"host": "https://h", "api_key": "token-text", "password": "word-text"}, {}))
    assert "token-text" not in shown
    assert "word-text" not in shown
    assert "kubeconfig-text" not in repr(resolve({"kubeconfig": {"token": "kubeconfig-text"}}, {}))
    assert AUTH_ARGUMENT_SPEC["api_key"]["no_log"] is AUTH_ARGUMENT_SPEC["password"]["no_log"] is True
