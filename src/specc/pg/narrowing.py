"""Which values a column can have in the rows that a condition lets through, and in rows that a query has locked.

Conditions come in as nodes, out come values with the offsets of the constants that say so. What cannot be
decided is None, with a reason where the condition speaks of the column after all; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from specc.pg.scopes import Allowed, Relation, Rows, Scope, alias_of, column_path
from specc.pg.tree import Fields, Node, named, texts

NOT_CONSTANT = "it compares `{}` with what is no constant"
IS_VARIABLE = "`{}` is the name of a variable as well"
NOT_LOCKED = "the query that picks its rows does not lock them"

_LISTING = {
    ("AEXPR_OP", "="): True,
    ("AEXPR_OP", "<>"): False,
    ("AEXPR_IN", "="): True,
    ("AEXPR_IN", "<>"): False,
    ("AEXPR_OP_ANY", "="): True,
    ("AEXPR_OP_ALL", "<>"): False,
    ("AEXPR_DISTINCT", "="): False,
    ("AEXPR_NOT_DISTINCT", "="): True,
}
"""Comparisons that hold for the listed values (True) or for all others (False), the column never being null."""


def conjunction(conditions: Iterable[Any]) -> Node:
    """Return the condition that all of some conditions hold; those that are missing are left out."""
    return {"BoolExpr": {"boolop": "AND_EXPR", "args": [one for one in conditions if one]}}


def negation(condition: Any) -> Node:
    """Return the condition that another does not hold."""
    return {"BoolExpr": {"boolop": "NOT_EXPR", "args": [condition]}}


def allowed(condition: Any, alias: str, scope: Scope, *, negated: bool = False) -> Allowed:
    """Return the values that rows of `alias`, in the innermost frame, can have where a condition holds."""
    name, fields = named(condition) if isinstance(condition, dict) else ("", {})
    match name:
        case "BoolExpr" if fields["boolop"] == "NOT_EXPR":
            return allowed(fields["args"][0], alias, scope, negated=not negated)
        case "BoolExpr":
            each = [allowed(one, alias, scope, negated=negated) for one in fields["args"]]
            return meet(*each) if (fields["boolop"] == "AND_EXPR") is not negated else _either(each)
        case "A_Expr":
            return _compared(fields, alias, scope, negated)
        case "SubLink" if not negated and _is_in(fields):
            return _selected(fields, alias, scope)
    return Allowed()


def meet(*each: Allowed) -> Allowed:
    """Return what several conditions allow together."""
    known = sorted((one.values for one in each if one.values is not None), key=len)
    if not known:
        return Allowed(None, next((one.reason for one in each if one.reason), ""))
    return Allowed({value: at for value, at in known[0].items() if all(value in one for one in known)})


def _either(each: list[Allowed]) -> Allowed:
    found: dict[str, int] = {}
    for one in each:
        if one.values is None:
            return Allowed(None, next((one.reason for one in each if one.reason), ""))
        found = {**one.values, **found}
    return Allowed(found)


def _compared(fields: Fields, alias: str, scope: Scope, negated: bool) -> Allowed:
    kind, operator = fields["kind"], texts(fields["name"])[-1]
    left, right = fields.get("lexpr", {}), fields.get("rexpr", {})
    if kind == "AEXPR_OP" and operator == "=" and not negated and "RowExpr" in left and "RowExpr" in right:
        pairs = zip(left["RowExpr"]["args"], right["RowExpr"]["args"], strict=False)
        parts = [{"A_Expr": {**fields, "lexpr": one, "rexpr": other}} for one, other in pairs]
        return allowed(conjunction(parts), alias, scope)
    for mine, other in ((left, right), (right, left)):
        if scope.resolve(mine, scope.column) == (0, alias):
            return _listed(_LISTING.get((kind, operator)), mine, other, kind, negated, alias, scope)
        if scope.is_variable(mine):
            return Allowed(None, IS_VARIABLE.format(scope.column))
        if operator == "=" and not negated and scope.resolve(mine, "id") == (0, alias):
            return _by_id(other, alias, scope)
        if kind != "AEXPR_OP" and "DISTINCT" not in kind:
            break
    return Allowed()


def _listed(
    listing: bool | None, column: Any, other: Any, kind: str, negated: bool, alias: str, scope: Scope
) -> Allowed:
    """Read a comparison of the column with constants; where all others are meant, a few known ones help."""
    values, is_complete = constants(other, is_array=kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL"))
    unknown = Allowed(None, NOT_CONSTANT.format(scope.column))
    if listing is None or not values:
        return unknown
    if listing is not negated:
        return Allowed(values) if is_complete else unknown
    table = scope.frames[0][alias].table
    place = named(column)[1].get("location", 0)
    return Allowed({one: place for one in (table.labels if table else ()) if one not in values})


def constants(node: Any, *, is_array: bool = False) -> tuple[dict[str, int], bool]:
    """Return the texts in one operand, each with its offset, and whether it can be nothing else.

    `is_array` says that a text is an array's, such as `'{a,b}'`.
    """
    name, fields = named(node) if isinstance(node, dict) else ("", {})
    match name:
        case "A_Const" if "sval" in fields:
            text = str(fields["sval"].get("sval", ""))
            texts_here = _elements(text) if is_array else (text,)
            return {one: int(fields.get("location", 0)) for one in texts_here}, bool(texts_here)
        case "A_Const" if fields.get("isnull"):
            return {}, True
        case "TypeCast":
            return constants(fields["arg"], is_array=is_array)
        case "List":
            return _constants(fields["items"])
        case "A_ArrayExpr":
            return _constants(fields.get("elements", ()))
        case "CoalesceExpr":
            return _constants(fields["args"])
    return {}, False


def _constants(items: Iterable[Any]) -> tuple[dict[str, int], bool]:
    each = [constants(one) for one in items]
    found: dict[str, int] = {}
    for values, _ in each:
        found |= {value: at for value, at in values.items() if value not in found}
    return found, all(is_complete for _, is_complete in each)


def _elements(text: str) -> tuple[str, ...]:
    """Return the elements of an array's text; () for one with quotes or arrays in it."""
    if not (text.startswith("{") and text.endswith("}")) or set(text[1:-1]) & set('{}"\\'):
        return ()
    return tuple(one.strip() for one in text[1:-1].split(",") if one.strip())


def _by_id(node: Any, alias: str, scope: Scope) -> Allowed:
    """Return the values of rows of `alias` that are named by an id: a column of a query, or a query."""
    name, fields = named(node) if isinstance(node, dict) else ("", {})
    if name == "SubLink" and fields["subLinkType"] in ("EXPR_SUBLINK", "ARRAY_SUBLINK"):
        return _of_target(_first(query(fields["subselect"], scope)), alias, scope)
    path = column_path(node)
    if path is None or len(path) < 2:
        return Allowed()
    relation = scope.find(node, path[-1]) or Relation()
    return _of_target((relation.outputs or {}).get(path[-1]), alias, scope)


def _of_target(rows: Rows | None, alias: str, scope: Scope) -> Allowed:
    is_same = rows is not None and rows.place == scope.frames[0][alias].place
    return rows.allowed if rows is not None and is_same else Allowed()


def _first(relation: Relation, at: int = 0) -> Rows | None:
    rows = list((relation.outputs or {}).values())
    return rows[at] if at < len(rows) else None


def _is_in(fields: Fields) -> bool:
    operator = texts(fields.get("operName", ()))[-1:] or ("=",)
    return fields.get("subLinkType") == "ANY_SUBLINK" and operator == ("=",)


def _selected(fields: Fields, alias: str, scope: Scope) -> Allowed:
    """Read `id in (select id from … for update)`; the id may be one of several columns in a row."""
    name, row = named(fields["testexpr"])
    tested = row["args"] if name == "RowExpr" else [fields["testexpr"]]
    for at, one in enumerate(tested):
        if scope.resolve(one, "id") == (0, alias):
            return _of_target(_first(query(fields["subselect"], scope), at), alias, scope)
    return Allowed()


def enter(fields: Fields, scope: Scope, *, target: bool = True) -> Scope:
    """Return the names that hold inside a statement; `target` says whether its own table is among them."""
    _, scope = opened(fields, scope)
    sources: list[Any] = [*fields.get("fromClause", ()), *fields.get("usingClause", ())]
    sources += [fields["sourceRelation"]] if "sourceRelation" in fields else []
    frame = dict(_relations(sources, scope))
    if target and "relation" in fields:
        frame[alias_of(fields["relation"])] = scope.target(fields["relation"])
    return scope.framed(frame)


def opened(fields: Fields, scope: Scope) -> tuple[list[tuple[Node, Scope]], Scope]:
    """Return the queries under WITH, each with the names that hold in it, and the names that hold after."""
    found: list[tuple[Node, Scope]] = []
    clause = fields.get("withClause", {})
    for one in clause.get("ctes", ()):
        name, body = one["CommonTableExpr"]["ctename"], one["CommonTableExpr"]["ctequery"]
        inner = scope.with_query(name, Relation()) if clause.get("recursive") else scope
        found.append((body, inner))
        scope = scope.with_query(name, query(body, inner))
    return found, scope


def _relations(sources: Iterable[Any], scope: Scope) -> Iterator[tuple[str, Relation]]:
    for at, source in enumerate(sources):
        name, fields = named(source)
        alias = fields.get("alias", {}).get("aliasname", "")
        if "colnames" in fields.get("alias", {}):
            yield alias, Relation()
        elif name == "RangeVar":
            yield alias_of(fields), scope.relation(fields)
        elif name == "JoinExpr" and not alias:
            yield from _relations([fields["larg"], fields["rarg"]], scope)
        elif name == "RangeTableSample":
            yield from _relations([fields["relation"]], scope)
        elif name == "RangeSubselect":
            yield alias or f"({at})", query(fields["subquery"], scope)
        else:
            yield alias or f"({at})", Relation()


def query(node: Node, scope: Scope) -> Relation:
    """Return what a query gives: its columns, and which of them are ids of rows that it locks."""
    name, fields = named(node)
    if name != "SelectStmt" or "targetList" not in fields:
        return Relation()
    inner = enter(fields, scope)
    locked = _locked(fields, inner.frames[0])
    condition = conjunction([fields.get("whereClause"), *_joined(fields.get("fromClause", ()))])
    outputs: dict[str, Rows | None] = {}
    for at, one in enumerate(fields["targetList"]):
        target = one["ResTarget"]
        starred = _starred(target["val"], inner.frames[0])
        if starred is None:
            return Relation()
        for alias, column in starred:
            outputs.setdefault(column, _rows(inner, alias, column, condition, locked))
        if not starred:
            path = column_path(target["val"])
            found = inner.resolve(target["val"], path[-1]) if path else None
            is_mine = found is not None and found[0] == 0
            rows = _rows(inner, found[1], path[-1], condition, locked) if found and path and is_mine else None
            label = target.get("name") or (path[-1] if path else "")
            outputs[label if label and label not in outputs else f"({at})"] = rows
    return Relation(outputs=outputs)


def _starred(node: Any, frame: Mapping[str, Relation]) -> list[tuple[str, str]] | None:
    """Return the columns that a star stands for, each with its alias; [] for no star, None if not known."""
    name, fields = named(node)
    if name != "ColumnRef" or "A_Star" not in fields["fields"][-1]:
        return []
    path = texts(fields["fields"][:-1])
    found: list[tuple[str, str]] = []
    for alias, relation in frame.items():
        if path and path[-1] != alias:
            continue
        columns = relation.outputs
        if columns is None:
            columns = (
                dict.fromkeys(relation.table.columns) if relation.table and relation.table.columns else None
            )
        if columns is None:
            return None
        found += [(alias, column) for column in columns]
    return found or None


def _rows(scope: Scope, alias: str, column: str, condition: Node, locked: frozenset[str]) -> Rows | None:
    """Return the rows whose ids a column of a query's relation holds."""
    relation = scope.frames[0][alias]
    if relation.outputs is not None:
        return relation.outputs.get(column)
    if relation.place is None or not relation.is_watched or column != "id":
        return None
    if alias not in locked:
        return Rows(relation.place, Allowed(None, NOT_LOCKED))
    return Rows(relation.place, allowed(condition, alias, scope))


def _locked(fields: Fields, frame: Mapping[str, Relation]) -> frozenset[str]:
    """Return the aliases whose rows stay as they are until the transaction ends (manual, Row-Level Locks)."""
    found: set[str] = set()
    for one in fields.get("lockingClause", ()):
        clause = one["LockingClause"]
        if clause["strength"] != "LCS_FORKEYSHARE":
            found |= {each["RangeVar"]["relname"] for each in clause.get("lockedRels", ())} or set(frame)
    return frozenset(found)


def _joined(sources: Iterable[Any]) -> Iterator[Any]:
    """Yield the conditions of inner joins, which hold for every row."""
    for source in sources:
        name, fields = named(source)
        if name == "JoinExpr" and fields.get("jointype", "JOIN_INNER") == "JOIN_INNER":
            yield fields.get("quals")
            yield from _joined([fields["larg"], fields["rarg"]])
