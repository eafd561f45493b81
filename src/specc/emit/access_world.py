"""Who tries what in generated tests of access, and what the facts say of all tables, computed once.

Facts go in; subjects, rules, grants and rows come out. Prints no test.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from specc.emit.sample import Place, Row, Samples, identifier
from specc.ir.behaviour import AccessRule, Role
from specc.ir.database import ForeignKey, Grant, Schema, Table, View
from specc.ir.database import Row as ReferenceRow
from specc.ir.model import Ir
from specc.pg.names import lit


@dataclass(frozen=True)
class Subject:
    """Who tries: a role of the database and, for members, the project's role and its user in tenant `a`."""

    title: str
    database_role: str
    user: str
    roles: tuple[str, ...]

    @cached_property
    def arguments(self) -> str:
        """The role of the database and the user as arguments of a call."""
        return f"{lit(self.database_role)}, {self.user or lit('')}"


@dataclass(frozen=True)
class World:
    """Sample rows, their IR and what follows from it for all tables, computed once."""

    samples: Samples

    @property
    def ir(self) -> Ir:
        """The facts."""
        return self.samples.ir

    @cached_property
    def places(self) -> list[Place]:
        """Every table."""
        return [(one.schema, one.name) for one in self.ir.all(Table)]

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """Everybody who may try something over the API, and one who is signed in but nobody's member."""
        made = [Subject("anon", "anon", "", self._as("anon"))]
        made.append(
            Subject("outsider", "authenticated", identifier("user", "outsider"), self._as("authenticated"))
        )
        for role in self.ir.all(Role):
            if role.table:
                user = self.samples.user(role, "a")
                mine = (*self._as(role.database_role), *self.samples.held(role))
                made.append(Subject(role.name, role.database_role, user, mine))
        made.append(Subject("service_role", "service_role", "", self._as("service_role")))
        return tuple(made)

    def _as(self, database_role: str) -> tuple[str, ...]:
        """The project's roles that anybody has who comes as this role of the database."""
        return tuple(
            role.name for role in self.ir.all(Role) if role.database_role == database_role and not role.table
        )

    @cached_property
    def rules(self) -> dict[tuple[Place, str], list[AccessRule]]:
        """The access rules by table and command."""
        found: dict[tuple[Place, str], list[AccessRule]] = {}
        for rule in self.ir.all(AccessRule):
            found.setdefault(((rule.schema, rule.table), rule.command), []).append(rule)
        return found

    @cached_property
    def database_roles(self) -> dict[str, str]:
        """The role of the database of each project role."""
        return {role.name: role.database_role for role in self.ir.all(Role)}

    @cached_property
    def usage(self) -> dict[str, tuple[str, ...]]:
        """Who may name things in each schema."""
        return {schema.name: schema.usage for schema in self.ir.all(Schema)}

    @cached_property
    def views(self) -> dict[Place, list[View]]:
        """The views on each table."""
        found: dict[Place, list[View]] = {}
        for view in self.ir.all(View):
            for kind, *place in view.needs:
                if kind == "table":
                    found.setdefault((place[0], place[1]), []).append(view)
        return found

    @cached_property
    def view_grants(self) -> set[tuple[str, str, str]]:
        """Who may select from each view."""
        return {(one.schema, one.name, one.role) for one in self.ir.all(Grant) if one.object_kind == "view"}

    @cached_property
    def memberships(self) -> list[tuple[Role, str, Row]]:
        """The rows that make users members: role, tenant, row."""
        return list(self.samples.memberships())

    @cached_property
    def with_reference_rows(self) -> set[Place]:
        """The tables that hold rows from the specs."""
        return {(row.schema, row.table) for row in self.ir.all(ReferenceRow)}

    @cached_property
    def pointed_at(self) -> set[Place]:
        """The tables that others point at."""
        return {(key.target_schema, key.target_table) for key in self.ir.all(ForeignKey)}
