"""Random roles and permissions for the tables of a draft, within what the language lets anybody have."""

from random_tables import Document, Draft, Table

NAMES = (
    "member", "admin", "order", "select", "signed", "visitor", "server", "batch", "role_" + "z" * 58, "public",
    "none", "user",
)  # fmt: skip
SERVED = ("anon", "authenticated", "service_role", "service_role")
COMMANDS = ("select", "insert", "update", "delete")
CONDITIONS = {
    "role": ("role = 'admin'", "role in ('admin', 'it''s')", "role = 'it''s'", "role in ('member')"),
    "active": ("active", "active = true", "active = false"),
    "level": ("level = 3", "level in (1, 2)", "level = - 1"),
}

Roles = dict[str, Document]


def random_roles(draft: Draft) -> Roles:
    """Return roles by membership, and one to four that come with a role of the database."""
    found: list[Document] = []
    for table in draft.tables:
        for user in table.members:
            for _ in range(draft.pick((1, 1, 2))):
                when = _condition(draft, table)
                role = {"as": "authenticated", "through": draft.short(table.full_name), "user": user}
                found.append(role | ({"when": when} if when else {}))
    found += [{"as": name} for name in draft.random.sample(SERVED, draft.random.randint(1, 4))]
    names = draft.random.sample(NAMES, len(NAMES)) + [f"role_{number}" for number in range(len(found))]
    return dict(zip(names, found, strict=False))


def _condition(draft: Draft, table: Table) -> str:
    known = {"role": "member", "active": "bool", "level": "int"}
    parts = [
        draft.pick(CONDITIONS[name])
        for name, word in known.items()
        if word in table.sql(name)
        and name not in table.members
        and _is_ours(table, name)
        and draft.chance(0.5)
    ]
    if table.machine and draft.chance(0.5):
        states = draft.random.sample(list(table.life["states"]), 2)
        parts.append(draft.pick((f"state = '{states[0]}'", f"state in ('{states[0]}', '{states[1]}')")))
    return " and ".join(parts)


def _is_ours(table: Table, name: str) -> bool:
    """Whether a column is the one that members have, and not a random one of that name."""
    forms = {
        "active": ("boolean", "boolean default true", "bool default 'f'"),
        "level": ("integer", "smallint default 0"),
    }
    return name == "role" or table.sql(name) in forms[name]


def add_access(draft: Draft, roles: Roles) -> None:
    """Add the access documents: one or two for most tables, one for several, one of them with the roles."""
    made: list[Document] = []
    for table in draft.tables:
        if not draft.schemas.get(table.schema, {}).get("exposed") and draft.chance(0.5):
            continue
        allowed = {
            name: _permissions(draft, table, role, roles) for name, role in roles.items() if draft.chance(0.7)
        }
        cut = draft.random.randint(0, len(allowed)) if draft.chance(0.3) else len(allowed)
        for names in (list(allowed)[:cut], list(allowed)[cut:]):
            if names or not cut:
                allow = {name: allowed[name] for name in names}
                made.append({"tables": [draft.short(table.full_name)], "allow": allow})
    _join_readers(made)
    made = [{"access": f"rules_{at}", **document} for at, document in enumerate(made)]
    if made and draft.chance(0.5):
        draft.pick(made)["roles"] = roles
    else:
        made.append({"access": "roles", "roles": roles})
    draft.documents += made


def _join_readers(made: list[Document]) -> None:
    """Let tables on which the same is allowed, to all columns, stand in one document."""
    first: dict[str, Document] = {}
    for document in list(made):
        known = first.setdefault(str(document["allow"]), document)
        if known is not document and "(" not in str(document["allow"]):
            known["tables"] = list(dict.fromkeys([*known["tables"], *document["tables"]]))
            made.remove(document)


def _permissions(draft: Draft, table: Table, role: Document, roles: Roles) -> list[str]:
    found = []
    for command in _commands(draft, table, role):
        columns = _columns(draft, table, command)
        if draft.chance(0.45):
            continue
        if columns and command != "delete" and draft.chance(0.4):
            found.append(f"{command} ({', '.join(columns)})")
        elif command in ("select", "delete") or _is_writable(table):
            found.append(command)
    return found


def _is_writable(table: Table) -> bool:
    return any("generated always" not in spec["sql"] for spec in table.columns.values())


def _columns(draft: Draft, table: Table, command: str) -> list[str]:
    known = list(table.columns)
    if command == "select":
        known += ["id", *(["state", "attempt"] if table.machine else [])]
    elif table.machine:
        known += ["state", "state_substate"]
    if table.tenant_column and command in ("select", "insert") and len(table.tenant_column) < 64:
        known.append(table.tenant_column)
    return draft.random.sample(known, draft.random.randint(0, len(known)))


def _commands(draft: Draft, table: Table, role: Document) -> tuple[str, ...]:
    if role["as"] == "service_role":
        return COMMANDS
    if not table.root:
        return ("select",)
    if not role.get("through"):
        return ()
    names = (role["through"], f"{draft.default_schema}.{role['through']}")
    through = next(one for one in draft.tables if one.full_name in names)
    if table.root != through.root:
        return ()
    return ("select", "update", "delete") if table.is_root else COMMANDS
