"""The sections `sync` and `invariants` of a machine: their models, and the facts they make."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.syncs import BoundSync, syncs
from specc.ir.behaviour import Invariant, Sync, SyncDown, SyncUp
from specc.kinds import machine_sync_objects
from specc.lang.kind import Lowered
from specc.lang.markers import Def, Ref, SpecModel, Sql
from specc.lang.project import Entry, Project
from specc.lang.shape import Single

StateName = Annotated[str, Ref("state", within="machine")]
Words = Annotated[list[str], Single()]


class ConditionSpec(SpecModel):
    """What is asked of the children of a row, by their states; `settled` and `open` mean all such states."""

    all: Words = Field(default_factory=list, description="Every child is in one of these.")
    any: Words = Field(default_factory=list, description="At least one child is in one of these.")
    none: Words = Field(default_factory=list, description="No child is in any of these.")
    empty: bool = Field(False, description="There is no child; stands alone.")


class UpSpec(SpecModel):
    """A move that the parent takes when something holds of its children."""

    from_: StateName = Field(alias="from", description="The state that the parent is in.")
    to: StateName = Field(description="The state that it moves to.")
    when: ConditionSpec = Field(
        description="All that is given must hold. Parents without a child are meant by `empty` only."
    )
    where: Annotated[str, Sql("boolean")] = Field(
        "", description="Only parents whose own row meets this condition."
    )


class SyncSpec(SpecModel):
    """How this machine, the parent, and one whose rows point at its rows follow each other."""

    by: str = Field("", description="The child's column that points here; the only one by default.")
    up: list[UpSpec] = Field(
        default_factory=list, description="Moves of the parent, tried in order, again until none applies."
    )
    down: dict[StateName, list[str]] = Field(
        default_factory=dict,
        description="When the parent comes into this state, its open children take the shortest way to the first "
        "of these that they can reach: `state` or `state/substate`.",
    )
    births: Literal["accept", "refuse"] = Field(
        "accept", description="`refuse`: no child comes under a settled parent."
    )
    trigger: str = Field("", description="The name of the trigger for updates of the child's table.")
    executes: str = Field("", description="The name of that trigger's function, with its schema.")


class InvariantSpec(SpecModel):
    """What always holds of a row and its children; `specc check` looks for a way to break it."""

    about: str = Field("", description="What it means, for the docs.")
    if_: Words = Field(alias="if", description="The states of this machine in which it is claimed.")
    then: dict[Annotated[str, Ref("machine")], ConditionSpec] = Field(
        description="What holds of the children, for each child machine."
    )
    eventually: bool = Field(
        False, description="Claimed only where no rule under `up` has anything left to do."
    )


Syncs = dict[Annotated[str, Ref("machine")], SyncSpec]
Invariants = dict[Annotated[str, Def("invariant", label=True)], InvariantSpec]


def lower(entry: Entry, project: Project) -> Lowered:
    """Yield the facts about a machine's syncs and invariants."""
    found = syncs(project).get(entry.name, ())
    for sync in found:
        yield from _facts(sync)
    yield from machine_sync_objects.lower(found, project)
    for name, spec in entry.spec.invariants.items():
        for child, when in spec.then.items():
            yield Invariant(
                entry.name, name, child, tuple(spec.if_), tuple(when.all), tuple(when.any), tuple(when.none),
                when.empty, spec.eventually, spec.about,
            )  # fmt: skip


def _facts(sync: BoundSync) -> Lowered:
    parent, child = sync.parent.name, sync.child.name
    yield Sync(parent, child, sync.column, sync.trigger, ".".join(sync.function), sync.refuses_births)
    for number, up in enumerate(sync.ups, 1):
        when = up.when
        yield SyncUp(
            parent,
            child,
            str(number),
            up.source,
            up.target,
            when.all,
            when.any,
            when.none,
            when.empty,
            up.where,
        )
    for state, targets in sync.downs.items():
        yield SyncDown(parent, child, state, targets)
