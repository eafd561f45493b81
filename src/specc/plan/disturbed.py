"""What stands in the way of a change: the facts that PostgreSQL makes us drop before, and make again after.

Base facts and changes come in; the identities to make anew come out. Where PostgreSQL follows by itself (an index on
a plain column whose type changes) nothing is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.ir.database import (
    Check,
    Column,
    Comment,
    ForeignKey,
    Function,
    Grant,
    Index,
    Policy,
    PrimaryKey,
    Trigger,
    Unique,
    View,
)
from specc.ir.fact import Fact, Identity
from specc.ir.model import Ir
from specc.pg.mentions import mentions


def disturbed(base: Ir, gone: Iterable[Identity], retyped: Iterable[Identity]) -> frozenset[Identity]:
    """Return `gone` with all facts that are in the way of dropping these and of retyping columns."""
    found = set(gone)
    columns = frozenset(retyped)
    readers = _Readers(base)
    waiting: list[tuple[Identity, bool]] = [(one, False) for one in sorted(found)]
    waiting += [(one, True) for one in sorted(columns)]
    while waiting:
        identity, is_retyped = waiting.pop()
        for fact in readers.in_the_way(identity, is_retyped=is_retyped):
            if fact.identity not in found:
                found.add(fact.identity)
                waiting.append((fact.identity, False))
    return frozenset(found)


class _Readers:
    """The facts of a base by what they need."""

    def __init__(self, base: Ir) -> None:
        self.base = base
        self.needing: dict[Identity, list[Fact]] = {}
        self.of_table: dict[tuple[str, str], list[Fact]] = {}
        for fact in base.facts:
            for need in fact.requires:
                self.needing.setdefault(need, []).append(fact)
            table = fact.name if isinstance(fact, Grant) else getattr(fact, "table", None)
            if table is not None and hasattr(fact, "schema"):
                self.of_table.setdefault((fact.schema, table), []).append(fact)

    def in_the_way(self, identity: Identity, *, is_retyped: bool) -> Iterator[Fact]:
        """Yield the facts that must not be there while one is dropped, or retyped."""
        kind, *names = identity
        if kind == "column":
            yield from self._of_column(identity, is_retyped=is_retyped)
        elif kind == "function":
            yield from self._calling(identity)
        elif kind in ("view", "table"):
            yield from self._needing(identity, (View, Policy, Function, Trigger, Grant, Comment))
        elif kind in ("primary_key", "unique"):
            yield from self._pointing(identity)
        elif kind == "enum":
            yield from self._needing(identity, (Comment,))
        elif kind == "partition":
            yield from self._needing(("table", *names), (Comment,))

    def _needing(self, identity: Identity, kinds: tuple[type[Fact], ...]) -> Iterator[Fact]:
        return (one for one in self.needing.get(identity, ()) if isinstance(one, kinds))

    def _calling(self, identity: Identity) -> Iterator[Fact]:
        kinds = (View, Policy, Trigger, Check, Index, Grant, Comment)
        for named in (identity, (*identity[:3], "")):
            for one in self.needing.get(named, ()):
                if isinstance(one, kinds) or (isinstance(one, Column) and one.generated):
                    yield one

    def _pointing(self, identity: Identity) -> Iterator[Fact]:
        key = self.base.by_identity[identity]
        assert isinstance(key, PrimaryKey | Unique)
        for one in self.base.pointing_at(key.schema, key.table):
            if sorted(one.target_columns) == sorted(key.columns):
                yield one

    def _of_column(self, identity: Identity, *, is_retyped: bool) -> Iterator[Fact]:
        _, schema, table, column = identity
        for one in self.needing.get(("table", schema, table), ()):
            if (isinstance(one, View) and mentions(one.query, column)) or (
                isinstance(one, Policy) and (one.schema, one.table) != (schema, table) and _named(one, column)
            ):
                yield one
        if not is_retyped:
            yield from self._needing(identity, (Comment,))
        for one in self.of_table.get((schema, table), ()):
            if one.identity != identity and _reads(one, column, is_retyped=is_retyped):
                yield one
        for key in self.base.pointing_at(schema, table):
            if column in key.target_columns:
                yield key


def _reads(fact: Fact, column: str, *, is_retyped: bool) -> bool:
    """Whether a fact of a table is in the way of its column."""
    match fact:
        case Column():
            return bool(fact.generated) and mentions(fact.generated, column)
        case Check():
            return mentions(fact.expression, column)
        case Policy():
            return _named(fact, column)
        case Trigger():
            return any(mentions(one, column) for one in (*fact.events, fact.when) if one)
        case Index():
            read = [*(one for one in fact.keys if one.startswith("(")), *([fact.where] if fact.where else [])]
            is_key = column in (*fact.keys, *fact.include)
            return any(mentions(one, column) for one in read) or (is_key and not is_retyped)
        case ForeignKey():
            return column in fact.columns
        case PrimaryKey() | Unique():
            return column in fact.columns and not is_retyped
        case Grant():
            return column in fact.columns and not is_retyped
    return False


def _named(policy: Policy, column: str) -> bool:
    return any(mentions(one, column) for one in (policy.using, policy.check) if one)
