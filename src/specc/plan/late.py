"""A base that is several commits: a branch, and a release with a hotfix that the branch takes in.

The facts of two sides and of where they parted come in; the facts after the migrations of both come out. A fresh
database applies these in another order than the one that got the hotfix first. Both orders lead to the same only
where no side touched what the other one did or built on; what both did is named, or made once more where that will do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from specc.ir.database import DATABASE, Column, Comment, Enum, Function, View
from specc.ir.fact import Fact, Identity
from specc.ir.model import Ir, gather
from specc.pg.alter import alter
from specc.plan.disturbed import disturbed

_OBJECTS = frozenset(kind.KIND for kind in DATABASE)


def join(common: Ir, one: Ir, other: Ir, *, share: bool) -> tuple[Ir, tuple[Identity, ...]]:
    """Return the facts after the changes of both sides, and the objects that stand between them.

    With `share` some migration is on both sides, so the same change on both may be one. What both made anew is in the
    facts as nobody has it: which of the two a database has depends on the order, so the next migration makes it.
    """
    mine, theirs = _Side(common, one), _Side(common, other)
    facts: dict[Identity, Fact | None] = {fact.identity: fact for fact in one.facts}
    between = {*mine.stands_on(theirs), *theirs.stands_on(mine)}
    for identity, fact in theirs.changes.items():
        if identity not in mine.changes:
            facts[identity] = fact
        elif identity[0] in _OBJECTS and not (share and mine.changes[identity] == fact):
            unknown = _unknown(common.by_identity.get(identity), mine.changes[identity], fact)
            facts[identity] = unknown
            between |= set() if unknown else {identity}
    origins = other.origins | one.origins
    joined, _ = gather((fact, origins[identity]) for identity, fact in facts.items() if fact is not None)
    return joined, tuple(sorted(between))


def _unknown(old: Fact | None, mine: Fact | None, theirs: Fact | None) -> Fact | None:
    """Return a fact that is like neither side's, if the changes of both can be made in both orders, else None."""
    if old is None or mine is None or theirs is None:
        return None
    match mine:
        case Function() if alter(old, mine) is not None and alter(old, theirs) is not None:
            return replace(mine, body=f"{mine.body}\n")
        case View():
            return replace(mine, query=f"{mine.query}\n")
        case Comment():
            return replace(mine, text=f"{mine.text}\n")
    return None


@dataclass(frozen=True)
class _Side:
    """What became of the common facts on one side."""

    common: Ir
    facts: Ir

    @cached_property
    def changes(self) -> Mapping[Identity, Fact | None]:
        """The facts that are new or other, and None for those that are gone."""
        before, after = self.common.by_identity, self.facts.by_identity
        gone: dict[Identity, Fact | None] = dict.fromkeys(before.keys() - after.keys())
        return gone | {
            identity: fact
            for identity, fact in after.items()
            if identity not in before or _content(before[identity]) != _content(fact)
        }

    @cached_property
    def remade(self) -> frozenset[Identity]:
        """The objects that were dropped, perhaps to be made anew."""
        return frozenset(
            identity
            for identity, fact in self.changes.items()
            if identity[0] in _OBJECTS
            and (old := self.common.by_identity.get(identity)) is not None
            and (fact is None or (not isinstance(fact, Enum) and alter(old, fact) is None))
        )

    @cached_property
    def changed_types(self) -> frozenset[Identity]:
        """The columns and enums that were there, and are others now."""
        return frozenset(
            identity
            for identity, fact in self.changes.items()
            if isinstance(fact, Column | Enum) and identity in self.common.by_identity
        )

    def stands_on(self, other: _Side) -> Iterator[Identity]:
        """Yield what the other side dropped or changed while this side built on it."""
        touched = other.remade | other.changed_types
        made = {one: fact for one, fact in self.changes.items() if fact is not None and one[0] in _OBJECTS}
        there = self.facts.by_identity.keys()
        for identity in sorted(touched & there):
            columns = {identity} & other.changed_types if identity[0] == "column" else set()
            gone = {identity} & other.remade
            near = disturbed(self.facts, gone, columns) - {identity}
            if near & made.keys() or any(_names(fact, identity) for fact in made.values()):
                yield identity


def _names(fact: Fact, identity: Identity) -> bool:
    short = (*identity[:3], "") if identity[0] == "function" else identity
    return identity != fact.identity and (identity in fact.requires or short in fact.requires)


def _content(fact: Fact) -> Fact:
    """Return a fact without what follows from others: a column moves down when one is put before it."""
    return replace(fact, position=0) if isinstance(fact, Column) else fact
