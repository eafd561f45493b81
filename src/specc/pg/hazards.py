"""What statements do to a running database: which relations they lock, how strongly, and what they do under the lock.

Statements are read as trees and followed from one to the next, since a later one may drop what an earlier one has
renamed. Measured on PostgreSQL 15 and 18, which agree; see `tests/db/test_hazards.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from specc.ir.step import EFFECTS, LOCKS, Hazard
from specc.pg.altered import added_key, alter_table, column_known
from specc.pg.parsing import parse
from specc.pg.relations import Done, Key, Name, Relation, Relations, place_of
from specc.pg.rows import rows_touched
from specc.pg.tree import Fields, Node, named, nodes, texts

_STOPS_DDL, _STOPS_WRITERS = LOCKS.index("share update exclusive"), LOCKS.index("share")


_DROPPED = "it is dropped"


def hazards(text: str, relations: Relations) -> tuple[Hazard, ...]:
    """Return what a transaction of some statements does: one hazard for each relation that was there before.

    Only those that are locked against more than reading and writing are told, and no sequence that is locked with its
    table. `relations` are those of the database, and are afterwards what the text has made of them. Raises `SqlError`.
    """
    relations.settle()
    owners = relations.owners()
    by_relation: dict[Name, list[Hazard]] = {}
    for statement in parse(text):
        for relation, lock, effect, why in _of(*named(statement["stmt"]), relations):
            name = relation.top.was
            if name is not None:
                told = why if relation.top is relation else "its partitions change"
                by_relation.setdefault(name, []).append(Hazard(name, lock, effect, told))
    found = {name: _summed(each) for name, each in sorted(by_relation.items())}
    for name, one in found.items():
        if one.why == _DROPPED and name in relations:
            found[name] = replace(one, why="it is made anew")
    return tuple(
        one for one in found.values() if _is_told(one, found.get(owners.get(one.relation, one.relation)))
    )


def _is_told(one: Hazard, of_owner: Hazard | None) -> bool:
    lock = LOCKS.index(one.lock)
    if of_owner is not None and of_owner is not one and lock <= LOCKS.index(of_owner.lock):
        return False
    return lock >= _STOPS_DDL


def _summed(found: Sequence[Hazard]) -> Hazard:
    """Return what is done to a relation in a transaction.

    A lock is held until the end, so what later statements do is done under it, too; what was done before is not.
    """
    held, under = 0, []
    for one in found:
        held = max(held, LOCKS.index(one.lock))
        under.append(held)
    least = _STOPS_WRITERS if held >= _STOPS_WRITERS else _STOPS_DDL
    counted = [one for one, lock in zip(found, under, strict=True) if lock >= least] or list(found)
    effect = max((one.effect for one in counted), key=EFFECTS.index)
    telling = [one for one in counted if one.effect == effect]
    # What is done to the whole table tells more than what is done to something of it.
    chosen = max(telling, key=lambda one: (LOCKS.index(one.lock), one.why.startswith("it ")))
    others = len({one.why for one in counted} - {chosen.why})
    why = f"{chosen.why}, and {others} more" if others else chosen.why
    return Hazard(chosen.relation, LOCKS[held], effect, why)


def _of(kind: str, fields: Fields, relations: Relations) -> Iterable[Done]:
    if kind in ("CreateStmt", "AlterTableStmt"):
        for sequence in _sequences(fields):
            relations.make(sequence)
    read = _KINDS.get(kind)
    return read(fields, relations) if read else ()


def _sequences(fields: Fields) -> Iterator[Name]:
    """Yield the sequences that identity columns bring, as far as they are named."""
    for kind, option in nodes(fields):
        if kind == "DefElem" and option["defname"] == "sequence_name":
            yield _name(option["arg"]["List"]["items"])


def _name(path: Iterable[Node]) -> Name:
    words = texts(path)
    return (words[-2] if len(words) > 1 else ""), words[-1]


def _create_table(fields: Fields, relations: Relations) -> Iterator[Done]:
    made = relations.make(place_of(fields["relation"]))
    for node in fields.get("tableElts", ()):
        kind, element = named(node)
        if kind == "ColumnDef":
            made.columns[element["colname"]] = column_known(element)
        column = element.get("colname", "")
        for constraint in _constraints(kind, element):
            yield from added_key(made, "access exclusive", constraint, relations, column=column)
    if "partbound" not in fields:
        return
    parent = relations[place_of(named(fields["inhRelations"][0])[1])]
    # The rows that others are for by now are looked for among those of the default partition.
    lock, effect = ("access exclusive", "scan") if parent.has_default else ("share update exclusive", "")
    yield parent, lock, effect, "it gets a partition"
    made.of = parent
    parent.has_default |= "is_default" in fields["partbound"]


def _constraints(kind: str, element: Fields) -> list[Fields]:
    if kind == "Constraint":
        return [element]
    return [one["Constraint"] for one in element.get("constraints", ())]


def _create_table_as(fields: Fields, relations: Relations) -> Iterator[Done]:
    yield from rows_touched(fields["query"], relations)
    relations.make(place_of(fields["into"]["rel"]))


def _create_view(fields: Fields, relations: Relations) -> Iterator[Done]:
    name = place_of(fields["view"])
    if fields.get("replace"):
        yield relations[name], "access exclusive", "", "its query changes"
    else:
        relations.make(name)


def _create_index(fields: Fields, relations: Relations) -> Iterator[Done]:
    name = place_of(fields["relation"])
    table, index = relations[name], fields.get("idxname", "")
    columns = tuple(one["IndexElem"].get("name", "") for one in fields["indexParams"])
    key = Key(columns, is_index=True, is_partial="whereClause" in fields)
    relations.index((name[0], index), table, key)
    lock = "share update exclusive" if fields.get("concurrent") else "share"
    yield table, lock, "scan", f"index {index} is built"


def _create_function(fields: Fields, relations: Relations) -> Iterable[Done]:
    said = {one["DefElem"]["defname"]: one["DefElem"].get("arg") for one in fields["options"]}
    is_calm = "volatility" in said and said["volatility"]["String"]["sval"] != "volatile"
    change = relations.calm.add if is_calm else relations.calm.discard
    change(_name(fields["funcname"]))
    return ()


def _on_table(key: str, lock: str, why: str, title: str) -> Callable[[Fields, Relations], Iterator[Done]]:
    """Return what reads statements about an object of a table."""

    def read(fields: Fields, relations: Relations) -> Iterator[Done]:
        yield relations[place_of(fields[key])], lock, "", why.format(fields.get(title, ""))

    return read


def _drop(fields: Fields, relations: Relations) -> Iterator[Done]:
    for node in fields["objects"]:
        path = node.get("List", {}).get("items", ())
        match fields["removeType"]:
            case "OBJECT_TABLE":
                yield from _drop_table(relations.forget(_name(path)), relations)
            case "OBJECT_VIEW" | "OBJECT_SEQUENCE":
                yield relations.forget(_name(path)), "access exclusive", "", _DROPPED
            case "OBJECT_TRIGGER" | "OBJECT_POLICY" as kind:
                word = kind.removeprefix("OBJECT_").lower()
                why = f"{word} {texts(path)[-1]} is dropped"
                yield relations[_name(path[:-1])], "access exclusive", "", why
            case "OBJECT_INDEX":
                table = relations.forget_index(_name(path))
                lock = "share update exclusive" if fields.get("concurrent") else "access exclusive"
                if table is not None:
                    yield table, lock, "", f"index {texts(path)[-1]} is dropped"


def _drop_table(table: Relation, relations: Relations) -> Iterator[Done]:
    yield table, "access exclusive", "", _DROPPED
    pointed_at = [key.target for key in table.keys.values() if key.target not in (None, table)]
    for other in (*pointed_at, *relations.pointing_at(table)):
        if other is not None:
            yield other, "access exclusive", "", "a foreign key is dropped"


def _rename(fields: Fields, relations: Relations) -> Iterator[Done]:
    if "relation" not in fields:
        return
    name, now = place_of(fields["relation"]), fields["newname"]
    if (kind := fields["renameType"]) == "OBJECT_INDEX":
        relations.rename_index(name, now)
        return
    relation, was = relations[name], fields.get("subname", "")
    why = f"{was} is called {now}" if was else f"it is called {now}"
    yield relation, "access exclusive", "", why
    if kind in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_SEQUENCE"):
        relations.rename(name, now)
    elif kind == "OBJECT_COLUMN":
        _rename_column(relation, was, now)
    elif kind == "OBJECT_TABCONSTRAINT" and was in relation.keys:
        relation.keys[now] = relation.keys.pop(was)


def _rename_column(relation: Relation, was: str, now: str) -> None:
    if was in relation.columns:
        relation.columns[now] = relation.columns.pop(was)
    for key in relation.keys.values():
        key.rename(was, now)


def _comment(fields: Fields, relations: Relations) -> Iterator[Done]:
    path = fields["object"].get("List", {}).get("items", ())
    if fields["objtype"] == "OBJECT_COLUMN":
        path = path[:-1]
    elif fields["objtype"] not in ("OBJECT_TABLE", "OBJECT_VIEW"):
        return
    yield relations[_name(path)], "share update exclusive", "", "its comment changes"


def _lock(fields: Fields, relations: Relations) -> Iterator[Done]:
    for node in fields["relations"]:
        yield relations[place_of(named(node)[1])], LOCKS[fields["mode"] - 1], "", "it is locked"


def _analyze(fields: Fields, relations: Relations) -> Iterator[Done]:
    for node in fields.get("rels", ()):
        relation = relations[place_of(named(node)[1]["relation"])]
        yield relation, "share update exclusive", "", "it is analysed"


def _alter_sequence(fields: Fields, relations: Relations) -> Iterator[Done]:
    yield relations[place_of(fields["sequence"])], "share row exclusive", "", "it counts otherwise"


def _work(kind: str) -> Callable[[Fields, Relations], Iterator[Done]]:
    return lambda fields, relations: rows_touched({kind: fields}, relations)


_KINDS: dict[str, Callable[[Fields, Relations], Iterable[Done]]] = {
    "AlterTableStmt": alter_table,
    "AlterSeqStmt": _alter_sequence,
    "CommentStmt": _comment,
    "CreateFunctionStmt": _create_function,
    "AlterPolicyStmt": _on_table("table", "access exclusive", "policy {} changes", "policy_name"),
    "CreatePolicyStmt": _on_table("table", "access exclusive", "policy {} is new", "policy_name"),
    "CreateStmt": _create_table,
    "CreateTableAsStmt": _create_table_as,
    "CreateTrigStmt": _on_table("relation", "share row exclusive", "trigger {} is new", "trigname"),
    "DropStmt": _drop,
    "IndexStmt": _create_index,
    "LockStmt": _lock,
    "RenameStmt": _rename,
    "VacuumStmt": _analyze,
    "ViewStmt": _create_view,
} | {kind: _work(kind) for kind in ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt")}
