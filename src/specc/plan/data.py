"""Rows across a change: what new columns get in rows that are there, and what is laid aside before it is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from specc.ir.behaviour import History, Machine
from specc.ir.database import Column, Enum, Row, Table, Trigger
from specc.ir.intent import Conversion, Removed
from specc.ir.model import Ir
from specc.ir.step import Step
from specc.pg.ddl import EVERYONE, create, drop, sequence_name
from specc.pg.names import fit, ident, idents, lit, qualified


def is_filled_later(column: Column, base: Ir, new: Ir) -> bool:
    """Whether a new column of an existing table may be null until its rows have their values."""
    if not column.not_null or column.generated or column.identity_form:
        return False
    is_said = conversion(column, new) is not None
    return is_said or (not column.default and bool(base.of_table(Row, column.schema, column.table)))


def is_filled(column: Column) -> bool:
    """Whether a column has a value by itself in rows that are there: a migration is no user, so it is not who that is."""
    by_default = column.default and not any(need[:2] == ("function", "auth") for need in column.needs)
    return bool(by_default or column.generated or column.identity_form)


def conversion(column: Column, new: Ir) -> Conversion | None:
    """Return what the specs say of the values of a column, if anything."""
    said = new.by_identity.get(("conversion", *column.identity[1:]))
    return said if isinstance(said, Conversion) and said.up else None


def added(column: Column, base: Ir, new: Ir) -> Step:
    """Return the step that adds a column to a table, with what its rows get in it."""
    said = conversion(column, new)
    if said is None and not is_filled_later(column, base, new):
        return Step(column, create(column), drop(column))
    if said is None:
        return Step(column, create(replace(column, not_null=False)), drop(column))
    table, name = qualified(column.schema, column.table), ident(column.name)
    bare, *default = bare_texts(column)
    return Step(column, ";\n".join([bare, f"update {table} set {name} = {said.up}", *default]), drop(column))


def bare_texts(column: Column) -> list[str]:
    """Return the statements that add a column whose rows get their values later, and then its default."""
    table, name = qualified(column.schema, column.table), ident(column.name)
    texts = [create(replace(column, not_null=False, default=""))]
    if column.default:
        texts.append(f"alter table {table} alter column {name} set default {column.default}")
    return texts


def completed(column: Column) -> Step:
    """Return the step that lets a column hold no nulls any more."""
    action = f"alter table {qualified(column.schema, column.table)} alter column {ident(column.name)}"
    return Step(column, f"{action} set not null", f"{action} drop not null")


def laid_aside(base: Ir, new: Ir) -> Iterator[Step]:
    """Yield the steps that lay aside what is given up but kept, and bring it back."""
    for one in new.all(Removed):
        fact = base.by_identity.get(one.identity_before)
        if not one.keep or one.identity_before in new.by_identity:
            continue
        if isinstance(fact, Column) and is_kept(fact, new):
            yield _column_aside(base, fact)
        elif isinstance(fact, Table):
            yield from (_table_aside(base, each) for each in (fact, *_histories(base, fact)))


def _histories(base: Ir, table: Table) -> Iterator[Table]:
    """Yield the tables of moves of a table's rows."""
    for machine in base.all(Machine):
        for one in base.of_machine(History, machine.name):
            history = base.by_identity.get(("table", one.schema, one.table))
            if (machine.schema, machine.table) == (table.schema, table.name) and isinstance(history, Table):
                yield history


def restored(column: Column, values: Sequence[tuple[str, str]], *, is_kept: bool) -> str:
    """Return the statements that bring a dropped column back; `values` are those of rows by their ids.

    What is laid aside comes back later, into a column that may hold nulls until then.
    """
    if not values and not is_kept:
        return create(column)
    table, name = qualified(column.schema, column.table), ident(column.name)
    texts = [create(replace(column, not_null=False))]
    texts += [f"update {table} set {name} = {value} where id = {row}" for row, value in values]
    if column.not_null and not is_kept:
        texts.append(f"alter table {table} alter column {name} set not null")
    return ";\n".join(texts)


def is_kept(column: Column, new: Ir) -> bool:
    """Whether what a dropped column held is laid aside; what is computed comes back by itself."""
    said = new.by_identity.get(("removed", " ".join(column.identity)))
    return isinstance(said, Removed) and said.keep and not column.generated


def _aside(*names: str) -> str:
    return qualified("private", fit("_".join(("kept", *names))))


def _column_aside(base: Ir, fact: Column) -> Step:
    table, name, aside = qualified(fact.schema, fact.table), ident(fact.name), _aside(fact.table, fact.name)
    [(read, again)] = _as_text(base, [fact])
    back = [f"update {table} as r set {name} = k.{again} from {aside} as k where k.id = r.id"]
    action = f"alter table {table} alter column {name} set"
    if fact.identity_form == "always":
        back = [f"{action} generated by default", *back, f"{action} generated always"]
    back += _counted_on([fact])
    if fact.not_null and not fact.identity_form:
        back.append(f"{action} not null")
    up = [f"create table {aside} as select id, {read} from {table}", *_closed(aside)]
    return Step(fact, ";\n".join(up), ";\n".join([*back, f"drop table {aside}"]))


def _table_aside(base: Ir, fact: Table) -> Step:
    table, aside = qualified(fact.schema, fact.name), _aside(fact.name)
    columns = [one for one in base.of_table(Column, fact.schema, fact.name) if not one.generated]
    names = idents(tuple(one.name for one in columns))
    read, again = (", ".join(each) for each in zip(*_as_text(base, columns), strict=True))
    # Rows come back as they were: no trigger has a say in it.
    always = [one for one in base.of_table(Trigger, fact.schema, fact.name) if one.always]
    back = [
        f"alter table {table} disable trigger user",
        f"insert into {table} ({names}) overriding system value select {again} from {aside} on conflict do nothing",
        f"alter table {table} enable trigger user",
        *(f"alter table {table} enable always trigger {ident(one.name)}" for one in always),
        *_counted_on(columns),
    ]
    up = [f"create table {aside} as select {read} from {table}", *_closed(aside)]
    return Step(fact, ";\n".join(up), ";\n".join([*back, f"drop table {aside}"]))


def _as_text(base: Ir, columns: Sequence[Column]) -> Iterator[tuple[str, str]]:
    """Yield what reads columns to lay them aside, and what reads them back: enums may go, or be made anew."""
    enums = {qualified(one.schema, one.name) for one in base.all(Enum)}
    for one in columns:
        name = ident(one.name)
        if one.type.removesuffix("[]") in enums:
            many = "[]" if one.type.endswith("[]") else ""
            yield f"{name}::text{many} as {name}", f"{name}::{one.type}"
        else:
            yield name, name


def _counted_on(columns: Sequence[Column]) -> list[str]:
    """Return what lets columns that count by themselves go on behind the rows that came back."""
    return [
        f"select pg_catalog.setval({lit(sequence_name(one))}, "
        f"(select coalesce(max({ident(one.name)}), 0) + 1 from {qualified(one.schema, one.table)}), false)"
        for one in columns
        if one.identity_form
    ]


def _closed(table: str) -> tuple[str, ...]:
    return f"alter table {table} enable row level security", f"revoke all on table {table} from {EVERYONE}"
