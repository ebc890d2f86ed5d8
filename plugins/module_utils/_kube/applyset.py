# -*- coding: utf-8 -*-
# Copyright: (c) 2026, The meshalliance.istio authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a set of objects be exactly so: read once per kind, apply what differs in parallel, prune the rest.

A plan is computed first from what is live; check mode stops there. Written objects are never deleted before every
object of the new set is there, and the parent records new kinds before they are written and forgets old ones after they
are gone (KEP-3659), so a run that ends at any point is completed by the next one, or undone if that asks for less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.meshalliance.istio.plugins.module_utils._alliance import names
from ansible_collections.meshalliance.istio.plugins.module_utils._alliance.errors import AllianceError
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.applyset_parent import (
    PART_OF_LABEL,
    ApplySet,
    Contents,
    recorded_contents,
    set_of,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.client import Client, describe
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.comparison import (
    merged,
    needs_apply,
    normalised,
    stated_by_somebody,
)
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.connection import POOL_SIZE
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, Kind
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.presentation import diff
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.readiness import not_serving
from ansible_collections.meshalliance.istio.plugins.module_utils._kube.waiting import wait_until_ready

Object = dict[str, Any]
Key = tuple[Kind, str, str]  # kind, namespace ("" when cluster-scoped), name
T = TypeVar("T")

FIELD_MANAGER = "meshalliance.istio"
ADOPT_ALWAYS, ADOPT_REFUSE, ADOPT_SKIP = "always", "refuse", "skip"
# What other objects need comes first and goes last.
_FIRST = ("Namespace", "CustomResourceDefinition")
_EARLY = ("ServiceAccount", "ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding", "ConfigMap", "Secret")
STAGES = (0, 1, 2)
# Namespaces and definitions are waited for so long at least: what follows needs them.
DEFINITION_SECONDS = 30.0
_LISTED_FROM = 8  # so many objects of a kind in one namespace are read with one LIST instead of GETs


@dataclass(frozen=True)
class Change:
    """One object that will be written: C(before) is None for a new one, C(desired) is None for one to delete."""

    before: Object | None
    desired: Object | None

    @property
    def action(self) -> str:
        """C(created), C(updated) or C(deleted)."""
        if self.desired is None:
            return "deleted"
        return "created" if self.before is None else "updated"

    @property
    def object(self) -> Object:
        """The manifest, or the live object where there is no manifest any more."""
        return self.desired or self.before or {}

    def diff(self, manager: str) -> dict[str, Any]:
        """The change for a module's diff."""
        if self.before is not None and self.desired is not None:
            return diff(self.before, merged(self.desired, self.before, manager))
        return diff(self.before, self.desired)


@dataclass
class Plan:
    """What an apply will do: the changes in order of writing, and the live objects that stay as they are.

    C(manifests): everything that is to be there, in order of writing.
    """

    writes: list[Change] = field(default_factory=list)
    deletes: list[Change] = field(default_factory=list)
    unchanged: list[Object] = field(default_factory=list)
    manifests: list[Object] = field(default_factory=list)
    parent_before: Object | None = None
    recorded: Contents = field(default_factory=Contents)
    wanted: Contents = field(default_factory=Contents)
    parent_changes: bool = False
    removes_parent: bool = False

    @property
    def changes(self) -> list[Change]:
        """All changes of members."""
        return self.writes + self.deletes

    def live(self, kind: str) -> list[Object]:
        """The members of a kind that are there now, whatever will come of them."""
        before = [change.before for change in self.changes if change.before is not None]
        return [obj for obj in (*self.unchanged, *before) if obj["kind"] == kind]


@dataclass
class Outcome:
    """What an apply did, with warnings for people."""

    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.changes)


class ApplyError(AllianceError):
    """Some objects could not be written; C(outcome) has those that were."""

    def __init__(self, failures: Sequence[AllianceError], outcome: Outcome, cluster: str | None) -> None:
        shown = "; ".join(str(failure) for failure in failures[:10])
        more = f"; and {len(failures) - 10} more" if len(failures) > 10 else ""
        super().__init__(f"{len(failures)} objects could not be written: {shown}{more}", cluster=cluster)
        self.outcome = outcome


class Applier:
    """Applies object sets to one cluster as one field manager.

    C(by_anybody): for plans that somebody else carries out. An object is as it should be when anybody applied it so.
    """

    def __init__(self, client: Client, *, manager: str = FIELD_MANAGER, by_anybody: bool = False) -> None:
        self.client = client
        self.manager = manager
        self._by_anybody = by_anybody

    def plan(
        self, objects: Iterable[Mapping[str, Any]], applyset: ApplySet | None = None, *, adopt: str = ADOPT_ALWAYS
    ) -> Plan:
        """Compare a set with what is live. Writes nothing.

        With an ApplySet, live members that are not in C(objects) are deleted. An object that exists and is not of the
        set is taken (C(ADOPT_ALWAYS)), is an error (C(ADOPT_REFUSE)) or is left as it is (C(ADOPT_SKIP)). One that
        belongs to another set is never taken.
        """
        desired = self._keyed(objects, applyset)
        plan = Plan()
        if applyset is not None:
            plan.parent_before = self.client.get(CONFIG_MAP, applyset.name, applyset.namespace)
            plan.recorded = recorded_contents(plan.parent_before, applyset.namespace)
            live = self._members(desired, applyset, plan.recorded)
            taken = self._taken(desired, live)
            # Another run of the same set may have made them between the two lists.
            made = [key for key, obj in taken.items() if set_of(obj) == applyset.id]
            live |= self._read(made)
            taken = {key: obj for key, obj in taken.items() if key not in made}
            if adopt == ADOPT_SKIP:
                desired = {key: obj for key, obj in desired.items() if key not in taken}
                taken = {}
            foreign = self._foreign(desired, taken, applyset, adopt)
        else:
            live, foreign = {}, self._read(list(desired))
        plan.wanted = Contents(
            frozenset(kind.group_kind for kind, _namespace, _name in desired),
            frozenset(namespace for _kind, namespace, _name in desired if namespace),
        )
        for key, manifest in desired.items():
            before = live.get(key) or foreign.get(key)
            if before is None or self._differs(manifest, before):
                plan.writes.append(Change(before, manifest))
            else:
                plan.unchanged.append(before)
        plan.manifests = sorted(desired.values(), key=_order)
        plan.writes.sort(key=lambda change: _order(change.object))
        plan.deletes = [Change(obj, None) for key, obj in live.items() if key not in desired]
        plan.deletes.sort(key=lambda change: _order(change.object), reverse=True)
        if applyset is not None:
            self._plan_parent(plan, applyset)
        return plan

    def plan_removal(self, applyset: ApplySet) -> Plan:
        """The plan that deletes a whole set and its parent."""
        plan = self.plan([], applyset)
        plan.parent_changes = False
        plan.removes_parent = plan.parent_before is not None
        return plan

    def execute(
        self, plan: Plan, applyset: ApplySet | None = None, *, wait: float = 0.0, prune_always: bool = False
    ) -> Outcome:
        """Carry out a plan; with C(wait) seconds, until what was written and what was there is ready.

        When an object can't be written the others are, and nothing is deleted unless C(prune_always); then it raises
        ApplyError. Raises WaitTimeoutError for objects that don't get ready.
        """
        outcome = Outcome(unchanged=len(plan.unchanged))
        written: list[Object] = []
        failures: list[AllianceError] = []
        announced = applyset if plan.parent_changes and plan.changes else None
        for number, changes in enumerate(_batches(plan.writes, announced)):
            if number == 1 and announced is not None:
                # Before all else that can be: what is begun is then known to whatever comes next.
                if failures:
                    raise ApplyError(failures, outcome, self.client.cluster)
                self._apply_parent(plan, announced, plan.recorded | plan.wanted, outcome)
            done, failed = self._apply_all(changes, outcome)
            if number <= 1 and done:
                # Namespaces and definitions are needed at once, whether or not the caller waits for the rest.
                wait_until_ready(self.client, done, max(wait, DEFINITION_SECONDS))
            written += done
            failures += failed
        if not failures or prune_always:
            failures += self._delete_all(plan, outcome)
        if failures:
            raise ApplyError(failures, outcome, self.client.cluster)
        if applyset is not None and plan.parent_changes:
            self._apply_parent(plan, applyset, plan.wanted, outcome)
        if wait:
            wait_until_ready(self.client, written, wait)
            wait_until_ready(self.client, plan.unchanged, wait, not_serving)
        return outcome

    def _keyed(self, objects: Iterable[Mapping[str, Any]], applyset: ApplySet | None) -> dict[Key, Object]:
        manifests = [normalised(obj) for obj in objects]
        self.client.learn([obj for obj in manifests if obj.get("kind") == "CustomResourceDefinition"])
        desired: dict[Key, Object] = {}
        for obj in manifests:
            kind = self.client.kind_of(obj)
            metadata = dict(obj.get("metadata") or {})
            if not metadata.get("name"):
                raise AllianceError("an object has no metadata.name", obj=describe(obj), remedy="name every object")
            if kind.namespaced and not metadata.get("namespace"):
                raise AllianceError("the object has no namespace", obj=describe(obj), remedy="set metadata.namespace")
            if applyset is not None:
                labels = {names.MANAGED_BY_LABEL: names.MANAGED_BY, **(metadata.get("labels") or {})}
                metadata["labels"] = {**labels, PART_OF_LABEL: applyset.id}
            key = (kind, metadata.get("namespace") or "", metadata["name"])
            if key in desired:
                raise AllianceError("the object stands in the set twice", obj=describe(obj), remedy="keep one of them")
            desired[key] = {**obj, "metadata": metadata}
        return desired

    def _members(self, desired: Mapping[Key, Object], applyset: ApplySet, recorded: Contents) -> dict[Key, Object]:
        """The live members of a set: one LIST per kind and namespace in which it has or had objects."""
        places = {(kind, namespace) for kind, namespace, _name in desired}
        for group_kind in recorded.group_kinds:
            kind = self.client.kind_of_group_kind(group_kind)
            if kind is not None:
                places |= {(kind, ns) for ns in recorded.namespaces} if kind.namespaced else {(kind, "")}
        selector = f"{PART_OF_LABEL}={applyset.id}"
        found: dict[Key, Object] = {}
        lists = self._parallel(
            lambda p: self.client.list(p[0], p[1] or None, label_selector=selector), sorted(places, key=str)
        )
        for (kind, _namespace), listed in lists:
            for obj in listed.items:
                found[(kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])] = obj
        return found

    def _taken(self, desired: Mapping[Key, Object], live: Mapping[Key, Object]) -> dict[Key, Object]:
        """The metadata of objects that are not in our set but have the names that we want."""
        missing = [key for key in desired if key not in live]
        places = sorted({(kind, namespace) for kind, namespace, _name in missing}, key=str)
        existing: dict[Key, Object] = {}
        lists = self._parallel(lambda p: self.client.list(p[0], p[1] or None, metadata_only=True), places)
        for (kind, _namespace), listed in lists:
            for obj in listed.items:
                existing[(kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])] = obj
        return {key: existing[key] for key in missing if key in existing}

    def _foreign(
        self, desired: Mapping[Key, Object], taken: Mapping[Key, Object], applyset: ApplySet, adopt: str
    ) -> dict[Key, Object]:
        """The objects that the set takes over, read whole."""
        for key, metadata_only in taken.items():
            owner = set_of(metadata_only)
            if owner or adopt != ADOPT_ALWAYS:
                raise AllianceError(
                    "the object exists and is not ours" + (f" (it belongs to the ApplySet {owner})" if owner else ""),
                    cluster=self.client.cluster,
                    obj=describe(desired[key]),
                    remedy=f"delete it, rename it, or give it to this set by the label {PART_OF_LABEL}={applyset.id}",
                )
        return self._read(list(taken))

    def _read(self, keys: Sequence[Key]) -> dict[Key, Object]:
        """Live objects by key: GETs, or a LIST where there are many of one kind in a namespace."""
        places: dict[tuple[Kind, str], list[Key]] = {}
        for key in keys:
            places.setdefault(key[:2], []).append(key)
        found: dict[Key, Object] = {}
        single = [key for place in places.values() if len(place) < _LISTED_FROM for key in place]
        for key, obj in self._parallel(lambda k: self.client.get(k[0], k[2], k[1] or None), single):
            if obj is not None:
                found[key] = obj
        many = [place for place, wanted in places.items() if len(wanted) >= _LISTED_FROM]
        for (kind, namespace), listed in self._parallel(lambda p: self.client.list(p[0], p[1] or None), many):
            by_name = {obj["metadata"]["name"]: obj for obj in listed.items}
            for key in places[(kind, namespace)]:
                if key[2] in by_name:
                    found[key] = by_name[key[2]]
        return found

    def _plan_parent(self, plan: Plan, applyset: ApplySet) -> None:
        if plan.parent_before is None and not (plan.writes or plan.unchanged):
            return
        desired = normalised(applyset.parent(plan.wanted))
        plan.parent_changes = plan.parent_before is None or self._differs(desired, plan.parent_before)

    def _differs(self, desired: Object, live: Object) -> bool:
        return not stated_by_somebody(desired, live) if self._by_anybody else needs_apply(desired, live, self.manager)

    def _apply_parent(self, plan: Plan, applyset: ApplySet, contents: Contents, outcome: Outcome) -> None:
        manifest = applyset.parent(contents)
        if plan.parent_before is not None and not needs_apply(normalised(manifest), plan.parent_before, self.manager):
            return
        change = Change(plan.parent_before, manifest)
        try:
            plan.parent_before, _created = self.client.apply(manifest, field_manager=self.manager)
        except AllianceError as error:
            raise ApplyError([error], outcome, self.client.cluster) from error
        outcome.changes.append(change)

    def _apply_all(self, changes: Sequence[Change], outcome: Outcome) -> tuple[list[Object], list[AllianceError]]:
        """Apply in parallel; all are tried. What was written, and what failed."""

        def apply(change: Change) -> Object | AllianceError:
            try:
                return self.client.apply(change.object, field_manager=self.manager)[0]
            except AllianceError as error:
                return error

        written: list[Object] = []
        failures: list[AllianceError] = []
        for change, result in self._parallel(apply, changes):
            if isinstance(result, AllianceError):
                failures.append(result)
                continue
            written.append(result)
            if change.before is not None and _version(change.before) == _version(result):
                outcome.unchanged += 1
                outcome.warnings.append(
                    f"{describe(result)}: the server stores a value in another form than the manifest states it;"
                    " nothing changed, but each run asks again"
                )
            else:
                outcome.changes.append(change)
        return written, failures

    def _delete_all(self, plan: Plan, outcome: Outcome) -> list[AllianceError]:
        """Delete what is not wanted, last stage first, and a removed set's parent when all members are gone."""
        failures: list[AllianceError] = []
        for stage in reversed(STAGES):
            changes = [change for change in plan.deletes if _stage(change.object) == stage]
            failures += self._delete_stage(changes, outcome)
        if plan.removes_parent and not failures:
            failures += self._delete_stage([Change(plan.parent_before, None)], outcome)
        return failures

    def _delete_stage(self, changes: Sequence[Change], outcome: Outcome) -> list[AllianceError]:
        def delete(change: Change) -> AllianceError | None:
            metadata = change.object["metadata"]
            try:
                kind = self.client.kind_of(change.object)
                self.client.delete(kind, metadata["name"], metadata.get("namespace"), uid=metadata.get("uid"))
            except AllianceError as error:
                return error
            return None

        failures = []
        for change, failure in self._parallel(delete, changes):
            if failure is None:
                outcome.changes.append(change)
            else:
                failures.append(failure)
        return failures

    @staticmethod
    def _parallel(function: Callable[[Any], T], items: Sequence[Any]) -> list[tuple[Any, T]]:
        if len(items) < 2:
            return [(item, function(item)) for item in items]
        with ThreadPoolExecutor(min(len(items), POOL_SIZE)) as pool:
            return list(zip(items, pool.map(function, items), strict=True))


def planned_changes(plan: Plan, applyset: ApplySet | None) -> list[Change]:
    """All changes of a plan with its parent's, as check mode reports them."""
    changes = list(plan.changes)
    if applyset is not None and plan.parent_changes:
        changes.insert(0, Change(plan.parent_before, applyset.parent(plan.wanted)))
    if plan.removes_parent:
        changes.append(Change(plan.parent_before, None))
    return changes


def planned_manifests(plan: Plan, applyset: ApplySet | None) -> list[Object]:
    """All that is to be there, its parent first, for somebody else to apply. An empty set has none."""
    parent = [applyset.parent(plan.wanted)] if applyset is not None and plan.manifests else []
    return [*parent, *plan.manifests]


def _batches(writes: Sequence[Change], applyset: ApplySet | None) -> list[list[Change]]:
    """The writes in order: the namespace of the set's parent if it is among them, then one stage after the other."""

    def holds_parent(change: Change) -> bool:
        obj = change.object
        return applyset is not None and obj["kind"] == "Namespace" and obj["metadata"]["name"] == applyset.namespace

    first = [change for change in writes if holds_parent(change)]
    stages = [[c for c in writes if _stage(c.object) == stage and not holds_parent(c)] for stage in STAGES]
    return [first, *stages]


def _stage(obj: Mapping[str, Any]) -> int:
    return 0 if obj["kind"] in _FIRST else 1 if obj["kind"] in _EARLY else 2


def _order(obj: Mapping[str, Any]) -> tuple[int, str, str, str]:
    metadata = obj["metadata"]
    return _stage(obj), obj["kind"], metadata.get("namespace") or "", metadata["name"]


def _version(obj: Mapping[str, Any]) -> Any:
    return obj["metadata"].get("resourceVersion")
