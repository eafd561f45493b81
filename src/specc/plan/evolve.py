"""The plan from one database to another: facts of both in, ordered steps out, each with its way back.

First objects are renamed, then what goes and what is in the way is dropped, dependents first; then what changes and
what is new is made, in the order of the new facts' dependencies; at last go the types that columns have left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeGuard

from specc.ir.behaviour import Machine
from specc.ir.database import (
    DATABASE,
    Check,
    Column,
    Comment,
    Enum,
    ForeignKey,
    Grant,
    Index,
    Partition,
    PrimaryKey,
    Row,
    Table,
    Unique,
)
from specc.ir.fact import Fact, Identity
from specc.ir.intent import Conversion, Retired
from specc.ir.model import Ir, walk
from specc.ir.step import Step
from specc.pg.alter import alter, retyped
from specc.pg.ddl import create, drop
from specc.pg.mentions import mentions
from specc.pg.names import ident, qualified
from specc.plan import data, enums
from specc.plan.disturbed import disturbed
from specc.plan.initial import table_text
from specc.plan.moves import moves
from specc.plan.renames import Renaming, rename_base

_INLINE = (Column, PrimaryKey, Unique, Check)
"""What CREATE TABLE makes together with a table."""
_WITH_OWNER = (Column, PrimaryKey, Unique, Check, Index, Grant, Comment, Partition)
"""What goes when its table or other object goes; rows go before, since others may be what they point at."""


def evolve(base: Ir, new: Ir, renaming: Renaming | None = None) -> list[Step]:
    """Return the steps from one database to another; enums of the base have the labels that are added.

    `renaming` is what renames the base's objects, where that is known.
    """
    renaming = renaming or rename_base(base, new)
    return list(_Evolution(base, renaming, renaming.base, new).steps())


@dataclass(frozen=True)
class _Evolution:
    """Two sets of facts: the base's, as they were and under their new names, and those there are to be."""

    was: Ir
    renaming: Renaming
    base: Ir
    new: Ir

    @cached_property
    def before(self) -> dict[Identity, Fact]:
        """The objects of the base."""
        return {at: one for at, one in self.base.by_identity.items() if isinstance(one, DATABASE)}

    @cached_property
    def after(self) -> dict[Identity, Fact]:
        """The objects there are to be."""
        return {at: one for at, one in self.new.by_identity.items() if isinstance(one, DATABASE)}

    @cached_property
    def rebuilt(self) -> tuple[enums.Rebuild, ...]:
        """The enums that are made anew, since labels go or change their order."""
        return tuple(enums.rebuilds(self.base, self.new))

    @cached_property
    def relabelled(self) -> frozenset[Identity]:
        """The columns whose defaults name labels in other words before than after."""
        return frozenset(one.identity for one in enums.relabelled(self.base, self.new, self.rebuilt))

    @cached_property
    def changed(self) -> dict[Identity, tuple[Fact, Fact]]:
        """The facts that stay and are not the same."""
        both = self.before.keys() & self.after.keys()
        return {
            one: (self.before[one], self.after[one]) for one in both if self.before[one] != self.after[one]
        }

    @cached_property
    def texts(self) -> dict[Identity, tuple[str, str]]:
        """The statements for facts that change in place, and the way back."""
        found: dict[Identity, tuple[str, str]] = {}
        for identity, (old, new) in self.changed.items():
            if not isinstance(new, Enum) and (texts := self._altered(old, new)):
                found[identity] = texts
        for one in (reader for each in self.rebuilt for reader in each.readers):
            if one.identity in self.after and one.identity not in found:
                text = alter(one, one) or ""
                found[one.identity] = text, text
        return found

    def _text(self, fact: Fact) -> tuple[str, str]:
        """Return the statements for a fact that changes in place, also for a column that was loosened before."""
        old = self.before[fact.identity]
        if fact.identity in self.loosened and isinstance(old, Column) and not old.generated:
            return self._altered(replace(old, default=""), fact) or ("", "")
        return self.texts[fact.identity]

    def _altered(self, old: Fact, new: Fact) -> tuple[str, str] | None:
        """Return the statements that alter a fact and those that alter it back; None if it is made anew."""
        if _is_computed(old) and not _is_computed(new):
            # It lost its expression before.
            old = replace(old, generated="")
        if isinstance(old, Row) and isinstance(new, Row):
            # Columns that are no more get their values where they are added again.
            old = _in_columns(old, self.after)
            return alter(old, new) or "", alter(new, old) or ""
        up, down = alter(old, new, self._using(new)), alter(new, old, self._using(old))
        if _is_computed(new) and not _is_computed(old):
            up = f"{drop(old)};\n{create(new)}"
        return None if up is None or down is None else (up, down)

    def _using(self, new: Fact) -> str:
        said = self.new.by_identity.get(("conversion", *new.identity[1:]))
        if not isinstance(said, Conversion):
            return ""
        return said.up if new is self.after.get(new.identity) else said.down

    @cached_property
    def gone(self) -> frozenset[Identity]:
        """What is dropped: for good, or to be made anew."""
        removed = self.before.keys() - self.after.keys()
        anew = {one for one in self.changed if one not in self.texts and one[0] != "enum"}
        columns = {one for one, (old, new) in self.changed.items() if _is_retyped(old, new)}
        columns |= {column.identity for one in self.rebuilt for column in one.columns}
        functions = {one.identity for each in self.rebuilt for one in each.functions}
        functions |= {
            ("comment", f"enum {one.new.schema} {one.new.name}") for one in self.rebuilt
        } & self.before.keys()
        computed = {one for one, (old, new) in self.changed.items() if _is_recomputed(old, new)}
        gone = removed | anew | functions
        return disturbed(self.base, gone | computed, columns | computed) - (computed - gone)

    @cached_property
    def made(self) -> list[Identity]:
        """What is created: new, or anew."""
        return [one for one in self.after if one not in self.before or one in self.gone]

    # The steps

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order."""
        late = {one for one in self.gone if one[0] in ("schema", "enum")} | self.read
        late |= {one for one in self.pointed if _table_of(self.before[one]) not in self.gone}
        yield from data.laid_aside(self.was, self.new)
        yield from self._drops((self.gone - late) | self.loosened, self.was, self.renaming.was)
        yield from (one for one in self.renaming.steps if one.fact.identity not in self.gone)
        yield from self._makes()
        yield from moves(self.base, self.new)
        yield from (data.completed(one) for one in self.filled)
        yield from self._drops(late, self.base, self.before)

    @cached_property
    def filled(self) -> tuple[Column, ...]:
        """New columns that may hold nulls until their rows have got values."""
        made = (one for one in self.new.all(Column) if one.identity not in self.before)
        return tuple(
            one
            for one in made
            if _table_of(one) in self.before and data.is_filled_later(one, self.base, self.new)
        )

    @cached_property
    def pointed(self) -> frozenset[Identity]:
        """Reference rows at which others point that stay, until these point elsewhere."""
        staying = (one for one in self.base.all(Row) if one.identity in self.after)
        return frozenset(need for one in staying for need in one.needs if need[0] == "row") & self.gone

    @cached_property
    def read(self) -> frozenset[Identity]:
        """Columns that go, but are read before: other columns get their values from them, or rows are told apart."""
        columns = [one for one in self.base.all(Column) if one.identity not in self.after]
        texts = [(one.schema, one.table, one.up) for one in self.new.all(Conversion)]
        places = {one.name: (one.schema, one.table) for one in self.new.all(Machine)}
        texts += [(*places[one.machine], one.where) for one in self.new.all(Retired) if one.where]
        return frozenset(
            one.identity
            for one in columns
            if any(
                (one.schema, one.table) == (schema, table) and mentions(text, one.name)
                for schema, table, text in texts
            )
        )

    @cached_property
    def loosened(self) -> frozenset[Identity]:
        """Columns that lose what stands in the way: an expression they no longer have, a default of what goes or changes.

        They come by another default when they are changed.
        """
        functions = {(*one[:3], "") for one in self.gone if one[0] == "function"}
        return frozenset(
            one.identity
            for one in self._columns_that_stay()
            if (one.generated and not _is_computed(self.after[one.identity]))
            or (one.default and one.identity in self.relabelled)
            or (one.default and any((*need[:3], "") in functions for need in one.needs))
        )

    def _loosened(self, fact: Fact) -> Step:
        assert isinstance(fact, Column)
        column = f"alter table {qualified(fact.schema, fact.table)} alter column {ident(fact.name)}"
        if fact.generated:
            return Step(fact, f"{column} drop expression", f"{drop(fact)};\n{create(fact)}")
        return Step(fact, f"{column} drop default", f"{column} set default {fact.default}")

    @cached_property
    def staying(self) -> frozenset[Identity]:
        """The columns that are not dropped on the way."""
        return frozenset(one.identity for one in self._columns_that_stay())

    def _columns_that_stay(self) -> Iterator[Column]:
        for one in self.base.all(Column):
            if one.identity not in self.gone and ("table", one.schema, one.table) not in self.gone:
                yield one

    def _drops(self, gone: Iterable[Identity], base: Ir, facts: Mapping[Identity, Fact]) -> Iterator[Step]:
        """Yield the drops of facts, given as they are called at that time."""
        chosen = {one: facts[one] for one in gone}
        now = {fact.identity: identity for identity, fact in chosen.items()}
        inside = {
            one.identity: _table_of(one) for at, one in chosen.items() if self._goes_inside(self.before[at])
        }
        for fact in reversed(list(_walk(list(chosen.values()), inside))):
            identity = now[fact.identity]
            if identity in self.loosened:
                yield self._loosened(fact)
            elif isinstance(fact, Table):
                yield Step(fact, drop(fact), table_text(base, fact))
            else:
                again = self._again(fact, identity) if isinstance(fact, Column) else create(fact)
                yield Step(fact, "" if self._goes(identity) else drop(fact), again)

    def _goes(self, identity: Identity) -> bool:
        """Whether a fact goes by itself with what it belongs to."""
        fact = self.before[identity]
        return _goes(fact, self.gone) or (identity in self.pointed and _table_of(fact) in self.gone)

    def _again(self, column: Column, identity: Identity) -> str:
        """Return the statements that bring a dropped column back, with what reference rows had in it."""
        rows = (
            one
            for one in self.base.all(Row)
            if one.identity in self.after and _table_of(one) == ("table", *identity[1:3])
        )
        values = [(dict(one.values)["id"], dict(one.values).get(identity[-1], "")) for one in rows]
        return data.restored(
            column, [one for one in values if one[1]], is_kept=data.is_kept(column, self.new)
        )

    def _goes_inside(self, fact: Fact) -> bool:
        return isinstance(fact, _INLINE) and _table_of(fact) in self.gone

    def _makes(self) -> Iterator[Step]:
        made = set(self.made)
        touched = {*self.changed, *self.texts, *self.loosened}
        facts = [self.after[one] for one in self.after if one in made or one in touched]
        inside = {
            one.identity: _table_of(one)
            for one in facts
            if isinstance(one, _INLINE) and _table_of(one) in made
        }
        for fact in _walk(facts, inside):
            yield from self._make(fact, made)

    def _make(self, fact: Fact, made: set[Identity]) -> Iterator[Step]:
        is_made = fact.identity in made
        if isinstance(fact, Enum) and not is_made:
            yield from enums.steps(self.base, self.new, fact, self.rebuilt, self.staying)
        elif not is_made and (fact.identity in self.texts or fact.identity in self.loosened):
            up, down = self._text(fact)
            if up or down:
                yield Step(fact, up, down)
        elif isinstance(fact, Table):
            yield Step(fact, table_text(self.new, fact), drop(fact))
        elif isinstance(fact, Column):
            yield data.added(fact, self.base, self.new)
        elif is_made:
            yield Step(fact, create(fact), "" if _goes(fact, made) else drop(fact))


def _is_retyped(old: Fact, new: Fact) -> bool:
    return isinstance(old, Column) and isinstance(new, Column) and retyped(old, new)


def _in_columns(row: Row, facts: Mapping[Identity, Fact]) -> Row:
    """Return a reference row without the columns that are not among some facts."""
    there = (one for one in row.values if ("column", row.schema, row.table, one[0]) in facts)
    return replace(row, values=tuple(there))


def _is_computed(fact: Fact) -> TypeGuard[Column]:
    return isinstance(fact, Column) and bool(fact.generated)


def _is_recomputed(old: Fact, new: Fact) -> bool:
    """Whether a column is dropped and made anew, on the way there or on the way back."""
    if not isinstance(old, Column) or not isinstance(new, Column):
        return False
    return old.generated != new.generated


def _table_of(fact: Fact) -> Identity:
    return ("table", *fact.identity[1:3])


def _goes(fact: Fact, gone: Collection[Identity]) -> bool:
    """Whether a fact goes by itself with what is dropped; the schema `public` stays whatever happens."""
    if not isinstance(fact, _WITH_OWNER):
        return False
    owner = fact.requires[0] if isinstance(fact, Comment | Grant) else _table_of(fact)
    return owner in gone and owner != ("schema", "public")


def _walk(facts: list[Fact], inside: dict[Identity, Identity]) -> Iterator[Fact]:
    """Yield facts in the order of their dependencies, those among them that facts do not say."""
    columns: dict[Identity, list[Column]] = {}
    keys: dict[Identity, list[Identity]] = {}
    rows: dict[Identity, list[Identity]] = {}
    for one in facts:
        if isinstance(one, Column) and one.identity not in inside:
            columns.setdefault(_table_of(one), []).append(one)
        elif isinstance(one, PrimaryKey | Unique):
            keys.setdefault(_table_of(one), []).append(one.identity)
        elif isinstance(one, Row):
            rows.setdefault(_table_of(one), []).append(one.identity)
    more = {
        fact.identity: {*_columns_before(fact, columns), *_keys_before(fact, keys), *_rows_before(fact, rows)}
        for fact in facts
    }
    return walk({fact.identity: fact for fact in sorted(facts, key=_identity)}, inside, more)


def _identity(fact: Fact) -> Identity:
    return fact.identity


def _columns_before(fact: Fact, columns: dict[Identity, list[Column]]) -> Iterator[Identity]:
    """Yield the columns of existing tables that a fact waits for."""
    if isinstance(fact, Column):
        mine = columns.get(_table_of(fact), ()) if fact.generated else ()
        yield from (one.identity for one in mine if one != fact and mentions(fact.generated, one.name))
        return
    tables = [*fact.requires, *([_table_of(fact)] if hasattr(fact, "table") else [])]
    for need in tables:
        yield from (one.identity for one in columns.get(need, ()) if fact.identity not in one.requires)


def _keys_before(fact: Fact, keys: dict[Identity, list[Identity]]) -> Iterator[Identity]:
    """Yield the keys that a reference may point at."""
    if isinstance(fact, ForeignKey):
        yield from keys.get(("table", fact.target_schema, fact.target_table), ())


def _rows_before(fact: Fact, rows: dict[Identity, list[Identity]]) -> Iterator[Identity]:
    """Yield the reference rows that point by a reference, and those they point at: until then they may be others."""
    if isinstance(fact, ForeignKey):
        yield from rows.get(_table_of(fact), ())
        yield from rows.get(("table", fact.target_schema, fact.target_table), ())
