"""What a migration does in a few words, for its title and its name: `add ticket note`, `change 3 tables`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from specc.ir.behaviour import State, Transition
from specc.ir.database import DATABASE, Column, Comment, Enum, Function, Grant, Table, View
from specc.ir.fact import Fact
from specc.ir.intent import Renamed
from specc.ir.model import Ir
from specc.record import record

INITIAL = "the initial migration"
"""The words for a plan that starts from nothing."""

_OF_TABLES = frozenset(kind.KIND for kind in DATABASE if {"schema", "table"} <= set(kind.__annotations__)) | {
    "table"
}
"""The kinds of objects that bear their table's name second, after its schema."""

_LONGEST = 60
"""Letters of a name: with stamp, part and ending it stays far below what file systems take."""


@record
class _Item:
    """One change that people would speak of: `on` is the table it belongs to, "" for the table itself."""

    verb: str
    what: str
    on: str


def slug_of(words: str) -> str:
    """Return the words as a part of a file name."""
    words = words.removeprefix("the ").removesuffix(" migration").lower()
    letters = "".join(one if one.isascii() and one.isalnum() else " " for one in words)
    return "_".join(letters.split())[:_LONGEST].rstrip("_") or "change"


def words_for(base: Ir, new: Ir) -> str:
    """Return what leads from one database to another, in words of the specs."""
    said = [one for one in new.all(Renamed) if _counts(one, base)]
    items = [*_renames(said), *_items(base, new, _Names(said))]
    return _words(items) if items else _lesser(base, new)


def _counts(one: Renamed, base: Ir) -> bool:
    return one.identity_before in base.by_identity and one.identity_now not in base.by_identity


def _renames(said: Iterable[Renamed]) -> Iterator[_Item]:
    for one in said:
        kind, *names = one.identity_now
        if kind == "table":
            yield _Item("rename", f"{one.was} to {names[-1]}", "")
        elif kind == "column":
            yield _Item("rename", f"{names[-2]} {one.was} to {names[-1]}", names[-2])


class _Names:
    """What things of the base are called now: what was renamed, and what is called after it."""

    def __init__(self, said: Iterable[Renamed]) -> None:
        said = list(said)
        self.words = {
            one.was: one.identity_now[-1] for one in said if one.identity_now[0] in ("table", "machine")
        }
        columns = [(one.identity_now[2:], one.was) for one in said if one.identity_now[0] == "column"]
        self.columns = {(table, name) for (table, now), was in columns for name in (was, now)}

    def now(self, name: str) -> str:
        """Return a name as it is now: `ticket_state` was `issue_state` once tickets were issues."""
        for was, word in self.words.items():
            if name == was or name.startswith(f"{was}_"):
                return word + name.removeprefix(was)
        return name


def _items(base: Ir, new: Ir, names: _Names) -> Iterator[_Item]:
    """Yield tables, columns of tables that stay, and labels of types that stay, dropped or added."""
    before, after = _parts(base, names), _parts(new, _Names(()))
    for verb, here, there in (("drop", before, after), ("add", after, before)):
        for table in _leading(here.columns.keys() - there.columns.keys()):
            yield _Item(verb, table, "")
        for table, columns in here.columns.items():
            if table in there.columns:
                gone = [one for one in columns if one not in there.columns[table]]
                yield from (
                    _Item(verb, f"{table} {one}", table) for one in gone if (table, one) not in names.columns
                )
        for enum, labels in here.labels.items():
            gone = [one for one in labels if one not in there.labels.get(enum, labels)]
            yield from (_Item(verb, f"{enum} {one}", after.bearer(enum)) for one in gone)


@dataclass(frozen=True)
class _Parts:
    """The columns of tables with their types, and the labels of types, by names as they are now."""

    columns: dict[str, dict[str, str]]
    labels: dict[str, tuple[str, ...]]

    def bearer(self, enum: str) -> str:
        """Return the table that has a type, if there is one such table, else the type itself."""
        # What keeps the history of a table has columns of its types, too.
        tables = _leading(
            table
            for table, columns in self.columns.items()
            if any(one.rpartition(".")[2] == enum for one in columns.values())
        )
        return tables[0] if len(tables) == 1 else enum


def _parts(ir: Ir, names: _Names) -> _Parts:
    columns: dict[str, dict[str, str]] = {names.now(one.name): {} for one in ir.all(Table)}
    for column in ir.all(Column):
        columns.setdefault(names.now(column.table), {})[column.name] = column.type
    return _Parts(columns, {names.now(one.name): one.labels for one in ir.all(Enum)})


def _leading(names: Iterable[str]) -> list[str]:
    """Return names without those that others lead: `ticket_state_history` comes with `ticket`."""
    ordered = sorted(set(names))
    return [one for one in ordered if not any(one.startswith(f"{other}_") for other in ordered)]


def _words(items: list[_Item]) -> str:
    items = list(dict.fromkeys(items))
    verbs = {one.verb for one in items}
    if len(items) == 1:
        return f"{items[0].verb} {items[0].what}"
    if len(items) == 2 and len(verbs) == 1 and "rename" not in verbs and not any(one.on for one in items):
        return f"{items[0].verb} {items[0].what} and {items[1].what}"
    places = _leading(one.on or one.what for one in items)
    if len(places) == 1:
        return f"change {places[0]}"
    verb = verbs.pop() if len(verbs) == 1 and not any(one.on for one in items) else "change"
    return f"{verb} {len(places)} tables"


def _lesser(base: Ir, new: Ir) -> str:
    """Say what changed where nothing was added or dropped that people would name first."""
    before, after = base.by_identity, new.by_identity
    changed = [one for one in sorted(before.keys() | after.keys()) if before.get(one) != after.get(one)]
    facts = [after.get(one) or before[one] for one in changed]
    for noun, names in (
        ("tables", _leading(name for one in facts if (name := _table_of(one)))),
        ("machines", sorted({one.machine for one in facts if isinstance(one, State | Transition)})),
        ("functions", sorted({one.name for one in facts if isinstance(one, Function)})),
        ("views", sorted({one.name for one in facts if isinstance(one, View)})),
    ):
        if names:
            return f"change {names[0] if len(names) == 1 else f'{len(names)} {noun}'}"
    objects = [one for one in facts if isinstance(one, DATABASE)]
    return f"change {objects[0].identity[-1]}" if len(objects) == 1 else f"change {len(objects)} objects"


def _table_of(fact: Fact) -> str:
    """Return the table that a fact is about, "" for none."""
    if isinstance(fact, Comment):
        kind, *names = fact.target.split(" ")
        return names[1] if kind in _OF_TABLES and len(names) > 1 else ""
    if isinstance(fact, Grant):
        return fact.name if fact.object_kind == "table" else ""
    return getattr(fact, "table", "")
