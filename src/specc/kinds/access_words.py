"""Access in words: what the rules of a table let each role do, with which rows and which columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.analysis.access import COMMANDS
from specc.ir.behaviour import AccessRule, Role, Tenancy
from specc.ir.database import Column, Grant
from specc.ir.model import Ir
from specc.ir.page import ACCESS_PATH, Inline, Line, Link, Mono, Text

WORDS = {"select": "read", "insert": "insert", "update": "change", "delete": "delete"}
"""What people call the commands."""

Place = tuple[str, str]
"""Schema and name of a table."""


def rules(place: Place, ir: Ir) -> list[AccessRule]:
    """Return the rules of a table by role, each role's in the order of the commands."""
    found = ir.of_table(AccessRule, *place)
    return sorted(found, key=lambda one: (one.role, COMMANDS.index(one.command)))


def row(rule: AccessRule, ir: Ir) -> tuple[Line, ...]:
    """Return one rule as cells: role, what it may do, which rows, which columns."""
    role = Link(rule.role, page=ACCESS_PATH, anchor="Roles")
    return (role,), (Text(WORDS[rule.command]),), _rows(rule, ir), _columns(rule, ir)


def _role(rule: AccessRule, ir: Ir) -> Role | None:
    role = ir.by_identity.get(("role", rule.role))
    return role if isinstance(role, Role) else None


def _rows(rule: AccessRule, ir: Ir) -> Line:
    """Say which rows: the words for the policy of this role's part."""
    role, place = _role(rule, ir), (rule.schema, rule.table)
    if role is None or not role.table:
        return (Text("every row"),)
    tenancy = next(iter(ir.of_table(Tenancy, *place)), None)
    if tenancy is None:
        return (Text("every row, for whoever is "), Mono(role.name), *_somewhere(role, ir))
    if (tenancy.root_schema, tenancy.root) == place:
        return (Text("those the user is "), Mono(role.name), Text(" of"))
    return (
        Text("those of each "),
        Mono(tenancy.root),
        Text(" the user is "),
        Mono(role.name),
        Text(" of"),
    )


def _somewhere(role: Role, ir: Ir) -> Line:
    through = next(iter(ir.of_table(Tenancy, role.schema, role.table)), None)
    return (Text(" of some "), Mono(through.root)) if through else ()


def _columns(rule: AccessRule, ir: Ir) -> Line:
    """Say which columns, as the database grants them: roles that share one of its roles share its grants."""
    if rule.command == "delete":
        return (Text("the whole row"),)
    if not rule.columns:
        return (Text("all"),)
    own = tuple(listed(rule.columns))
    role = _role(rule, ir)
    if role is None:
        return own
    identity = ("grant", "table", rule.schema, rule.table, "", rule.command, role.database_role)
    grant = ir.by_identity.get(identity)
    granted = grant.columns if isinstance(grant, Grant) else rule.columns
    shared = Text(f", which {role.database_role} has for another role")
    if not granted:
        return (*own, Text("; and all others"), shared)
    more = tuple(name for name in granted if name not in rule.columns)
    return (*own, Text("; and "), *listed(more), shared) if more else own


def listed(names: Iterable[str]) -> Iterator[Inline]:
    """Yield names with commas between them."""
    for at, name in enumerate(names):
        if at:
            yield Text(", ")
        yield Mono(name)


def in_short(role: str, place: Place, ir: Ir) -> str:
    """Return all that a role may do with a table in a few words; "" for nothing."""
    found = []
    for command in COMMANDS:
        rule = ir.by_identity.get(("access_rule", *place, role, command))
        if isinstance(rule, AccessRule):
            is_part = command == "select" and 0 < len(rule.columns) < len(ir.of_table(Column, *place))
            found.append(WORDS[command] + (" in part" if is_part else ""))
    return ", ".join(found)
