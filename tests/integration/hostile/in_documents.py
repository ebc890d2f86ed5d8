# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misbehaviours in the documents: identities that are somebody else's, roots, keys, addresses, hosts, ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, x25519
from cryptography.x509.name import _ASN1Type

from tests.integration.hostile import pki
from tests.integration.hostile.misbehaviour import PARTLY, REFUSED, TAKEN, Misbehaviour, Scene, group
from tests.integration.hostile.simulator import FEDERATION, GATEWAY, HTTP, PUBLIC, Actor, Reply, as_json

# What the cluster that reads has for itself; see test_misbehaviours.py.
OWN_NODE, OWN_POD, OWN_SERVICE, OWN_BALANCER = "198.51.100.7", "10.42.7.9", "10.255.0.1", "lb.reader.example"
ALLOWED_NODE = "198.51.100.8"
OWN_DOMAIN = "reader.local"

Change = Callable[[Actor, Scene], Any]


def _public(field: str, value: Change) -> Callable[[Actor, Scene], Reply]:
    return lambda actor, scene: as_json(actor.public(**{field: value(actor, scene)}))


def _always(value: Any) -> Change:
    return lambda _actor, _scene: value


def _without(field: str) -> Callable[[Actor, Scene], Reply]:
    return lambda actor, _scene: as_json({key: value for key, value in actor.public().items() if key != field})


# JSON values that are none of the texts that a document holds.
OTHER_TYPES: dict[str, Any] = {
    "null": None,
    "empty": "",
    "number": 7,
    "true": True,
    "list": ["a"],
    "object": {"a": "b"},
}


def identities() -> Iterator[Misbehaviour]:
    """clusterUUID and trust domain."""
    malformed = {
        **OTHER_TYPES,
        "too-long": "a" * 129,
        "a-path": "../../etc/passwd",
        "two-lines": "a\nb",
        "with-nul": "a\0b",
        "not-ascii": "\u00fc" * 8,
        "a-template": "{{ 7 * 7 }}",
    }
    yield from group(
        PUBLIC,
        REFUSED,
        "InvalidPublicMetadata",
        {
            "uuid-missing": _without("clusterUUID"),
            **{f"uuid-{name}": _public("clusterUUID", _always(value)) for name, value in malformed.items()},
            "domain-of-another": _public("trustDomain", _always("honest.local")),
            "domain-of-the-reader": _public("trustDomain", _always(OWN_DOMAIN)),
            "domain-with-a-dot-in-front": _public("trustDomain", lambda actor, _scene: f".{actor.domain}"),
            "domain-a-wildcard": _public("trustDomain", _always("*")),
            "domain-a-number": _public("trustDomain", _always(7)),
        },
    )
    own = _public("clusterUUID", lambda _actor, scene: scene.own_uuid)
    yield from group(PUBLIC, REFUSED, "ConfigurationError", {"uuid-of-the-reader": own}, says="lists itself")
    yield from group(
        PUBLIC,
        REFUSED,
        "ClusterUUIDMismatch",
        {"uuid-of-another": _public("clusterUUID", lambda _actor, scene: scene.honest.uuid)},
    )
    changed = {"uuid-changed": _public("clusterUUID", _always("another-uuid"))}
    yield from group(PUBLIC, REFUSED, "ClusterUUIDMismatch", changed, says="another-uuid", fresh=TAKEN)
    contradicting = {"uuid-other-than-its-api-s": _public("clusterUUID", _always("yet-another-uuid"))}
    yield from group(PUBLIC, REFUSED, "ClusterUUIDMismatch", contradicting, vouched="api")


def keys() -> Iterator[Misbehaviour]:
    """authnKeyPub."""
    other = ed25519.Ed25519PrivateKey.generate()
    malformed: dict[str, Change] = {
        **{name: _always(value) for name, value in OTHER_TYPES.items()},
        "a-private-one": lambda actor, _scene: pki.private_pem(actor.key),
        "two": lambda actor, _scene: pki.public_pem(actor.key) * 2,
        "with-text-behind": lambda actor, _scene: pki.public_pem(actor.key) + "more",
        "rsa": _always(pki.public_pem(pki.small_rsa(), "PUBLIC KEY")),
        "ecdsa": _always(pki.public_pem(ec.generate_private_key(ec.SECP256R1()), "PUBLIC KEY")),
        "ed448": _always(pki.public_pem(ed448.Ed448PrivateKey.generate(), "PUBLIC KEY")),
        "x25519": _always(pki.public_pem(x25519.X25519PrivateKey.generate(), "PUBLIC KEY")),
        "a-certificate": lambda actor, _scene: actor.root,
        "cut-short": lambda actor, _scene: pki.public_pem(actor.key)[:40],
        "no-base64": _always("-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n"),
        "an-empty-block": _always("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"),
        "a-megabyte": _always("-----BEGIN PUBLIC KEY-----\n" + "AAAA" * 100_000 + "\n-----END PUBLIC KEY-----\n"),
    }
    yield from group(
        PUBLIC,
        REFUSED,
        "InvalidPublicMetadata",
        {
            "key-missing": _without("authnKeyPub"),
            **{f"key-{name}": _public("authnKeyPub", value) for name, value in malformed.items()},
        },
    )
    changed = {"key-changed": _public("authnKeyPub", _always(pki.public_pem(other)))}
    yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", changed, says="another public key", fresh=TAKEN)
    contradicting = {"key-other-than-its-api-s": _public("authnKeyPub", _always(pki.public_pem(other)))}
    yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", contradicting, says="its API", vouched="api")


def roots() -> Iterator[Misbehaviour]:
    """rootCA: what is no root, what nobody could read, and what is somebody else's."""
    stranger = pki.authority("stranger")
    a_leaf = pki.authority("leaf", None, ca=False)
    uri = x509.UniformResourceIdentifier

    def constrained(*names: x509.GeneralName) -> str:
        return pki.authority("constrained", None, x509.NameConstraints(None, list(names))).certificate

    def own_with(text: str) -> Change:
        return lambda actor, _scene: actor.root + text

    malformed: dict[str, Change] = {
        **{name: _always(value) for name, value in OTHER_TYPES.items()},
        "no-pem": _always("root"),
        "an-empty-block": _always("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        "cut-short": lambda actor, _scene: actor.root[:100],
        "cut-in-its-content": lambda actor, _scene: pki.block("CERTIFICATE", pki.der_of(actor.root)[:-40]),
        "with-bytes-behind": lambda actor, _scene: pki.block("CERTIFICATE", pki.der_of(actor.root) + b"more"),
        "a-leaf": _always(a_leaf.certificate),
        "a-root-and-a-leaf": own_with(a_leaf.certificate),
        "with-its-private-key": lambda actor, _scene: actor.root + pki.private_pem(actor.authority.key),
        "a-trusted-certificate": lambda actor, _scene: actor.root.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        "pkcs7": lambda actor, _scene: actor.root.replace("CERTIFICATE", "PKCS7"),
        "65-of-them": lambda actor, _scene: actor.root * 65,
        "nine-of-them": own_with("".join(pki.authority(f"{number}").certificate for number in range(8))),
        "of-noise": _always(pki.block("CERTIFICATE", bytes(range(256)) * 8)),
    }
    # With each of these, istiod would take no neighbour's root, or would not start.
    unreadable: dict[str, str] = {
        "on-secp256k1": pki.authority("curve", ec.generate_private_key(ec.SECP256K1())).certificate,
        "on-brainpool": pki.authority("curve", ec.generate_private_key(ec.BrainpoolP256R1())).certificate,
        "with-a-universal-string": pki.authority(pki.name("a", _ASN1Type.UniversalString)).certificate,
        "with-a-numeric-string-of-letters": pki.authority(pki.name("a", _ASN1Type.NumericString)).certificate,
        "with-an-ia5-string-beyond-ascii": pki.authority(pki.name("\u00e4", _ASN1Type.IA5String)).certificate,
        "with-a-huge-path-length": pki.authority("path", path_length=2**63 + 1).certificate,
        "constrained-to-an-address": constrained(uri("127.0.0.1")),
        "constrained-to-spaces": constrained(uri("a b")),
        "constrained-to-a-broken-name": constrained(x509.DNSName("a..b")),
    }
    unfit: dict[str, str] = {
        "of-1024-bits": pki.authority("small", pki.small_rsa()).certificate,
        "of-ed448": pki.authority("ed448", ed448.Ed448PrivateKey.generate()).certificate,
        "expired": pki.authority("old", end=pki.NOW - pki.DAY / 24, begin=pki.NOW - 9 * pki.DAY).certificate,
        "not-yet-valid": pki.authority("new", begin=pki.NOW + pki.DAY).certificate,
        "without-a-name": pki.authority(x509.Name([])).certificate,
        "with-a-name-of-5000-letters": pki.authority("a" * 5000).certificate,
        "with-a-huge-extension": pki.authority(
            "huge", None, x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"a" * 100_000)
        ).certificate,
        "constrained-to-another-domain": pki.authority(
            "away", None, x509.NameConstraints([uri("elsewhere.local")], None)
        ).certificate,
    }
    yield from group(
        PUBLIC,
        REFUSED,
        "InvalidPublicMetadata",
        {
            "root-missing": _without("rootCA"),
            **{f"root-{name}": _public("rootCA", value) for name, value in malformed.items()},
            **{f"root-{name}": _public("rootCA", _always(text)) for name, text in {**unreadable, **unfit}.items()},
            **{f"root-and-one-{name}": _public("rootCA", own_with(text)) for name, text in unreadable.items()},
        },
    )

    def forged(victim: Callable[[Scene], str], key_id: bool) -> Change:
        """A root of one's own that verifiers would take for the victim's."""

        def made(_actor: Actor, scene: Scene) -> str:
            there = x509.load_pem_x509_certificate(victim(scene).encode())
            identifier = there.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
            return pki.authority(there.subject, key_id=identifier if key_id else None).certificate

        return made

    victims: dict[str, tuple[Callable[[Scene], str], str]] = {
        "the-reader": (lambda scene: scene.own_root, "this cluster's own"),
        "another": (lambda scene: scene.honest.root, "neighbour honest's"),
    }
    for whose, (victim, says) in victims.items():
        borrowing: dict[str, Change] = {
            f"root-of-{whose}": lambda _actor, scene, victim=victim: victim(scene),
            f"root-and-that-of-{whose}": lambda actor, scene, victim=victim: actor.root + victim(scene),
        }
        cases = {name: _public("rootCA", value) for name, value in borrowing.items()}
        for vouched in ("first-use", "api"):
            named = {name if vouched == "first-use" else f"{name}-with-an-api": reply for name, reply in cases.items()}
            if vouched == "api":
                # What it publishes is not what its API has: that is told first.
                yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", named, says="its API has", vouched=vouched)
            else:
                only = {f"root-of-{whose}": named.pop(f"root-of-{whose}")}
                yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", only)
                yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", named, says=says)
        looking_like: dict[str, Change] = {
            f"root-beside-one-with-the-key-id-of-{whose}": forged(victim, key_id=True),
            f"root-beside-one-with-the-name-of-{whose}": forged(victim, key_id=False),
        }
        beside = {
            name: _public("rootCA", lambda actor, scene, value=value: actor.root + value(actor, scene))
            for name, value in looking_like.items()
        }
        yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", beside, says=says)
    replaced = {"root-replaced": _public("rootCA", _always(stranger.certificate))}
    yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", replaced, says="now publishes the root", fresh=TAKEN)
    # Another one than above: a root belongs to one neighbour.
    contradicting = {
        "root-other-than-its-api-s": _public("rootCA", _always(pki.authority("api").certificate)),
        "root-more-than-its-api-has": _public("rootCA", own_with(pki.authority("more").certificate)),
    }
    yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", contradicting, says="its API has", vouched="api")
    unpinned = {"root-that-is-not-pinned": _public("rootCA", _always(pki.authority("unpinned").certificate))}
    yield from group(PUBLIC, REFUSED, "InvalidPublicMetadata", unpinned, says="pinned are", vouched="pins")
    harmless: dict[str, Change] = {
        "root-twice": lambda actor, _scene: actor.root * 2,
        "root-with-text-around": lambda actor, _scene: f"Subject: x\n{actor.root}\n# end\n",
        "root-with-windows-lines": lambda actor, _scene: actor.root.replace("\n", "\r\n"),
    }
    yield from group(PUBLIC, TAKEN, "", {name: _public("rootCA", value) for name, value in harmless.items()})


def gateways() -> Iterator[Misbehaviour]:
    """ingressGateways."""

    def offering(value: Any) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, _scene: as_json(actor.offer(actor.service("new"), ingressGateways=value))

    addresses: dict[str, Any] = {
        "loopback": "127.0.0.1",
        "loopback-elsewhere": "127.9.9.9",
        "loopback-ipv6": "::1",
        "loopback-mapped": "::ffff:127.0.0.1",
        "loopback-compatible": "::127.0.0.1",
        "loopback-through-nat64": "64:ff9b::7f00:1",
        "loopback-through-6to4": "2002:7f00:1::",
        "loopback-in-short": "127.1",
        "loopback-in-hex": "0x7f000001",
        "loopback-in-decimal": "2130706433",
        "localhost": "localhost",
        "localhost-below": "a.localhost",
        "unspecified": "0.0.0.0",
        "unspecified-ipv6": "::",
        "this-network": "0.1.2.3",
        "link-local": "169.254.169.254",
        "link-local-ipv6": "fe80::1",
        "link-local-with-zone": "fe80::1%eth0",
        "multicast": "224.0.0.1",
        "multicast-ipv6": "ff02::1",
        "broadcast": "255.255.255.255",
        "reserved": "240.240.0.7",
        "mapped": "::ffff:203.0.113.9",
        "own-node": OWN_NODE,
        "own-node-through-nat64": "64:ff9b::c633:6407",
        "own-pod": OWN_POD,
        "own-service": OWN_SERVICE,
        "own-load-balancer": OWN_BALANCER,
        "own-service-by-name": f"istiod.istio-system.svc.{OWN_DOMAIN}",
        "own-service-by-short-name": "istiod.istio-system.svc",
        "own-service-by-shorter-name": "kubernetes.default",
        "own-service-by-shortest-name": "kubernetes",
        "own-service-of-the-usual-domain": "istiod.istio-system.svc.cluster.local",
        "with-port": "203.0.113.9:80",
        "with-scheme": "https://gw.example",
        "in-brackets": "[2001:db8::1]",
        "with-user": "a@gw.example",
        "with-space": "gw. example",
        "with-nul": "gw\0.example",
        "with-newline": "gw.example\n",
        "with-dot-behind": "gw.example.",
        "with-dots": "gw..example",
        "wildcard": "*.example",
        "upper-case": "GW.example",
        "unicode": "g\u00fc.example",
        "full-width": "\uff11.example",
        "label-too-long": f"{'a' * 64}.example",
        "name-too-long": ".".join(["abc"] * 64),
        "number": 7,
        "null": None,
        "list": ["203.0.113.9"],
        "object": {"ip": "203.0.113.9"},
        "empty": "",
    }
    yield from group(
        FEDERATION,
        PARTLY,
        "gateway-refused",
        {
            f"gateway-{name}": offering([{"address": value, "port": 15443}, GATEWAY])
            for name, value in addresses.items()
        },
    )
    ports: dict[str, Any] = {
        "zero": 0, "negative": -1, "65536": 65536, "huge": 10**30, "true": True, "text": "443", "null": None,
        "fraction": 443.5, "exponent": 1e3, "list": [443],
    }  # fmt: skip
    yield from group(
        FEDERATION,
        PARTLY,
        "gateway-refused",
        {
            **{
                f"gateway-port-{name}": offering([{"address": "203.0.113.9", "port": value}, GATEWAY])
                for name, value in ports.items()
            },
            "gateway-port-missing": offering([{"address": "203.0.113.9"}, GATEWAY]),
            "gateway-entry-a-text": offering(["203.0.113.9:443", GATEWAY]),
            "gateway-entry-null": offering([None, GATEWAY]),
            "gateway-entry-a-list": offering([["203.0.113.9", 443], GATEWAY]),
        },
    )
    yield from group(
        FEDERATION,
        REFUSED,
        "neighbour-without-gateway",
        {
            "gateways-none": offering([]),
            "gateways-null": offering(None),
            "gateways-all-bad": offering([{"address": "127.0.0.1", "port": 1}, {"address": OWN_NODE, "port": 15443}]),
        },
    )
    many = [{"address": f"203.0.113.{number % 256}", "port": 1 + number} for number in range(300)]
    yield from group(
        FEDERATION,
        REFUSED,
        "InvalidPrivateMetadata",
        {
            "gateways-a-text": offering("203.0.113.9"),
            "gateways-an-object": offering({"address": "203.0.113.9", "port": 443}),
            "gateways-a-number": offering(7),
            "gateways-too-many": offering(many),
        },
    )
    yield from group(
        FEDERATION,
        TAKEN,
        "",
        {
            "gateways-twice": offering([GATEWAY, GATEWAY]),
            "gateways-with-unknown-fields": offering([{**GATEWAY, "weight": 9, "serviceAccount": "spiffe://x/"}]),
            "gateways-in-a-private-range": offering([GATEWAY, {"address": "10.1.2.3", "port": 15443}]),
            "gateways-of-ipv6": offering([GATEWAY, {"address": "2001:db8::7", "port": 15443}]),
            "gateways-allowed-by-name": offering([GATEWAY, {"address": ALLOWED_NODE, "port": 15443}]),
        },
    )


def services() -> Iterator[Misbehaviour]:
    """publicServices: each bad one costs itself."""

    def beside(*bad: Callable[[Actor], Any]) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, _scene: as_json(actor.offer(*(make(actor) for make in bad), actor.service("new")))

    def host(text: Any) -> Callable[[Actor, Scene], Reply]:
        return beside(
            lambda actor: {"hostname": text.format(actor=actor) if isinstance(text, str) else text, "ports": [HTTP]}
        )

    def with_ports(value: Any) -> Callable[[Actor, Scene], Reply]:
        return beside(lambda actor: actor.service("evil", ports=value))

    hosts: dict[str, Any] = {
        "of-another": "bar.xyz.svc.honest.local",
        "of-the-reader": f"bar.xyz.svc.{OWN_DOMAIN}",
        "of-the-api-server": "kubernetes.default.svc",
        "of-the-usual-domain": "kubernetes.default.svc.cluster.local",
        "of-the-internet": "www.example.com",
        "with-its-domain-in-front": "bar.xyz.svc.{actor.domain}.evil.example",
        "with-its-domain-as-a-tail": "bar.xyz.svc.evil{actor.domain}",
        "with-a-label-more": "a.bar.xyz.svc.{actor.domain}",
        "with-a-label-less": "xyz.svc.{actor.domain}",
        "without-svc": "bar.xyz.pod.{actor.domain}",
        "the-domain-itself": "{actor.domain}",
        "wildcard": "*.xyz.svc.{actor.domain}",
        "wildcard-alone": "*",
        "upper-case": "Bar.xyz.svc.{actor.domain}",
        "dot-behind": "bar.xyz.svc.{actor.domain}.",
        "dot-in-front": ".bar.xyz.svc.{actor.domain}",
        "empty-label": "bar..svc.{actor.domain}",
        "underscore": "b_r.xyz.svc.{actor.domain}",
        "dash-behind": "bar-.xyz.svc.{actor.domain}",
        "unicode": "b\u00e4r.xyz.svc.{actor.domain}",
        "look-alike": "b\u0430r.xyz.svc.{actor.domain}",
        "full-width-dot": "bar\uff0exyz.svc.{actor.domain}",
        "nul": "bar\0.xyz.svc.{actor.domain}",
        "newline": "bar.xyz.svc.{actor.domain}\n",
        "control-character": "b\x1b[31mar.xyz.svc.{actor.domain}",
        "slash": "bar/../x.xyz.svc.{actor.domain}",
        "space": "bar .xyz.svc.{actor.domain}",
        "port": "bar.xyz.svc.{actor.domain}:80",
        "label-too-long": "a" * 64 + ".xyz.svc.{actor.domain}",
        "too-long": "a" * 60 + ".xyz.svc." + "a." * 120 + "{actor.domain}",
        "an-address": "203.0.113.9",
        "number": 7,
        "null": None,
        "list": ["bar"],
        "empty": "",
    }
    yield from group(
        FEDERATION, PARTLY, "service-refused", {f"host-{name}": host(value) for name, value in hosts.items()}
    )
    one = {"name": "http", "port": 80, "protocol": "HTTP"}
    ports: dict[str, Any] = {
        "none": [],
        "null": None,
        "a-number": 80,
        "an-object": one,
        "of-numbers": [80],
        "of-null": [None],
        "too-many": [{"name": f"p{number}", "port": 1 + number} for number in range(101)],
        "of-one-name": [one, {**one, "port": 81}],
        "of-one-number": [one, {**one, "name": "other"}],
        "number-zero": [{**one, "port": 0}],
        "number-65536": [{**one, "port": 65536}],
        "number-negative": [{**one, "port": -80}],
        "number-a-text": [{**one, "port": "80"}],
        "number-true": [{**one, "port": True}],
        "number-a-fraction": [{**one, "port": 80.5}],
        "number-missing": [{"name": "http"}],
        "name-missing": [{"port": 80}],
        "name-empty": [{**one, "name": ""}],
        "name-upper-case": [{**one, "name": "HTTP"}],
        "name-with-dots": [{**one, "name": "a.b"}],
        "name-too-long": [{**one, "name": "a" * 64}],
        "name-unicode": [{**one, "name": "ht\u00fcp"}],
        "name-with-newline": [{**one, "name": "http\n"}],
        "name-a-number": [{**one, "name": 80}],
        "one-bad-of-two": [one, {**one, "name": "two", "port": 0}],
    }
    yield from group(
        FEDERATION, PARTLY, "service-refused", {f"ports-{name}": with_ports(value) for name, value in ports.items()}
    )
    whole: dict[str, Any] = {"null": None, "text": "bar", "number": 7, "list": [], "without-anything": {}}
    yield from group(
        FEDERATION,
        PARTLY,
        "service-refused",
        {f"service-{name}": beside(lambda _actor, value=value: value) for name, value in whole.items()},
    )
    flood = [lambda _actor, number=number: {"hostname": f"x{number}.example"} for number in range(3000)]
    yield from group(FEDERATION, PARTLY, "more-findings", {"services-3000-bad-ones": beside(*flood)})
    gateways_100 = [{"address": f"203.0.113.{number}", "port": 15443} for number in range(100)]
    ports_100 = [{"name": f"p{number}", "port": 1 + number} for number in range(100)]
    yield from group(
        FEDERATION,
        PARTLY,
        "service-refused",
        {
            "services-too-large-for-one-object": lambda actor, _scene: as_json(
                actor.offer(actor.service("evil", ports=ports_100), actor.service("new"), ingressGateways=gateways_100)
            )
        },
    )
    yield from group(
        FEDERATION,
        PARTLY,
        "service-twice",
        {"services-twice-with-other-ports": beside(lambda actor: actor.service("bar", ports=[{**one, "port": 81}]))},
    )
    protocols: dict[str, Any] = {
        "udp": "UDP",
        "number": 7,
        "a-template": "{{ x }}",
        "list": ["HTTP"],
        "emoji": "\U0001f600",
    }
    yield from group(
        FEDERATION,
        PARTLY,
        "protocol-unknown",
        {
            f"protocol-{name}": beside(
                lambda actor, value=value: actor.service("bar", ports=[{**one, "protocol": value}])
            )
            for name, value in protocols.items()
        },
    )

    def listing(value: Any) -> Callable[[Actor, Scene], Reply]:
        return lambda actor, _scene: as_json(actor.offer(publicServices=value))

    thousands = [{"hostname": f"a{number}.b.svc.c", "ports": [HTTP]} for number in range(20_001)]

    def plenty(actor: Actor, _scene: Scene) -> Reply:
        return as_json(actor.offer(*(actor.service(f"{'x' * 50}{number}") for number in range(9000))))

    yield from group(
        FEDERATION,
        REFUSED,
        "InvalidPrivateMetadata",
        {
            "services-missing": lambda actor, _scene: as_json({"ingressGateways": [GATEWAY]}),
            "services-a-text": listing("bar"),
            "services-an-object": listing({"bar": []}),
            "services-a-number": listing(7),
            "services-too-many": listing(thousands),
            "services-more-than-can-be-remembered": plenty,
        },
    )
    yield from group(
        FEDERATION,
        TAKEN,
        "",
        {
            "services-twice": beside(lambda actor: actor.service("bar")),
            "services-with-unknown-fields": beside(
                lambda actor: {
                    **actor.service("bar"),
                    "resolution": "NONE",
                    "exportTo": ["*"],
                    "subjectAltNames": ["x"],
                }
            ),
        },
    )


def everything() -> list[Misbehaviour]:
    """All of them."""
    return [*identities(), *keys(), *roots(), *gateways(), *services()]
