"""SQL text for facts: how each is created and how it is dropped. Pure; the order is the planner's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import singledispatch

from specc.ir.database import (
    Check,
    Column,
    Comment,
    Enum,
    ForeignKey,
    Function,
    Grant,
    Index,
    Partition,
    Policy,
    PrimaryKey,
    Row,
    Schema,
    Table,
    Trigger,
    Unique,
    View,
)
from specc.ir.fact import Fact
from specc.pg.names import API_ROLES, dollar, ident, idents, lit, qualified

EVERYONE = ", ".join(("public", *API_ROLES))


@singledispatch
def create(fact: Fact) -> str:
    """Return the statements that make a fact true, without a final semicolon or line break."""
    raise TypeError(f"no DDL for {type(fact).__name__}")


@singledispatch
def drop(fact: Fact) -> str:
    """Return the statement that undoes `create`, or "" where it goes with what it belongs to."""
    raise TypeError(f"no DDL for {type(fact).__name__}")


@create.register
def _(fact: Schema) -> str:
    name = ident(fact.name)
    usage = f"grant usage on schema {name} to {idents(fact.usage)}" if fact.usage else ""
    if fact.name == "public":
        # It was there before us, and others (Supabase's own services) may use it.
        return usage or f"create schema if not exists {name}"
    text = f"create schema {name};\nrevoke all on schema {name} from {EVERYONE}"
    return f"{text};\n{usage}" if usage else text


@drop.register
def _(fact: Schema) -> str:
    # `public` is there before us and stays after us.
    return "" if fact.name == "public" else f"drop schema {ident(fact.name)}"


@create.register
def _(fact: Enum) -> str:
    labels = ",\n    ".join(lit(label) for label in fact.labels)
    return f"create type {qualified(fact.schema, fact.name)} as enum (\n    {labels}\n)"


@drop.register
def _(fact: Enum) -> str:
    return f"drop type {qualified(fact.schema, fact.name)}"


def create_table(
    table: Table,
    columns: Sequence[Column],
    keys: Sequence[PrimaryKey | Unique | Check],
) -> str:
    """Return a table with its columns and the constraints that need no other table, closed to everyone."""
    name = qualified(table.schema, table.name)
    ordered = sorted(columns, key=lambda column: (column.position, column.name))
    lines = [column_text(column) for column in ordered]
    lines += [f"constraint {ident(key.name)} {constraint_text(key)}" for key in sorted(keys, key=_key_order)]
    text = f"create table {name} (\n    " + ",\n    ".join(lines) + "\n)"
    text += f" partition by {table.partition_by}" if table.partition_by else ""
    if table.row_security:
        text += f";\nalter table {name} enable row level security"
    closed = [f"table {name}", *(f"sequence {sequence_name(one)}" for one in ordered if one.sequence)]
    return ";\n".join([text, *(f"revoke all on {one} from {EVERYONE}" for one in closed)])


def sequence_name(column: Column) -> str:
    """Return the sequence that counts a column up, as it stands in SQL."""
    return qualified(column.schema, column.sequence)


def _key_order(key: PrimaryKey | Unique | Check) -> tuple[int, str]:
    return key.RANK, key.name


@create.register
def _(fact: Table) -> str:
    return create_table(fact, (), ())


@drop.register
def _(fact: Table) -> str:
    return f"drop table {qualified(fact.schema, fact.name)}"


@create.register
def _(fact: Partition) -> str:
    name = qualified(fact.schema, fact.name)
    return (
        f"create table {name} partition of {qualified(fact.of_schema, fact.of_table)} {fact.bound};\n"
        f"alter table {name} enable row level security;\n"
        f"revoke all on table {name} from {EVERYONE}"
    )


@drop.register
def _(_: Partition) -> str:
    # It goes with its table.
    return ""


def column_text(column: Column) -> str:
    """Return a column as it stands in CREATE TABLE."""
    parts = [ident(column.name), column.type]
    if column.collation:
        parts.append(f"collate {column.collation}")
    if column.not_null:
        parts.append("not null")
    if column.default:
        parts.append(f"default {column.default}")
    if column.generated:
        parts.append(f"generated always as ({column.generated}) stored")
    if column.identity_form:
        # Named, since it is closed by name; PostgreSQL's own choice depends on what else is there.
        options = [f"sequence name {sequence_name(column)}", column.identity_options]
        parts.append(f"generated {column.identity_form} as identity ({' '.join(filter(None, options))})")
    return " ".join(parts)


@create.register
def _(fact: Column) -> str:
    return f"alter table {qualified(fact.schema, fact.table)} add column {column_text(fact)}"


@drop.register
def _(fact: Column) -> str:
    return f"alter table {qualified(fact.schema, fact.table)} drop column {ident(fact.name)}"


@singledispatch
def constraint_text(fact: Fact) -> str:
    """Return a constraint as it stands after its name."""
    raise TypeError(f"{type(fact).__name__} is no constraint")


@constraint_text.register
def _(fact: PrimaryKey) -> str:
    return f"primary key ({idents(fact.columns)})"


@constraint_text.register
def _(fact: Unique) -> str:
    return f"unique ({idents(fact.columns)})"


@constraint_text.register
def _(fact: Check) -> str:
    return f"check ({fact.expression})"


@constraint_text.register
def _(fact: ForeignKey) -> str:
    target = f"{qualified(fact.target_schema, fact.target_table)} ({idents(fact.target_columns)})"
    text = f"foreign key ({idents(fact.columns)}) references {target}"
    if fact.on_delete != "no action":
        text += f" on delete {fact.on_delete}"
        text += f" ({idents(fact.on_delete_columns)})" if fact.on_delete_columns else ""
    if fact.on_update != "no action":
        text += f" on update {fact.on_update}"
    return text + (f" {fact.deferrable}" if fact.deferrable else "")


@create.register(PrimaryKey)
@create.register(Unique)
@create.register(Check)
@create.register(ForeignKey)
def _(fact: PrimaryKey | Unique | Check | ForeignKey) -> str:
    table = qualified(fact.schema, fact.table)
    return f"alter table {table}\n    add constraint {ident(fact.name)} {constraint_text(fact)}"


@drop.register(PrimaryKey)
@drop.register(Unique)
@drop.register(Check)
@drop.register(ForeignKey)
def _(fact: PrimaryKey | Unique | Check | ForeignKey) -> str:
    return f"alter table {qualified(fact.schema, fact.table)} drop constraint {ident(fact.name)}"


@create.register
def _(fact: Index) -> str:
    return f"create {'unique ' if fact.unique else ''}index {_index_text(fact)}"


def create_beside(fact: Index) -> str:
    """Return the statement that builds an index while the table is written; it refuses a transaction."""
    return f"create {'unique ' if fact.unique else ''}index concurrently {_index_text(fact)}"


def _index_text(fact: Index) -> str:
    method = f" using {fact.method}" if fact.method != "btree" else ""
    text = f"{ident(fact.name)} on {qualified(fact.schema, fact.table)}{method} ({_index_keys(fact.keys)})"
    text += f" include ({idents(fact.include)})" if fact.include else ""
    return text + (f" where {fact.where}" if fact.where else "")


def _index_keys(keys: tuple[str, ...]) -> str:
    return ", ".join(key if key.startswith("(") else ident(key) for key in keys)


@drop.register
def _(fact: Index) -> str:
    return f"drop index {qualified(fact.schema, fact.name)}"


@create.register
def _(fact: Function) -> str:
    word = "procedure" if fact.procedure else "function"
    routine = f"{word} {qualified(fact.schema, fact.name)}({fact.signature})"
    return f"create {function_text(fact)};\nrevoke all on {routine} from {EVERYONE}"


def function_text(fact: Function) -> str:
    """Return a function as it stands after CREATE."""
    name = qualified(fact.schema, fact.name)
    head = f"{'procedure' if fact.procedure else 'function'} {name}({fact.arguments})"
    words = [f"language {fact.language}"]
    if not fact.procedure:
        head += f"\nreturns {fact.returns}"
        words += [fact.volatility] if fact.volatility != "volatile" else []
    words += ["strict"] if fact.strict else []
    words += ["security definer"] if fact.security_definer else []
    words += [f"parallel {fact.parallel}"] if fact.parallel else []
    words += [f"set {setting} = {value}" for setting, value in fact.settings]
    return f"{head}\n{' '.join(words)}\nas {dollar(str(fact.body))}"


@drop.register
def _(fact: Function) -> str:
    word = "procedure" if fact.procedure else "function"
    return f"drop {word} {qualified(fact.schema, fact.name)}({fact.signature})"


@create.register
def _(fact: View) -> str:
    name = qualified(fact.schema, fact.name)
    text = f"create view {name} with (security_invoker = true) as\n{fact.query}"
    return text + f";\nrevoke all on table {name} from {EVERYONE}"


@drop.register
def _(fact: View) -> str:
    return f"drop view {qualified(fact.schema, fact.name)}"


@create.register
def _(fact: Trigger) -> str:
    table, name = qualified(fact.schema, fact.table), ident(fact.name)
    when = f" when ({fact.when})" if fact.when else ""
    seen = [
        f"{age} table as {ident(rows)}"
        for age, rows in (("old", fact.old_rows), ("new", fact.new_rows))
        if rows
    ]
    rows = f"    referencing {' '.join(seen)}\n" if seen else ""
    text = (
        f"create trigger {name} {fact.timing} {' or '.join(fact.events)} on {table}\n{rows}"
        f"    for each {fact.level}{when} execute function {qualified(fact.function_schema, fact.function)}()"
    )
    return text + (f";\nalter table {table} enable always trigger {name}" if fact.always else "")


@drop.register
def _(fact: Trigger) -> str:
    return f"drop trigger {ident(fact.name)} on {qualified(fact.schema, fact.table)}"


@create.register
def _(fact: Policy) -> str:
    text = f"create policy {ident(fact.name)} on {qualified(fact.schema, fact.table)}"
    text += f"\n    for {fact.command} to {idents(fact.roles)}"
    text += f"\n    using ({fact.using})" if fact.using else ""
    return text + (f"\n    with check ({fact.check})" if fact.check else "")


@drop.register
def _(fact: Policy) -> str:
    return f"drop policy {ident(fact.name)} on {qualified(fact.schema, fact.table)}"


def _grant(fact: Grant) -> tuple[str, str]:
    what = qualified(fact.schema, fact.name)
    if fact.object_kind == "function":
        return fact.privilege, f"routine {what}({fact.signature})"
    columns = f" ({idents(fact.columns)})" if fact.columns else ""
    return fact.privilege + columns, f"table {what}"


@create.register
def _(fact: Grant) -> str:
    privilege, what = _grant(fact)
    return f"grant {privilege} on {what} to {ident(fact.role)}"


@drop.register
def _(fact: Grant) -> str:
    privilege, what = _grant(fact)
    return f"revoke {privilege} on {what} from {ident(fact.role)}"


@create.register
def _(fact: Row) -> str:
    columns = idents(tuple(name for name, _ in fact.values))
    values = ", ".join(value for _, value in fact.values)
    return f"insert into {qualified(fact.schema, fact.table)} ({columns}) values ({values})"


@drop.register
def _(fact: Row) -> str:
    identifier = dict(fact.values)["id"]
    return f"delete from {qualified(fact.schema, fact.table)} where id = {identifier}"


@create.register
def _(fact: Comment) -> str:
    return f"comment on {comment_target(fact)} is {lit(fact.text)}"


@drop.register
def _(fact: Comment) -> str:
    # What initdb says of `public`, which stays when we go.
    before = lit("standard public schema") if fact.target == "schema public" else "null"
    return f"comment on {comment_target(fact)} is {before}"


def comment_target(fact: Comment) -> str:
    """Return what a comment is on, in the words of COMMENT ON."""
    kind, *names = fact.target.split(" ", 3)
    match kind:
        case "schema":
            return f"schema {ident(names[0])}"
        case "function":
            return f"routine {qualified(names[0], names[1])}({names[2] if len(names) > 2 else ''})"
        case "enum":
            return f"type {qualified(names[0], names[1])}"
        case "column":
            return f"column {qualified(names[0], names[1])}.{ident(names[2])}"
        case "table" | "view":
            return f"{kind} {qualified(names[0], names[1])}"
    raise ValueError(f"no comment on {kind}")


def statements(texts: Iterable[str]) -> str:
    """Join statements, each ended by a semicolon, with an empty line between."""
    return "".join(f"{text};\n\n" for text in texts if text).rstrip("\n") + "\n"
