"""Which objects of the base have another name now: those that the specs say, and those that are called after them.

Base and new facts come in; the base under its new names comes out, with the steps that rename. An object that is
called after a table (`run_state`, `run_state_history`, `run_pkey`) follows it; nothing else is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from specc.ir.database import Check, Column, Enum, ForeignKey, Index, Partition, PrimaryKey, Table, Unique
from specc.ir.fact import Fact, Identity, details
from specc.ir.intent import Renamed
from specc.ir.model import Ir, gather
from specc.ir.step import Step
from specc.pg.alter import rename
from specc.plan.names import Names, under

_KEYED = (Partition, PrimaryKey, Unique, Check, ForeignKey, Index)
"""What is dear to make anew, or holds rows, and is told by what it is as well as by its name."""


def rename_base(base: Ir, new: Ir) -> tuple[Ir, tuple[Step, ...]]:
    """Return the base as it is once all is renamed, and the steps that do it."""
    said = [one for one in new.all(Renamed) if _counts(one, base)]
    names = Names()
    _tables(base, new, said, names)
    steps = list(_steps(base, names, (Table, Enum, Partition)))
    base = _under(base, names)
    columns = Names(columns={_place(one): _last(one) for one in said if one.identity_now[0] == "column"})
    steps += _steps(base, columns, (Column,))
    base = _under(base, columns)
    keys = Names(others=dict(_keys(base, new)))
    steps += _steps(base, keys, _KEYED)
    return _under(base, keys), tuple(steps)


def renamed_enums(base: Ir, new: Ir) -> dict[Identity, Identity]:
    """Return the enums that have another name, by their identities before."""
    names = Names()
    _tables(base, new, [one for one in new.all(Renamed) if _counts(one, base)], names)
    return {("enum", schema, was): ("enum", schema, now) for (schema, was), now in names.enums.items()}


def _counts(one: Renamed, base: Ir) -> bool:
    """Whether the base still has what was renamed."""
    return one.identity_before in base.by_identity and one.identity_now not in base.by_identity


def _last(one: Renamed) -> str:
    return one.identity_now[-1]


def _place(one: Renamed) -> tuple[str, str, str]:
    _, schema, table, _ = one.identity_now
    return schema, table, one.was


def _tables(base: Ir, new: Ir, said: Iterable[Renamed], names: Names) -> None:
    """Note the tables, enums and partitions that have other names."""
    words: dict[str, str] = {}
    for one in said:
        kind, *where = one.identity_now
        if kind == "table":
            names.tables[where[0], one.was] = where[1]
        if kind in ("table", "machine"):
            words[one.was] = where[-1]
    if not words:
        return
    for fact in base.facts:
        if isinstance(fact, Table | Enum | Partition) and fact.identity not in new.by_identity:
            for name in _called(fact.name, words):
                identity = (fact.KIND, fact.schema, name)
                if identity in new.by_identity and identity not in base.by_identity:
                    _note(fact, name, names)
                    break


def _note(fact: Table | Enum | Partition, name: str, names: Names) -> None:
    if isinstance(fact, Table):
        names.tables.setdefault((fact.schema, fact.name), name)
    elif isinstance(fact, Enum):
        names.enums[fact.schema, fact.name] = name
    else:
        names.others[fact.identity] = name


def _called(name: str, words: dict[str, str]) -> Iterator[str]:
    """Yield what an object called after others may be called now: whole words of its name replaced."""
    found = [f"_{name}_"]
    for was, now in words.items():
        found += [one.replace(f"_{was}_", f"_{now}_", count) for one in found for count in (1, 2)]
    yield from (one[1:-1] for one in dict.fromkeys(found[1:]) if one != found[0])


def _under(ir: Ir, names: Names) -> Ir:
    if names == Names():
        return ir
    moved = {fact.identity: under(fact, names) for fact in ir.facts if fact.KIND not in _UNNAMED}
    return gather(
        (moved.get(fact.identity, fact), ir.origins.get(fact.identity, _NOWHERE)) for fact in ir.facts
    )[0]


_UNNAMED = frozenset(["schema"])
_NOWHERE: Any = (None, "")


def _steps(base: Ir, names: Names, kinds: tuple[type[Fact], ...]) -> Iterator[Step]:
    if names == Names():
        return
    for fact in base.facts:
        if isinstance(fact, kinds):
            after = under(fact, names)
            if after.identity != fact.identity:
                yield Step(after, rename(fact, after), rename(after, fact))


def _keys(base: Ir, new: Ir) -> Iterator[tuple[Identity, str]]:
    """Yield the constraints and indexes that are only called otherwise, each with its name now."""
    for kind in _KEYED:
        gone = [one for one in base.all(kind) if one.identity not in new.by_identity]
        come: dict[object, list[Fact]] = {}
        for one in new.all(kind):
            if one.identity not in base.by_identity:
                come.setdefault(_content(one), []).append(one)
        for one in gone:
            others = come.get(_content(one), [])
            if others:
                yield one.identity, others.pop(0).identity[-1]


def _content(fact: Any) -> tuple[object, ...]:
    """Return all of a fact but its name."""
    kind: Any = type(fact)
    return (*fact.identity[1:-1], *(getattr(fact, name) for name, _ in details(kind)))
