"""The relations of a database as statements change them: what they are called now and before, what belongs to which.

It starts from facts and follows `pg.hazards` from statement to statement, so it changes as it goes. A name that no fact
and no statement has brought is that of a relation which was there before, of which nothing else is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from specc.ir.database import (
    Check,
    Column,
    ForeignKey,
    Function,
    Index,
    Partition,
    PrimaryKey,
    Table,
    Unique,
    View,
)
from specc.ir.model import Ir
from specc.pg.parsing import expression_node
from specc.pg.rewrites import TypeUsed, type_of
from specc.pg.tree import Fields, Node, named, nodes, texts

Name = tuple[str, str]


@dataclass(eq=False)
class Relation:
    """A table, view or sequence: `was` is its name before the migration, None if that has made it.

    `of` is the table that it is a partition of, `owner` that whose rows a sequence counts; `has_default` says that a
    partition takes what no other is for.
    """

    was: Name | None
    columns: dict[str, ColumnKnown] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    of: Relation | None = None
    owner: Relation | None = None
    has_default: bool = False

    @property
    def top(self) -> Relation:
        """The table itself, or the one that it was a partition of before the migration."""
        return self.of.top if self.of and self.was else self


@dataclass
class ColumnKnown:
    """A column: its type, as a text until somebody asks."""

    type: str | TypeUsed
    not_null: bool
    collation: str = ""

    def read(self) -> TypeUsed:
        """Return the type."""
        return type_of(self.type) if isinstance(self.type, str) else self.type


@dataclass
class Key:
    """A constraint or index: `columns` in their order, `target` of a foreign key, `check` the expression of a check.

    `is_partial` is an index that has not all rows in it, `written` what columns with another name now are called in a
    check.
    """

    columns: tuple[str, ...] = ()
    target: Relation | None = None
    check: str | Node | None = None
    is_valid: bool = True
    is_index: bool = False
    is_partial: bool = False
    written: dict[str, str] = field(default_factory=dict)

    def rename(self, was: str, now: str) -> None:
        """Follow a column to another name."""
        self.columns = tuple(now if one == was else one for one in self.columns)
        if self.check is not None:
            self.written[now] = self.written.pop(was, was)

    def proves(self, column: str) -> bool:
        """Whether a check holds for no row that has null in a column."""
        return _is_never_null(self.expression(), self.written.get(column, column))

    def reads(self, column: str) -> bool:
        """Whether a check is about a column."""
        return _names(self.expression(), self.written.get(column, column))

    def expression(self) -> Node:
        """Return what a check says."""
        if isinstance(self.check, str):
            self.check = expression_node(self.check)
        return self.check or {}


Done = tuple[Relation, str, str, str]
"""What a statement does: a relation, how it is locked, what is done to it under the lock, and why in a few words."""


_CALM = frozenset(("auth", name) for name in ("uid", "jwt", "role", "email"))
"""Supabase's functions that tell who asks: stable, each of them."""


class Relations:
    """All relations of a database, found by the names that they have now."""

    def __init__(self) -> None:
        self._named: dict[Name, Relation] = {}
        self._indexes: dict[Name, tuple[Relation, str]] = {}
        self.calm: set[Name] = set(_CALM)
        """Functions that are not volatile, all of their name."""

    def __getitem__(self, name: Name) -> Relation:
        return self._named.setdefault(name, Relation(name))

    def __contains__(self, name: Name) -> bool:
        return name in self._named

    def make(self, name: Name) -> Relation:
        """Add a relation that the migration makes."""
        self._named[name] = Relation(None)
        return self._named[name]

    def forget(self, name: Name) -> Relation:
        """Take a relation out, and return it."""
        found = self[name]
        del self._named[name]
        return found

    def rename(self, name: Name, now: str) -> None:
        """Give a relation another name."""
        self._named[name[0], now] = self.forget(name)

    def index(self, name: Name, table: Relation, key: Key) -> None:
        """Add an index; its key is among those of its table, by a name that no constraint can have."""
        inside = f"index {name[1]}"
        self._indexes[name] = table, inside
        table.keys[inside] = key

    def forget_index(self, name: Name) -> Relation | None:
        """Take an index out, and return its table if that is known."""
        table, inside = self._indexes.pop(name, (None, ""))
        if table is not None:
            table.keys.pop(inside, None)
        return table

    def rename_index(self, name: Name, now: str) -> None:
        """Give an index another name."""
        if name in self._indexes:
            table, inside = self._indexes.pop(name)
            self.index((name[0], now), table, table.keys.pop(inside))

    def pointing_at(self, target: Relation) -> list[Relation]:
        """Return the tables that have a foreign key to one."""
        return [one for one in self._named.values() if any(key.target is target for key in one.keys.values())]

    def owners(self) -> dict[Name, Name]:
        """Return the tables that sequences belong to, both under the names that they had before."""
        return {
            one.was: one.owner.was
            for one in self._named.values()
            if one.was is not None and one.owner is not None and one.owner.was is not None
        }

    def settle(self) -> None:
        """Begin a new migration: all that is here was there before it."""
        for name, one in self._named.items():
            one.was = name


def place_of(fields: Fields) -> Name:
    """Return the name of a relation that stands in a statement; its schema is "" where it is not said."""
    return fields.get("schemaname", ""), fields["relname"]


def relations_of(ir: Ir) -> Relations:
    """Return the relations that facts describe."""
    found = Relations()
    for function in ir.all(Function):
        found.calm.add((function.schema, function.name))
    found.calm -= {(one.schema, one.name) for one in ir.all(Function) if one.volatility == "volatile"}
    for kind in (Table, View):
        for relation in ir.all(kind):
            assert isinstance(relation, Table | View)
            found[relation.schema, relation.name]
    for one in ir.all(Partition):
        table, parent = found[one.schema, one.name], found[one.of_schema, one.of_table]
        table.of = parent
        parent.has_default |= one.bound.strip().lower() == "default"
    for column in ir.all(Column):
        known = ColumnKnown(column.type, column.not_null, column.collation)
        found[column.schema, column.table].columns[column.name] = known
        if column.sequence:
            found[column.schema, column.sequence].owner = found[column.schema, column.table]
    _add_keys(ir, found)
    return found


def _add_keys(ir: Ir, found: Relations) -> None:
    for check in ir.all(Check):
        found[check.schema, check.table].keys[check.name] = Key(check=check.expression)
    for kind in (PrimaryKey, Unique):
        for key in ir.all(kind):
            assert isinstance(key, PrimaryKey | Unique)
            found[key.schema, key.table].keys[key.name] = Key(key.columns, is_index=True)
    for foreign in ir.all(ForeignKey):
        target = found[foreign.target_schema, foreign.target_table]
        found[foreign.schema, foreign.table].keys[foreign.name] = Key(foreign.columns, target)
    for index in ir.all(Index):
        name = index.schema, index.name
        columns = tuple(one.split()[0] for one in index.keys)
        made = Key(columns, is_index=True, is_partial=bool(index.where))
        found.index(name, found[index.schema, index.table], made)


def _is_never_null(node: Node, column: str) -> bool:
    kind, fields = named(node)
    if kind == "BoolExpr" and fields["boolop"] == "AND_EXPR":
        return any(_is_never_null(one, column) for one in fields["args"])
    if kind != "NullTest" or fields["nulltesttype"] != "IS_NOT_NULL":
        return False
    inner, reference = named(fields["arg"])
    return inner == "ColumnRef" and texts(reference["fields"])[-1] == column


def _names(tree: Node, column: str) -> bool:
    return any(
        kind == "ColumnRef" and "String" in fields["fields"][-1] and texts(fields["fields"])[-1] == column
        for kind, fields in nodes(tree)
    )
