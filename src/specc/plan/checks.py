"""What is asked of a database before a change is made to it: how many rows would be in the way.

Steps' facts come in; queries for a number that has to be 0 come out. A query speaks of what the base has, so nothing is
asked where a column has only just come, or comes under another name.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.ir.behaviour import Machine, State
from specc.ir.database import Check, Column, Enum, ForeignKey, Index, PrimaryKey, Row, Table, Unique
from specc.ir.fact import Fact, Identity
from specc.ir.model import Ir
from specc.ir.step import Preflight
from specc.pg.alter import retyped
from specc.pg.mentions import words
from specc.pg.names import ident, idents, lit, qualified
from specc.plan.data import conversion, is_filled


def before_up(base: Ir, new: Ir) -> Iterator[Preflight]:
    """Yield what is asked of a database of the base on the way to the new facts."""
    for identity, fact in new.by_identity.items():
        table: Identity = ("table", *identity[1:3])
        old = base.by_identity.get(identity)
        if table not in base.by_identity or old == fact:
            continue
        yield from _of_constraint(fact, base, new)
        if isinstance(fact, Column) and fact.not_null and _may_be_null(fact, old, new):
            where = f"from {_table(fact)} where {ident(fact.name)} is null"
            yield Preflight(f"rows of {fact.table} without {fact.name}", f"select count(*) {where}")
    yield from _labels(base, new)
    yield from _rows(base, new)


def before_back(base: Ir, new: Ir) -> Iterator[Preflight]:
    """Yield what is asked of a database of the new facts on the way back to the base."""
    for machine in new.all(Machine):
        if ("machine", machine.name) not in base.by_identity:
            continue
        known = {one.name for one in base.of_machine(State, machine.name)}
        for state in new.of_machine(State, machine.name):
            if (
                state.name not in known
                and ("renamed", f"state {machine.name} {state.name}") not in new.by_identity
            ):
                where = f"from {qualified(machine.schema, machine.table)} where state = {lit(state.name)}"
                title = f"rows of {machine.table} in {state.name}, which is not there on the way back"
                yield Preflight(title, f"select count(*) {where}")
    for column in base.all(Column):
        if column.identity in new.by_identity or not _is_bare(column) or _is_kept(column, new):
            continue
        if ("table", column.schema, column.table) in new.by_identity and not base.of_table(
            Row, column.schema, column.table
        ):
            title = f"rows of {column.table}, whose {column.name} is lost and may not be null"
            yield Preflight(title, f"select count(*) from {_table(column)}")


def _is_bare(column: Column) -> bool:
    return column.not_null and not is_filled(column)


def _is_kept(column: Column, new: Ir) -> bool:
    said = new.by_identity.get(("removed", " ".join(column.identity)))
    return bool(getattr(said, "keep", False))


def _table(fact: Column | Check | Unique | PrimaryKey | ForeignKey | Index) -> str:
    return qualified(fact.schema, fact.table)


def _may_be_null(column: Column, old: Fact | None, new: Ir) -> bool:
    """Whether a column may still have nulls when it must not: what converts it may replace them."""
    if not isinstance(old, Column) or old.not_null:
        return False
    return not retyped(old, column) or conversion(column, new) is None


def _there(base: Ir, new: Ir, schema: str, table: str) -> set[str]:
    """Return the columns of a table that are now as they will be."""
    found = set()
    for one in new.of_table(Column, schema, table):
        old = base.by_identity.get(one.identity)
        if isinstance(old, Column) and not retyped(old, one):
            found.add(one.name)
    return found


def _of_constraint(fact: Fact, base: Ir, new: Ir) -> Iterator[Preflight]:
    there = _there(base, new, *fact.identity[1:3])
    match fact:
        case Check():
            come = {one.name for one in new.of_table(Column, fact.schema, fact.table)} - there
            known = all(need in base.by_identity for need in fact.needs) and not come & set(
                words(fact.expression)
            )
            # The types of a database of the base do not know labels that come.
            if known and not any(lit(label) in fact.expression for label in _new_labels(base, new)):
                query = f"select count(*) from {_table(fact)} where not ({fact.expression})"
                yield Preflight(f"rows of {fact.table} that break {fact.name}", query)
        case PrimaryKey() | Unique():
            if there >= set(fact.columns):
                yield _twice(fact, fact.columns)
        case Index():
            plain = not fact.where and all(not one.startswith("(") for one in fact.keys)
            if fact.unique and plain and there >= set(fact.keys):
                yield _twice(fact, fact.keys)
        case ForeignKey():
            target = _there(base, new, fact.target_schema, fact.target_table)
            if target >= set(fact.target_columns) and there >= set(fact.columns):
                yield _orphans(fact)


def _new_labels(base: Ir, new: Ir) -> Iterator[str]:
    """Yield the labels that enums do not have, or under other names, before a change."""
    for one in new.all(Enum):
        old = base.by_identity.get(one.identity)
        yield from (label for label in one.labels if not isinstance(old, Enum) or label not in old.labels)


def _twice(fact: PrimaryKey | Unique | Index, columns: tuple[str, ...]) -> Preflight:
    there = " and ".join(f"{ident(one)} is not null" for one in columns)
    group = f"select from {_table(fact)} where {there} group by {idents(columns)} having count(*) > 1"
    return Preflight(
        f"values of {', '.join(columns)} that are in {fact.table} twice",
        f"select count(*) from ({group}) as twice",
    )


def _orphans(fact: ForeignKey) -> Preflight:
    there = " and ".join(f"r.{ident(one)} is not null" for one in fact.columns)
    same = " and ".join(
        f"t.{ident(b)} = r.{ident(a)}" for a, b in zip(fact.columns, fact.target_columns, strict=True)
    )
    target = qualified(fact.target_schema, fact.target_table)
    query = f"select count(*) from {_table(fact)} as r where {there} and not exists (select from {target} as t where {same})"
    return Preflight(f"rows of {fact.table} that point at no {fact.target_table}", query)


def _labels(base: Ir, new: Ir) -> Iterator[Preflight]:
    """Ask for rows with labels that an enum loses, its retired ones: history may still tell of them."""
    for old in base.all(Enum):
        after = new.by_identity.get(old.identity)
        if not isinstance(after, Enum):
            continue
        live = {one.name for one in base.all(State)}
        gone = [label for label in old.labels if label not in after.labels and label not in live]
        what = qualified(old.schema, old.name)
        for column in base.all(Column):
            if column.type == what and gone:
                where = f"from {_table(column)} where {ident(column.name)} in ({', '.join(lit(one) for one in gone)})"
                yield Preflight(f"rows of {column.table} with {', '.join(gone)}", f"select count(*) {where}")


def _rows(base: Ir, new: Ir) -> Iterator[Preflight]:
    """Ask for rows that point at reference rows which go."""
    gone: dict[tuple[str, str], list[str]] = {}
    for row in base.all(Row):
        if row.identity not in new.by_identity and ("table", row.schema, row.table) in new.by_identity:
            gone.setdefault((row.schema, row.table), []).append(dict(row.values)["id"])
    for (schema, table), ids in gone.items():
        for key in base.pointing_at(schema, table):
            own = base.of_table(Row, key.schema, key.table)
            if key.target_columns[:1] != ("id",) or key.on_delete in ("cascade", "set null") or own:
                continue
            where = f"from {_table(key)} where {ident(key.columns[0])} in ({', '.join(ids)})"
            yield Preflight(
                f"rows of {key.table} that point at rows of {table} which go", f"select count(*) {where}"
            )


def losses(base: Ir, new: Ir) -> Iterator[str]:
    """Yield what the way back loses, in words: what was written since, and what was dropped and not laid aside."""
    for table in new.all(Table):
        if table.identity not in base.by_identity:
            yield f"all rows of {table.schema}.{table.name}"
    for column in new.all(Column):
        was_there = ("table", column.schema, column.table) in base.by_identity
        if was_there and column.identity not in base.by_identity and not column.generated:
            yield f"what is in {column.table}.{column.name}"
    for column in base.all(Column):
        is_there = ("table", column.schema, column.table) in new.by_identity
        if (
            is_there
            and column.identity not in new.by_identity
            and not column.generated
            and not _is_kept(column, new)
        ):
            yield f"what was in {column.table}.{column.name} before"
