"""What ALTER TABLE does to a running database, command by command; see `pg.hazards`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from specc.ir.step import LOCKS
from specc.pg.relations import (
    ColumnKnown,
    Done,
    Key,
    Relation,
    Relations,
    place_of,
)
from specc.pg.rewrites import is_volatile, keeps_bytes, read_type
from specc.pg.tree import Fields, named, texts

_OF_TRIGGERS = {
    "AT_EnableTrig": "trigger {} is on",
    "AT_EnableAlwaysTrig": "trigger {} is on",
    "AT_EnableReplicaTrig": "trigger {} is on",
    "AT_EnableTrigAll": "its triggers are on",
    "AT_EnableTrigUser": "its triggers are on",
    "AT_DisableTrig": "trigger {} is off",
    "AT_DisableTrigAll": "its triggers are off",
    "AT_DisableTrigUser": "its triggers are off",
}

_WEAK = dict.fromkeys(_OF_TRIGGERS, "share row exclusive") | dict.fromkeys(
    ("AT_ValidateConstraint", "AT_AttachPartition", "AT_SetStatistics"), "share update exclusive"
)
"""Commands that do not stop readers, with what they take; the others stop everybody (`AlterTableGetLockLevel`)."""

_WORDS = _OF_TRIGGERS | {
    "AT_ColumnDefault": "{} has another default",
    "AT_DropExpression": "{} is no longer computed",
    "AT_AddIdentity": "{} counts up",
    "AT_SetIdentity": "{} counts otherwise",
    "AT_DropIdentity": "{} counts up no longer",
    "AT_DetachPartition": "it loses a partition",
    "AT_EnableRowSecurity": "row-level security is on",
    "AT_DisableRowSecurity": "row-level security is off",
    "AT_ForceRowSecurity": "row-level security is for its owner, too",
    "AT_NoForceRowSecurity": "row-level security is not for its owner",
}


def alter_table(fields: Fields, relations: Relations) -> Iterator[Done]:
    """Yield what the commands of a statement do; they are all done under the strongest of their locks."""
    table = relations[place_of(fields["relation"])]
    commands = [named(one)[1] for one in fields["cmds"]]
    lock = max((_lock(one) for one in commands), key=LOCKS.index)
    for command in commands:
        read = _COMMANDS.get(command["subtype"])
        if read is None:
            name = command.get("name", "")
            yield table, lock, "", _WORDS.get(command["subtype"], "it is altered").format(name)
        else:
            yield from read(table, lock, command, relations)


def _lock(command: Fields) -> str:
    _, definition = named(command.get("def", {}))
    subtype = command["subtype"]
    if subtype == "AT_AddConstraint" and definition["contype"] == "CONSTR_FOREIGN":
        return "share row exclusive"
    if subtype == "AT_DetachPartition" and definition.get("concurrent"):
        return "share update exclusive"
    return _WEAK.get(subtype, "access exclusive")


def column_known(column: Fields) -> ColumnKnown:
    """Return what a column definition says."""
    kinds = [one["Constraint"]["contype"] for one in column.get("constraints", ())]
    return ColumnKnown(read_type(column["typeName"]), "CONSTR_NOTNULL" in kinds)


def _add_column(table: Relation, lock: str, command: Fields, relations: Relations) -> Iterator[Done]:
    column = command["def"]["ColumnDef"]
    name, known = column["colname"], column_known(column)
    said = {one["Constraint"]["contype"]: one["Constraint"] for one in column.get("constraints", ())}
    effect, why = "", f"{name} is new"
    default = said.get("CONSTR_DEFAULT", {}).get("raw_expr")
    if default is not None and is_volatile(default, relations.calm):
        effect, why = "rewrite", f"{name} is new, with another value in each row"
    elif said.get("CONSTR_GENERATED", {}).get("generated_kind", "v") != "v":
        effect, why = "rewrite", f"{name} is new, and computed for each row"
    elif "CONSTR_IDENTITY" in said:
        effect, why = "rewrite", f"{name} is new, and counts the rows"
    elif known.not_null and default is None:
        effect, why = "scan", f"{name} is new, and may not be null"
    table.columns[name] = known
    yield table, lock, effect, why
    for constraint in said.values():
        # Where all rows have null in it there is nothing to look up.
        yield from added_key(table, lock, constraint, relations, is_filled=default is not None, column=name)


def added_key(
    table: Relation,
    lock: str,
    constraint: Fields,
    relations: Relations,
    *,
    is_filled: bool = True,
    column: str = "",
) -> Iterator[Done]:
    """Yield what a constraint does that a table gets; `column` is the one it stands in."""
    kind, name = constraint["contype"], constraint.get("conname") or f"a constraint of {column}"
    scan = "" if constraint.get("skip_validation") else "scan"
    if kind == "CONSTR_FOREIGN":
        target = relations[place_of(constraint["pktable"])]
        columns = texts(constraint.get("fk_attrs", ())) or (column,)
        table.keys[name] = Key(columns, target, is_valid=bool(scan))
        # Rows that this migration has made are none, or were where they come from.
        scan = scan if is_filled and table.was is not None else ""
        yield table, lock, scan, f"{name} is {'checked' if scan else 'new'}"
        if target is not table:
            yield target, "share row exclusive", scan, f"{name} points at it"
    elif kind == "CONSTR_CHECK":
        table.keys[name] = Key(check=constraint["raw_expr"], is_valid=bool(scan))
        yield table, lock, scan, f"{name} is {'checked' if scan else 'new'}"
    elif kind in ("CONSTR_UNIQUE", "CONSTR_PRIMARY"):
        yield from _added_index(table, lock, constraint, name, column)


def _added_index(table: Relation, lock: str, constraint: Fields, name: str, column: str) -> Iterator[Done]:
    columns = texts(constraint.get("keys", ())) or ((column,) if column else ())
    scan, why = "scan", f"{name} is built"
    if "indexname" in constraint:
        columns = table.keys.get(f"index {constraint['indexname']}", Key()).columns
        scan, why = "", f"{name} is made of an index"
    if constraint["contype"] == "CONSTR_PRIMARY":
        known = [table.columns.get(one) for one in columns]
        scan = scan or ("" if known and all(one and one.not_null for one in known) else "scan")
        for one in filter(None, known):
            one.not_null = True
    table.keys[name] = Key(columns, is_index=True)
    yield table, lock, scan, why


def _add_constraint(table: Relation, lock: str, command: Fields, relations: Relations) -> Iterator[Done]:
    yield from added_key(table, lock, command["def"]["Constraint"], relations)


def _retype(table: Relation, lock: str, command: Fields, _: Relations) -> Iterator[Done]:
    name, column = command["name"], command["def"]["ColumnDef"]
    known, new = table.columns.get(name), read_type(column["typeName"])
    collation = ".".join(texts(column.get("collClause", {}).get("collname", ())))
    kept = known is not None and keeps_bytes(name, known.read(), new, column.get("raw_default"))
    sorted_anew = known is not None and known.collation.replace('"', "") != collation
    effect = _looked_at(table, name, sorted_anew=sorted_anew) if kept else "rewrite"
    table.columns[name] = ColumnKnown(new, bool(known and known.not_null), collation)
    yield table, lock, effect, f"{name} changes its type"


def _looked_at(table: Relation, column: str, *, sorted_anew: bool) -> str:
    """Return what a new type does where values stay as they lie: checks are made again, and indexes if the order is new."""
    for key in table.keys.values():
        if key.check is not None and key.reads(column):
            return "scan"
        if sorted_anew and key.is_index and column in key.columns:
            return "scan"
    return ""


def _set_not_null(table: Relation, lock: str, command: Fields, _: Relations) -> Iterator[Done]:
    name = command["name"]
    column = table.columns.get(name)
    checks = (key for key in table.keys.values() if key.check is not None and key.is_valid)
    is_known = bool(column and column.not_null) or any(one.proves(name) for one in checks)
    if column is not None:
        column.not_null = True
    yield table, lock, "" if is_known else "scan", f"{name} may not be null"


def _drop_not_null(table: Relation, lock: str, command: Fields, _: Relations) -> Iterator[Done]:
    if (column := table.columns.get(command["name"])) is not None:
        column.not_null = False
    yield table, lock, "", f"{command['name']} may be null"


def _validate(table: Relation, lock: str, command: Fields, _: Relations) -> Iterator[Done]:
    name = command["name"]
    key = table.keys.setdefault(name, Key(is_valid=False))
    yield table, lock, "" if key.is_valid else "scan", f"{name} is checked"
    if key.target is not None and not key.is_valid:
        yield key.target, "row share", "scan", f"{name} points at it"
    key.is_valid = True


def _drop_column(table: Relation, lock: str, command: Fields, _: Relations) -> Iterator[Done]:
    name = command["name"]
    table.columns.pop(name, None)
    yield table, lock, "", f"{name} is dropped"
    for key in [key for key, one in table.keys.items() if name in one.columns]:
        yield from _without(table, key)


def _drop_constraint(table: Relation, lock: str, command: Fields, _: Relations) -> Iterator[Done]:
    yield table, lock, "", f"{command['name']} is dropped"
    yield from _without(table, command["name"])


def _without(table: Relation, name: str) -> Iterator[Done]:
    key = table.keys.pop(name, Key())
    if key.target not in (None, table):
        assert key.target is not None
        yield key.target, "access exclusive", "", f"{name} no longer points at it"


def _attach(table: Relation, lock: str, command: Fields, relations: Relations) -> Iterator[Done]:
    definition = command["def"]["PartitionCmd"]
    part = relations[place_of(definition["name"])]
    yield part, "access exclusive", "scan", "it becomes a partition"
    yield table, lock, "", "it gets a partition"
    if table.has_default:
        # The rows that the new partition is for are looked for among those of the default one.
        yield table, "access exclusive", "scan", "its default partition loses rows to another"
    table.has_default |= "is_default" in definition["bound"]


_COMMANDS: dict[str, Callable[[Relation, str, Fields, Relations], Iterator[Done]]] = {
    "AT_AddColumn": _add_column,
    "AT_AddConstraint": _add_constraint,
    "AT_AlterColumnType": _retype,
    "AT_AttachPartition": _attach,
    "AT_DropColumn": _drop_column,
    "AT_DropConstraint": _drop_constraint,
    "AT_DropNotNull": _drop_not_null,
    "AT_SetNotNull": _set_not_null,
    "AT_ValidateConstraint": _validate,
}
