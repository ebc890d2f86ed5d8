# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rotation of one cluster's root: what is there, and one stage forward or back.

All that is known of a rotation is read from the cluster each time, so it does not matter where the last run ended.
That a stage may follow is proved elsewhere (proxy_proof.py); here it is only made so.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import rotation as stages
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.authority import (
    NewCa,
    SigningCa,
    check_new,
    make_authority,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.certificates import (
    fingerprint,
    split_certificates,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError, CertificateError
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.findings import Finding
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.istio_settings import IstioRevision
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.rotation import Configuration, Signing
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.times import unix_time
from ansible_collections.meshalliance.istio.plugins.module_utils._kube import istiod_restart, kinds, mesh_ca
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset import Applier, Change
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.errors import WaitTimeoutError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.mesh_ca import Current, Record
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.proxies import list_proxies
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.reading import read_revisions, read_roots

Object = dict[str, Any]

FIELD_MANAGER = "meshalliance.istio-root-rotation"
_PAUSE_SECONDS = 2.0


@dataclass(frozen=True, repr=False)
class Observed:
    """A cluster as it is: its istiod, its CA and the rotation that is kept there; C(place) is None outside of one."""

    istiod: IstioRevision
    current: Current
    record: Record | None
    place: Configuration | None

    @property
    def stage(self) -> str:
        """One of rotation.STAGES."""
        if self.record is None:
            return stages.NONE
        if self.record.finished or self.place is None:
            return stages.DONE
        return stages.stage_of(self.place)


@dataclass(frozen=True)
class Patience:
    """How long things may take, in seconds. C(kubelets): for a changed ConfigMap to be in all running pods."""

    restart: float = 300
    kubelets: float = 120


class Rotation:
    """The rotation in one cluster. With C(planning) nothing is written, and C(changes) has what would be."""

    def __init__(
        self,
        client: Client,
        root_namespace: str,
        revision: str | None = None,
        *,
        planning: bool = False,
        patience: Patience | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.namespace = root_namespace
        self.changes: list[Change] = []
        self._revision = revision
        self._planning = planning
        self._patience = patience or Patience()
        self._pause = pause
        self._applier = Applier(client, manager=FIELD_MANAGER)

    def observe(self) -> Observed:
        """Read everything anew. Raises AllianceError for a cluster whose root can't be rotated by us."""
        istiod = self._istiod()
        current = mesh_ca.read_current(self.client, self.namespace)
        record = mesh_ca.read_record(self.client, self.namespace)
        place = None
        if record is not None and record.old is not None and record.new is not None:
            place = stages.configuration_of(_signing(current.ca), _signing(record.old), _signing(record.new))
        return Observed(istiod, current, record, place)

    def prepare(self, observed: Observed, serial: int, wanted: NewCa, given: str | None) -> Observed:
        """Have a new CA for the rotation of that number, made or read from the Secret C(given); nothing uses it yet.

        Does nothing when that rotation is under way or over. Raises AllianceError when another one is under way.
        Returns the cluster as it is then, or as it would be.
        """
        record = observed.record
        if record is not None and serial <= record.serial:
            return observed
        if record is not None and not record.finished:
            raise AllianceError(
                f"rotation {record.serial} is under way, in stage {observed.stage}",
                remedy="complete it or roll it back before the next one",
            )
        now = datetime.now(timezone.utc)
        subject = wanted.subject or {
            "organizationName": observed.istiod.trust_domain,
            "commonName": f"Root CA {serial}",
        }
        new = mesh_ca.read_given(self.client, given) if given else self._made(replace(wanted, subject=subject), now)
        try:
            check_new(new, observed.current.ca, now)
        except CertificateError as error:
            raise error.located(obj=f"Secret {given}" if given else "the new CA") from None
        old = observed.current
        started = Record(serial, old.source, False, old.ca.roots, new.roots, old.ca, new)
        self._write(mesh_ca.record_manifest(self.namespace, started))
        return replace(observed, record=started, place=stages.ORIGINAL)

    def advance(self, observed: Observed, target: str) -> None:
        """Go forward to a stage up to C(withdrawn), and have every istiod work with what belongs to it."""
        self._walk(observed, target, stages.forward)

    def renew(self, observed: Observed) -> None:
        """In stage C(signing), have every proxy's certificate signed anew once more, by changing the order twice."""
        if observed.place == stages.RENEW and observed.record is not None:
            for place in (stages.SIGN, stages.RENEW):
                self._configure(observed.record, place)
                self._restart(observed, observed.record, place)

    def go_back(self, observed: Observed, target: str) -> Observed:
        """Go back to C(trusting) or to C(prepared), where everything is as it was; the cluster as it is then."""
        return self._walk(observed, target, stages.backward)

    def finish(self, observed: Observed) -> None:
        """Note that the rotation is over. The keys of both CAs go from the record; the new one is in C(cacerts)."""
        if observed.stage == stages.DONE:
            return
        if observed.stage != stages.WITHDRAWN or observed.record is None:
            raise AllianceError(
                f"the rotation is in stage {observed.stage} and can't be over",
                remedy=f"go through the stages up to {stages.WITHDRAWN} first",
            )
        self._write(mesh_ca.record_manifest(self.namespace, replace(observed.record, finished=True)))

    def forget(self, observed: Observed) -> None:
        """Take away the record of a rotation that was rolled back, and the new CA with it.

        What stays of one that was not the first is that those before it are over.
        """
        if observed.record is None or observed.record.finished:
            return
        if observed.place != stages.ORIGINAL:
            raise AllianceError(
                f"the rotation is in stage {observed.stage}", remedy="roll it back to stage prepared first"
            )
        record = observed.record
        if record.serial > 1:
            earlier = replace(record, serial=record.serial - 1, finished=True, new_roots=record.old_roots)
            self._write(mesh_ca.record_manifest(self.namespace, earlier))
        else:
            self._delete(mesh_ca.RECORD)

    def _walk(
        self, observed: Observed, target: str, step: Callable[[Configuration, str], Configuration | None]
    ) -> Observed:
        record, place = observed.record, observed.place
        if record is None or record.finished or place is None:
            return observed
        self._restart(observed, record, place)
        while (following := step(place, target)) is not None:
            if (place.signer, following.signer) == (stages.OLD, stages.NEW):
                self._wait_for_agents(record)
            self._configure(record, following)
            self._restart(observed, record, following)
            place = following
        return replace(observed, place=place)

    def _configure(self, record: Record, place: Configuration) -> None:
        """Give istiod another CA or other roots; it takes them when it starts."""
        if place == stages.ORIGINAL and record.source == mesh_ca.SELF_SIGNED:
            self._delete(mesh_ca.PLUGGED_IN)
            return
        ca = record.signer(place.signer)
        self._write(mesh_ca.plugged_manifest(self.namespace, ca, _roots(record, place)))

    def _restart(self, observed: Observed, record: Record, place: Configuration) -> None:
        """Have every istiod started with what C(place) says. One that was never told of any has the original."""
        digest = _digest(record, place)
        name = observed.istiod.deployment
        deployment = self.client.get(kinds.DEPLOYMENT, name, self.namespace)
        started = istiod_restart.started_with(deployment) if deployment else None
        if started == digest or (started is None and place == stages.ORIGINAL):
            return
        if not self._planning:
            istiod_restart.restart(self.client, self.namespace, name, self._patience.restart, pause=self._pause)
            self._wait_for_roots(_roots(record, place))
        self._write(istiod_restart.started_manifest(self.namespace, name, digest))

    def _wait_for_roots(self, roots: tuple[str, ...]) -> None:
        """Until istiod hands out these roots in this order: the proof that it was started with what was written."""
        deadline = time.monotonic() + self._patience.restart
        while tuple(read_roots(self.client, self.namespace)) != roots:
            if time.monotonic() >= deadline:
                raise WaitTimeoutError(
                    "istiod was restarted and does not hand out the roots that it was given",
                    cluster=self.client.cluster,
                    obj=f"ConfigMap {self.namespace}/{names.ROOT_CONFIGMAP}",
                    remedy=f"see in istiod's log what it makes of the Secret {self.namespace}/{mesh_ca.PLUGGED_IN}",
                )
            self._pause(_PAUSE_SECONDS)

    def _wait_for_agents(self, record: Record) -> None:
        """Before istiod's own certificate comes from the new root: the agents need it to reach istiod at all.

        They verify istiod by a ConfigMap that is mounted into their pods. It must hold the roots in every namespace
        with proxies, and the kubelets must have had the time to bring it into running pods, which nothing tells.
        """
        if self._planning:
            return
        wanted = {fingerprint(root) for root in record.new_roots}
        deadline = time.monotonic() + self._patience.restart
        while True:
            missing, written = self._distribution(wanted)
            left = written + self._patience.kubelets - self._now() if not missing else _PAUSE_SECONDS
            if left <= 0:
                return
            if missing and time.monotonic() >= deadline:
                raise WaitTimeoutError(
                    f"the ConfigMap {names.ROOT_CONFIGMAP} lacks the new root in namespace {', '.join(missing)}",
                    cluster=self.client.cluster,
                    remedy="see in istiod's log why it doesn't write it",
                )
            self._pause(left)

    def _distribution(self, wanted: set[str]) -> tuple[list[str], float]:
        """The namespaces whose ConfigMap lacks a root, and when the last one was written, in seconds of the epoch."""
        namespaces = {proxy.namespace for proxy in list_proxies(self.client)}
        found = self.client.list(kinds.CONFIG_MAP, field_selector=f"metadata.name={names.ROOT_CONFIGMAP}").items
        relevant = {
            item["metadata"]["namespace"]: item for item in found if item["metadata"]["namespace"] in namespaces
        }
        missing = sorted(namespaces - set(relevant))
        written = 0.0
        for namespace, item in relevant.items():
            text = (item.get("data") or {}).get(names.ROOT_KEY, "")
            held = {fingerprint(root) for root in split_certificates(text)} if text.strip() else set()
            if not wanted <= held:
                missing.append(namespace)
            times = [entry.get("time") for entry in item["metadata"].get("managedFields") or []]
            latest = max([item["metadata"]["creationTimestamp"], *[moment for moment in times if moment]])
            written = max(written, unix_time(latest) or 0.0)
        return sorted(missing), written

    def _now(self) -> float:
        """The cluster's clock, by which its objects are dated."""
        return self.client.server_time() or time.time()

    def _istiod(self) -> IstioRevision:
        findings: list[Finding] = []
        revisions = read_revisions(self.client, self.namespace, findings)
        chosen = [item for item in revisions if self._revision in (None, item.name)]
        if len(revisions) > 1:
            raise AllianceError(
                f"several revisions of istiod run ({', '.join(item.name for item in revisions)}) and share one CA",
                remedy="complete the upgrade first, so that there is one istiod to restart",
            )
        if not chosen:
            raise AllianceError(
                findings[0].message if findings else f"there is no istiod in namespace {self.namespace}",
                remedy="set alliance_root_namespace and alliance_revision",
            )
        if not chosen[0].multiroot:
            raise AllianceError(
                "istiod hands out one root only (ISTIO_MULTIROOT_MESH is not set)",
                obj=f"Deployment {self.namespace}/{chosen[0].deployment}",
                remedy="run federate.yml or multicluster.yml first",
            )
        return chosen[0]

    def _made(self, wanted: NewCa, now: datetime) -> SigningCa:
        # What is only planned is thrown away, and large keys take seconds; what can't be made is still told.
        return make_authority(replace(wanted, size=min(wanted.size, 2048)) if self._planning else wanted, now)

    def _write(self, manifest: Object) -> None:
        plan = self._applier.plan([manifest])
        if self._planning:
            self.changes += plan.writes
        else:
            self.changes += self._applier.execute(plan).changes

    def _delete(self, name: str) -> None:
        live = self.client.get(kinds.SECRET, name, self.namespace)
        if live is None:
            return
        if not self._planning:
            self.client.delete(kinds.SECRET, name, self.namespace, uid=live["metadata"].get("uid"))
        self.changes.append(Change(live, None))


def _signing(ca: SigningCa) -> Signing:
    return Signing(fingerprint(ca.certificate), tuple(fingerprint(root) for root in ca.roots))


def _roots(record: Record, place: Configuration) -> tuple[str, ...]:
    sides = {stages.OLD: record.old_roots, stages.NEW: record.new_roots}
    return tuple(root for side in place.roots for root in sides[side])


def _digest(record: Record, place: Configuration) -> str:
    """What distinguishes one CA and order of roots from another, for an annotation: nothing secret goes into it."""
    text = "\n".join([record.signer(place.signer).certificate, *_roots(record, place)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
