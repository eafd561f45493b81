"""Generated pgTAP of what PostgreSQL's catalogue says of a table: keys, checks, row security, privileges.

These are what no attempt to read or write can show, or not reliably: a lost check lets the sample row pass,
TRUNCATE asks no policy, and a grant too many is refused by a policy with the same code. Expected results come
from the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from specc.ir.behaviour import AccessRule, Role
from specc.ir.database import Check, Column, ForeignKey, Index, PrimaryKey, Table, Unique, View
from specc.ir.model import Ir
from specc.pg.names import API_ROLES, lit, qualified

_ON_TABLES = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
_ON_COLUMNS = ("insert", "references", "select", "update")
_DELETIONS = {"no action": "a", "restrict": "r", "cascade": "c", "set null": "n", "set default": "d"}
"""The letters of pg_constraint.confdeltype (PostgreSQL manual, System Catalogs)."""

Rights = Mapping[tuple[str, str], tuple[str, ...]]
"""The columns by role of the database and command; none: the whole table."""


def _array(values: Iterable[str]) -> str:
    return f"array[{', '.join(map(lit, values))}]::text[]"


_TABLE_RIGHTS, _COLUMN_RIGHTS = _array(_ON_TABLES), _array(_ON_COLUMNS)


def catalogue_tests(ir: Ir, table: Table, views: Iterable[View]) -> list[str]:
    """Return one query for each test of a table and of the views on it."""
    tests = [*_keys(ir, table), *_columns(ir, table), _secured(table), *_rights(table, _allowed(ir, table))]
    for view in views:
        tests += view_tests(ir, view)
    return tests


def view_tests(ir: Ir, view: View) -> list[str]:
    """Return the tests of who may read a view, and that nobody may do anything else with it."""
    return list(_rights(view, _shown(ir, view)))


def _allowed(ir: Ir, table: Table) -> Rights:
    """Return the rights that the access rules give to roles of the database."""
    roles = {role.name: role.database_role for role in ir.all(Role)}
    rights: dict[tuple[str, str], tuple[str, ...]] = {}
    for rule in ir.of_table(AccessRule, table.schema, table.name):
        key = (roles[rule.role], rule.command)
        known = rights.get(key, rule.columns)
        rights[key] = tuple({*known, *rule.columns}) if known and rule.columns else ()
    return rights


def _shown(ir: Ir, view: View) -> Rights:
    place = (view.schema, view.name, "")
    return {
        (role, "select"): ()
        for role in API_ROLES
        if ("grant", "view", *place, "select", role) in ir.by_identity
    }


def _keys(ir: Ir, table: Table) -> Iterator[str]:
    """Each key and unique index is there, on its columns, in their order, and points where it should."""
    place = (table.schema, table.name)
    for key in ir.of_table(PrimaryKey, *place):
        yield _constrained(table, key.name, "p", key.columns)
    for unique in ir.of_table(Unique, *place):
        yield _constrained(table, unique.name, "u", unique.columns)
    for pointer in ir.of_table(ForeignKey, *place):
        target = lit(qualified(pointer.target_schema, pointer.target_table))
        more = (
            f" and c.confrelid = {target}::regclass and c.confdeltype = {lit(_DELETIONS[pointer.on_delete])}"
        )
        yield _constrained(table, pointer.name, "f", pointer.columns, more)
    for one in ir.of_table(Index, *place):
        if one.unique:
            name = qualified(table.schema, one.name)
            query = (
                f"select indisunique and indisvalid from pg_index where indexrelid = to_regclass({lit(name)})"
            )
            yield f"select ok(({query}), {lit(f'unique index {one.name}')})"


def _constrained(table: Table, name: str, letter: str, columns: tuple[str, ...], more: str = "") -> str:
    return f"""\
select is(
    (
        select array_agg(a.attname::text order by k.place)
        from pg_constraint as c
        cross join unnest(c.conkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.number
        where c.conrelid = {_oid(table)} and c.contype = {lit(letter)} and c.conname = {lit(name)}{more}
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


def _secured(table: Table) -> str:
    what = f"row security is {'on' if table.row_security else 'off'}"
    query = f"select relrowsecurity from pg_class where oid = {_oid(table)}"
    return f"select is(({query}), {lit(table.row_security)}, {lit(what)})"


def _rights(place: Table | View, rights: Rights) -> Iterator[str]:
    """Each role of the API has its privileges, on the whole and on columns, and no other."""
    name = lit(qualified(place.schema, place.name))
    for role in API_ROLES:
        mine = {command: columns for (who, command), columns in rights.items() if who == role}
        whole = [one for one in _ON_TABLES if mine.get(one) == ()] if mine else []
        narrow = [f"{one} {column}" for one in _ON_COLUMNS for column in mine.get(one, ())] if mine else []
        yield f"""\
select is(
    array(
        select one from unnest({_TABLE_RIGHTS}) with ordinality as every (one, place)
        where has_table_privilege({lit(role)}, {name}, one)
        order by place
    ),
    {_array(whole)},
    {lit(f"{role}: rights on {place.name}")}
)"""
        yield f"""\
select is(
    array(
        select one || ' ' || attname from unnest({_COLUMN_RIGHTS}) as one, pg_attribute
        where attrelid = {_oid(place)} and attnum > 0 and not attisdropped
            and has_column_privilege({lit(role)}, attrelid, attnum, one)
            and not has_table_privilege({lit(role)}, attrelid, one)
        order by one || ' ' || attname collate "C"
    ),
    {_array(sorted(narrow))},
    {lit(f"{role}: rights on columns of {place.name}")}
)"""


def _oid(place: Table | View) -> str:
    return f"{lit(qualified(place.schema, place.name))}::regclass"
