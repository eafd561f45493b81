"""Which objects of the base have another name now: those that the specs say, and those that are called after them.

Base and new facts come in; the base under its new names comes out, with the steps that rename. An object that is
called after a table (`run_state`, `run_state_history`, `run_pkey`) follows it; nothing else is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from specc.ir.database import Check, Column, Enum, ForeignKey, Index, Partition, PrimaryKey, Table, Unique
from specc.ir.fact import Fact, Identity, details
from specc.ir.intent import Renamed
from specc.ir.model import Ir, assemble
from specc.ir.step import Step
from specc.pg.alter import rename
from specc.plan.names import Names, under
from specc.record import record

_KEYED = (Partition, PrimaryKey, Unique, Check, ForeignKey, Index)
"""What is dear to make anew, or holds rows, and is told by what it is as well as by its name."""


@record
class Renaming:
    """A base under new names, the steps that rename, and each of its facts as it was, by its identity now."""

    base: Ir
    steps: tuple[Step, ...]
    was: Mapping[Identity, Fact]


def rename_base(base: Ir, new: Ir) -> Renaming:
    """Return the base as it is once all is renamed."""
    steps: list[Step] = []
    was = base.by_identity
    for find, kinds in ((_tables, (Table, Enum, Partition)), (_columns, (Column,)), (_keys, _KEYED)):
        names = find(base, new)
        if names == Names():
            continue
        moved = _moved(base, names)
        steps += [
            Step(now, rename(base.by_identity[before], now), rename(now, base.by_identity[before]))
            for before, after, now in moved
            if isinstance(now, kinds) and before != after
        ]
        was = {after: was[before] for before, after, _ in moved}
        # Of two that come to one name, the first stays.
        moved.reverse()
        origins = {after: base.origins.get(before, _NOWHERE) for before, after, _ in moved}
        base = assemble({after: now for _, after, now in moved}, origins)
    return Renaming(base, tuple(steps), was)


_NOWHERE: Any = (None, "")


def _moved(base: Ir, names: Names) -> list[tuple[Identity, Identity, Fact]]:
    """Return each fact of a base as it is now, after its identities before and now."""
    found = []
    for before, fact in base.by_identity.items():
        now = fact if fact.KIND == "schema" else under(fact, names)
        found.append((before, before if now is fact else now.identity, now))
    return found


def renamed_enums(base: Ir, new: Ir) -> dict[Identity, Identity]:
    """Return the enums that have another name, by their identities before."""
    names = _tables(base, new)
    return {("enum", schema, was): ("enum", schema, now) for (schema, was), now in names.enums.items()}


def _said(base: Ir, new: Ir) -> list[Renamed]:
    """Return what has another name by the specs, as far as the base still has it under the one before."""
    return [
        one
        for one in new.all(Renamed)
        if one.identity_before in base.by_identity and one.identity_now not in base.by_identity
    ]


def _columns(base: Ir, new: Ir) -> Names:
    names = Names()
    for one in _said(base, new):
        if one.identity_now[0] == "column":
            _, schema, table, now = one.identity_now
            names.columns[schema, table, one.was] = now
    return names


def _tables(base: Ir, new: Ir) -> Names:
    """Return the tables, enums and partitions that have other names."""
    names = Names()
    words: dict[str, str] = {}
    for one in _said(base, new):
        kind, *where = one.identity_now
        if kind == "table":
            names.tables[where[0], one.was] = where[1]
        if kind in ("table", "machine"):
            words[f"_{one.was}_"] = f"_{where[-1]}_"
    for fact in base.facts if words else ():
        if isinstance(fact, Table | Enum | Partition) and fact.identity not in new.by_identity:
            for name in _called(fact.name, words):
                identity = (fact.KIND, fact.schema, name)
                if identity in new.by_identity and identity not in base.by_identity:
                    _note(fact, name, names)
                    break
    return names


def _note(fact: Table | Enum | Partition, name: str, names: Names) -> None:
    if isinstance(fact, Table):
        names.tables.setdefault((fact.schema, fact.name), name)
    elif isinstance(fact, Enum):
        names.enums[fact.schema, fact.name] = name
    else:
        names.others[fact.identity] = name


def _called(name: str, words: dict[str, str]) -> Iterator[str]:
    """Yield what an object called after others may be called now: whole words of its name replaced.

    Names and words have `_` on both sides.
    """
    found = {f"_{name}_": None}
    there = f"_{name}_"
    for was, now in words.items():
        # Hardly any word stands in a name, and what has none of them must not grow with their number.
        if was in there:
            more = [one.replace(was, now, count) for one in found for count in (1, 2)]
            found.update(dict.fromkeys(more))
            there = " ".join(found)
    yield from (one[1:-1] for one in [*found][1:])


def _keys(base: Ir, new: Ir) -> Names:
    """Return the constraints, indexes and partitions that are only called otherwise."""
    names = Names()
    for kind in _KEYED:
        gone = [one for one in base.all(kind) if one.identity not in new.by_identity]
        come: dict[object, list[Fact]] = {}
        for one in new.all(kind):
            if one.identity not in base.by_identity:
                come.setdefault(_content(one), []).append(one)
        for one in gone:
            others = come.get(_content(one), [])
            if others:
                names.others[one.identity] = others.pop(0).identity[-1]
    return names


def _content(fact: Any) -> tuple[object, ...]:
    """Return all of a fact but its name."""
    kind: Any = type(fact)
    return (*fact.identity[1:-1], *(getattr(fact, name) for name, _ in details(kind)))
