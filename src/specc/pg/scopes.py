"""What names mean inside a statement: aliases of tables, queries under WITH, columns that stand without a table.

Takes nodes and says which relation of which query they name. Statements are taken to be legal: what
PostgreSQL would refuse as ambiguous is not asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from specc.pg.tree import Fields, named, texts
from specc.record import record

Place = tuple[str, str]
Values = Mapping[str, int]
"""Values of the watched column, each with the offset of what says so."""


@record
class Table:
    """What is known of a table: its columns (None if not known), and of the watched one values and default.

    `labels` is () for a table whose column of that name, if any, is of no interest.
    """

    columns: frozenset[str] | None = None
    labels: tuple[str, ...] = ()
    default: str = ""


Known = Callable[[Place], Table | None]
"""Says what is known of a relation; None for one that may be a view of a watched table."""


@record
class Allowed:
    """The values that a row can have, or None and, where there is one, the reason why they are not known."""

    values: Values | None = None
    reason: str = ""


@record
class Rows:
    """The rows of a table whose ids stand in a column of a query, and the values they are known to have."""

    place: Place
    allowed: Allowed


@record
class Relation:
    """What one alias stands for: a table at a place, or a query with the columns it gives (None if not known)."""

    place: Place | None = None
    table: Table | None = None
    outputs: Mapping[str, Rows | None] | None = None

    def has(self, column: str, watched: str) -> bool | None:
        """Whether it has a column; None if that is not known."""
        if self.outputs is not None:
            return column in self.outputs
        if self.table is None:
            return None
        if self.table.columns is None:
            return True if self.table.labels and column == watched else None
        return column in self.table.columns

    @property
    def is_watched(self) -> bool:
        """Whether it is a table whose column is watched."""
        return bool(self.table and self.table.labels)


@dataclass(frozen=True)
class Scope:
    """The names that hold at one point of a statement; the first frame is that of the innermost query.

    `records` are variables that hold a row, and `typed` those that hold a value of a table's watched column.
    """

    column: str
    known: Known
    default_schema: str
    variables: frozenset[str] = frozenset()
    """Names that, without a table, may mean a variable as well."""
    frames: tuple[Mapping[str, Relation], ...] = ()
    queries: Mapping[str, Relation] = field(default_factory=dict)
    records: Mapping[str, Relation] = field(default_factory=dict)
    typed: Mapping[str, Relation] = field(default_factory=dict)

    def framed(self, relations: Mapping[str, Relation]) -> Scope:
        """Return the scope inside a query over some relations."""
        return replace(self, frames=(relations, *self.frames))

    def with_query(self, name: str, query: Relation) -> Scope:
        """Return the scope in which a name under WITH stands for a query."""
        return replace(self, queries={**self.queries, name: query})

    def relation(self, fields: Fields) -> Relation:
        """Return what a RangeVar names in FROM."""
        if "schemaname" not in fields and fields["relname"] in self.queries:
            return self.queries[fields["relname"]]
        return self.target(fields)

    def target(self, fields: Fields) -> Relation:
        """Return the table that a RangeVar names, queries under WITH left aside.

        A name without a schema that is no table of the project can only be a temporary table.
        """
        place = (fields.get("schemaname", self.default_schema), fields["relname"])
        table = self.known(place)
        return Relation(place, table if "schemaname" in fields else table or Table())

    def resolve(self, node: Any, column: str) -> tuple[int, str] | None:
        """Return the frame's number and the alias that a node names `column` of; None for anything else."""
        path = column_path(node)
        if path is None or path[-1] != column:
            return None
        if len(path) > 1:
            at = next((at for at, frame in enumerate(self._all) if path[-2] in frame), None)
            return None if at is None else (at, path[-2])
        return None if column in self.variables else self._bare(column)

    @property
    def _all(self) -> tuple[Mapping[str, Relation], ...]:
        return (*self.frames, self.records)

    def find(self, node: Any, column: str) -> Relation | None:
        """Return the relation that a node names a column of."""
        found = self.resolve(node, column)
        return self._all[found[0]][found[1]] if found else None

    def _bare(self, column: str) -> tuple[int, str] | None:
        for at, frame in enumerate(self.frames):
            has = {alias: one.has(column, self.column) for alias, one in frame.items()}
            having = [alias for alias, answer in has.items() if answer]
            if having:
                return (at, having[0]) if len(having) == 1 else None
            if None in has.values():
                return None
        return None

    def watched(self, node: Any) -> Relation | None:
        """Return the table whose watched column, or a variable for it, a node names."""
        path = column_path(node) or ()
        relation = self.find(node, self.column) or self.typed.get(path[0] if len(path) == 1 else "")
        return relation if relation and relation.is_watched else None

    def is_variable(self, node: Any) -> bool:
        """Whether a node is the watched column's bare name, which a variable has as well."""
        return column_path(node) == (self.column,) and self.column in self.variables


def column_path(node: Any) -> tuple[str, ...] | None:
    """Return the names of a ColumnRef, casts left out; None for anything else, and for a star."""
    name, fields = named(node) if isinstance(node, dict) else ("", {})
    while name == "TypeCast":
        name, fields = named(fields["arg"])
    if name != "ColumnRef" or any("String" not in one for one in fields["fields"]):
        return None
    return texts(fields["fields"])


def alias_of(relation: Fields) -> str:
    """Return the name by which a RangeVar's columns are called."""
    return str(relation.get("alias", {}).get("aliasname") or relation["relname"])
