"""Sample rows for generated tests: for each table one row that its types, keys and examples allow.

A row of a tenant's table exists for tenant `a` and for tenant `b`; of a shared table once. Its id follows
from the table and the tenant, so that rows find each other without a look-up. Rows have numbers, so that
no two of them have the same values where a key forbids it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from specc.analysis.machines import Lifecycle, lifecycle_of_facts
from specc.analysis.tables import STATE_COLUMNS
from specc.emit.literals import array_of, literal, read
from specc.ir.behaviour import Example, Machine, Role, Tenancy
from specc.ir.database import Check, Column, Enum, ForeignKey, Index, Unique
from specc.ir.model import Ir
from specc.pg.conditions import constant
from specc.pg.names import idents, lit, qualified
from specc.pg.nulls import filled, truth
from specc.pg.parsing import expression
from specc.remember import remembered

Place = tuple[str, str]
"""Schema and name of a table."""

Row = dict[str, str]
"""Values of a row as SQL, by column."""

USERS = ("auth", "users")
NUMBERS = {"a": 1, "b": 2}
"""The numbers of the rows of the tenants."""
FRESH = 3
"""The number of a row that is not there yet; memberships have those above it."""
_NEVER_TWICE = ("random", "uuid", "nextval", "clock_timestamp")


@lru_cache(maxsize=1 << 14)
def identifier(*names: str) -> str:
    """Return a UUID that follows from names, as a literal."""
    digits = hashlib.sha256("/".join(names).encode()).hexdigest()
    return lit(f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}")


def user_row(user: str) -> str:
    """Return the INSERT of a user with an id, given as a literal."""
    return f"insert into auth.users (id) values ({user}) on conflict do nothing"


@dataclass(frozen=True)
class Samples:
    """Makes rows from the IR."""

    ir: Ir

    @cached_property
    def tenancy(self) -> dict[Place, Tenancy]:
        """Whose rows each table holds; shared tables are not in it."""
        return {(one.schema, one.table): one for one in self.ir.all(Tenancy)}

    @cached_property
    def _examples(self) -> dict[tuple[str, str, str], str]:
        return {(one.schema, one.table, one.column): one.value for one in self.ir.all(Example)}

    @cached_property
    def _enums(self) -> dict[Place, str]:
        return {(one.schema, one.name): one.labels[0] for one in self.ir.all(Enum)}

    def row_id(self, place: Place, tenant: str) -> str:
        """Return the id of the row of a table in a tenant, as a literal."""
        return identifier(*place, tenant if place in self.tenancy else "shared")

    def tenant_id(self, place: Place, tenant: str) -> str:
        """Return the id of the tenant `a` or `b` of a table, as a literal."""
        one = self.tenancy[place]
        return self.row_id((one.root_schema, one.root), tenant)

    def columns(self, place: Place) -> list[Column]:
        """Return the columns of a table in their order."""
        return self._columns.get(place, [])

    @cached_property
    def _columns(self) -> dict[Place, list[Column]]:
        found: dict[Place, list[Column]] = {}
        for one in sorted(self.ir.all(Column), key=lambda one: (one.position, one.name)):
            found.setdefault((one.schema, one.table), []).append(one)
        return found

    @cached_property
    def _references(self) -> dict[tuple[str, str, str], ForeignKey]:
        return {(one.schema, one.table, one.columns[0]): one for one in self.ir.all(ForeignKey)}

    def reference(self, column: Column) -> ForeignKey | None:
        """Return the foreign key that a column points with."""
        return self._references.get((column.schema, column.table, column.name))

    def value(self, column: Column, tenant: str, number: int = 0) -> str:
        """Return a value for a column of a row of a tenant, as SQL; `number` tells rows of one tenant apart."""
        place, number = (column.schema, column.table), number or NUMBERS[tenant]
        if column.name == "id":
            return self.row_id(place, tenant)
        if place in self.tenancy and column.name == self.tenancy[place].column:
            return self.tenant_id(place, tenant)
        key = self.reference(column)
        if key is not None:
            return self._pointed(key, tenant, number)
        return self._examples.get((*place, column.name)) or self.plain(column, number)

    def _pointed(self, key: ForeignKey, tenant: str, number: int) -> str:
        target, column = (key.target_schema, key.target_table), key.target_columns[0]
        if target == USERS:
            return identifier("user", "outsider" if number == FRESH else f"nobody {number}")
        if column == "id":
            return self.row_id(target, tenant)
        there = self.ir.by_identity["column", *target, column]
        return self.value(there, "a") if isinstance(there, Column) else "null"

    def plain(self, column: Column, number: int) -> str:
        """Return the value of a column's type with a number."""
        return self._of_type(column.type, number)

    @remembered
    def _of_type(self, text: str, number: int) -> str:
        kind = read(text)
        label = self._enums.get((kind.schema, kind.name))
        if label is None:
            return literal(kind, number)
        return array_of(lit(label)) if kind.is_array else lit(label)

    def required(self, place: Place) -> list[Column]:
        """Return the columns a row cannot do without: not null, no default, nothing that makes them."""
        return [one for one in self.columns(place) if one.not_null and not one.default and not _is_made(one)]

    def needed(self, place: Place, names: Iterable[str] = ()) -> list[Column]:
        """Return the columns that a sample row says: those it cannot do without, those for which nothing, or
        one value for all rows, would not do, those named, and what checks want besides.
        """
        return self._needed(place, frozenset(names) - self._said(place))

    @remembered
    def _said(self, place: Place) -> set[str]:
        return {one.name for one in self.columns(place) if one.name == "id" or self._is_said(one)}

    @remembered
    def _needed(self, place: Place, names: frozenset[str]) -> list[Column]:
        columns, said = self.columns(place), self._said(place) | names
        checks = [one.expression for one in self.ir.of_table(Check, *place)]
        given = said | {one.name for one in columns if one.not_null or one.default or _is_made(one)}
        said.update(filled(checks, [one.name for one in columns], given, STATE_COLUMNS))
        return [one for one in columns if one.name in said]

    def _is_said(self, column: Column) -> bool:
        place = (column.schema, column.table)
        if _is_made(column):
            return False
        if (*place, column.name) in self._pointed_at or (column.not_null and not column.default):
            return True
        if self.reference(column) is not None:
            return column.not_null
        has_example = (*place, column.name) in self._examples
        if not column.default:
            return has_example
        if column.not_null and "auth." in column.default:
            return True
        in_key = any(column.name in key for key, _ in self.keys(place))
        return in_key and (has_example or column.name not in self._checked(place))

    @cached_property
    def _pointed_at(self) -> set[tuple[str, str, str]]:
        return {
            (one.target_schema, one.target_table, one.target_columns[0]) for one in self.ir.all(ForeignKey)
        }

    def _checked(self, place: Place) -> set[str]:
        """Return the columns whose values checks look at; those that ask for nulls alone do not."""
        every = {one.name for one in self.columns(place)}
        checks = [one.expression for one in self.ir.of_table(Check, *place)]
        found = (expression(one).columns for one in checks if truth(one, every) is None)
        return {path[-1] for each in found for path, _ in each}

    def keys(self, place: Place) -> list[tuple[tuple[str, ...], bool]]:
        """Return the columns of each key besides the primary one, and whether it is for some rows only."""
        found = [(one.columns, False) for one in self.ir.of_table(Unique, *place)]
        found += [(one.keys, bool(one.where)) for one in self.ir.of_table(Index, *place) if one.unique]
        return found

    def values(self, place: Place, tenant: str, number: int = 0, names: Iterable[str] = ()) -> Row:
        """Return the values of a row by column, those of the columns named among them."""
        return {one.name: self.value(one, tenant, number) for one in self.needed(place, names)}

    def fresh(self, place: Place, names: Iterable[str] = ()) -> Row:
        """Return a row of tenant `a` that is not there yet, and clashes with none that is."""
        return self.values(place, "a", FRESH, names) | {"id": identifier(*place, "fresh")}

    def may_clash(self, place: Place, row: Row, others: Iterable[Row]) -> bool:
        """Whether a key may refuse a row because of another: all its columns have the same values."""
        rows = list(others)
        columns = {one.name: one for one in self.columns(place)} if rows else {}
        return any(
            all(_may_equal(columns[name], row, other) for name in key)
            for key, _ in self.keys(place)
            for other in rows
        )

    def insert(self, place: Place, values: Row) -> str:
        """Return the INSERT of a row."""
        names = idents(tuple(values))
        return f"insert into {qualified(*place)} ({names}) values ({', '.join(values.values())})"

    @remembered
    def parents(self, place: Place, *, optional: bool = False) -> list[Place]:
        """Return the tables a row of a table points at, each after those that it needs at once.

        The table itself is among them where one of the others needs its row; `optional` adds the targets of
        its references that may be null.
        """
        wanted: dict[Place, None] = {}
        queue = list(self._targets(place, optional=optional))
        for target in queue:
            if target not in wanted:
                wanted[target] = None
                queue += self._targets(target)
        found: dict[Place, None] = {}
        for target in wanted:
            self._append(target, wanted, found, {target})
        return list(found)

    def _append(
        self, place: Place, wanted: dict[Place, None], found: dict[Place, None], seen: set[Place]
    ) -> None:
        for target in self._targets(place, at_once=True):
            if target in wanted and target not in seen:
                self._append(target, wanted, found, seen | {target})
        found.setdefault(place)

    @remembered
    def _targets(self, place: Place, *, optional: bool = False, at_once: bool = False) -> list[Place]:
        said = {one.name for one in self.needed(place)}
        found = []
        for column in self.columns(place):
            key = self.reference(column)
            if key is None or not (optional or column.name in said):
                continue
            target = (key.target_schema, key.target_table)
            is_late = at_once and "initially deferred" in key.deferrable
            if ("table", *target) in self.ir.by_identity and not is_late:
                found.append(target)
        return found

    def seed(self, places: Iterable[Place]) -> Iterator[str]:
        """Yield the INSERTs of the rows of tables: for both tenants, once for shared tables."""
        yield from self.insert_all((place, row) for place in places for row in self.rows(place))

    @remembered
    def rows(self, place: Place) -> list[Row]:
        """Return the rows of a table: one for each tenant, one in all of a shared table."""
        return [self.values(place, tenant) for tenant in (("a", "b") if place in self.tenancy else ("a",))]

    def insert_all(self, rows: Iterable[tuple[Place, Row]], users: Iterable[str] = ()) -> Iterator[str]:
        """Yield the INSERTs of users, then of rows in their order, each after the users it points at."""
        made = dict.fromkeys(users)
        yield from map(user_row, made)
        for place, row in rows:
            users, statements = self._told(place, tuple(row.items()))
            more = [user for user in users if user not in made]
            made |= dict.fromkeys(more)
            yield from map(user_row, more)
            yield from statements

    @remembered
    def _told(self, place: Place, values: tuple[tuple[str, str], ...]) -> tuple[list[str], list[str]]:
        """Return the users that a row points at and the statements that make it: it returns in many tests."""
        row = dict(values)
        return self._users(place, row), list(self._insert_and_move(place, row))

    def _insert_and_move(self, place: Place, row: Row) -> Iterator[str]:
        """Yield the INSERT of a row, and the UPDATEs that bring it into its state."""
        way = self._ways.get(place, {}).get(row.get("state", ""), ())
        yield self.insert(place, row | {"state": lit(way[0])} if way else row)
        for move in pairwise(way):
            again = ", attempt = attempt + 1" if move in self.lives[place].recoveries else ""
            yield f"update {qualified(*place)} set state = {lit(move[1])}{again} where id = {row['id']}"

    @cached_property
    def lives(self) -> dict[Place, Lifecycle]:
        """The lifecycle of each table with a machine."""
        return {(one.schema, one.table): lifecycle_of_facts(self.ir, one) for one in self.ir.all(Machine)}

    @cached_property
    def _ways(self) -> dict[Place, dict[str, tuple[str, ...]]]:
        """For each table with a machine, the ways into its states, by the literals of these."""
        return {
            place: {lit(state): way for state, way in life.ways.items()} for place, life in self.lives.items()
        }

    def before(self, place: Place, row: Row) -> Iterator[str]:
        """Yield the INSERTs of all that a row points at."""
        yield from self.seed(self.parents(place))
        yield from map(user_row, self._users(place, row))

    def _users(self, place: Place, row: Row) -> list[str]:
        keys = [key for name in row if (key := self._references.get((*place, name)))]
        return [row[key.columns[0]] for key in keys if (key.target_schema, key.target_table) == USERS]

    def user(self, role: Role, tenant: str) -> str:
        """Return the id of the user who has a role in a tenant, as a literal."""
        return identifier("user", role.name, tenant)

    def memberships(self) -> Iterator[tuple[Role, str, Row]]:
        """Yield (role, tenant, row) of the memberships that make each role's user a member."""
        for at, role in enumerate(one for one in self.ir.all(Role) if one.table):
            place = (role.schema, role.table)
            for tenant in ("a", "b"):
                row = self.values(place, tenant, FRESH + 2 * at + NUMBERS[tenant])
                row |= {"id": identifier("membership", role.name, tenant), role.user: self.user(role, tenant)}
                row |= {column: literals[0] for column, literals in role.member}
                yield role, tenant, row

    def held(self, role: Role) -> tuple[str, ...]:
        """Return the roles that a user of `role` has: his membership may count for others, too."""
        row = next(row for one, _, row in self.memberships() if one == role)
        place = (role.schema, role.table)
        columns = {one.name: one for one in self.columns(place)}
        return tuple(
            other.name
            for other in self.ir.all(Role)
            if (other.schema, other.table, other.user) == (*place, role.user)
            and all(_counts(columns[column], row, literals) for column, literals in other.member)
        )


def _is_made(column: Column) -> bool:
    """Whether the database makes the column's values."""
    return bool(column.generated or column.identity_form)


def _may_equal(column: Column, row: Row, other: Row) -> bool:
    mine, theirs = (one.get(column.name, column.default) for one in (row, other))
    if column.identity_form or any(word in mine for word in _NEVER_TWICE):
        return False
    return bool(column.generated) or (bool(mine) and mine == theirs)


def _counts(column: Column, row: Row, literals: tuple[str, ...]) -> bool:
    value = constant(row.get(column.name, column.default))
    if read(column.type).name == "bool" and value.startswith("'"):
        value = "true" if value.strip("'").lower() in ("t", "true", "y", "yes", "on", "1") else "false"
    return value in literals
