"""Random references, keys, indexes and checks of the tables of a draft.

A reference that a row cannot do without leads to an earlier table, or is looked at when the transaction ends.
"""

from random_columns import UNORDERED, quoted
from random_tables import Document, Draft, Table

LATE = "deferrable initially deferred"
ACTIONS = ("", "on delete cascade", "on delete restrict", "on delete no action")
CLEARING = ("on delete set null", "on delete set default", "on delete set null on update cascade")


def add_references(draft: Draft, table: Table) -> None:
    """Let a table point at others, at itself and at users."""
    here = draft.tables.index(table)
    legal = [one for one in draft.tables if one.is_root or not one.root or one.root == table.root]
    for _ in range(draft.pick((0, 0, 1, 2, 3)) if legal else 0):
        target = draft.pick(legal)
        is_later = draft.tables.index(target) >= here
        nullable = table.is_holder or draft.chance(0.5) or (is_later and draft.chance(0.8))
        draft.add_column(table, _reference(draft, table, target, nullable, is_later=is_later))
    if draft.chance(0.2):
        action = draft.pick(("set null", "cascade"))
        draft.add_column(table, f"uuid null references auth.users on delete {action}")
    if draft.chance(0.1) and not table.is_holder:
        form = draft.pick(
            ("", " null", " null references auth.users", " references auth.users on delete cascade")
        )
        draft.add_column(table, f"uuid{form} default auth.uid()")


def _reference(draft: Draft, table: Table, target: Table, nullable: bool, *, is_later: bool) -> str:
    there = draft.short(target.full_name)
    null = "null" if nullable else draft.pick(("", "not null"))
    keys = [name for name in target.columns if _can_be_pointed_at(target, name)]
    if keys and not is_later:
        return f"{target.sql(keys[0]).split()[0]} {null} references {there} ({quoted(keys[0])})"
    action = draft.pick((*ACTIONS, *CLEARING) if nullable else ACTIONS)
    when = (
        LATE if is_later and not nullable else draft.pick(("", "", "", "deferrable", LATE, "not deferrable"))
    )
    is_key = draft.chance(0.1) and _has_one_row(table) and not when
    words = (
        "uuid",
        null,
        "references",
        there,
        draft.pick(("", "(id)")),
        action,
        when,
        "unique" if is_key else "",
    )
    return " ".join(word for word in words if word)


def _can_be_pointed_at(table: Table, column: str) -> bool:
    sql = table.sql(column)
    is_plain = sql.split()[0] in ("text", "bigint", "int", "uuid", "date")
    return (
        not table.root
        and is_plain
        and " unique" in sql
        and "references" not in sql
        and "generated" not in sql
    )


def _has_one_row(table: Table) -> bool:
    """Whether tests make one row for each tenant, so that a key may be over references alone."""
    return not table.members and not table.is_root


def add_ties(draft: Draft, table: Table) -> None:
    """Let a row point at exactly one of several others, or say some things together or not at all."""
    here = draft.tables.index(table)
    targets = [one for one in draft.tables[:here] if not one.root or one.is_root or one.root == table.root]
    checks: Document = {}
    if len(targets) > 1 and draft.chance(0.2) and not table.is_holder:
        names = [
            draft.add_column(table, f"uuid null references {draft.short(one.full_name)}")
            for one in targets[:2]
        ]
        pair = ", ".join(map(quoted, names))
        each = " + ".join(f"({quoted(name)} is not null)::int" for name in names)
        checks["arc"] = draft.pick((f"num_nonnulls({pair}) = 1", f"num_nulls({pair}) < 2", f"{each} = 1"))
    if draft.chance(0.2):
        kinds = ("text null", "date null", "uuid null references auth.users")[: draft.pick((2, 3))]
        first, *others = (quoted(draft.add_column(table, kind)) for kind in kinds)
        checks["together"] = " and ".join(f"({first} is null) = ({other} is null)" for other in others)
    if checks:
        table.document["checks"] = checks


def add_keys(draft: Draft, table: Table) -> None:
    """Add a unique set, an index and a check over several columns."""
    has_circles = any(LATE in spec["sql"] for one in draft.tables for spec in one.columns.values())
    for spec in table.columns.values() if has_circles else ():
        if "references" in spec["sql"]:
            spec["sql"] = spec["sql"].removesuffix(" unique")
    columns = [name for name in table.columns if _can_be_key(table, name, has_circles=has_circles)]
    if len(columns) > 1 and draft.chance(0.4) and not table.is_holder:
        table.document.setdefault("unique", []).append(draft.random.sample(columns, 2))
    if columns and draft.chance(0.4):
        _add_index(draft, table, columns)
    if len(columns) > 1 and draft.chance(0.3):
        first, second = map(quoted, columns[:2])
        checks = table.document.setdefault("checks", {})
        checks[f"check_{len(checks)}"] = draft.pick(
            (
                f"{first} is not null or {second} is not null or true",
                f"num_nonnulls({first}, {second}) >= 0",
                f"({first} is null) = ({first} is null) and '--' <> ';'",
            )
        )


def _add_index(draft: Draft, table: Table, columns: list[str]) -> None:
    chosen = draft.random.sample(columns, draft.random.randint(1, min(3, len(columns))))
    where = draft.pick(("", f"{quoted(columns[0])} is not null", "id is not null and 'a;b' <> ''"))
    keys = [set(one) for one in table.document.get("unique", ())]
    keys += [{name} for name in table.columns if " unique" in table.sql(name)]
    index: Document = {"columns": chosen} | ({"where": where} if where else {})
    if draft.chance(0.3) and not table.is_holder and set(chosen) not in keys:
        index["unique"] = True
    if draft.chance(0.2):
        index["name"] = draft.new_name(table.schema)
    table.document["indexes"] = [index if len(index) > 1 else chosen]


def _can_be_key(table: Table, column: str, *, has_circles: bool) -> bool:
    """Whether sample rows can differ in a column: those of members, say, point at the same rows."""
    sql = table.sql(column)
    word = sql.split()[0].split("(")[0].strip('"').lower()
    if "references" in sql and (has_circles or not _has_one_row(table)):
        return False
    if word in UNORDERED or sql.startswith(("bool", "varchar(1)")) or "generated" in sql:
        return False
    if table.members and column in ("role", "level", "active"):
        return False
    return "check" not in sql or "unique" in sql
