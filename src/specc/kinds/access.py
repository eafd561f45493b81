"""Kind `access`: the project's roles, and what each may do with which tables.

It makes row policies (one for each command and role of the database), column grants, and for each role that
comes by membership a function that returns the tenants a signed-in user has it in.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.access import COMMANDS, BoundRole, Permission, covered, permissions, roles
from specc.analysis.tables import BoundTable, tables
from specc.ir.behaviour import AccessRule, Role
from specc.ir.database import Comment, Function, Grant, Index, Policy
from specc.ir.fact import Identity
from specc.kinds import access_rules
from specc.kinds.table_rules import in_full
from specc.lang.kind import Kind, Lowered
from specc.lang.markers import Def, Ref, SpecModel, Sql
from specc.lang.project import Entry, Project
from specc.pg.body import PINNED, render
from specc.pg.conditions import satisfying
from specc.pg.names import fit, ident
from specc.pg.parsing import tidy


class RoleSpec(SpecModel):
    """A role of the project."""

    about: str = Field("", description="Who has it.")
    as_: Literal["anon", "authenticated", "service_role"] = Field(
        alias="as", description="The role of the database that requests of this role run as."
    )
    through: Annotated[str, Ref("table")] = Field(
        "", description="The membership table: a user has this role in the tenants of his rows there."
    )
    user: Annotated[str, Ref("column", within="table")] = Field(
        "", description="The membership table's column that holds the user's id."
    )
    when: Annotated[str, Sql("boolean")] = Field("", description="Only memberships for which this holds.")


class AccessSpec(SpecModel):
    """Roles and permissions."""

    about: str = Field("", description="What these rules are for.")
    roles: dict[Annotated[str, Def("role", label=True)], RoleSpec] = Field(
        default_factory=dict, description="Roles, usable in every access document."
    )
    tables: list[Annotated[str, Ref("table")]] = Field(
        default_factory=list, description="The tables that `allow` speaks of."
    )
    allow: dict[str, list[str]] = Field(
        default_factory=dict,
        description="For each role what it may do: `select`, `insert (column, …)`, `update (column, …)`, `delete`. "
        "Without columns `insert` and `update` mean the declared ones, not `state` and `state_substate`.",
    )


def _lower(entry: Entry, project: Project) -> Lowered:
    for name in entry.spec.roles:
        role = roles(project)[name]
        if role.entry is entry:
            yield _role(role), entry.key("roles", name)
            if role.through:
                yield from _helper(role, project)
    for table in entry.spec.tables:
        bound = tables(project).get(project.full_name("table", table))
        # Permissions of several documents on one table make one set of policies, lowered with the first.
        if bound is not None and covered(project)[bound.full_name] is entry:
            yield from _table(bound, permissions(project).get(bound.full_name, ()), project)


def _role(role: BoundRole) -> Role:
    schema, _, table = role.through.partition(".")
    return Role(role.name, role.database_role, schema, table, role.user, satisfying(role.when))


def _helper(role: BoundRole, project: Project) -> Lowered:
    membership = tables(project)[role.through]
    body = render(
        "role_tenants",
        tenant=membership.tenant_column,
        table=(membership.schema, membership.name),
        user=role.user,
        when=in_full(tidy(role.when), project) if role.when else "",
    )
    name = role.helper()
    yield Function(
        "private", name, "", "", "setof uuid", "sql", body, volatility="stable", security_definer=True,
        settings=PINNED, needs=(("table", membership.schema, membership.name),),
    )  # fmt: skip
    yield Comment(f"function private {name}", f"The tenants in which the signed-in user is {role.name}.")
    # Policies call it as the user, who needs EXECUTE but not USAGE on the schema.
    yield Grant("function", "private", name, "", "execute", role.database_role)
    index = fit(f"{membership.name}_{role.user}_idx")
    yield Index(membership.schema, membership.name, index, (role.user,))


def reading(kept: BoundTable, of: BoundTable, project: Project) -> Lowered:
    """Yield what lets those who may read all of a table read what another one keeps about its rows."""
    allowed = [
        one
        for one in permissions(project).get(of.full_name, ())
        if one.command == "select" and not one.columns and one.role in roles(project)
    ]
    yield from _table(kept, tuple(allowed), project)


def _table(table: BoundTable, allowed: tuple[Permission, ...], project: Project) -> Lowered:
    schema, name = table.schema, table.name
    for first in {(one.role, one.command): one for one in reversed(allowed)}.values():
        same = [one for one in allowed if (one.role, one.command) == (first.role, first.command)]
        columns = _merged([_columns(table, one) for one in same])
        yield AccessRule(schema, name, first.role, first.command, columns), first.entry.at(*first.path)
    for command in COMMANDS:
        for database_role in ("anon", "authenticated", "service_role"):
            mine = [
                one
                for one in allowed
                if one.command == command and roles(project)[one.role].database_role == database_role
            ]
            if mine:
                yield from _permit(table, command, database_role, mine, project)


def _permit(
    table: BoundTable, command: str, database_role: str, mine: list[Permission], project: Project
) -> Lowered:
    span = mine[0].entry.at(*mine[0].path)
    columns = _merged([_columns(table, one) for one in mine])
    grant = Grant("table", table.schema, table.name, "", command, database_role, columns)
    yield grant, span
    if database_role == "service_role":
        return
    condition, needs = _condition(table, mine, project)
    using = "" if command == "insert" else condition
    check = condition if command in ("insert", "update") else ""
    policy = Policy(
        table.schema, table.name, f"{command}_{database_role}", command, (database_role,), using, check, needs
    )
    yield policy, span


def _merged(each: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Columns of several roles that share one role of the database: all of them if one has all."""
    if any(not columns for columns in each):
        return ()
    return tuple(dict.fromkeys(name for columns in each for name in columns))


def _columns(table: BoundTable, one: Permission) -> tuple[str, ...]:
    """Return the columns a permission means; () is the whole row, for `select` and `delete` only."""
    if one.command == "delete" or (one.command == "select" and not one.columns):
        return ()
    # An insert says whose row it is; on the tenants' own table that is the id, which the database makes.
    own = (table.tenant_column,) if one.command == "insert" and table.tenant and not table.is_root else ()
    return tuple(dict.fromkeys((*own, *(one.columns or table.writable))))


def _condition(
    table: BoundTable, mine: list[Permission], project: Project
) -> tuple[str, tuple[Identity, ...]]:
    """Return the condition on rows for several roles, and the functions it calls.

    Each helper is called once for a statement: inside `array(select …)` it is an init plan.
    """
    if any(not roles(project)[one.role].through for one in mine):
        return "true", ()
    helpers = sorted({roles(project)[one.role].helper() for one in mine})
    calls = [f"select private.{ident(helper)}()" for helper in helpers]
    if table.tenant:
        parts = [f"{ident(table.tenant_column)} = any (array({call}))" for call in calls]
    else:
        parts = [f"exists ({call})" for call in calls]
    return " or ".join(parts), tuple(("function", "private", helper, "") for helper in helpers)


KIND = Kind(
    key="access",
    about="Roles, and what each may do with which tables.",
    model=AccessSpec,
    lower=_lower,
    rules=access_rules.RULES,
    pages_from="specc.kinds.access_page",
)
