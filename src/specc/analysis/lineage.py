"""Which columns of tables each column of a view is made of: the views of an IR in, their columns traced out.

sqlglot parses queries of several relations and finds the scopes in them; names are resolved here and only names
go on, so that no text of sqlglot's comes into any file. What it cannot read is left untraced, never guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from specc.ir.database import Column, View
from specc.ir.model import Ir
from specc.pg.selectlist import from_one, select_list
from specc.record import record

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

Source = tuple[str, str, str]
"""The schema, table and name of a column."""

UNKNOWN: Source = ("", "", "")
"""Stands among sources for a name that could not be resolved."""

Outputs = dict[str, frozenset[Source]]
"""The columns of a relation by name, in order, each with those it is made of."""


@record
class Traced:
    """A column of a view: the columns of tables it is made of, sorted, and the author's expression for it.

    `expression` is empty for a column that is passed on under its own name or comes from a `*`.
    """

    name: str
    sources: tuple[Source, ...]
    expression: str = ""


def lineage(ir: Ir, places: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[Traced, ...]]:
    """Return the columns of some views, by (schema, view); () for a query that could not be traced."""
    views = {(view.schema, view.name): view for view in ir.all(View)}
    tracer = _Tracer(ir, views)
    return {place: _named(views[place], tracer.outputs(place)) for place in places}


def _named(view: View, outputs: Outputs) -> tuple[Traced, ...]:
    texts = {one.name: one.text for one in select_list(view.query)}
    found = []
    for name, sources in outputs.items():
        text = texts.get(name, "")
        is_name = text.lower().rpartition(".")[2] == name
        found.append(Traced(name, tuple(sorted(sources)), "" if is_name else text))
    return tuple(found)


@dataclass(eq=False)
class _Tracer:
    """The relations of an IR, each traced once."""

    ir: Ir
    views: Mapping[tuple[str, str], View]
    known: dict[tuple[str, str], Outputs] = field(default_factory=dict)

    def outputs(self, place: tuple[str, str]) -> Outputs:
        """Return the columns of a table or view; none for a relation outside the project."""
        if place not in self.known:
            # A view that reads itself, which PostgreSQL refuses, would not end otherwise.
            self.known[place] = {}
            self.known[place] = self._traced(place)
        return self.known[place]

    def _traced(self, place: tuple[str, str]) -> Outputs:
        if place in self.views:
            return _of_query(self.views[place].query, self)
        if ("table", *place) not in self.ir.by_identity:
            return {}
        columns = sorted(self.ir.of_table(Column, *place), key=lambda one: (one.position, one.name))
        return {one.name: frozenset({(*place, one.name)}) for one in columns}


def _of_query(query: str, tracer: _Tracer) -> Outputs:
    return _of_one(query, tracer) or _of_scopes(query, tracer)


def _of_one(query: str, tracer: _Tracer) -> Outputs:
    """Return the columns of a query of one relation, where no name can mean anything else; none for others."""
    one = from_one(query)
    if one is None:
        return {}
    columns, found = tracer.outputs(one.place), Outputs()
    for name, paths in one.items:
        if not all(path[-1] in columns and path[:-1] in ((), (one.alias,)) for path in paths):
            return {}
        found[name] = frozenset(source for path in paths for source in columns[path[-1]])
    return found


def _of_scopes(query: str, tracer: _Tracer) -> Outputs:
    import sqlglot
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
    from sqlglot.optimizer.scope import build_scope

    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    try:
        root = build_scope(
            normalize_identifiers(sqlglot.parse_one(query, read="postgres"), dialect="postgres")
        )
    except SqlglotError:
        return {}
    if root is None:
        return {}
    found = _Query(tracer, {id(scope.expression): scope for scope in root.traverse()}).outputs(root)
    names = [one.name for one in select_list(query)]
    # A `*` stands for several columns, whose names are those of its relation.
    return dict(zip(names, found.values(), strict=True)) if all(names) and len(names) == len(found) else found


@dataclass(eq=False)
class _Query:
    """A query with its scopes, by the identity of the expression that opens each."""

    tracer: _Tracer
    scopes: Mapping[int, Scope]
    known: dict[int, Outputs] = field(default_factory=dict)

    def outputs(self, scope: Scope) -> Outputs:
        """Return the columns that a scope gives to the one around it."""
        if id(scope) not in self.known:
            self.known[id(scope)] = {}  # what a recursive part sees of itself before it is traced
            found = self._outputs(scope)
            named = scope.outer_columns or ()
            renamed = [*named, *list(found)[len(named) :]]
            self.known[id(scope)] = dict(zip(renamed, found.values(), strict=False))
        return self.known[id(scope)]

    def _outputs(self, scope: Scope) -> Outputs:
        from sqlglot import exp

        query = scope.expression.this if isinstance(scope.expression, exp.Lateral) else scope.expression
        if isinstance(query, exp.SetOperation):
            left, right = (self._inner(part) for part in (query.this, query.expression))
            others = [*right.values(), *(frozenset[Source]() for _ in left)]
            return {name: one | other for (name, one), other in zip(left.items(), others, strict=False)}
        if query.unnest() is not scope.expression:
            return self._inner(query)
        if not isinstance(query, exp.Query):
            # A list of values, or a function over rows: each column comes from all it is made with.
            return dict.fromkeys(scope.outer_columns or (), self._made_of(scope.expression, scope))
        found: Outputs = {}
        for at, item in enumerate(query.selects):
            if item.is_star:
                found |= self._starred(item, scope)
            else:
                found[item.alias_or_name or f"?{at}"] = self._made_of(item, scope)
        return found

    def _inner(self, query: exp.Expr) -> Outputs:
        """Return the columns of a query that another is made of, in brackets or not."""
        scope = self.scopes.get(id(query.unnest()))
        return self.outputs(scope) if scope is not None else {}

    def _starred(self, item: exp.Expr, scope: Scope) -> Outputs:
        """Return the columns that `*` or `name.*` stands for."""
        wanted = getattr(item, "table", "")
        found: Outputs = {}
        for name, source in _in_order(scope):
            if not wanted or name == wanted:
                for column, sources in self._columns(source).items():
                    found[column] = found.get(column, frozenset()) | sources
        return found

    def _made_of(self, part: exp.Expr, scope: Scope) -> frozenset[Source]:
        """Return all columns named in a part of a query, in the subqueries within it too."""
        from sqlglot import exp

        found: frozenset[Source] = frozenset()
        for column in part.find_all(exp.Column):
            found |= self._resolved(column, self._scope_around(column, part) or scope)
        return found

    def _scope_around(self, column: exp.Column, part: exp.Expr) -> Scope | None:
        """Return the scope that a column stands in, where that is a subquery within `part`."""
        node = column.parent
        while node is not None and node is not part:
            if id(node) in self.scopes:
                return self.scopes[id(node)]
            node = node.parent
        return None

    def _resolved(self, column: exp.Column, scope: Scope | None) -> frozenset[Source]:
        """Return what a name means in its scope, or in one around it; `UNKNOWN` where it means nothing."""
        while scope is not None:
            named = {name: source for name, (_, source) in scope.selected_sources.items()}
            if column.table in named:
                return self._column(named[column.table], column.name, scope)
            if not column.table:
                if holding := self._holding(column.name, named.values()):
                    return frozenset().union(*(self._column(one, column.name, scope) for one in holding))
                if column.name in named:
                    return _all(self._columns(named[column.name]))
            scope = scope.parent
        return frozenset({UNKNOWN})

    def _holding(self, name: str, relations: Iterable[exp.Expr | Scope]) -> list[exp.Expr | Scope]:
        """Return the relations that have a column: several only where USING makes one of theirs."""
        holding = [one for one in relations if name in self._columns(one)]
        unknown = [one for one in relations if not self._columns(one)]
        return holding or (unknown if len(unknown) == 1 else [])

    def _columns(self, source: exp.Expr | Scope) -> Outputs:
        """Return the columns of a relation in FROM; none for a function and a relation outside the project."""
        from sqlglot import exp
        from sqlglot.optimizer.scope import Scope

        if isinstance(source, Scope):
            return self.outputs(source)
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
            return self.tracer.outputs((source.db, source.name))
        return {}

    def _column(self, source: exp.Expr | Scope, name: str, scope: Scope) -> frozenset[Source]:
        """Return what one column of a relation in FROM of `scope` is made of."""
        from sqlglot import exp
        from sqlglot.optimizer.scope import Scope

        columns = self._columns(source)
        if name in columns:
            return columns[name]
        if name == "*":
            return _all(columns)
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
            return frozenset({UNKNOWN if columns or not source.db else (source.db, source.name, name)})
        if columns:
            return frozenset({UNKNOWN})
        # A function, or a list of values: each of its columns comes from all it is called with.
        return self._made_of(source.expression if isinstance(source, Scope) else source.this, scope)


def _in_order(scope: Scope) -> list[tuple[str, exp.Expr | Scope]]:
    """Return the relations of a scope as they stand in FROM, which versions of sqlglot list differently."""
    args = scope.expression.args
    parts = [args.get("from_") or args.get("from"), *(args.get("joins") or ()), *(args.get("laterals") or ())]
    names = [part.alias_or_name for part in parts if part is not None]
    found = [(name, source) for name, (_, source) in scope.selected_sources.items()]
    return sorted(found, key=lambda one: names.index(one[0]) if one[0] in names else len(names))


def _all(columns: Outputs) -> frozenset[Source]:
    return frozenset(source for sources in columns.values() for source in sources)
