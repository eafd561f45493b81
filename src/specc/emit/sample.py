"""Sample rows for generated tests: for each table one row that its types, keys and examples allow.

A row of a tenant's table exists for tenant `a` and for tenant `b`; of a shared table once. Its id follows
from the table and the tenant, so that rows find each other without a look-up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from specc.ir.behaviour import Example, Role, Tenancy
from specc.ir.database import Column, Enum, ForeignKey
from specc.ir.model import Ir
from specc.pg.names import idents, lit, qualified

Place = tuple[str, str]
"""Schema and name of a table."""

USERS = ("auth", "users")
_VALUES = {
    "char": "'x'", "character": "'x'",
    "boolean": "true", "bool": "true",
    "json": "'{}'", "jsonb": "'{}'", "jsonpath": "'$'", "bytea": "'\\x00'", "xml": "'<x/>'",
    "date": "'2020-01-01'", "time": "'12:00'", "interval": "'1 hour'", "inet": "'127.0.0.1'",
    "tsvector": "'x'", "point": "'(1,1)'", "daterange": "'empty'", "tstzrange": "'empty'",
}  # fmt: skip
_NUMBERS = ("int", "small", "big", "numeric", "decimal", "real", "double", "float", "money", "oid")


def identifier(*names: str) -> str:
    """Return a UUID that follows from names, as a literal."""
    digits = hashlib.sha256("/".join(names).encode()).hexdigest()
    return lit(f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}")


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
    def _enums(self) -> dict[str, str]:
        return {qualified(one.schema, one.name): one.labels[0] for one in self.ir.all(Enum)}

    def row_id(self, place: Place, tenant: str) -> str:
        """Return the id of the row of a table in a tenant, as a literal."""
        if place == USERS:
            return identifier("user", "nobody")
        return identifier(*place, tenant if place in self.tenancy else "shared")

    def tenant_id(self, place: Place, tenant: str) -> str:
        """Return the id of the tenant `a` or `b` of a table, as a literal."""
        one = self.tenancy[place]
        return self.row_id((one.root_schema, one.root), tenant)

    def columns(self, place: Place) -> list[Column]:
        """Return the columns of a table in their order."""
        return sorted(self.ir.of_table(Column, *place), key=lambda one: (one.position, one.name))

    @cached_property
    def _references(self) -> dict[tuple[str, str, str], ForeignKey]:
        return {(one.schema, one.table, one.columns[0]): one for one in self.ir.all(ForeignKey)}

    def reference(self, column: Column) -> ForeignKey | None:
        """Return the foreign key that a column points with."""
        return self._references.get((column.schema, column.table, column.name))

    def value(self, column: Column, tenant: str) -> str:
        """Return a value for a column of a row of a tenant, as SQL."""
        place = (column.schema, column.table)
        if column.name == "id":
            return self.row_id(place, tenant)
        if place in self.tenancy and column.name == self.tenancy[place].column:
            return self.tenant_id(place, tenant)
        key = self.reference(column)
        if key is not None and key.target_columns[0] == "id":
            return self.row_id((key.target_schema, key.target_table), tenant)
        if key is not None:
            target = self.ir.by_identity[
                ("column", key.target_schema, key.target_table, key.target_columns[0])
            ]
            return self.value(target, "a") if isinstance(target, Column) else "null"
        return self._examples.get((*place, column.name)) or self._plain(column.type, tenant)

    def _plain(self, type_text: str, tenant: str) -> str:
        """Return a value that differs between tenants where the type is wide enough, for keys over all rows."""
        if type_text.endswith("]"):
            return "'{}'"
        if type_text in self._enums:
            return lit(self._enums[type_text])
        word = type_text.removeprefix("pg_catalog.").split("(")[0].strip()
        if word.startswith("timestamp"):
            return "'2020-01-01 00:00:00+00'"
        if word == "uuid":
            return identifier("any", tenant)
        if word.startswith(_NUMBERS):
            return str(" abc".index(tenant))
        return _VALUES.get(word) or f"'x{tenant}'"

    def needed(self, place: Place) -> list[Column]:
        """Return the columns a row cannot do without: not null, no default, nothing that makes them."""
        return [
            one
            for one in self.columns(place)
            if one.name == "id"
            or (one.not_null and not one.default and not one.generated and not one.identity_form)
        ]

    def values(self, place: Place, tenant: str) -> dict[str, str]:
        """Return the values of a row by column."""
        return {one.name: self.value(one, tenant) for one in self.needed(place)}

    def insert(self, place: Place, values: dict[str, str]) -> str:
        """Return the INSERT of a row."""
        names = idents(tuple(values))
        return f"insert into {qualified(*place)} ({names}) values ({', '.join(values.values())})"

    def parents(self, place: Place, *, optional: bool = False) -> list[Place]:
        """Return the tables a row of a table points at, each after those that it needs itself."""
        found: list[Place] = []
        self._gather(place, found, {place}, optional=optional)
        return found

    def _gather(self, place: Place, found: list[Place], seen: set[Place], *, optional: bool) -> None:
        for column in self.columns(place):
            key = self.reference(column)
            if key is None or not (column.not_null or optional):
                continue
            target = (key.target_schema, key.target_table)
            if target not in seen and ("table", *target) in self.ir.by_identity:
                seen.add(target)
                self._gather(target, found, seen, optional=False)
                found.append(target)

    def seed(self, places: Iterable[Place]) -> Iterator[str]:
        """Yield the INSERTs of the rows of tables: for both tenants, once for shared tables."""
        for place in places:
            for tenant in ("a", "b") if place in self.tenancy else ("a",):
                yield self.insert(place, self.values(place, tenant))

    def user(self, role: Role, tenant: str) -> str:
        """Return the id of the user who has a role in a tenant, as a literal."""
        return identifier("user", role.name, tenant)

    def memberships(self) -> Iterator[tuple[Role, str, dict[str, str]]]:
        """Yield (role, tenant, row) of the memberships that make each role's user a member."""
        for role in self.ir.all(Role):
            if not role.table:
                continue
            place = (role.schema, role.table)
            for tenant in ("a", "b"):
                row = self.values(place, tenant)
                row |= {"id": identifier("membership", role.name, tenant), role.user: self.user(role, tenant)}
                row |= {column: literals[0] for column, literals in role.member}
                yield role, tenant, row

    def held(self, role: Role) -> tuple[str, ...]:
        """Return the roles that a user of `role` has: his membership may count for others, too."""
        row = next(row for one, _, row in self.memberships() if one == role)
        place = (role.schema, role.table)
        defaults = {one.name: one.default for one in self.columns(place)}
        return tuple(
            other.name
            for other in self.ir.all(Role)
            if (other.schema, other.table, other.user) == (*place, role.user)
            and all(row.get(column, defaults.get(column)) in literals for column, literals in other.member)
        )
