"""The names that a fact takes away from others: PostgreSQL gives tables, views and indexes of a schema one
set of names, types another, and the constraints of a table a third. Knows identities only, no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specc.ir.database import (
    Check,
    Column,
    Enum,
    ForeignKey,
    Index,
    Partition,
    PrimaryKey,
    Table,
    Unique,
    View,
)
from specc.ir.fact import Fact, Identity


def taken(fact: Fact) -> Iterator[tuple[str, ...]]:
    """Yield the names a fact takes: the set they are of, then the name (PostgreSQL manual, `pg_class`,
    `pg_type` and `pg_constraint`; a table or view is a type too).
    """
    match fact:
        case Table() | Partition() | View():
            yield "relation", fact.schema, fact.name
            yield "type", fact.schema, fact.name
        case Enum():
            yield "type", fact.schema, fact.name
        case Index():
            yield "relation", fact.schema, fact.name
        case Column() if fact.sequence:
            yield "relation", fact.schema, fact.sequence
        case PrimaryKey() | Unique():
            yield "relation", fact.schema, fact.name
            yield "constraint", fact.schema, fact.table, fact.name
        case Check() | ForeignKey():
            yield "constraint", fact.schema, fact.table, fact.name


_TAKING = frozenset((Check, Column, Enum, ForeignKey, Index, Partition, PrimaryKey, Table, Unique, View))


def rivals(facts: Mapping[Identity, Fact]) -> Iterator[tuple[Identity, Identity]]:
    """Yield each two different facts that take one name, once, in the order given."""
    owners: dict[tuple[str, ...], Identity] = {}
    for identity, fact in facts.items():
        if type(fact) not in _TAKING:
            continue
        found = dict.fromkeys(owners.setdefault(name, identity) for name in taken(fact))
        yield from ((first, identity) for first in found if first != identity)
