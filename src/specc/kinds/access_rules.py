"""What is checked of access: roles, permissions, and that no table of the API is without a rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from specc.analysis.access import (
    Permission,
    PermissionTextError,
    covered,
    permissions,
    read_permission,
    roles,
)
from specc.analysis.tables import BoundTable, all_columns, tables
from specc.diagnostics import Cause, Code, Diagnostic, Label, Span
from specc.diagnostics.suggest import nearest, suggest
from specc.kinds import expression_check
from specc.kinds.expression_check import Expression, check_expression, check_states
from specc.lang.absent import absent
from specc.lang.kind import ProjectRule, Rule
from specc.lang.project import Entry, Path, Project
from specc.lang.resolve import UNKNOWN
from specc.pg.conditions import decide
from specc.pg.types import BUILT_IN
from specc.record import record

_GOOD = """\
table: org
about: A tenant.
tenant: org
columns: {name: text}
---
table: org_member
about: A user of a tenant.
tenant: org
columns: {user_id: uuid references auth.users}
---
table: note
about: A note.
tenant: org
columns: {body: text}
---
access: all
roles:
  member: {as: authenticated, through: org_member, user: user_id}
  server: {as: service_role}
tables: [org, org_member, note]
allow:
  member: [select]
  server: [select, insert]
"""

NO_RULE = Code(
    "S601",
    "no-access-rule",
    "The API serves every table of an exposed schema, so each of them stands in an access document. A table "
    "that nobody may use stands there with nothing allowed.",
    wrong=_GOOD.replace("org_member, note]", "org_member]"),
    right=_GOOD,
)
UNKNOWN_ROLE = Code(
    "S602",
    "unknown-role",
    "Roles are declared under `roles` in an access document.",
    wrong=_GOOD.replace("  member: [select]", "  membr: [select]"),
    right=_GOOD,
)
BAD_PERMISSION = Code(
    "S603",
    "bad-permission",
    "A permission is `select`, `insert`, `update` or `delete`, the first three with columns in brackets "
    "where not all of them are meant.",
    wrong=_GOOD.replace("[select, insert]", "[select, write]"),
    right=_GOOD,
)
NO_COLUMN = Code(
    "S604",
    "unknown-column-allowed",
    "A permission names a column that the table does not have.",
    wrong=_GOOD.replace("[select, insert]", "['insert (bdy)']").replace(
        "org_member, note]", "org_member, note]"
    ),
    right=_GOOD,
)
PROTECTED = Code(
    "S605",
    "protected-column",
    "Nobody writes `id` or `attempt` over the API: ids are made by the database, and `attempt` is what makes "
    "a recovery legal. A row's tenant is set once, when it is inserted, and `state_since` belongs to the guard.",
    wrong=_GOOD.replace("[select, insert]", "['insert (id)']"),
    right=_GOOD,
)
EVERY_TENANT = Code(
    "S606",
    "every-tenant",
    "A role without membership (`through`) would see the rows of every tenant. Only `service_role`, which "
    "never leaves the server, may.",
    wrong=_GOOD.replace(
        "  member: {as: authenticated, through: org_member, user: user_id}", "  member: {as: authenticated}"
    ),
    right=_GOOD,
)
SHARED_WRITE = Code(
    "S607",
    "shared-write",
    "Everybody reads the rows of a shared table; whoever is signed in could change them for all.",
    wrong="table: word\nabout: A word.\nshared: true\ncolumns: {text: text}\n"
    "---\naccess: all\nroles: {user: {as: authenticated}}\ntables: [word]\nallow: {user: [select, delete]}\n",
    right="table: word\nabout: A word.\nshared: true\ncolumns: {text: text}\n"
    "---\naccess: all\nroles: {user: {as: authenticated}}\ntables: [word]\nallow: {user: [select]}\n",
)
ROLE_TWICE = Code(
    "S608",
    "role-declared-twice",
    "A role is declared in one access document and used in all.",
    wrong=_GOOD + "---\naccess: more\nroles: {server: {as: service_role}}\n",
    right=_GOOD,
)
BAD_MEMBERSHIP = Code(
    "S609",
    "bad-membership",
    "Membership is a row of a tenant's table with a column that holds the user's id: `through` and `user` "
    "stand together, and `service_role`, which no user is, has neither.",
    wrong=_GOOD.replace(", user: user_id}", "}"),
    right=_GOOD,
)
OTHER_TENANT = Code(
    "S610",
    "other-tenant",
    "A membership in one kind of tenant says nothing about the rows of another kind.",
    wrong=_GOOD
    + "---\ntable: shop\nabout: Another tenant.\ntenant: shop\ncolumns: {name: text}\n"
    + "---\naccess: shops\ntables: [shop]\nallow: {member: [select]}\n",
    right=_GOOD,
)
UNDECIDED = Code(
    "S611",
    "undecided-membership",
    "Generated tests make a member of each role and try what he may and may not do. They can make a row for "
    "which a condition holds when it compares columns with literals, by `=` or `in`, joined by `and`.",
    wrong=_GOOD.replace("user: user_id}", 'user: user_id, when: "length(id::text) > 1"}'),
    right=_GOOD,
)
IN_VAIN = Code(
    "S612",
    "permission-in-vain",
    "The permission allows nothing: there is no column that it could be about, or nobody can ever use it. A "
    "member of a tenant cannot insert that tenant, which has to be there before it has members.",
    wrong=_GOOD.replace("  member: [select]", "  member: [select, insert]"),
    right=_GOOD,
)


def _tables(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    if not entry.spec.roles and not entry.spec.tables:
        yield IN_VAIN.at(
            entry.title, "this document declares no role and lists no table", help="list `tables`"
        )
    elif any(entry.spec.allow.values()) and not entry.spec.tables:
        message = "nothing is allowed here, since no table is listed"
        yield IN_VAIN.at(
            entry.key("allow"), message, help="list the tables that it is about: `tables: [...]`"
        )


def _every_table(project: Project) -> Iterator[Diagnostic]:
    if project.has_unread("access") or any(list(_tables(one, project)) for one in project.all("access")):
        return
    listed = {name for entry in project.all("access") for name in entry.spec.tables}
    misspelt = [name for name in listed if project.find("table", name) is None]
    exposed = {name for name, schema in project.settings.schemas.items() if schema.exposed}
    bare = [
        one for full, one in tables(project).items() if one.schema in exposed and full not in covered(project)
    ]
    if len(bare) <= len(misspelt):
        return  # They may be meant by the names that are not there.
    for table in bare:
        name = project.short_name(table.full_name)
        if not any(nearest(other, [name]) for other in misspelt):
            message = f"table `{name}` has no access rule"
            help = "list it under `tables` of an access document"
            cause = Cause(("no access",)) if not covered(project) else None
            yield NO_RULE.at(table.entry.title, message, help=help, cause=cause)


def _declared_once(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for name in entry.spec.roles:
        first = roles(project)[name].entry
        if first is not entry:
            label = Label(first.key("roles", name), "declared here")
            yield ROLE_TWICE.at(
                entry.key("roles", name), f"role `{name}` is declared twice", related=(label,)
            )


def _memberships(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for name, spec in entry.spec.roles.items():
        place = entry.key("roles", name)
        if bool(spec.through) != bool(spec.user):
            missing = "user" if spec.through else "through"
            help = "`through` and `user` stand together"
            yield BAD_MEMBERSHIP.at(place, f"role `{name}` has no `{missing}`", help=help)
        if spec.through and spec.as_ == "service_role":
            yield BAD_MEMBERSHIP.at(place, "`service_role` is no user and has no membership")
        table = tables(project).get(project.full_name("table", spec.through)) if spec.through else None
        if table is None:
            continue
        if table.is_root or (not table.tenant and table.entry.spec.shared):
            message = f"`{spec.through}` is no table of a tenant's members"
            yield BAD_MEMBERSHIP.at(entry.at("roles", name, "through"), message)
            continue
        read = table.columns.get(spec.user)
        if read is not None and read.type_name[1] != "uuid" and read.type_name[1] in BUILT_IN:
            message = f"`{spec.user}` holds the id of a user, so its type is `uuid`"
            cause = Cause(("user", table.full_name, spec.user))
            yield BAD_MEMBERSHIP.at(entry.at("roles", name, "user"), message, cause=cause)
        if spec.when:
            path: Path = ("roles", name, "when")
            faults = [*check_expression(Expression(entry, path, spec.when, table), project)]
            yield from faults
            yield from check_states(entry, path, spec.when, table, project)
            made = {column for column, read in table.columns.items() if read.generated}
            decided = decide(spec.when)
            if not faults and (decided is None or any(column in made for column, _ in decided)):
                span = entry.at("roles", name, "when")
                help = "columns that take values, compared with literals by `=` or `in`, joined by `and`"
                yield UNDECIDED.at(span, "this condition cannot be tried out by generated tests", help=help)


def _allowed(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for role, allowed in entry.spec.allow.items():
        if role not in roles(project) and not project.has_unread("access"):
            help = suggest(role, roles(project)) or "declare it under `roles`"
            cause = absent(project, "role", role)
            span = entry.key("allow", role)
            yield UNKNOWN_ROLE.at(span, f"there is no role `{role}`", help=help, cause=cause)
        for at, text in enumerate(allowed):
            try:
                read_permission(text)
            except PermissionTextError as error:
                span = entry.places.inside(("allow", role, at), error.start, error.end)
                yield BAD_PERMISSION.at(span, str(error), help=error.help)


@record
class _Fault:
    """What is wrong with a permission on some of its tables; their names stand between `before` and `after`."""

    code: Code
    place: Span
    before: str
    after: str
    help: str = field(default="", compare=False)
    cause: Cause | None = field(default=None, compare=False)


def _permitted(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    """Report each fault of a permission once, with all tables that it is a fault on."""
    faults: dict[_Fault, dict[str, str]] = {}
    for name in entry.spec.tables:
        table = tables(project).get(project.full_name("table", name))
        if table is None:
            continue
        for one in permissions(project).get(table.full_name, ()):
            if one.entry is entry and one.role in roles(project):
                found = (
                    *_columns(one, table, project),
                    *_rows(one, table, project),
                    *_vain(one, table, project),
                )
                for fault in found:
                    faults.setdefault(fault, {})[project.short_name(table.full_name)] = fault.help
    for fault, helps in faults.items():
        listed = ", ".join(f"`{name}`" for name in helps)
        help = next((one for one in helps.values() if one), "")
        cause = fault.cause if len(helps) == 1 or fault.code is EVERY_TENANT else None
        yield fault.code.at(fault.place, f"{fault.before} {listed}{fault.after}", help=help, cause=cause)


def _columns(one: Permission, table: BoundTable, project: Project) -> Iterator[_Fault]:
    known = all_columns(table, project)
    for column, offset in zip(one.columns, one.offsets, strict=True):
        place = one.entry.places.inside(one.path, offset, offset + len(column))
        if column not in known:
            cause = absent(project, "column", column, "table", table.full_name)
            before = f"there is no column `{column}` in"
            yield _Fault(NO_COLUMN, place, before, "", suggest(column, known), cause)
        elif one.command != "select" and _protected(column, one.command, table):
            yield _Fault(
                PROTECTED, place, f"`{column}` of", " cannot be written over the API", "leave it out"
            )


def _protected(column: str, command: str, table: BoundTable) -> bool:
    owner = column == table.tenant_column and command == "update"
    return owner or column in ("id", "attempt", "state_since")


def _rows(one: Permission, table: BoundTable, project: Project) -> Iterator[_Fault]:
    role, place = roles(project)[one.role], one.entry.at(*one.path)
    would = f"role `{role.name}` would {one.command} rows of"
    if role.database_role == "service_role":
        return
    if table.tenant and not role.through:
        help = "say `through` which table it is a member"
        cause = Cause(("every tenant", role.name), home=role.entry.file)
        if not role.user:  # Half of a membership is a finding of its own.
            yield _Fault(EVERY_TENANT, place, would, " of every tenant", help, cause)
    elif table.tenant and role.through in tables(project):
        membership = tables(project)[role.through]
        owners_known = all(
            one in tables(project) and tables(project)[one].is_root
            for one in (membership.tenant, table.tenant)
        )
        if membership.tenant != table.tenant and owners_known:
            owners = f" belong to `{table.tenant}`, role `{role.name}` to `{membership.tenant}`"
            yield _Fault(OTHER_TENANT, place, "rows of", owners)
    elif table.entry.spec.shared and one.command != "select":
        yield _Fault(SHARED_WRITE, place, would, " for everybody")


def _vain(one: Permission, table: BoundTable, project: Project) -> Iterator[_Fault]:
    place = one.entry.at(*one.path)
    says_owner = one.command == "insert" and table.tenant and not table.is_root
    if one.command == "insert" and table.is_root and roles(project)[one.role].through:
        yield _Fault(IN_VAIN, place, "who is a member already could never insert rows of", "")
    elif one.command in ("insert", "update") and not (one.columns or says_owner or table.writable):
        yield _Fault(IN_VAIN, place, f"there is no column to {one.command} in", "")


RULES = (
    Rule((IN_VAIN,), _tables),
    ProjectRule((NO_RULE,), _every_table),
    Rule((ROLE_TWICE,), _declared_once),
    Rule((BAD_MEMBERSHIP, *expression_check.CODES, UNKNOWN, UNDECIDED), _memberships),
    Rule((UNKNOWN_ROLE, BAD_PERMISSION), _allowed),
    Rule((NO_COLUMN, PROTECTED, EVERY_TENANT, SHARED_WRITE, OTHER_TENANT, IN_VAIN), _permitted),
)
