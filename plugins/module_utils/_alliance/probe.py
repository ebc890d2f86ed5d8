# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module traffic_probe asks of the program in the probe's pod, and what that has seen.

Both speak JSON: the order is one line on the program's standard input, each observation is one line of its output. The
program judges nothing; what an observation means is said in probe_layers.py, where more is known than a pod can know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.documents import GatewayAddress
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.strict_json import parse_json

# Raised when an older program could not carry an order out.
FORMAT = 1
MAX_LINE_BYTES = 1024 * 1024

TARGET, UNPUBLISHED, FORGED, DONE = "target", "unpublished", "forged", "done"
HTTP_PROTOCOLS = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB"})

# At which step of a TLS connection it ended.
NO_CERTIFICATE = "no-certificate"  # closed before the server showed a certificate
SILENT = "silent"  # nothing was said within the time
NO_TLS = "no-tls"  # what answers does not speak TLS
UNVERIFIED = "unverified"  # the certificate leads to no root that was asked for
REFUSED = "refused"  # the server did not take the client's certificate
BROKEN = "broken"  # anything else


@dataclass(frozen=True)
class Target:
    """One port of an imported service. C(gateways): where it is reached; C(grpc): a gRPC call is made, no GET."""

    host: str
    port: int
    protocol: str
    gateways: tuple[GatewayAddress, ...]
    path: str = "/"
    grpc: bool = False

    @property
    def http(self) -> bool:
        """Whether an HTTP request can be made; else only connections."""
        return self.protocol in HTTP_PROTOCOLS

    @property
    def sni(self) -> str:
        """The name that a gateway tells the service by (pilot/pkg/model, BuildDNSSrvSubsetKey)."""
        return f"outbound_.{self.port}_._.{self.host}"


@dataclass(frozen=True)
class Order:
    """All that is to be probed of one neighbour.

    C(roots): the certificates of its CA, PEM, empty when not known. C(unpublished): ports that its gateways must
    refuse. C(forged): SPIFFE IDs that it must not take from a certificate that nobody signed. C(step_seconds): for each
    connection, answer or look-up; C(total_seconds): for all; C(at_once): so many targets at a time.
    """

    trust_domain: str
    roots: str
    targets: tuple[Target, ...]
    unpublished: tuple[Target, ...] = ()
    forged: tuple[str, ...] = ()
    step_seconds: float = 5.0
    total_seconds: float = 60.0
    at_once: int = 16

    def render(self) -> str:
        """The line for the program."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Order:
        """The order of such a line. Raises AllianceError for one of another format."""
        value = json.loads(text)
        if value.pop("format", None) != FORMAT:
            raise AllianceError(
                "the order has another format", remedy="use the image of this version of the collection"
            )
        for name in ("targets", "unpublished"):
            value[name] = tuple(_target(item) for item in value[name])
        value["forged"] = tuple(value["forged"])
        return cls(**value)


def _target(item: Mapping[str, Any]) -> Target:
    gateways = tuple(GatewayAddress(str(entry["address"]), int(entry["port"])) for entry in item["gateways"])
    return Target(**{**item, "gateways": gateways})


@dataclass(frozen=True)
class Looked:
    """A name that was looked up as an application does it. C(error) is empty when there are addresses."""

    addresses: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Held:
    """What the sidecar's Envoy holds of a port. C(present): it has a cluster for it. C(endpoints): C(address:port).

    C(tls): whether it speaks mutual TLS there, None when that is not known; C(rule): the DestinationRule that it goes
    by, C(namespace/name). C(error): why it could not be asked.
    """

    present: bool = False
    endpoints: tuple[str, ...] = ()
    tls: bool | None = None
    rule: str = ""
    error: str = ""


@dataclass(frozen=True)
class Answer:
    """What came of a request. C(status): of HTTP, 0 without an answer, then C(error) says why; for what is not HTTP,
    both are empty when the connection stays open.

    C(grpc_status): None where there is none. C(forwarded): the own proxy says that something upstream answered.
    C(server): the header. C(text): the beginning of the body, or of gRPC's message.
    """

    status: int = 0
    error: str = ""
    grpc_status: int | None = None
    forwarded: bool = False
    server: str = ""
    text: str = ""
    ms: float | None = None


@dataclass(frozen=True)
class AtGateway:
    """A connection of the probe's own to one gateway, past its sidecar.

    C(unreachable): why there was no connection; the rest counts when it is empty. C(stage): where TLS ended, empty for
    a complete handshake; C(reason): OpenSSL's word. C(identities): the URIs in the certificate that was shown.
    """

    address: str
    port: int
    unreachable: str = ""
    stage: str = ""
    reason: str = ""
    identities: tuple[str, ...] = ()
    connect_ms: float | None = None
    tls_ms: float | None = None
    answer: Answer | None = None

    @property
    def place(self) -> str:
        """As people write it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Observation:
    """What was seen of one target.

    C(distrusted): why a proxy of the own cluster would not take the server's certificate; None when that was not tried,
    empty when it would. C(unfinished): the time was over before.
    """

    host: str
    port: int
    looked: Looked = field(default_factory=Looked)
    held: Held = field(default_factory=Held)
    gateways: tuple[AtGateway, ...] = ()
    answer: Answer | None = None
    distrusted: str | None = None
    unfinished: bool = False


@dataclass(frozen=True)
class Refusal:
    """What came of something that must be refused. C(kind): UNPUBLISHED or FORGED; C(subject): the name or the ID.

    C(accepted): what answered, empty when it was refused. C(untried): why it could not be tried.
    """

    kind: str
    subject: str
    place: str
    accepted: str = ""
    untried: str = ""
    reason: str = ""


def written(seen: Observation | Refusal) -> str:
    """The line of the program's output."""
    kind = {"kind": TARGET} if isinstance(seen, Observation) else {}
    return json.dumps({**kind, **asdict(seen)}, separators=(",", ":"))


def done() -> str:
    """The last line of a program that came to its end."""
    return json.dumps({"kind": DONE})


def read(line: bytes | str) -> Observation | Refusal | None:
    """What a line says; None for the last one. Raises AllianceError for a line that is none of the program's."""
    try:
        value = parse_json(line, max_bytes=MAX_LINE_BYTES)
        if not isinstance(value, dict):
            raise TypeError
        kind = value.get("kind")
        if kind == DONE:
            return None
        if kind in (UNPUBLISHED, FORGED):
            return Refusal(**value)
        if kind != TARGET:
            raise TypeError
        return _observation({key: item for key, item in value.items() if key != "kind"})
    except (AllianceError, TypeError, KeyError, ValueError) as error:
        raise AllianceError(
            "the probe's program wrote something else than an observation",
            remedy="use the image of this version of the collection",
        ) from error


def _observation(value: dict[str, Any]) -> Observation:
    looked, held = value["looked"], value["held"]
    answer = value["answer"]
    return Observation(
        **{
            **value,
            "looked": Looked(**{**looked, "addresses": tuple(looked["addresses"])}),
            "held": Held(**{**held, "endpoints": tuple(held["endpoints"])}),
            "gateways": tuple(_gateway(item) for item in value["gateways"]),
            "answer": None if answer is None else Answer(**answer),
        }
    )


def _gateway(item: Mapping[str, Any]) -> AtGateway:
    answer = item["answer"]
    return AtGateway(
        **{
            **item,
            "identities": tuple(item["identities"]),
            "answer": None if answer is None else Answer(**answer),
        }
    )
