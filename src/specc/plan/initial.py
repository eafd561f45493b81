"""The plan for an empty database: every fact created once, in the order of their dependencies, and dropped."""

from __future__ import annotations

from collections.abc import Iterator

from specc.ir.database import (
    DATABASE,
    Check,
    Column,
    Comment,
    Grant,
    Index,
    PrimaryKey,
    Row,
    Table,
    Unique,
)
from specc.ir.fact import Fact
from specc.ir.model import Ir, walk
from specc.ir.step import Step
from specc.pg.ddl import create, create_table, drop

_DATABASE = frozenset(DATABASE)
_INLINE = (Column, PrimaryKey, Unique, Check)
_GONE_WITH_OWNER = (Index, Grant, Comment, Row)
"""Triggers and policies go first instead: the functions they call could not be dropped before them."""


def plan_initial(ir: Ir) -> tuple[Step, ...]:
    """Return the steps from nothing to `ir`."""
    return tuple(_steps(ir))


def _steps(ir: Ir) -> Iterator[Step]:
    database = {name: fact for name, fact in ir.by_identity.items() if type(fact) in _DATABASE}
    inside = {
        name: ("table", fact.schema, fact.table)
        for name, fact in database.items()
        if isinstance(fact, _INLINE)
    }
    for fact in walk(database, inside):
        if isinstance(fact, Table):
            yield Step(fact, table_text(ir, fact), drop(fact))
        else:
            yield Step(fact, create(fact), "" if _goes_with_owner(fact) else drop(fact))


def _goes_with_owner(fact: Fact) -> bool:
    on_public = isinstance(fact, Comment) and fact.target == "schema public"
    return isinstance(fact, _GONE_WITH_OWNER) and not on_public


def table_text(ir: Ir, table: Table) -> str:
    """Return CREATE TABLE with all columns, keys and checks of a table."""
    place = (table.schema, table.name)
    keys: list[PrimaryKey | Unique | Check] = [
        *ir.of_table(PrimaryKey, *place),
        *ir.of_table(Unique, *place),
        *ir.of_table(Check, *place),
    ]
    return create_table(table, ir.of_table(Column, *place), keys)
