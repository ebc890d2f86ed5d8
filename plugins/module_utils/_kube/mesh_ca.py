# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Secrets that istiod takes its CA from, and the one in which a rotation is kept.

istiod signs with the Secret C(cacerts) where there is one, else with C(istio-ca-secret), which it makes itself
(pilot/pkg/bootstrap/istio_ca.go). It reads C(cacerts) surely only when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import authority, names, rotation
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import SigningCa, read_authority
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import split_certificates
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import kinds
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.secrets import read_secret, secret_manifest

Object = dict[str, Any]

PLUGGED_IN = "cacerts"
SELF_SIGNED = "istio-ca-secret"
RECORD = names.ROOT_ROTATION_RECORD
SERIAL_ANNOTATION = "meshalliance.istio/root-rotation-serial"
SOURCE_ANNOTATION = "meshalliance.istio/root-rotation-original"
FINISHED_ANNOTATION = "meshalliance.istio/root-rotation-finished"
_OLD, _NEW = "old-", "new-"
# What istiod puts into a C(cacerts) that it makes itself, and cert-manager on a Secret that it keeps.
_GENERATED_KEY = "istio-generated"
_CERT_MANAGER = "cert-manager.io/"


@dataclass(frozen=True, repr=False)
class Current:
    """The CA that istiod is to sign with now, and the Secret that it is in."""

    ca: SigningCa
    source: str


@dataclass(frozen=True, repr=False)
class Record:
    """A rotation as it is kept in the cluster.

    C(source): the Secret that the old CA was in. C(old), C(new): the two CAs; None when it is over, for then the keys
    are gone from the record, and only the roots are left.
    """

    serial: int
    source: str
    finished: bool
    old_roots: tuple[str, ...]
    new_roots: tuple[str, ...]
    old: SigningCa | None = None
    new: SigningCa | None = None

    def signer(self, side: str) -> SigningCa:
        """The old or the new CA (C(rotation.OLD), C(rotation.NEW)). Raises AllianceError when the rotation is over."""
        ca = self.old if side == rotation.OLD else self.new
        if ca is None:
            raise AllianceError("the rotation is over: its CAs are not kept any more", obj=f"Secret {RECORD}")
        return ca


def read_current(client: Client, namespace: str) -> Current:
    """The CA of a cluster's istiod. Raises AllianceError when there is none, or one that isn't ours to change."""
    plugged = client.get(kinds.SECRET, PLUGGED_IN, namespace)
    source = SELF_SIGNED if plugged is None else PLUGGED_IN
    place = f"Secret {namespace}/{source}"
    if plugged is not None:
        _refuse_foreign(client, plugged, place)
    values = read_secret(client, namespace, source)
    if not values:
        raise AllianceError(
            f"istiod's CA is neither in the Secret {PLUGGED_IN} nor in {SELF_SIGNED}",
            cluster=client.cluster,
            obj=f"namespace {namespace}",
            remedy="set alliance_root_namespace; a CA outside of the cluster is rotated where it is",
        )
    return Current(_authority(client, values, place), source)


def read_given(client: Client, place: str) -> SigningCa:
    """The CA in a Secret C(namespace/name) of the cluster, with the keys of C(cacerts). Raises AllianceError."""
    namespace, _slash, name = place.partition("/")
    values = read_secret(client, namespace, name) if namespace and name else {}
    if not values:
        raise AllianceError(
            "there is no such Secret",
            cluster=client.cluster,
            obj=f"Secret {place}",
            remedy=f"make it, with the keys {authority.CERTIFICATE}, {authority.KEY}, {authority.CHAIN} and"
            f" {authority.ROOTS}, and name it as namespace/name",
        )
    return _authority(client, values, f"Secret {place}")


def read_record(client: Client, namespace: str) -> Record | None:
    """The rotation that is under way in a cluster, or was the last. Raises AllianceError when it can't be read."""
    secret = client.get(kinds.SECRET, RECORD, namespace)
    if secret is None:
        return None
    place = f"Secret {namespace}/{RECORD}"
    annotations = secret["metadata"].get("annotations") or {}
    values = read_secret(client, namespace, RECORD)
    try:
        serial = int(annotations.get(SERIAL_ANNOTATION, ""))
        finished = annotations.get(FINISHED_ANNOTATION) == "true"
        old, new = ({key[4:]: text for key, text in values.items() if key.startswith(side)} for side in (_OLD, _NEW))
        return Record(
            serial,
            str(annotations.get(SOURCE_ANNOTATION, "")),
            finished,
            split_certificates(old.get(authority.ROOTS, "")),
            split_certificates(new.get(authority.ROOTS, "")),
            None if finished else read_authority(old),
            None if finished else read_authority(new),
        )
    except (CertificateError, ValueError) as error:
        raise AllianceError(
            f"the rotation that is kept there can't be read: {error}",
            cluster=client.cluster,
            obj=place,
            remedy="restore it from a backup; without it nobody can tell old from new",
        ) from None


def record_manifest(namespace: str, record: Record) -> Object:
    """The Secret that keeps a rotation; of one that is over, without any key."""
    values: dict[str, str] = {}
    for side, ca, roots in ((_OLD, record.old, record.old_roots), (_NEW, record.new, record.new_roots)):
        texts = ca.values(roots) if ca and not record.finished else {authority.ROOTS: "".join(roots)}
        values.update({f"{side}{key}": text for key, text in texts.items()})
    manifest = secret_manifest(namespace, RECORD, values)
    manifest["metadata"]["labels"] = {names.MANAGED_BY_LABEL: names.MANAGED_BY}
    manifest["metadata"]["annotations"] = {
        SERIAL_ANNOTATION: str(record.serial),
        SOURCE_ANNOTATION: record.source,
        FINISHED_ANNOTATION: str(record.finished).lower(),
    }
    return manifest


def plugged_manifest(namespace: str, ca: SigningCa, roots: tuple[str, ...]) -> Object:
    """The Secret C(cacerts). It is Istio's: nothing marks it as ours, for it has to outlive the alliance."""
    return secret_manifest(namespace, PLUGGED_IN, ca.values(roots))


def _authority(client: Client, values: Mapping[str, str], place: str) -> SigningCa:
    try:
        return read_authority(values)
    except CertificateError as error:
        raise error.located(cluster=client.cluster, obj=place) from None


def _refuse_foreign(client: Client, secret: Mapping[str, Any], place: str) -> None:
    """A C(cacerts) that somebody keeps as it is would be written back at once, or means another thing."""
    metadata, data = secret["metadata"], secret.get("data") or {}
    owner = next((f"{item['kind']} {item['name']}" for item in metadata.get("ownerReferences") or []), "")
    if any(key.startswith(_CERT_MANAGER) for key in metadata.get("annotations") or {}):
        owner = owner or "cert-manager"
    if owner or "tls.crt" in data:
        raise AllianceError(
            f"it is kept by {owner}"
            if owner
            else "it has the form of a kubernetes.io/tls Secret, as cert-manager makes it",
            cluster=client.cluster,
            obj=place,
            remedy="rotate it where it is kept, with old and new root in its bundle as long as both are in use: the"
            " neighbours follow what the cluster publishes",
        )
    if _GENERATED_KEY in data:
        raise AllianceError(
            "istiod made it itself (USE_CACERTS_FOR_SELF_SIGNED_CA) and would keep it as it is",
            cluster=client.cluster,
            obj=place,
            remedy=f"take its key {_GENERATED_KEY} away, so that it counts as given, and run again",
        )
