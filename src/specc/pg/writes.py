"""What SQL statements do to one column of a table: the constants they write into it, and those they compare.

Trees of statements come in, facts about the column go out, with offsets in the statement's text. What cannot
be decided is said with the reason, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from specc.pg.parsing import parse_inside
from specc.pg.tree import Fields, Node, named, nodes, texts

Place = tuple[str, str]
Labels = Callable[[Place], tuple[str, ...]]
"""The values that the column of a table can have; () for a table that is of no interest."""

BIRTH, MOVE = "birth", "move"
_STATEMENTS = ("SelectStmt", "UpdateStmt", "InsertStmt", "DeleteStmt", "MergeStmt")


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that sets the column: `targets` and `sources` are None where they cannot be decided.

    `raises` says that the same statement adds one to the column `attempt`.
    """

    table: Place
    form: str
    offset: int
    targets: frozenset[str] | None
    sources: frozenset[str] | None
    raises: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A constant that is compared with, or written into, the column."""

    table: Place
    value: str
    offset: int


@dataclass(frozen=True, slots=True)
class Found:
    """All that statements do to the column."""

    writes: tuple[Write, ...]
    compared: tuple[Compared, ...]


@dataclass(frozen=True)
class _Query:
    """A query that a name may stand for: the rows of one table it selects, and their values if it locks them."""

    table: Place
    sources: frozenset[str] | None


@dataclass(frozen=True)
class _Scope:
    """What names mean in a statement: aliases of tables, and queries under WITH."""

    column: str
    labels: Labels
    default_schema: str
    tables: Mapping[str, Place | None] = field(default_factory=dict)
    queries: Mapping[str, _Query | None] = field(default_factory=dict)

    def place(self, relation: Fields) -> Place | None:
        """Return the table that a RangeVar names; None for a query under WITH."""
        schema = relation.get("schemaname", "")
        if not schema and relation["relname"] in self.queries:
            return None
        return (schema or self.default_schema, relation["relname"])

    def owner(self, path: tuple[str, ...]) -> Place | None:
        """Return the table whose column a path such as `t.state` names, if it is one of interest."""
        if path[-1] != self.column:
            return None
        if len(path) > 1:
            found = self.tables.get(path[-2])
            return found if found and self.labels(found) else None
        mine = [one for one in self.tables.values() if one and self.labels(one)]
        return mine[0] if len(set(mine)) == 1 else None


def column_writes(statements: Iterable[Any], column: str, labels: Labels, default_schema: str) -> Found:
    """Return what statements, as `tree.read_tree` gives them, do to a column of the tables with labels."""
    scope = _Scope(column, labels, default_schema)
    writes: list[Write] = []
    compared: list[Compared] = []
    for statement in statements:
        _visit(statement, scope, writes, compared)
    return Found(tuple(writes), tuple(compared))


def _visit(tree: Any, scope: _Scope, writes: list[Write], compared: list[Compared]) -> None:
    """Go through a tree; each statement in it has names of its own, and those around it."""
    if isinstance(tree, list):
        for one in tree:
            _visit(one, scope, writes, compared)
        return
    if not isinstance(tree, dict):
        return
    for name, value in tree.items():
        if name in _STATEMENTS:
            _statement(name, value, scope, writes, compared)
        elif name == "A_Expr":
            compared += _comparison(value, scope)
            _visit(value, scope, writes, compared)
        elif isinstance(value, dict | list):
            _visit(value, scope, writes, compared)


def _statement(
    name: str, fields: Fields, scope: _Scope, writes: list[Write], compared: list[Compared]
) -> None:
    inner = _inside(fields, scope)
    match name:
        case "UpdateStmt":
            found = [_update(fields, fields["relation"], fields.get("whereClause"), inner)]
        case "InsertStmt":
            found = list(_insert(fields, inner))
        case "MergeStmt":
            found = list(_merge(fields, inner))
        case _:
            found = []
    for write in found:
        if write is not None:
            writes.append(write)
            compared += [
                Compared(write.table, value, write.offset)
                for value in sorted(write.targets or ())
                if value not in scope.labels(write.table)
            ]
    _visit(list(fields.values()), inner, writes, compared)


def _inside(fields: Fields, scope: _Scope) -> _Scope:
    """Return the names that hold inside a statement."""
    for one in fields.get("withClause", {}).get("ctes", ()):
        cte = one["CommonTableExpr"]
        query = _locking(cte["ctequery"], scope)
        scope = replace(scope, queries={**scope.queries, cte["ctename"]: query})
    sources: list[Any] = [*fields.get("fromClause", ()), *fields.get("usingClause", ())]
    if "sourceRelation" in fields:
        sources.append(fields["sourceRelation"])
    if "relation" in fields:
        sources.append({"RangeVar": fields["relation"]})
    return replace(scope, tables={**scope.tables, **dict(_relations(sources, scope))})


def _relations(sources: Iterable[Any], scope: _Scope) -> Iterator[tuple[str, Place | None]]:
    for source in sources:
        name, fields = named(source)
        alias = fields.get("alias", {}).get("aliasname", "")
        match name:
            case "RangeVar":
                yield alias or fields["relname"], scope.place(fields)
            case "JoinExpr":
                yield from _relations([fields["larg"], fields["rarg"]], scope)
            case _ if alias:
                yield alias, None


def _update(fields: Fields, relation: Fields, where: Any, scope: _Scope) -> Write | None:
    """Read SET and WHERE of an UPDATE, or of the part of an INSERT or MERGE that is one."""
    table = scope.place(relation)
    if table is None or not scope.labels(table):
        return None
    assigned = {one["ResTarget"]["name"]: one["ResTarget"] for one in fields.get("targetList", ())}
    target = assigned.get(scope.column)
    if target is None:
        return None
    alias = relation.get("alias", {}).get("aliasname") or relation["relname"]
    targets = _constants(target.get("val", {}))
    sources = _allowed(where, table, alias, scope) if where else None
    reason = "" if targets else "it writes a value that is no constant"
    if not reason and sources is None:
        reason = "no condition says which state is left"
    raises = _adds_one(assigned.get("attempt", {}).get("val", {}))
    return Write(table, MOVE, target["location"], targets, sources, raises, reason)


def _insert(fields: Fields, scope: _Scope) -> Iterator[Write | None]:
    relation = fields["relation"]
    table = scope.place(relation)
    if table is None or not scope.labels(table):
        return
    columns = [one["ResTarget"]["name"] for one in fields.get("cols", ())]
    if not columns and "selectStmt" in fields:
        reason = "it inserts without a list of columns"
        yield Write(table, BIRTH, relation["location"], None, None, raises=False, reason=reason)
    elif scope.column in columns:
        at = columns.index(scope.column)
        rows = _rows(fields.get("selectStmt", {}), at)
        values = [_constants(one) for one in rows]
        known = frozenset().union(*(one for one in values if one)) if values and all(values) else None
        reason = "" if known else "it writes a value that is no constant"
        location = fields["cols"][at]["ResTarget"]["location"]
        yield Write(table, BIRTH, location, known, None, raises=False, reason=reason)
    conflict = fields.get("onConflictClause", {})
    if conflict.get("action") == "ONCONFLICT_UPDATE":
        yield _update(conflict, relation, conflict.get("whereClause"), scope)


def _rows(select: Node, at: int) -> list[Node]:
    """Return the expressions that a VALUES or SELECT gives its column number `at`."""
    _, fields = named(select)
    if "valuesLists" in fields:
        lists = [one["List"]["items"] for one in fields["valuesLists"]]
        return [items[at] for items in lists if at < len(items)]
    targets = fields.get("targetList", ())
    return [targets[at]["ResTarget"]["val"]] if at < len(targets) else [{}]


def _merge(fields: Fields, scope: _Scope) -> Iterator[Write | None]:
    relation = fields["relation"]
    table = scope.place(relation)
    if table is None or not scope.labels(table):
        return
    for one in fields["mergeWhenClauses"]:
        clause = one["MergeWhenClause"]
        if clause["commandType"] == "CMD_UPDATE":
            conditions = [part for part in (clause.get("condition"), fields["joinCondition"]) if part]
            both = {"BoolExpr": {"boolop": "AND_EXPR", "args": conditions}}
            yield _update(clause, relation, both, scope)
        elif clause["commandType"] == "CMD_INSERT":
            names = [each["ResTarget"]["name"] for each in clause.get("targetList", ())]
            if scope.column in names:
                at = names.index(scope.column)
                known = _constants(clause["values"][at])
                reason = "" if known else "it writes a value that is no constant"
                place = clause["targetList"][at]["ResTarget"]["location"]
                yield Write(table, BIRTH, place, known, None, raises=False, reason=reason)


def _constants(node: Node) -> frozenset[str] | None:
    """Return the texts that an expression can be; None where it may be anything."""
    name, fields = named(node)
    match name:
        case "A_Const" if "sval" in fields:
            return frozenset([str(fields["sval"].get("sval", ""))])
        case "TypeCast":
            return _constants(fields["arg"])
        case "CaseExpr":
            results = [one["CaseWhen"]["result"] for one in fields["args"]]
            return _union([_constants(one) for one in [*results, fields.get("defresult", {})]])
        case "CoalesceExpr":
            return _union([_constants(one) for one in fields["args"]])
        case "MultiAssignRef":
            source, row = named(fields["source"])
            return _constants(row["args"][fields["colno"] - 1]) if source == "RowExpr" else None
    return None


def _union(each: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [one for one in each if one is not None]
    return frozenset().union(*known) if len(known) == len(each) else None


def _adds_one(node: Node) -> bool:
    name, fields = named(node)
    if name == "MultiAssignRef":
        source, row = named(fields["source"])
        return source == "RowExpr" and _adds_one(row["args"][fields["colno"] - 1])
    if name != "A_Expr" or texts(fields["name"])[-1:] != ("+",):
        return False
    left, column = named(fields["lexpr"])
    right, one = named(fields["rexpr"])
    is_attempt = left == "ColumnRef" and texts(column["fields"])[-1] == "attempt"
    return is_attempt and right == "A_Const" and one.get("ival", {}).get("ival") == 1


def _allowed(where: Any, table: Place, alias: str, scope: _Scope) -> frozenset[str] | None:
    """Return the values that rows of `alias` may have under a condition; None where it says nothing of them."""
    name, fields = named(where)
    match name:
        case "BoolExpr" if fields["boolop"] == "AND_EXPR":
            each = [_allowed(one, table, alias, scope) for one in fields["args"]]
            known = [one for one in each if one is not None]
            return frozenset.intersection(*known) if known else None
        case "BoolExpr" if fields["boolop"] == "OR_EXPR":
            return _union([_allowed(one, table, alias, scope) for one in fields["args"]])
        case "BoolExpr" if fields["boolop"] == "NOT_EXPR":
            inner = _allowed(fields["args"][0], table, alias, scope)
            simple = named(fields["args"][0])[0] == "A_Expr"
            return frozenset(scope.labels(table)) - inner if inner is not None and simple else None
        case "A_Expr":
            return _compared_with(fields, table, alias, scope)
        case "SubLink":
            return _selected(fields, table, alias, scope)
    return None


def _compared_with(fields: Fields, table: Place, alias: str, scope: _Scope) -> frozenset[str] | None:
    operator = texts(fields["name"])[-1]
    if operator not in ("=", "<>"):
        return None
    if _is_column(fields["lexpr"], scope.column, table, alias, scope):
        values = _listed(fields["rexpr"])
        if values is None:
            return None
        return values if operator == "=" else frozenset(scope.labels(table)) - values
    if operator == "=" and _is_column(fields["lexpr"], "id", table, alias, scope):
        return _by_id(fields["rexpr"], table, scope)
    if operator == "=" and _is_column(fields["rexpr"], "id", table, alias, scope):
        return _by_id(fields["lexpr"], table, scope)
    return None


def _is_column(node: Any, column: str, table: Place, alias: str, scope: _Scope) -> bool:
    name, fields = named(node) if isinstance(node, dict) else ("", {})
    if name != "ColumnRef" or any("String" not in one for one in fields["fields"]):
        return False
    path = texts(fields["fields"])
    if path[-1] != column:
        return False
    return path[-2] == alias if len(path) > 1 else scope.tables.get(alias) == table


def _listed(node: Any) -> frozenset[str] | None:
    """Return the constants of one operand: a text, a list, or an array."""
    name, fields = named(node)
    if name == "List":
        return _union([_constants(one) for one in fields["items"]])
    if name in ("A_ArrayExpr", "ArrayExpr"):
        return _union([_constants(one) for one in fields.get("elements", ())])
    if name == "TypeCast":
        return _listed(fields["arg"])
    return _constants(node)


def _by_id(node: Any, table: Place, scope: _Scope) -> frozenset[str] | None:
    """Return the values of rows that are named by an id from a query which locks them."""
    name, fields = named(node)
    if name == "ColumnRef" and all("String" in one for one in fields["fields"]):
        path = texts(fields["fields"])
        query = scope.queries.get(path[-2]) if len(path) > 1 and path[-1] == "id" else None
        return query.sources if query and query.table == table else None
    if name == "SubLink":
        query = _locking(fields["subselect"], scope)
        return query.sources if query and query.table == table else None
    return None


def _selected(fields: Fields, table: Place, alias: str, scope: _Scope) -> frozenset[str] | None:
    """Read `id in (select id from … for update)`."""
    if fields.get("subLinkType") != "ANY_SUBLINK" or "testexpr" not in fields:
        return None
    if not _is_column(fields["testexpr"], "id", table, alias, scope):
        return None
    query = _locking(fields["subselect"], scope)
    return query.sources if query and query.table == table else None


def _locking(query: Any, scope: _Scope) -> _Query | None:
    """Return the table whose ids a query selects and locks, and the values that its rows have."""
    name, fields = named(query)
    if name == "UpdateStmt":
        write = _update(fields, fields["relation"], fields.get("whereClause"), _inside(fields, scope))
        return _Query(write.table, write.targets) if write else None
    if name != "SelectStmt" or "lockingClause" not in fields:
        return None
    inner = _inside(fields, scope)
    found = [one for one in _relations(fields.get("fromClause", ()), inner) if one[1]]
    for alias, place in found:
        if place and scope.labels(place) and fields.get("whereClause"):
            return _Query(place, _allowed(fields["whereClause"], place, alias, inner))
    return None


def _comparison(fields: Fields, scope: _Scope) -> list[Compared]:
    """Return the constants that a comparison holds against the column."""
    if texts(fields.get("name", ()))[-1:] not in (("=",), ("<>",)):
        return []
    for mine, other in (("lexpr", "rexpr"), ("rexpr", "lexpr")):
        name, column = named(fields.get(mine) or {})
        if name != "ColumnRef" or any("String" not in one for one in column["fields"]):
            continue
        table = scope.owner(texts(column["fields"]))
        if table is not None:
            return [
                Compared(table, str(value["sval"].get("sval", "")), value["location"])
                for kind, value in nodes(fields[other])
                if kind == "A_Const" and "sval" in value
            ]
    return []


def compared_texts(expression: str, column: str) -> list[tuple[str, int]]:
    """Return the texts that an expression over one table compares with a column, each with its offset.

    Raises `SqlError` where it is no expression.
    """
    before = "select 1 from public.t where ("
    tree = parse_inside(before, expression, ")")
    found = column_writes([tree], column, lambda place: ("",) if place == ("public", "t") else (), "public")
    return [(one.value, one.offset - len(before)) for one in found.compared]
