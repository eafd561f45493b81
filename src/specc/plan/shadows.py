"""A column of a large table that gets another type: a second one is filled beside it, and then takes its place.

Base and new facts come in; the facts of the second column, its trigger and its indexes come out, and the step by which
it takes the place. Meanwhile the trigger keeps it in step with every row that is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from specc.ir.database import Column, ForeignKey, Function, Index, PrimaryKey, Trigger, Unique
from specc.ir.fact import Fact, Identity
from specc.ir.intent import Conversion
from specc.ir.model import Ir
from specc.ir.step import Step
from specc.pg.alter import cast, retyped
from specc.pg.ddl import column_text
from specc.pg.mentions import renamed
from specc.pg.names import fit, ident, qualified
from specc.plan.disturbed import disturbed
from specc.plan.names import Names, under
from specc.record import record


def without(ir: Ir, gone: Iterable[Identity], more: Mapping[Identity, Fact]) -> Ir:
    """Return facts without some of them, and with others."""
    left_out = set(gone)
    facts = {one: fact for one, fact in ir.by_identity.items() if one not in left_out} | dict(more)
    return replace(ir, by_identity={one: facts[one] for one in sorted(facts)})


@record
class Shadow:
    """A column as it was and as it is to be; `value` and `back` are the SQL for the values of either by the other.

    `indexes` are those on it that are to be, under other names and on the second column.
    """

    old: Column
    new: Column
    value: str
    back: str
    indexes: tuple[Index, ...]
    afterwards: tuple[Index, ...]

    @property
    def name(self) -> str:
        """The name of the second column."""
        return _beside(self.new.name)

    @property
    def shadow(self) -> Column:
        """The second column."""
        types = tuple(need for need in self.new.needs if need[0] != "function")
        return replace(self.new, name=self.name, default="", not_null=False, needs=types)

    @property
    def function(self) -> Function:
        """What the trigger calls: the rights of whoever writes do not matter to it."""
        name = fit(f"{self.new.table}_{self.new.name}_follow")
        body = (
            "\n#variable_conflict use_column\nbegin\n"
            f"    select {self.value}\n    into new.{ident(self.name)}\n"
            f"    from (select new.*) as {ident(self.new.table)};\n    return new;\nend\n"
        )
        return Function(
            "private",
            name,
            "",
            "",
            "trigger",
            "plpgsql",
            body,
            security_definer=True,
            settings=(("search_path", "''"),),
        )

    @property
    def trigger(self) -> Trigger:
        """What keeps the second column in step: the last one before a row is written."""
        name = fit(f"zzz_{self.new.table}_{self.new.name}_follow")
        events = ("insert", "update")
        return Trigger(
            self.new.schema,
            self.new.table,
            name,
            "before",
            events,
            "private",
            self.function.name,
            always=True,
        )

    def expanded(self, base: Ir, new: Ir) -> Iterator[Fact]:
        """Yield what is made first: the second column and its trigger, and the type where there was none."""
        waiting: list[Fact] = [self.shadow]
        while waiting:
            fact = waiting.pop()
            yield fact
            waiting += [
                new.by_identity[need]
                for need in fact.requires
                if need in new.by_identity.keys() - base.by_identity.keys()
            ]
        yield self.function
        yield self.trigger

    def in_the_way(self, expanded: Ir) -> Collection[Identity]:
        """Return what has to go before the second column can take the place, the column itself left out."""
        gone = disturbed(expanded, [self.old.identity], ()) - {self.old.identity}
        return gone | {self.function.identity, self.trigger.identity}

    def swap(self, bound: str) -> Step:
        """Return the step; `bound` is the constraint that knows that there are no nulls."""
        table = f"alter table {qualified(self.new.schema, self.new.table)}"
        name, second = ident(self.new.name), ident(self.name)
        refused = f"{table} add constraint {ident(bound)} check ({second} is not null) not valid"
        up = [f"{table} drop column {name}", f"{table} rename column {second} to {name}"]
        up += [_renamed(one, other.name) for one, other in zip(self.indexes, self.afterwards, strict=True)]
        down = [_renamed(other, one.name) for one, other in zip(self.indexes, self.afterwards, strict=True)]
        down.append(f"{table} rename column {name} to {second}")
        down.append(f"{table} add column {column_text(replace(self.old, not_null=False, default=''))}")
        down.append(f"update {qualified(self.new.schema, self.new.table)} set {name} = {self.back}")
        if self.old.default:
            down.append(f"{table} alter column {name} set default {self.old.default}")
        if self.old.not_null:
            down.append(f"{table} alter column {name} set not null")
        if self.new.not_null:
            up += [f"{table} alter column {name} set not null", f"{table} drop constraint {ident(bound)}"]
            down.insert(0, f"{table} alter column {name} drop not null")
            down.append(refused)
        return Step(self.new, ";\n".join(up), ";\n".join(down))

    def after(self) -> Iterator[Fact]:
        """Yield what there is once the second column has taken the place."""
        yield replace(self.new, default="")
        yield from self.afterwards


def _beside(name: str) -> str:
    return fit(f"{name}_specc_new")


def _renamed(index: Index, name: str) -> str:
    return f"alter index {qualified(index.schema, index.name)} rename to {ident(name)}"


def shadows(base: Ir, here: Ir, new: Ir, tables: Collection[tuple[str, str]]) -> Iterator[Shadow]:
    """Yield the columns of some tables that get another type and can do so in this way; `here` is under new names.

    A column of a key is read by others, and one that is renamed as well is no longer found: these change in place.
    """
    for column in new.all(Column):
        if (column.schema, column.table) not in tables:
            continue
        old, now = base.by_identity.get(column.identity), here.by_identity.get(column.identity)
        if not isinstance(old, Column) or not isinstance(now, Column) or not retyped(now, column):
            continue
        plain = not any(one.generated or one.identity_form for one in (old, column))
        if (
            plain
            and replace(old, type=now.type) == now
            and not any(_is_key(ir, column) for ir in (base, new))
        ):
            yield _shadow(base, old, column, new)


def _shadow(base: Ir, old: Column, column: Column, new: Ir) -> Shadow:
    said = new.by_identity.get(("conversion", *column.identity[1:]))
    up, down = (said.up, said.down) if isinstance(said, Conversion) else ("", "")
    names = Names(columns={(column.schema, column.table, column.name): _beside(column.name)})
    mine = [
        one for one in new.of_table(Index, column.schema, column.table) if one.identity in base.by_identity
    ]
    on_it = []
    for one in mine:
        there = under(one, names)
        if isinstance(there, Index) and there != one:
            on_it.append((replace(there, name=_beside(one.name)), one))
    back = renamed(down or cast(column, old), {column.name: _beside(column.name)}, {})
    return Shadow(
        old,
        column,
        up or cast(old, column),
        back,
        tuple(there for there, _ in on_it),
        tuple(one for _, one in on_it),
    )


def _is_key(ir: Ir, column: Column) -> bool:
    place = column.schema, column.table
    keys = [
        *(one.columns for one in ir.of_table(PrimaryKey, *place)),
        *(one.columns for one in ir.of_table(Unique, *place)),
        *(one.columns for one in ir.of_table(ForeignKey, *place)),
        *(one.target_columns for one in ir.pointing_at(*place)),
    ]
    return any(column.name in one for one in keys)
