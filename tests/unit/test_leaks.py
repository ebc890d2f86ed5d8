# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks for leaks finds them: each kind of secret in each form, wherever it stands; and nothing else."""

from __future__ import annotations

import base64
import json
import random
import textwrap
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.keys import generate_key_pair
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.tokens import sign_token

from tests.integration.neighbour import make_root
from tests.leaks import Secrets

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8, TRADITIONAL = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
NONE = serialization.NoEncryption()
RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, tuple[Any, Any]] = {
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), PKCS8),
    "EC": (ec.generate_private_key(ec.SECP256R1()), PKCS8),
    "EC traditional": (ec.generate_private_key(ec.SECP384R1()), TRADITIONAL),
    "RSA": (RSA, PKCS8),
    "RSA traditional": (RSA, TRADITIONAL),
}
# Its label is Deckhouse's.
KEY_PAIR = "a cluster's key pair"
# How a text may be shown.
SHOWN: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "in one line": lambda text: text.replace("\n", " "),
    "without line ends": lambda text: text.replace("\n", ""),
    "escaped": lambda text: json.dumps({"value": text}),
    "escaped twice": lambda text: json.dumps(json.dumps({"value": text})),
    "as Python shows it": lambda text: repr([text.splitlines()]),
    "indented": lambda text: textwrap.indent(text, "            "),
    "as a diff": lambda text: textwrap.indent(text, "+    "),
    "YAML": lambda text: yaml.safe_dump({"a": {"value": text}}),
    "quoted for a URL": lambda text: text.replace("\n", "%0A").replace("+", "%2B").replace("/", "%2F"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 in something": lambda text: base64.b64encode(f"a file:\n{text}".encode()).decode(),
    "base64 in something else": lambda text: base64.b64encode(f"a  file:\n{text}".encode()).decode(),
    "base64 in lines": lambda text: base64.encodebytes(text.encode()).decode(),
}


def around(text: str) -> bytes:
    """Other output before and behind it."""
    other = "\n".join(f"TASK [a {number}] ok: [cluster-a] => {{'changed': False}}" for number in range(50))
    return f"{other}\n{text}\n{other}".encode()


def pem(name: str) -> str:
    if name == KEY_PAIR:
        return generate_key_pair().private_pem
    key, form = KEYS[name]
    return str(key.private_bytes(PEM, form, NONE).decode())


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("kind", [*KEYS, KEY_PAIR])
def test_a_private_key_is_found(kind: str, shown: Callable[[str], str]) -> None:
    secrets, text = Secrets(), pem(kind)
    secrets.add_text("the key", text)
    assert "the key, key 1" in {leak.secret for leak in secrets.leaks("here", around(shown(text)))}


@pytest.mark.parametrize("kind", KEYS)
def test_a_private_key_is_found_without_its_form(kind: str) -> None:
    key, form = KEYS[kind]
    secrets = Secrets()
    secrets.add_text("the key", pem(kind))
    der = key.private_bytes(DER, form, NONE)
    pairs = [der.hex()[start : start + 2] for start in range(0, len(der.hex()), 2)]
    body = "".join(pem(kind).splitlines()[1:-1])
    middle = {"RSA": 900, "RSA traditional": 900}.get(kind, len(body) - 60 if kind == "Ed25519" else 40)
    for found in (
        der.hex(),
        der.hex().upper(),
        ":".join(pairs),
        ":".join(pairs).upper(),
        base64.urlsafe_b64encode(der).decode(),
        body,
        body[middle : middle + 60],
    ):
        assert [leak.secret for leak in secrets.leaks("here", around(found))] == ["the key, key 1"], found
    assert secrets.leaks("here", b"\0" + der + b"\0")


def test_what_is_public_is_no_leak() -> None:
    secrets = Secrets()
    root = make_root("cluster-a.local")
    for kind in KEYS:
        secrets.add_text(kind, pem(kind))
        public = KEYS[kind][0].public_key()
        for encoding in (PEM, DER):
            data = public.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
            for form in (data, data.hex().encode(), base64.b64encode(data)):
                assert secrets.leaks("here", around("") + form) == []
    assert secrets.leaks("here", around(root)) == []
    assert secrets.leaks("here", b"the option takes a text that begins with -----BEGIN PRIVATE KEY----- as PEM") == []


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_a_token_is_found(shown: Callable[[str], str]) -> None:
    pair = generate_key_pair()
    token = sign_token(pair.private_pem, subject="a", audience="b", scope="private-federation", now=1e9, lifetime=60)
    kubernetes = jwt.encode({"sub": "system:serviceaccount:a:b"}, RSA, algorithm="RS256", headers={"kid": "x" * 43})
    for text in (token, kubernetes):
        secrets = Secrets()
        secrets.add_text("the token", f"token: {text}")
        names = {leak.secret for leak in secrets.leaks("here", around(shown(f"Bearer {text}")))}
        assert names == {"the token, token 1", "a token"}
        # A token that was made meanwhile is not known.
        assert {leak.secret for leak in Secrets().leaks("here", around(shown(f"Bearer {text}")))} == {"a token"}
        signature = text.rpartition(".")[2]
        assert {leak.secret for leak in secrets.leaks("here", around(signature))} == {"the token, token 1"}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("kind", KEYS)
def test_a_private_key_that_is_not_known_is_found(kind: str, shown: Callable[[str], str]) -> None:
    assert {leak.secret for leak in Secrets().leaks("here", around(shown(pem(kind))))} == {"a private key"}


def test_secrets_and_kubeconfigs_are_read() -> None:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    token = sign_token(generate_key_pair().private_pem, subject="a", audience="b", scope="api", now=1e9, lifetime=60)
    remote = {"users": [{"name": "u", "user": {"token": token}}]}
    secrets = Secrets()
    data = {
        "tls.key": encoded(pem("EC")),
        "tls.crt": encoded(make_root("a.local")),
        "token": encoded("0123456789abcdef"),
        "cluster-b": encoded(json.dumps(remote)),
    }
    secrets.add_secret("cluster-a", {"metadata": {"namespace": "ns", "name": "n"}, "data": data})
    user = {"client-key-data": encoded(pem("Ed25519")), "client-certificate-data": encoded(make_root("a.local"))}
    secrets.add_kubeconfig("the inventory's", {"users": [{"name": "admin", "user": user}]})
    assert secrets.names == {
        "cluster-a ns/n tls.key, key 1",
        "cluster-a ns/n token",
        "cluster-a ns/n cluster-b, token 1",
        "the inventory's admin, key 1",
    }
    assert {leak.form for leak in secrets.leaks("here", b"x0123456789abcdefx")} == {"text", "bytes"}


def test_chance_finds_nothing() -> None:
    secrets = Secrets()
    for kind in KEYS:
        secrets.add_text(kind, pem(kind))
    noise = random.Random(1).randbytes(300_000)
    for data in (noise, base64.b64encode(noise), noise.hex().encode()):
        assert secrets.leaks("here", data) == []


def test_a_certificate_of_the_key_is_no_leak() -> None:
    root = x509.load_pem_x509_certificate(make_root("cluster-a.local").encode())
    secrets = Secrets()
    secrets.add_text("the key", pem("RSA"))
    assert secrets.leaks("here", root.public_bytes(DER)) == []
