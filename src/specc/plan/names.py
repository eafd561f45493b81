"""Facts under new names: the base as it is once its objects are renamed.

PostgreSQL follows a renamed object through everything that it has parsed: keys, policies, checks, defaults. The same
is done here to the facts, so that what the planner then finds different really is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from typing import Any

from specc.ir.behaviour import History, Machine
from specc.ir.database import (
    Check,
    Column,
    ForeignKey,
    Function,
    Grant,
    Index,
    Partition,
    Policy,
    PrimaryKey,
    Row,
    Trigger,
    Unique,
)
from specc.ir.fact import Fact, Identity
from specc.pg.mentions import renamed
from specc.remember import remembered

_SAID_OF_TABLE = ("access_rule", "tenancy", "example")
_FREE = frozenset(("schema", "role", "state", "transition"))
"""Kinds in which nothing is named that can have another name."""
_OF_TABLE = ("column", "primary_key", "unique", "check", "foreign_key", "index", "trigger", "policy", "row")


@dataclass(frozen=True)
class Names:
    """New names by old places. Keys below a table name the table as it is called now."""

    tables: dict[tuple[str, str], str] = field(default_factory=dict)
    columns: dict[tuple[str, str, str], str] = field(default_factory=dict)
    enums: dict[tuple[str, str], str] = field(default_factory=dict)
    others: dict[Identity, str] = field(default_factory=dict)
    """Constraints, indexes and partitions: by their identities, with the table's name as it is now."""

    def table(self, schema: str, name: str) -> str:
        """Return what a table is called now."""
        return self.tables.get((schema, name), name)

    def column(self, schema: str, table: str, name: str) -> str:
        """Return what a column of a table, called as it is now, is called."""
        return self.columns.get((schema, table, name), name)

    def there(self, identity: Identity) -> Identity:
        """Return the identity that an object has now."""
        kind, *names = identity
        if kind in _OF_TABLE and len(names) > 2:
            schema, table = names[0], self.table(names[0], names[1])
            if kind == "column":
                return kind, schema, table, self.column(schema, table, names[2])
            return self._other((kind, schema, table, names[2]))
        if kind in _SAID_OF_TABLE:
            return kind, names[0], self.table(names[0], names[1]), *names[2:]
        if kind in ("table", "view", "partition"):
            return self._other((kind, names[0], self.table(names[0], names[1])))
        if kind == "enum":
            return kind, names[0], self.enums.get((names[0], names[1]), names[1])
        if kind == "function":
            return kind, names[0], names[1], self.types(names[2] if len(names) > 2 else "")
        if kind == "comment":
            return kind, " ".join(self.there(tuple(names[0].split(" ", 3)))).rstrip()
        if kind == "grant" and names[0] == "function":
            return kind, *names[:3], self.types(names[3]), *names[4:]
        if kind == "grant":
            return kind, names[0], names[1], self.table(names[1], names[2]), *names[3:]
        return identity

    def _other(self, identity: Identity) -> Identity:
        # What is said of a partition is said of a table.
        as_partition = ("partition", *identity[1:]) if identity[0] == "table" else identity
        return (*identity[:-1], self.others.get(as_partition, self.others.get(identity, identity[-1])))

    @cached_property
    def columns_by_table(self) -> dict[tuple[str, str], dict[str, str]]:
        """The new names of columns by what they were, by their tables as they are called now."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for (schema, table, was), now in self.columns.items():
            found.setdefault((schema, table), {})[was] = now
        return found

    @cached_property
    def inside(self) -> frozenset[Identity]:
        """What has another name besides tables and types. A partition is called a table, too."""
        columns: list[Identity] = [("column", *place) for place in self.columns]
        tables: list[Identity] = [("table", *one[1:]) for one in self.others if one[0] == "partition"]
        return frozenset((*columns, *self.others, *tables))

    @cached_property
    def inside_in_words(self) -> frozenset[str]:
        """The same as comments name it."""
        return frozenset(" ".join(one) for one in self.inside)

    @cached_property
    def of_tables_alone(self) -> bool:
        """Whether all that has another name is inside of tables: columns, constraints and the like."""
        return not (self.tables or self.enums)

    @remembered
    def types(self, text: str) -> str:
        """Return a text with the types in it that have other names."""
        return renamed(text, {}, self.enums) if text and self.enums else text


def under(fact: Fact, names: Names) -> Fact:
    """Return a fact as it is once all is renamed: the same one where nothing of it is."""
    record: Any = fact
    kind: Any = type(fact)
    identity = fact.identity
    if fact.KIND in _FREE or (names.of_tables_alone and not _is_inside(record, identity, names)):
        return fact
    now = names.there(identity)
    named: dict[str, Any] = dict(zip(_identifying(kind), now[1:], strict=True))
    more = _more(record, names, named)
    said = named | more if now != identity else more
    other = {name: value for name, value in said.items() if value != getattr(record, name)}
    changed: Fact = replace(record, **other) if other else fact
    return changed


def _is_inside(fact: Any, identity: Identity, names: Names) -> bool:
    """Whether a fact may name something inside of tables that has another name, where nothing else has one."""
    kind, *where = identity
    if any(need in names.inside for need in getattr(fact, "needs", ())):
        return True
    if kind == "comment":
        return where[0] in names.inside_in_words
    if kind == "grant":
        return (where[1], where[2]) in names.columns_by_table
    if kind not in _OF_TABLE:
        return identity in names.inside
    places = [(where[0], where[1])]
    if isinstance(fact, ForeignKey):
        places.append((fact.target_schema, fact.target_table))
    return identity in names.inside or any(place in names.columns_by_table for place in places)


@cache
def _identifying(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))[: kind.NAMES]


def _more(fact: Any, names: Names, named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields in which other objects are named."""
    found: dict[str, Any] = {}
    if hasattr(fact, "needs"):
        found["needs"] = tuple(names.there(one) for one in fact.needs)
    if isinstance(fact, Function):
        return found | {"arguments": names.types(fact.arguments), "returns": names.types(fact.returns)}
    if isinstance(fact, Partition):
        return found | {"of_table": names.table(fact.of_schema, fact.of_table)}
    if isinstance(fact, Grant) and fact.object_kind == "table":
        place = (fact.schema, named["name"])
        return found | {"columns": tuple(names.column(*place, one) for one in fact.columns)}
    if isinstance(fact, Machine | History):
        return found | {"table": names.table(fact.schema, fact.table)}
    if fact.KIND not in _OF_TABLE:
        return found
    return found | _of_table(fact, names, (fact.schema, named["table"]))


def _of_table(fact: Fact, names: Names, place: tuple[str, str]) -> dict[str, Any]:
    columns = names.columns_by_table.get(place, {})

    def named(each: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(columns.get(one, one) for one in each)

    def text(sql: str) -> str:
        return renamed(sql, columns, names.enums) if sql and (columns or names.enums) else sql

    match fact:
        case Column():
            return {
                "type": names.types(fact.type),
                "default": names.types(fact.default),
                "generated": text(fact.generated),
            }
        case PrimaryKey() | Unique():
            return {"columns": named(fact.columns)}
        case Check():
            return {"expression": text(fact.expression)}
        case ForeignKey():
            target = (fact.target_schema, names.table(fact.target_schema, fact.target_table))
            return {
                "columns": named(fact.columns),
                "on_delete_columns": named(fact.on_delete_columns),
                "target_table": target[1],
                "target_columns": tuple(names.column(*target, one) for one in fact.target_columns),
            }
        case Index():
            keys = tuple(text(one) if one.startswith("(") else columns.get(one, one) for one in fact.keys)
            return {"keys": keys, "include": named(fact.include), "where": text(fact.where)}
        case Policy():
            return {"using": text(fact.using), "check": text(fact.check)}
        case Trigger():
            return {"events": tuple(text(one) for one in fact.events), "when": text(fact.when)}
        case Row():
            return {"values": tuple((columns.get(name, name), value) for name, value in fact.values)}
    return {}
