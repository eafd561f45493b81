"""What a migration does in a few words, for its title and its name: `add ticket note`, `change 3 tables`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.ir.database import DATABASE, Column, Enum, Function, Grant, Table, View
from specc.ir.fact import Fact, Identity
from specc.ir.intent import Renamed
from specc.ir.model import Ir
from specc.plan.renames import rename_base
from specc.record import record

INITIAL = "the initial migration"
"""The words for a plan that starts from nothing."""

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


def summary(base: Ir, new: Ir) -> str:
    """Return what leads from one database to another, in words of the specs."""
    items = [*_renames(base, new)]
    base, _ = rename_base(base, new)
    items += _items(base, new)
    return _words(items) if items else _lesser(base, new)


def _renames(base: Ir, new: Ir) -> Iterator[_Item]:
    for one in new.all(Renamed):
        kind, *names = one.identity_now
        is_done = one.identity_before in base.by_identity and one.identity_now not in base.by_identity
        if is_done and kind == "table":
            yield _Item("rename", f"{one.was} to {names[-1]}", "")
        elif is_done and kind == "column":
            yield _Item("rename", f"{names[-2]} {one.was} to {names[-1]}", names[-2])


def _items(base: Ir, new: Ir) -> Iterator[_Item]:
    """Yield tables, columns of tables that stay, and labels of types that stay, added or dropped."""
    for verb, here, there in (("drop", base, new), ("add", new, base)):
        tables = [one for one in here.all(Table) if one.identity not in there.by_identity]
        for name in _leading(one.name for one in tables):
            yield _Item(verb, name, "")
        for column in here.all(Column):
            is_inside = ("table", column.schema, column.table) in there.by_identity
            if is_inside and column.identity not in there.by_identity:
                yield _Item(verb, f"{column.table} {column.name}", column.table)
        for enum in here.all(Enum):
            other = there.by_identity.get(enum.identity)
            labels = other.labels if isinstance(other, Enum) else enum.labels
            for label in enum.labels:
                if label not in labels:
                    yield _Item(verb, f"{enum.name} {label}", _bearer(new, enum))


def _leading(names: Iterable[str]) -> list[str]:
    """Return names without those that others lead: `ticket_state_history` comes with `ticket`."""
    ordered = sorted(set(names))
    return [one for one in ordered if not any(one.startswith(f"{other}_") for other in ordered)]


def _bearer(ir: Ir, enum: Enum) -> str:
    """Return the table whose column has a type, if there is one such table, else the type's own name."""
    types = {f"{enum.schema}.{enum.name}", enum.name}
    # What keeps the history of a table has columns of its types, too.
    tables = _leading(one.table for one in ir.all(Column) if one.type in types)
    return tables[0] if len(tables) == 1 else enum.name


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
    before, after = (
        {one.identity: one for one in ir.facts if isinstance(one, DATABASE)} for ir in (base, new)
    )
    changed = [one for one in sorted(before.keys() | after.keys()) if before.get(one) != after.get(one)]
    facts = [after.get(one) or before[one] for one in changed]
    for verb, noun, names in _groups(facts, before, after):
        if names:
            return f"{verb} {names[0]}" if len(names) == 1 else f"{verb} {len(names)} {noun}"
    return f"change {facts[0].identity[-1]}" if len(facts) == 1 else f"change {len(facts)} objects"


def _groups(
    facts: list[Fact], before: dict[Identity, Fact], after: dict[Identity, Fact]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield what changed, what people would name first: verb, noun for several, and names."""
    yield "change", "tables", _leading(name for one in facts if (name := _table_of(one)))
    for kind, noun in ((Function, "functions"), (View, "views")):
        found = [one for one in facts if isinstance(one, kind)]
        verbs = {_verb(one.identity, before, after) for one in found}
        verb = verbs.pop() if len(verbs) == 1 else "change"
        yield verb, noun, sorted({one.name for one in found})


def _table_of(fact: Fact) -> str:
    if isinstance(fact, Grant):
        return fact.name if fact.object_kind == "table" else ""
    return getattr(fact, "table", "")


def _verb(identity: Identity, before: dict[Identity, Fact], after: dict[Identity, Fact]) -> str:
    if identity not in before:
        return "add"
    return "change" if identity in after else "drop"
