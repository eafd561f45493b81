"""What statements on rows read and write: of which relations, and whether one by one or all of them."""

from __future__ import annotations

from collections.abc import Iterator

from specc.pg.relations import Done, Relation, Relations, place_of
from specc.pg.tree import Fields, Node, named, nodes, texts

_WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt")


def rows_touched(tree: Node, relations: Relations) -> Iterator[Done]:
    """Yield what is read and written, each relation where it stands in the text."""
    found = list(nodes(tree))
    queries = {fields["ctename"] for kind, fields in found if kind == "CommonTableExpr"}
    written = {id(fields["relation"]): (kind, fields) for kind, fields in found if kind in _WRITES}
    selects = [fields for kind, fields in found if kind == "SelectStmt"]
    for kind, fields in found:
        if kind != "RangeVar" or ("schemaname" not in fields and fields["relname"] in queries):
            continue
        relation = relations[place_of(fields)]
        if id(fields) in written:
            yield _written(relation, *written[id(fields)])
        else:
            keyed = any(_is_all(one, fields) and _is_keyed(relation, one) for one in selects)
            yield relation, "access share", "" if keyed else "scan", "its rows are read"


def _written(relation: Relation, kind: str, fields: Fields) -> Done:
    if kind == "InsertStmt":
        return relation, "row exclusive", "", "it gets rows"
    word = "changed" if kind == "UpdateStmt" else "deleted"
    effect = "" if _is_keyed(relation, fields) else "update"
    return relation, "row exclusive", effect, f"its rows are {word}"


def _is_all(select: Fields, relation: Fields) -> bool:
    """Whether a query reads one relation and nothing else."""
    sources = select.get("fromClause", ())
    return len(sources) == 1 and named(sources[0])[1] is relation


def _is_keyed(relation: Relation, fields: Fields) -> bool:
    """Whether rows are found by a value that an index leads to."""
    whole = (key for key in relation.keys.values() if key.is_index and not key.is_partial)
    first = {key.columns[0] for key in whole if key.columns}
    return any(one in first for one in _compared(fields.get("whereClause", {})))


def _compared(node: Node) -> Iterator[str]:
    """Yield the columns that have to be equal to what names no column."""
    kind, fields = named(node)
    if kind == "BoolExpr" and fields["boolop"] == "AND_EXPR":
        for one in fields["args"]:
            yield from _compared(one)
    if kind == "A_Expr" and fields["kind"] == "AEXPR_OP" and texts(fields["name"]) == ("=",):
        left, reference = named(fields["lexpr"])
        if left == "ColumnRef" and all(kind != "ColumnRef" for kind, _ in nodes(fields["rexpr"])):
            yield texts(reference["fields"])[-1]
