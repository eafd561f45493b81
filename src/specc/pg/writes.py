"""What SQL statements do to one column of some tables: the constants they write into it, and those they compare.

Trees of statements come in, facts about the column go out, with offsets in the statement's text. What cannot
be decided is said with the reason, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from specc.pg.comparisons import Compared, comparisons
from specc.pg.narrowing import allowed, conjunction, enter, meet, negation, opened
from specc.pg.parsing import parse_inside
from specc.pg.scopes import Allowed, Place, Relation, Scope, Table, Values, alias_of, column_path
from specc.pg.tree import Fields, Node, named, texts
from specc.record import record

BIRTH, MOVE = "birth", "move"
NO_CONDITION = "no condition says which `{}` is left"
NO_CONSTANT = "the value it writes into `{}` is no constant"
NO_COLUMNS = "it inserts without a list of columns"
NO_TABLE = "it writes `{}` of `{}`, which is no table of the project"
_STATEMENTS = ("SelectStmt", "UpdateStmt", "InsertStmt", "DeleteStmt", "MergeStmt")


@record
class Write:
    """A constant that a statement may set the column to: `value` is None where it may be anything.

    `sources` are the values that the column may have before; None if they are not known, and for a birth.
    `offset` is where the constant stands, or else the column's name; `statement` where the column's name does,
    which is one place for all that one SET or column list writes. `raises` says whether the statement adds one
    to the column `attempt`, None if it sets that in another way. `table` is None where it is not known.
    """

    table: Place | None
    form: str
    value: str | None
    sources: Values | None
    offset: int
    statement: int
    raises: bool | None = False
    reason: str = ""


@record
class Found:
    """All that statements do to the column."""

    writes: tuple[Write, ...]
    compared: tuple[Compared, ...]


def column_writes(statements: Iterable[Any], scope: Scope) -> Found:
    """Return what statements, as `tree.read_tree` gives them, do to the scope's column."""
    writes: list[Write] = []
    compared: list[Compared] = []
    for statement in statements:
        _visit(statement, scope, writes, compared)
    return Found(tuple(writes), tuple(dict.fromkeys(compared)))


def _visit(tree: Any, scope: Scope, writes: list[Write], compared: list[Compared]) -> None:
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
        elif isinstance(value, dict | list):
            compared += comparisons(name, value, scope)
            _visit(value, scope, writes, compared)


def _statement(
    name: str, fields: Fields, scope: Scope, writes: list[Write], compared: list[Compared]
) -> None:
    for body, names in opened(fields, scope)[0]:
        _visit(body, names, writes, compared)
    inner = enter(fields, scope)
    match name:
        case "UpdateStmt":
            writes += _update(fields, fields["relation"], fields.get("whereClause"), inner)
        case "InsertStmt":
            writes += _insert(fields, inner)
            _visit(fields.get("selectStmt", {}), enter(fields, scope, target=False), writes, compared)
        case "MergeStmt":
            writes += _merge(fields, inner)
    for part in ("larg", "rarg"):
        if part in fields:
            _statement("SelectStmt", fields[part], inner, writes, compared)
    done = ("withClause", "larg", "rarg", *(("selectStmt",) if name == "InsertStmt" else ()))
    _visit([value for part, value in fields.items() if part not in done], inner, writes, compared)


@record
class _Row:
    """What values are written into: the table, the alias it has, the names around, what an INSERT offers.

    `is_new` says that there is no row before, or that the values come out of a query of their own.
    """

    relation: Relation
    alias: str
    scope: Scope
    offered: tuple[_Result, ...] = ()
    is_new: bool = False

    @property
    def table(self) -> Table:
        """What is known of the table."""
        return self.relation.table or Table()


@record
class _Result:
    """One value that an expression can have, where it says so, and the values the column then had before."""

    value: str | None
    offset: int
    before: Allowed


def _update(
    fields: Fields, target: Fields, where: Any, scope: Scope, offered: tuple[_Result, ...] = ()
) -> Iterator[Write]:
    """Read SET and WHERE of an UPDATE, or of the part of an INSERT or MERGE that is one."""
    assigned = {one["ResTarget"]["name"]: one["ResTarget"] for one in fields.get("targetList", ())}
    column = assigned.get(scope.column)
    relation = scope.target(target)
    if column is None or _is_unknown(relation):
        yield from _unknown(relation, MOVE, column, scope)
        return
    if not relation.is_watched:
        return
    row = _Row(relation, alias_of(target), scope, offered)
    before = allowed(where, row.alias, scope) if where else Allowed()
    raises = _raises(assigned.get("attempt", {}).get("val"), row)
    for one in _results(column.get("val", {}), before, row):
        at = one.offset if one.offset >= 0 else column["location"]
        reason = NO_CONSTANT.format(scope.column) if one.value is None else ""
        if not reason and one.before.values is None:
            reason = one.before.reason or NO_CONDITION.format(scope.column)
        yield Write(
            relation.place, MOVE, one.value, one.before.values, at, column["location"], raises, reason
        )


def _is_unknown(relation: Relation) -> bool:
    return relation.table is None


def _unknown(relation: Relation, form: str, column: Fields | None, scope: Scope) -> Iterator[Write]:
    """Yield the write of a relation that may be a view of a watched table."""
    if column is not None and relation.place is not None:
        reason = NO_TABLE.format(scope.column, ".".join(relation.place))
        yield Write(None, form, None, None, column["location"], column["location"], None, reason)


def _results(node: Any, before: Allowed, row: _Row) -> Iterator[_Result]:
    """Yield the values that an expression can have; none for null and for the column as it is.

    Null is none, since the column cannot be null.
    """
    name, fields = named(node)
    match name:
        case "TypeCast":
            yield from _results(fields["arg"], before, row)
        case "CaseExpr":
            yield from _cases(fields, before, row)
        case "CoalesceExpr":
            for one in fields["args"]:
                yield from _results(one, before, row)
        case "A_Expr" if fields["kind"] == "AEXPR_NULLIF":
            yield from _results(fields["lexpr"], before, row)
        case "MultiAssignRef":
            yield from _results(_of_row(fields), before, _around(fields["source"], row))
        case "SubLink" if fields["subLinkType"] == "EXPR_SUBLINK":
            for one in _given(fields["subselect"], 0):
                yield from _results(one, before, _around(node, row))
        case _:
            yield from _simple(node, before, row)


def _simple(node: Any, before: Allowed, row: _Row) -> Iterator[_Result]:
    name, fields = named(node)
    offset = fields.get("location", -1)
    if name == "A_Const" and "sval" in fields:
        yield _Result(str(fields["sval"].get("sval", "")), max(offset, 0), before)
    elif name == "SetToDefault":
        yield _Result(row.table.default or None, offset, before)
    elif column_path(node) == ("excluded", row.scope.column) and row.offered:
        yield from (replace(one, before=before) for one in row.offered)
    elif not fields.get("isnull") and (row.is_new or not _is_own(node, row)):
        yield _Result(None, offset, before)


def _around(source: Any, row: _Row) -> _Row:
    """Return the row as an expression of a source sees it: in a query of its own the names are others."""
    return replace(row, is_new=True, offered=()) if "SubLink" in source else row


def _is_own(node: Any, row: _Row) -> bool:
    return row.scope.resolve(node, row.scope.column) == (0, row.alias)


def _cases(fields: Fields, before: Allowed, row: _Row) -> Iterator[_Result]:
    """Read a CASE: what its conditions say of the column narrows what was before each result."""
    for one in fields["args"]:
        branch = one["CaseWhen"]
        inside, rest = before, before
        if not row.is_new:
            condition = _condition(fields, branch)
            inside = meet(before, allowed(condition, row.alias, row.scope))
            rest = meet(before, allowed(condition, row.alias, row.scope, negated=True))
        yield from _reachable(_results(branch["result"], inside, row))
        before = rest
    if "defresult" in fields:
        yield from _reachable(_results(fields["defresult"], before, row))


def _reachable(results: Iterable[_Result]) -> Iterator[_Result]:
    return (one for one in results if one.before.values is None or one.before.values)


def _condition(case: Fields, branch: Fields) -> Node:
    if "arg" not in case:
        condition: Node = branch["expr"]
        return condition
    equals = [{"String": {"sval": "="}}]
    return {"A_Expr": {"kind": "AEXPR_OP", "name": equals, "lexpr": case["arg"], "rexpr": branch["expr"]}}


def _of_row(fields: Fields) -> Any:
    """Return the expression that one column of `(a, b) = …` is set to; {} where there is none to see."""
    name, source = named(fields["source"])
    at = fields["colno"] - 1
    if name == "RowExpr":
        return source["args"][at]
    if name == "SubLink":
        given = _given(source["subselect"], at)
        return given[0] if len(given) == 1 else {}
    return {}


def _raises(node: Any, row: _Row) -> bool | None:
    """Whether an assignment to `attempt` adds one to it; None where it does something else."""
    if node is None:
        return False
    name, fields = named(node)
    if name == "MultiAssignRef":
        return _raises(_of_row(fields), row) if "RowExpr" in fields["source"] else None
    if row.scope.resolve(node, "attempt") == (0, row.alias):
        return False
    if name != "A_Expr" or texts(fields["name"])[-1:] != ("+",):
        return None
    sides = (fields.get("lexpr", {}), fields["rexpr"])
    for column, other in (sides, sides[::-1]):
        one = other.get("A_Const", {}).get("ival", {}).get("ival")
        if row.scope.resolve(column, "attempt") == (0, row.alias) and one == 1:
            return True
    return None


def _insert(fields: Fields, scope: Scope) -> Iterator[Write]:
    target = fields["relation"]
    relation = scope.target(target)
    names = [one["ResTarget"]["name"] for one in fields.get("cols", ())]
    at = names.index(scope.column) if scope.column in names else -1
    column = fields["cols"][at]["ResTarget"] if at >= 0 else None
    if _is_unknown(relation):
        yield from _unknown(relation, BIRTH, column, scope)
    if not relation.is_watched:
        return
    row = _Row(relation, alias_of(target), scope, is_new=True)
    results: tuple[_Result, ...] = (_Result(row.table.default or None, -1, Allowed()),)
    if column is not None:
        given = _given(fields.get("selectStmt", {}), at)
        results = tuple(result for one in given for result in _results(one, Allowed(), row))
        yield from _births(relation, results, column["location"], scope)
    elif not names and "selectStmt" in fields:
        results = (_Result(None, -1, Allowed()),)
        place = target["location"]
        yield Write(relation.place, BIRTH, None, None, place, place, None, NO_COLUMNS)
    conflict = fields.get("onConflictClause", {})
    if conflict.get("action") == "ONCONFLICT_UPDATE":
        inner = scope.framed({**scope.frames[0], "excluded": Relation()})
        yield from _update(conflict, target, conflict.get("whereClause"), inner, results)


def _births(relation: Relation, results: Iterable[_Result], place: int, scope: Scope) -> Iterator[Write]:
    for one in results:
        at = one.offset if one.offset >= 0 else place
        reason = NO_CONSTANT.format(scope.column) if one.value is None else ""
        yield Write(relation.place, BIRTH, one.value, None, at, place, None, reason)


def _given(select: Any, at: int) -> list[Node]:
    """Return the expressions that a query gives its column number `at`; {} for one that cannot be told."""
    name, fields = named(select)
    fields = fields if name == "SelectStmt" else select
    if "valuesLists" in fields:
        lists = [one["List"]["items"] for one in fields["valuesLists"]]
        return [items[at] for items in lists if at < len(items)]
    if "larg" in fields:
        return [*_given(fields["larg"], at), *_given(fields["rarg"], at)]
    targets = [one["ResTarget"]["val"] for one in fields.get("targetList", ())]
    is_starred = any(
        "A_Star" in one for each in targets for one in each.get("ColumnRef", {}).get("fields", ())
    )
    return [targets[at]] if at < len(targets) and not is_starred else [{}]


def _merge(fields: Fields, scope: Scope) -> Iterator[Write]:
    target = fields["relation"]
    relation = scope.target(target)
    before: dict[str, list[Any]] = {"MERGE_WHEN_MATCHED": [fields["joinCondition"]]}
    for one in fields["mergeWhenClauses"]:
        clause = one["MergeWhenClause"]
        conditions = before.setdefault(clause["matchKind"], [])
        condition = clause.get("condition")
        if clause["commandType"] == "CMD_UPDATE":
            yield from _update(clause, target, conjunction([*conditions, condition]), scope)
        elif clause["commandType"] == "CMD_INSERT":
            yield from _merge_insert(clause, relation, target, scope)
        conditions += [negation(condition)] if condition else []


def _merge_insert(clause: Fields, relation: Relation, target: Fields, scope: Scope) -> Iterator[Write]:
    targets = {one["ResTarget"]["name"]: one["ResTarget"] for one in clause.get("targetList", ())}
    column = targets.get(scope.column)
    if _is_unknown(relation):
        yield from _unknown(relation, BIRTH, column, scope)
    if not relation.is_watched:
        return
    if column is not None and "values" in clause:
        value = clause["values"][list(targets).index(scope.column)]
        row = _Row(relation, alias_of(target), scope, is_new=True)
        yield from _births(relation, _results(value, Allowed(), row), column["location"], scope)
    elif not targets and "values" in clause:
        place = target["location"]
        yield Write(relation.place, BIRTH, None, None, place, place, None, NO_COLUMNS)


def written(node: Node, scope: Scope) -> tuple[dict[str, int], bool]:
    """Return the texts that an expression without a row around it can be, and whether it can be nothing else."""
    row = _Row(Relation(), "", scope, is_new=True)
    results = list(_results(node, Allowed(), row))
    values = {one.value: one.offset for one in results if one.value is not None}
    return values, all(one.value is not None for one in results)


def compared_texts(expression: str, column: str) -> list[tuple[str, int]]:
    """Return the texts that an expression over one table compares with a column, each with its offset.

    Raises `SqlError` where it is no expression.
    """
    before = "select 1 from public.t where ("
    tree = parse_inside(before, expression, ")")
    scope = Scope(column, lambda place: Table(labels=("",)) if place == ("public", "t") else None, "public")
    return [(one.value, one.offset - len(before)) for one in column_writes([tree], scope).compared]
