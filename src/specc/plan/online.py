"""Large tables are changed online: nobody waits for as long as all of their rows take.

Base and new facts come in, with what plans the steps between any two; parts come out. What takes long is taken out of
the main part and done before or after it, beside the work: indexes are built, constraints bind what is written from
then on and are checked afterwards, and columns get their values in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, TypeVar

from specc.ir.database import Check, Column, Enum, ForeignKey, Index, Table, Unique
from specc.ir.fact import Fact, Identity
from specc.ir.intent import Large
from specc.ir.model import Ir
from specc.ir.step import CONCURRENTLY, Batch, Part, Step, part
from specc.pg.alter import rename, retyped
from specc.pg.ddl import create, create_beside, drop
from specc.pg.mentions import mentions
from specc.pg.names import fit, ident, idents, qualified
from specc.plan import data
from specc.plan.disturbed import disturbed
from specc.plan.shadows import Shadow, shadows, without
from specc.record import record

Plan = Callable[[Ir, Ir], list[Step]]

BATCH = 2000
"""Rows of one transaction: some tenths of a second, for which a writer of one of them waits at most."""

_NEW, _OLD = "specc_new", "specc_old"
"""What indexes are called that are to take the place of others, and those whose place was taken."""

_FIRST = "00000000-0000-0000-0000-000000000000"


class _OfTable(Protocol):
    @property
    def schema(self) -> str: ...
    @property
    def table(self) -> str: ...


_O = TypeVar("_O", bound=_OfTable)


def large_tables(base: Ir, new: Ir) -> frozenset[tuple[str, str]]:
    """Return the tables that are changed online, by the names they have afterwards; `base` is under new names."""
    found = []
    for one in new.all(Large):
        table = base.by_identity.get(("table", one.schema, one.table))
        if isinstance(table, Table) and not table.partition_by:
            found.append((one.schema, one.table))
    return frozenset(found)


def parts(base: Ir, here: Ir, new: Ir, plan: Plan) -> list[Part]:
    """Return the parts of a plan, of which some may be empty; the main one has no name.

    `here` is the base under new names, in which some table is large.
    """
    return list(_Online(base, here, new, plan).parts())


@dataclass(frozen=True)
class _Online:
    base: Ir
    here: Ir
    new: Ir
    plan: Plan

    @cached_property
    def tables(self) -> frozenset[tuple[str, str]]:
        return large_tables(self.here, self.new)

    @cached_property
    def shadows(self) -> list[Shadow]:
        """The columns that get another type."""
        return list(shadows(self.base, self.here, self.new, self.tables))

    @cached_property
    def filled(self) -> dict[Identity, _Filled]:
        """The new columns whose rows get values."""
        said = ((one, data.conversion(one, self.new)) for one in self._columns() if not one.generated)
        return {
            one.identity: _Filled(one, one.name, conversion.up)
            for one, conversion in said
            if conversion is not None and one.identity not in self.here.by_identity
        }

    @cached_property
    def tight(self) -> list[Column]:
        """The columns that may hold no nulls once all rows are known to have none."""
        shadowed = {one.new.identity for one in self.shadows}
        found = [one.column for one in self.filled.values() if one.column.not_null]
        for one in self._columns():
            old = self.here.by_identity.get(one.identity)
            if isinstance(old, Column) and one.not_null > old.not_null and one.identity not in shadowed:
                found.append(one)
        return found

    @cached_property
    def read(self) -> list[Fact]:
        """The columns that go and others are filled from, with what these need: they stay until the end.

        Nobody has to write them any more.
        """
        gone = [one for one in self.here.facts if one.identity not in self.new.by_identity]
        found: list[Fact] = [
            replace(one, not_null=False)
            for one in gone
            if isinstance(one, Column)
            and any(_is_read(one, by.column, by.value) for by in self.filled.values())
        ]
        for fact in found:
            # A function may be named without its arguments.
            needs = {need[:3] for need in fact.requires}
            found += [one for one in gone if one.identity[:3] in needs and one not in found]
        return found

    @cached_property
    def late(self) -> frozenset[Identity]:
        """The columns that are computed from filled ones, and what hangs on them: all are made at the end."""
        computed = (one for one in self._columns() if one.generated)
        found = [
            one.identity
            for one in computed
            if any(_is_read(by.column, one, one.generated) for by in self.filled.values())
        ]
        return disturbed(self.new, found, ()) if found else frozenset()

    @cached_property
    def replaced(self) -> list[tuple[Index, Index]]:
        """The indexes that change, as they were and are to be, where the base has all that the new one is about."""
        found = []
        for one in self.new.all(Index):
            old = self.base.by_identity.get(one.identity)
            if (
                (one.schema, one.table) in self.tables
                and isinstance(old, Index)
                and self._can_replace(old, one)
            ):
                found.append((old, one))
        return found

    def _can_replace(self, old: Index, new: Index) -> bool:
        if old == new or self.here.by_identity.get(old.identity) != old:
            return False
        about = [one for one in self.new.of_table(Column, new.schema, new.table) if _is_about(new, one)]
        same = all(
            isinstance(there := self.base.by_identity.get(one.identity), Column) and not retyped(there, one)
            for one in about
        )
        needs = (need for need in new.needs if need[0] != "enum")
        known = all(self.base.by_identity.get(need) == self.new.by_identity.get(need) for need in needs)
        return same and known and not self._relabelled & {one.type for one in about}

    @cached_property
    def _relabelled(self) -> set[str]:
        """The types whose labels are not what they were, new ones left out."""
        both = ((self.base.by_identity.get(one.identity), one) for one in self.new.all(Enum))
        return {
            qualified(new.schema, new.name)
            for old, new in both
            if isinstance(old, Enum) and old.labels != new.labels
        }

    def _columns(self) -> Iterator[Column]:
        return (one for one in self.new.all(Column) if (one.schema, one.table) in self.tables)

    # The parts

    def parts(self) -> Iterator[Part]:
        """Yield them in order."""
        held, main = self._main()
        yield from self._before()
        yield from (_beside(_called(one, _NEW)) for _, one in self.replaced)
        yield part("", main)
        yield from map(_fill, _by_table(self.filled.values()))
        yield from map(_beside, held)
        yield from self._after(main, held)

    def _before(self) -> Iterator[Part]:
        """Yield what makes the shadows of columns."""
        if self.shadows:
            yield part("expand", self.plan(self.base, self._expanded))
        filled = _by_table(_Filled(one.new, one.name, one.value) for one in self.shadows)
        yield from map(_fill, filled)
        yield from (_beside(index) for one in self.shadows for index in one.indexes)
        for some in filled:
            texts = [_validate(one, _bound(one.column)) for one in some if one.column.not_null]
            # Whoever plans a query knows what is in a column before it is read for the first time.
            names = idents(tuple(one.name for one in some))
            texts.append(f"analyze {qualified(some[0].schema, some[0].table)} ({names})")
            yield part("validate", [Step(some[0].column, text, "") for text in texts])

    @cached_property
    def _expanded(self) -> Ir:
        made = {fact.identity: fact for one in self.shadows for fact in one.expanded(self.base, self.new)}
        return without(self.base, (), made)

    def _swapped(self) -> tuple[list[Step], Ir]:
        """Return the steps by which the shadows take the places of their columns, and the facts after them."""
        gone = {identity for one in self.shadows for identity in one.in_the_way(self._expanded)}
        bare = without(self._expanded, gone, {})
        found = [*self.plan(self._expanded, bare), *(one.swap(_bound(one.new)) for one in self.shadows)]
        found += [_exchanged(old, new) for old, new in self.replaced]
        after = [fact for one in self.shadows for fact in one.after()]
        after += [one for old, new in self.replaced for one in (new, _called(old, _OLD))]
        made = {one.identity: one for one in after}
        return found, without(bare, (one.shadow.identity for one in self.shadows), made)

    def _main(self) -> tuple[list[Index | Unique], list[Step]]:
        """Return the indexes and keys that wait until the main part is done, and its steps."""
        first, base = self._swapped()
        held: dict[Identity, Index | Unique] = {}
        while True:
            found = self.plan(base, self._meanwhile(held.values()))
            more = [one.fact for one in found if isinstance(one.fact, Index | Unique) and self._is_made(one)]
            if not more:
                # What is written from now on is refused if it has nulls.
                bound = [_bind(one, one.name) for one in self.tight if one.identity not in self.filled]
                return list(held.values()), [*first, *map(self._in_main, found), *bound]
            held |= {one.identity: one for one in more}

    def _meanwhile(self, held: Iterable[Index | Unique]) -> Ir:
        """Return what the main part leads to."""
        gone = {one.identity for one in held} | self.late
        for fact in self.new.facts:
            if gone.intersection(fact.requires) or any(_points(fact, one) for one in held):
                gone.add(fact.identity)
        loose: list[Fact] = [*(replace(one, not_null=False) for one in self.tight), *self.read]
        loose += [_called(old, _OLD) for old, _ in self.replaced]
        return without(self.new, gone, {one.identity: one for one in loose})

    def _in_main(self, step: Step) -> Step:
        """Return a step of the main part as it is for large tables."""
        fact = step.fact
        if isinstance(fact, Check | ForeignKey) and self._is_made(step):
            return replace(step, up=f"{step.up} not valid")
        if isinstance(fact, Column) and fact.identity in self.filled:
            return Step(fact, ";\n".join(data.bare_texts(fact)), drop(fact))
        return step

    def _is_made(self, step: Step) -> bool:
        """Whether a step makes something that belongs to a large table."""
        place = getattr(step.fact, "schema", ""), getattr(step.fact, "table", "")
        return place in self.tables and step.up == create(step.fact)

    def _after(self, main: Sequence[Step], held: Sequence[Index | Unique]) -> Iterator[Part]:
        """Yield what checks the rows that were there, and what may be made only then."""
        waiting: list[Check | ForeignKey | Column] = [
            one.fact
            for one in main
            if isinstance(one.fact, Check | ForeignKey) and one.up.endswith(" not valid")
        ]
        for some in _by_table([*waiting, *self.tight]):
            names = ((one, _bound(one) if isinstance(one, Column) else one.name) for one in some)
            yield part("validate", [Step(one, _validate(one, name), "") for one, name in names])
        built = {one.identity for one in (*held, *(_called(old, _OLD) for old, _ in self.replaced))}
        last = [_in_last(one, built) for one in self.plan(self._meanwhile(held), self.new)]
        unbound = [Step(one, f"{_alter(one)} drop constraint {ident(_bound(one))}", "") for one in self.tight]
        yield part("finish", [*(one for one in last if one.up), *unbound])
        yield from (_without(_called(old, _OLD)) for old, _ in self.replaced)


def _in_last(step: Step, built: Collection[Identity]) -> Step:
    """Return a step of the last part, where some indexes have been built, or are dropped, beside the work."""
    fact = step.fact
    if fact.identity not in built:
        return step
    if isinstance(fact, Unique):
        name = ident(fact.name)
        return replace(step, up=f"{_alter(fact)} add constraint {name} unique using index {name}")
    return replace(step, up="", down="")


@record
class _Filled:
    """A column whose rows get values, under the name that it has meanwhile."""

    column: Column
    name: str
    value: str

    @property
    def schema(self) -> str:
        return self.column.schema

    @property
    def table(self) -> str:
        return self.column.table


def _fill(some: Sequence[_Filled]) -> Part:
    """Return the part that gives the rows of one table their values, and refuses nulls there from then on."""
    table = qualified(some[0].schema, some[0].table)
    values = ", ".join(f"{ident(one.name)} = {one.value}" for one in some)
    empty = " or ".join(f"{ident(one.name)} is null" for one in some)
    batch = (
        "with batch as materialized (\n"
        f"  select id as specc_id from {table}\n"
        f"  where id > coalesce($1, '{_FIRST}')::uuid and ({empty})\n"
        f"  order by id limit {BATCH} for no key update\n"
        "), done as (\n"
        f"  update {table} set {values} from batch where id = batch.specc_id\n"
        ")\n"
        "select count(*), max(specc_id::text) from batch"
    )
    rest = Step(some[0].column, f"update {table}\nset {values}\nwhere {empty}", "")
    bound = [_bind(one.column, one.name) for one in some if one.column.not_null]
    title = f"the values of {some[0].table}: {', '.join(one.column.name for one in some)}"
    return replace(part("fill", [rest, *bound]), batches=(Batch(title, batch),))


def _bind(column: Column, name: str) -> Step:
    """Return the step that refuses nulls in what is written from now on."""
    bound = ident(_bound(column))
    # The way back does not know whether the constraint has already gone with its column.
    return Step(
        column,
        f"{_alter(column)} add constraint {bound} check ({ident(name)} is not null) not valid",
        f"{_alter(column)} drop constraint if exists {bound}",
    )


def _bound(column: Column) -> str:
    return fit(f"{column.table}_{column.name}_filled")


def _beside(fact: Index | Unique) -> Part:
    """Return the part that builds an index, of a key as well, while its table is written."""
    index = fact
    if isinstance(index, Unique):
        index = Index(fact.schema, fact.table, fact.name, index.columns, unique=True)
    undo = f"drop index concurrently if exists {qualified(fact.schema, fact.name)}"
    return part(f"{fact.name}_{CONCURRENTLY}", [Step(fact, create_beside(index), undo)])


def _without(index: Index) -> Part:
    """Return the part that drops an index while its table is written."""
    up = f"drop index concurrently {qualified(index.schema, index.name)}"
    return part(f"{index.name}_{CONCURRENTLY}", [Step(index, up, create_beside(index))])


def _called(index: Index, ending: str) -> Index:
    return replace(index, name=fit(f"{index.name}_{ending}"))


def _exchanged(old: Index, new: Index) -> Step:
    """Return the step by which one index takes the name of another."""
    aside, beside = _called(old, _OLD), _called(new, _NEW)
    return Step(
        new, f"{rename(old, aside)};\n{rename(beside, new)}", f"{rename(new, beside)};\n{rename(aside, old)}"
    )


def _is_about(index: Index, column: Column) -> bool:
    texts = [*(one for one in index.keys if one.startswith("(")), index.where]
    return column.name in (*index.keys, *index.include) or any(
        mentions(one, column.name) for one in texts if one
    )


def _points(fact: Fact, key: Index | Unique) -> bool:
    """Whether a reference needs a key that is not there yet."""
    if not isinstance(fact, ForeignKey) or not isinstance(key, Unique):
        return False
    there = (fact.target_schema, fact.target_table) == (key.schema, key.table)
    return there and sorted(fact.target_columns) == sorted(key.columns)


def _is_read(column: Column, by: Column, text: str) -> bool:
    return (column.schema, column.table) == (by.schema, by.table) and mentions(text, column.name)


def _validate(fact: _OfTable, name: str) -> str:
    return f"{_alter(fact)} validate constraint {ident(name)}"


def _alter(fact: _OfTable) -> str:
    return f"alter table {qualified(fact.schema, fact.table)}"


def _by_table(facts: Iterable[_O]) -> list[list[_O]]:
    found: dict[tuple[str, str], list[_O]] = {}
    for fact in facts:
        found.setdefault((fact.schema, fact.table), []).append(fact)
    return list(found.values())
