"""Generated pgTAP of what PostgreSQL's catalogue says of a table: keys, checks, row security, privileges.

These are what no attempt to read or write can show, or not reliably: a lost check lets the sample row pass, and
TRUNCATE asks no policy. Expected results come from the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.ir.database import Check, Column, Index, PrimaryKey, Table, Unique, View
from specc.ir.model import Ir
from specc.pg.names import API_ROLES, lit, qualified

_OWNERS = ("truncate", "references", "trigger")
"""What no role of the API may do with a table. No rule can allow it, and TRUNCATE passes by row security."""


def catalogue_tests(ir: Ir, table: Table, views: Iterable[View]) -> list[str]:
    """Return one query for each test of a table and of the views on it."""
    return [*_keys(ir, table), *_columns(ir, table), *_rights(table, views)]


def _keys(ir: Ir, table: Table) -> Iterator[str]:
    """Each key and unique index is there, on its columns, in their order."""
    place = (table.schema, table.name)
    for key in ir.of_table(PrimaryKey, *place):
        yield _constrained(table, key.name, "p", key.columns)
    for unique in ir.of_table(Unique, *place):
        yield _constrained(table, unique.name, "u", unique.columns)
    for one in ir.of_table(Index, *place):
        if one.unique:
            name = qualified(table.schema, one.name)
            query = (
                f"select indisunique and indisvalid from pg_index where indexrelid = to_regclass({lit(name)})"
            )
            yield f"select ok(({query}), {lit(f'unique index {one.name}')})"


def _constrained(table: Table, name: str, letter: str, columns: tuple[str, ...]) -> str:
    return f"""\
select is(
    (
        select array_agg(a.attname::text order by k.place)
        from pg_constraint as c
        cross join unnest(c.conkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.number
        where c.conrelid = {_oid(table)} and c.contype = {lit(letter)} and c.conname = {lit(name)}
    ),
    {_array(columns)},
    {lit(f"key {name}")}
)"""


def _columns(ir: Ir, table: Table) -> Iterator[str]:
    """The checks are all there and valid, and columns are null only where the specs say so."""
    place = (table.schema, table.name)
    checks = [one.name for one in ir.of_table(Check, *place)]
    keyed = {name for key in ir.of_table(PrimaryKey, *place) for name in key.columns}
    filled = [one.name for one in ir.of_table(Column, *place) if one.not_null or one.name in keyed]
    yield f"""\
select is(
    array(
        select conname::text from pg_constraint
        where conrelid = {_oid(table)} and contype = 'c' and convalidated
        order by conname collate "C"
    ),
    {_array(sorted(checks))},
    'checks'
)"""
    yield f"""\
select is(
    array(
        select attname::text from pg_attribute
        where attrelid = {_oid(table)} and attnum > 0 and attnotnull and not attisdropped
        order by attname collate "C"
    ),
    {_array(sorted(filled))},
    'columns that are not null'
)"""


def _rights(table: Table, views: Iterable[View]) -> Iterator[str]:
    """Row security is as declared, and nobody of the API has a right on the whole that no rule can give."""
    what = f"row security is {'on' if table.row_security else 'off'}"
    secured = f"(select relrowsecurity from pg_class where oid = {_oid(table)})"
    yield f"select is({secured}, {lit(table.row_security)}, {lit(what)})"
    name = qualified(table.schema, table.name)
    for role in API_ROLES:
        pointing = f"has_any_column_privilege({lit(role)}, {lit(name)}, 'references')"
        yield f"select ok(not ({_holds(role, name, _OWNERS)} or {pointing}), {lit(_what(role, table.name, _OWNERS))})"
    writes = ("insert", "update", "delete", *_OWNERS)
    for view in views:
        for role in API_ROLES:
            held = _holds(role, qualified(view.schema, view.name), writes)
            yield f"select ok(not {held}, {lit(_what(role, view.name, writes))})"


def _holds(role: str, name: str, privileges: Iterable[str]) -> str:
    return f"has_table_privilege({lit(role)}, {lit(name)}, {lit(', '.join(privileges))})"


def _what(role: str, name: str, privileges: tuple[str, ...]) -> str:
    return f"{role}: no {', '.join(privileges[:-1])} or {privileges[-1]} on {name}"


def _oid(table: Table) -> str:
    return f"{lit(qualified(table.schema, table.name))}::regclass"


def _array(values: Iterable[str]) -> str:
    return "array[" + ", ".join(lit(one) for one in values) + "]::text[]"
