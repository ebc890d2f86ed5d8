# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The constrained anchor lets a neighbour's root vouch for its own trust domain and for nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import (
    anchors_for,
    constrained_anchor,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import CertificateError

DOMAIN = "cluster-b.local"
URI = x509.UniformResourceIdentifier
OWN = "spiffe://cluster-b.local/ns/xyz/sa/bar"
FORGED = "spiffe://cluster-a.local/ns/xyz/sa/foo"


def accepted(tmp_path: Path, anchor: str, leaf: str, intermediate: str = "") -> bool:
    """What OpenSSL says to the chain, taking the anchor as Envoy does."""
    for name, pem in (("anchor", anchor), ("leaf", leaf), ("intermediate", intermediate)):
        (tmp_path / name).write_text(pem)
    command = ["openssl", "verify", "-partial_chain", "-no-CApath", "-no-CAstore", "-CAfile", str(tmp_path / "anchor")]
    if intermediate:
        command += ["-untrusted", str(tmp_path / "intermediate")]
    return subprocess.run([*command, str(tmp_path / "leaf")], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([URI(OWN)], True, id="own-domain"),
        pytest.param([URI("spiffe://CLUSTER-B.local/ns/x/sa/y")], True, id="case-of-host"),
        pytest.param([URI(FORGED)], False, id="other-domain"),
        pytest.param([URI("spiffe://sub.cluster-b.local/ns/x/sa/y")], False, id="sub-domain"),
        pytest.param([URI("spiffe://xcluster-b.local/ns/x/sa/y")], False, id="suffix"),
        pytest.param([URI("spiffe://cluster-b.local.evil/ns/x/sa/y")], False, id="prefix"),
        pytest.param([URI("spiffe://cluster-b.local@cluster-a.local/ns/x/sa/y")], False, id="user-info"),
        pytest.param([URI(OWN), URI(FORGED)], False, id="both"),
        pytest.param([x509.DNSName(FORGED)], False, id="as-dns-name"),
        pytest.param([URI(OWN), x509.DNSName("istiod.istio-system.svc")], False, id="dns-name-beside"),
        pytest.param([x509.RFC822Name(FORGED)], False, id="as-mail"),
        pytest.param([URI(OWN), x509.RFC822Name("spiffe://cluster-a.local/@x.invalid")], False, id="mail-beside"),
    ],
)
def test_openssl_accepts_only_names_of_the_domain(tmp_path, authority, names, expected):
    leaf = authority.leaf(*names)
    assert accepted(tmp_path, authority.pem, leaf), "the plain root accepts anything"
    assert accepted(tmp_path, constrained_anchor(authority.pem, DOMAIN), leaf) is expected


@pytest.mark.parametrize("common_name", ["workload", "spiffe://cluster-a.local/ns/x/sa/y", "istiod.istio-system.svc"])
def test_a_common_name_changes_nothing(tmp_path, authority, common_name):
    anchor = constrained_anchor(authority.pem, DOMAIN)
    assert not accepted(tmp_path, anchor, authority.leaf(URI(FORGED), common_name=common_name))


def test_an_intermediate_is_bound_as_well(tmp_path, authority, make_authority):
    intermediate = make_authority(parent=authority, name="intermediate")
    anchor = constrained_anchor(authority.pem, DOMAIN)
    assert accepted(tmp_path, anchor, intermediate.leaf(URI(OWN)), intermediate.pem)
    assert not accepted(tmp_path, anchor, intermediate.leaf(URI(FORGED)), intermediate.pem)


def test_a_self_issued_intermediate_is_bound_as_well(tmp_path, authority, make_authority):
    intermediate = make_authority(parent=authority)
    anchor = constrained_anchor(authority.pem, DOMAIN)
    assert accepted(tmp_path, anchor, intermediate.leaf(URI(OWN)), intermediate.pem)
    assert not accepted(tmp_path, anchor, intermediate.leaf(URI(FORGED)), intermediate.pem)


def test_another_key_under_the_same_name_is_refused(tmp_path, authority, make_authority):
    assert not accepted(tmp_path, constrained_anchor(authority.pem, DOMAIN), make_authority().leaf(URI(OWN)))


@pytest.mark.parametrize(
    "make_key",
    [lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048), ed25519.Ed25519PrivateKey.generate],
    ids=["rsa", "ed25519"],
)
def test_kinds_of_keys(tmp_path, make_authority, make_key):
    root = make_authority(key=make_key())
    anchor = constrained_anchor(root.pem, DOMAIN)
    assert accepted(tmp_path, anchor, root.leaf(URI(OWN)))
    assert not accepted(tmp_path, anchor, root.leaf(URI(FORGED)))


def test_what_is_kept_of_the_root(authority):
    root = x509.load_pem_x509_certificate(authority.pem.encode())
    anchor = x509.load_pem_x509_certificate(constrained_anchor(authority.pem, DOMAIN).encode())
    assert anchor.subject == root.subject
    assert anchor.public_key() == root.public_key()
    assert anchor.not_valid_before_utc == root.not_valid_before_utc
    assert anchor.not_valid_after_utc == root.not_valid_after_utc
    for kind in (x509.BasicConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier):
        assert anchor.extensions.get_extension_for_class(kind) == root.extensions.get_extension_for_class(kind)
    constraints = anchor.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert URI(DOMAIN) in constraints.value.permitted_subtrees


def test_the_same_bytes_in_another_process(authority):
    program = (
        "import sys; from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.anchors import *; "
        f"sys.stdout.write(constrained_anchor(sys.stdin.read(), '{DOMAIN}'))"
    )
    command = [sys.executable, "-c", program]
    paths = {"PYTHONPATH": ":".join(path for path in sys.path if path), "PYTHONHASHSEED": "7"}
    other = subprocess.run(command, input=authority.pem, capture_output=True, text=True, check=True, env=paths).stdout
    assert other == constrained_anchor(authority.pem, DOMAIN)


def test_one_anchor_for_each_root_sorted_and_once(authority, make_authority):
    other = make_authority()
    anchors = anchors_for(other.pem + authority.pem + other.pem, DOMAIN)
    assert len(anchors) == 2
    assert anchors == anchors_for(authority.pem + other.pem, DOMAIN) == tuple(sorted(anchors))


@pytest.mark.parametrize(
    ("permitted", "excluded"),
    [(["cluster-c.local"], []), ([".cluster-b.local"], []), ([], ["cluster-b.local"]), ([], [".local"])],
)
def test_constraints_of_the_root_that_shut_the_domain_out(make_authority, permitted, excluded):
    constraints = x509.NameConstraints([URI(name) for name in permitted] or None, [URI(n) for n in excluded] or None)
    with pytest.raises(CertificateError, match="shut out the trust domain"):
        constrained_anchor(make_authority(constraints=constraints).pem, DOMAIN)


def test_constraints_of_the_root_are_kept(make_authority, tmp_path):
    directory = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Evil")]))
    present = x509.NameConstraints([URI(".local"), URI("cluster-b.local")], [directory, URI("cluster-c.local")])
    root = make_authority(constraints=present)
    anchor = constrained_anchor(root.pem, DOMAIN)
    value = (
        x509.load_pem_x509_certificate(anchor.encode()).extensions.get_extension_for_class(x509.NameConstraints).value
    )
    assert [name.value for name in value.permitted_subtrees if isinstance(name, URI)] == [DOMAIN]
    assert directory in value.excluded_subtrees
    assert URI("cluster-c.local") in value.excluded_subtrees
    assert accepted(tmp_path, anchor, root.leaf(URI(OWN)))
    assert not accepted(tmp_path, anchor, root.leaf(URI("spiffe://cluster-d.local/ns/x/sa/y")))


def test_what_is_no_root(authority, make_authority):
    with pytest.raises(CertificateError, match="not a CA"):
        constrained_anchor(authority.leaf(URI(OWN)), DOMAIN)
    with pytest.raises(CertificateError, match="would be lost"):
        constrained_anchor(
            make_authority(extra=x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")).pem, DOMAIN
        )
    with pytest.raises(CertificateError, match="were found"):
        constrained_anchor(authority.pem + authority.pem, DOMAIN)


@pytest.mark.parametrize("domain", ["", ".cluster-b.local", "a..b", "spiffe://x", "10.0.0.1", "ünïcode", "a\n", "*.x"])
def test_what_is_no_trust_domain(authority, domain):
    with pytest.raises(CertificateError, match="no trust domain"):
        constrained_anchor(authority.pem, domain)
