"""SQL text for facts that change: what turns one into another in place, and what gives one another name.

Pure, as `ddl` is. What cannot be turned in place is dropped and made anew, which is the planner's to order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from specc.ir.database import (
    Check,
    Column,
    Comment,
    Enum,
    ForeignKey,
    Function,
    Index,
    Partition,
    PrimaryKey,
    Row,
    Schema,
    Table,
    Unique,
    View,
)
from specc.ir.fact import Fact
from specc.pg.ddl import EVERYONE, create, function_text, sequence_name
from specc.pg.names import ident, idents, lit, qualified

_PLAIN_COUNTER = "increment by 1 no minvalue no maxvalue start with 1 cache 1 no cycle"
"""What a sequence is when nothing is said (PostgreSQL manual, CREATE SEQUENCE)."""


def alter(old: Fact, new: Fact, using: str = "") -> str | None:
    """Return the statements that turn a fact into another of its identity, without a final semicolon.

    None where PostgreSQL has no such statement, "" where nothing is to be done; `using` is the SQL expression for
    the values of a column that gets another type.
    """
    if isinstance(old, Column) and isinstance(new, Column):
        return _column(old, new, using)
    change: Callable[[Any, Any], str | None] | None = _CHANGES.get(type(new))
    return change(old, new) if change else None


def _schema(old: Schema, new: Schema) -> str:
    name = ident(new.name)
    gone = tuple(one for one in old.usage if one not in new.usage)
    come = tuple(one for one in new.usage if one not in old.usage)
    parts = [f"revoke usage on schema {name} from {idents(gone)}"] if gone else []
    parts += [f"grant usage on schema {name} to {idents(come)}"] if come else []
    return ";\n".join(parts)


def _table(old: Table, new: Table) -> str | None:
    if old.partition_by != new.partition_by:
        return None
    word = "enable" if new.row_security else "disable"
    return f"alter table {qualified(new.schema, new.name)} {word} row level security"


def _function(old: Function, new: Function) -> str | None:
    kept = ("arguments", "returns", "procedure")
    if any(getattr(old, name) != getattr(new, name) for name in kept):
        return None
    return f"create or replace {function_text(new)}"


def _comment(_: Comment, new: Comment) -> str:
    return create(new)


def _row(old: Row, new: Row) -> str | None:
    before, now = dict(old.values), dict(new.values)
    if before.get("id") != now.get("id"):
        return None
    found = [f"{ident(name)} = {value}" for name, value in new.values if before.get(name) != value]
    # What the row no longer says is what its column says by itself.
    found += [f"{ident(name)} = default" for name in before if name not in now]
    values = ", ".join(found)
    return f"update {qualified(new.schema, new.table)} set {values} where id = {now['id']}" if values else ""


_CHANGES: dict[type[Fact], Callable[[Any, Any], str | None]] = {
    Schema: _schema,
    Table: _table,
    Function: _function,
    Comment: _comment,
    Row: _row,
}


def retyped(old: Column, new: Column) -> bool:
    """Whether a change of a column is one of its type, so that what reads the column is in the way."""
    return (old.type, old.collation) != (new.type, new.collation)


def _column(old: Column, new: Column, using: str) -> str | None:
    if new.generated and (old.generated != new.generated or retyped(old, new)):
        return None
    actions = list(_actions(old, new, using))
    table = qualified(new.schema, new.table)
    parts = [f"alter table {table}\n    " + ",\n    ".join(actions)] if actions else []
    for word in _lost(old, new):
        parts.insert(0, f"alter table {table} alter column {ident(new.name)} drop {word}")
    return ";\n".join([*parts, *_counter(old, new)])


def _lost(old: Column, new: Column) -> Iterator[str]:
    """Yield what a column may not have any more when its type changes, in a statement of its own."""
    if old.generated and not new.generated:
        yield "expression"
    if old.identity_form and not new.identity_form:
        yield "identity"


def _actions(old: Column, new: Column, using: str) -> Iterator[str]:
    column = f"alter column {ident(new.name)}"
    is_retyped = retyped(old, new)
    if old.default and (is_retyped or not new.default):
        yield f"{column} drop default"
    if is_retyped:
        collation = f" collate {new.collation}" if new.collation else ""
        yield f"{column} type {new.type}{collation} using {using or cast(old, new)}"
    if new.default and (is_retyped or old.default != new.default):
        yield f"{column} set default {new.default}"
    if new.not_null != old.not_null:
        yield f"{column} {'set' if new.not_null else 'drop'} not null"
    if old.identity_form and new.identity_form and old.identity_form != new.identity_form:
        yield f"{column} set generated {new.identity_form}"


_KINDRED = (
    {
        "smallint",
        "integer",
        "bigint",
        "int2",
        "int4",
        "int8",
        "int",
        "numeric",
        "decimal",
        "real",
        "double precision",
    },
    {"timestamptz", "timestamp", "date", "timestamp with time zone", "timestamp without time zone"},
    {"json", "jsonb"},
    {"text", "varchar", "character varying", "char", "character"},
)
"""Types between which PostgreSQL has casts of its own (`pg_cast`); between others the way is by text."""


def cast(old: Column, new: Column) -> str:
    """Return the values of a column in its new type, where nothing else is said."""
    before, after = (one.type.split("(", 1)[0].strip().lower() for one in (old, new))
    direct = before == after or any(before in each and after in each for each in _KINDRED)
    return f"{ident(new.name)}::{'' if direct or after == 'text' else 'text::'}{new.type}"


def _counter(old: Column, new: Column) -> Iterator[str]:
    """Yield what changes the sequence that counts a column up."""
    if not new.identity_form:
        return
    table, sequence = qualified(new.schema, new.table), sequence_name(new)
    if not old.identity_form:
        options = " ".join(filter(None, [f"sequence name {sequence}", new.identity_options]))
        yield f"alter table {table} alter column {ident(new.name)} add generated {new.identity_form} as identity ({options})"
        yield f"revoke all on sequence {sequence} from {EVERYONE}"
        top = f"(select coalesce(max({ident(new.name)}), 0) + 1 from {table})"
        yield f"select pg_catalog.setval({lit(sequence)}, {top}, false)"
        return
    if old.sequence != new.sequence:
        yield f"alter sequence {sequence_name(old)} rename to {ident(new.sequence)}"
    if old.identity_options != new.identity_options:
        yield f"alter sequence {sequence} {_PLAIN_COUNTER}"
        if new.identity_options:
            yield f"alter sequence {sequence} {new.identity_options}"


_INDEXES = """do $$
declare
    v_index record;
begin
    for v_index in
        select c.oid::regclass as place, {now} || substr(c.relname, length({was}) + 1) as name
        from pg_catalog.pg_index as i
        join pg_catalog.pg_class as c on c.oid = i.indexrelid
        where i.indrelid = {table}::regclass and starts_with(c.relname, {was} || '_')
    loop
        execute format('alter index %s rename to %I', v_index.place, v_index.name);
    end loop;
end
$$"""
"""PostgreSQL names the indexes of a partition itself, after the partition."""


def rename(old: Fact, new: Fact) -> str:
    """Return the statement that gives an object another name; both are of one class and, if any, one table."""
    match old, new:
        case Partition(), Partition():
            table = qualified(new.schema, new.name)
            text = f"alter table {qualified(old.schema, old.name)} rename to {ident(new.name)}"
            return f"{text};\n{_INDEXES.format(was=lit(old.name), table=lit(table), now=lit(new.name))}"
        case Table(), Table():
            return f"alter table {qualified(old.schema, old.name)} rename to {ident(new.name)}"
        case View(), View():
            return f"alter view {qualified(old.schema, old.name)} rename to {ident(new.name)}"
        case Column(), Column():
            table = qualified(old.schema, new.table)
            return f"alter table {table} rename column {ident(old.name)} to {ident(new.name)}"
        case Enum(), Enum():
            return f"alter type {qualified(old.schema, old.name)} rename to {ident(new.name)}"
        case Index(), Index():
            return f"alter index {qualified(old.schema, old.name)} rename to {ident(new.name)}"
        case (
            PrimaryKey() | Unique() | Check() | ForeignKey(),
            PrimaryKey() | Unique() | Check() | ForeignKey(),
        ):
            table = qualified(new.schema, new.table)
            return f"alter table {table} rename constraint {ident(old.name)} to {ident(new.name)}"
    raise TypeError(f"no other name for {type(old).__name__}")
