"""How an enum gets other labels: renamed in place, added in a file of their own, or the type made anew.

PostgreSQL adds a label anywhere and renames one, both without a look at any row. It takes none away and changes no
order: then the type is made anew and every column of it rewritten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from specc.ir.behaviour import Machine, State
from specc.ir.database import Column, Enum, Function
from specc.ir.fact import Identity
from specc.ir.intent import Renamed
from specc.ir.model import Ir
from specc.ir.step import Step
from specc.pg.ddl import create
from specc.pg.names import fit, ident, lit, qualified
from specc.plan.renames import renamed_enums
from specc.record import record
from specc.remember import remembered


@record
class Rebuild:
    """An enum that is made anew, with the columns of it and the functions that have it in their signature."""

    old: Enum
    new: Enum
    columns: tuple[Column, ...]
    functions: tuple[Function, ...]
    readers: tuple[Function, ...]
    """Those that only mention it: open connections hold what they made of them, so they are told to look again."""


def added(old: Enum, new: Enum, renames: dict[str, str]) -> list[tuple[str, str]]:
    """Return the labels to add in order, each with its place (`after 'x'`); none where the type is made anew."""
    before = [renames.get(label, label) for label in old.labels]
    if not _keeps(before, new.labels):
        return []
    found: list[tuple[str, str]] = []
    called = {now: was for was, now in renames.items()}
    for at, label in enumerate(new.labels):
        if label not in before:
            # What stands before it is there by now; its label may be renamed only later.
            place = (
                f"after {lit(called.get(new.labels[at - 1], new.labels[at - 1]))}"
                if at
                else f"before {lit(old.labels[0])}"
            )
            found.append((label, place))
    return found


def _keeps(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether all labels stay, in their order."""
    return [label for label in after if label in before] == list(before)


def renames_of(new: Ir, schema: str, name: str, labels: Sequence[str]) -> dict[str, str]:
    """Return the labels of an enum that have other names now: states of the machines whose rows have it."""
    said = _renamed_states(new).get(qualified(schema, name), ())
    return {was: now for was, now in said if was in labels}


@remembered
def _renamed_states(new: Ir) -> dict[str, list[tuple[str, str]]]:
    """Return the states that have other names, before and now, by the types of their columns."""
    said: dict[str, list[tuple[str, str]]] = {}
    for one in new.all(Renamed):
        kind, owner, *names = one.identity_now
        if kind == "state":
            said.setdefault(owner, []).append((one.was, names[0]))
    found: dict[str, list[tuple[str, str]]] = {}
    for machine in new.all(Machine) if said else ():
        column = new.by_identity.get(("column", machine.schema, machine.table, "state"))
        if isinstance(column, Column) and machine.name in said:
            found.setdefault(column.type, []).extend(said[machine.name])
    return found


Extended = tuple[Enum, Enum, tuple[str, ...]]
"""An enum that gets more labels: as it is, as it will be, and the statements."""


def extended(base: Ir, new: Ir) -> tuple[Extended, ...]:
    """Return the enums of the base that get more labels."""
    found, names = [], renamed_enums(base, new)
    for old in base.all(Enum):
        after = new.by_identity.get(names.get(old.identity, old.identity))
        if not isinstance(after, Enum):
            continue
        renames = renames_of(new, after.schema, after.name, old.labels)
        more = added(old, after, renames)
        if more:
            called = {now: was for was, now in renames.items()}
            later = replace(old, labels=tuple(called.get(label, label) for label in after.labels))
            what = qualified(old.schema, old.name)
            texts = tuple(
                f"alter type {what} add value if not exists {lit(label)} {place}" for label, place in more
            )
            found.append((old, later, texts))
    return tuple(found)


def rebuilds(base: Ir, new: Ir) -> Iterator[Rebuild]:
    """Yield the enums that are made anew."""
    anew: list[tuple[Enum, Enum]] = []
    for after in new.all(Enum):
        old = base.by_identity.get(after.identity)
        if isinstance(old, Enum) and old.labels != after.labels:
            renames = renames_of(new, after.schema, after.name, old.labels)
            if not _keeps([renames.get(label, label) for label in old.labels], after.labels):
                anew.append((old, after))
    columns: dict[str, list[Column]] = {}
    for column in base.all(Column) if anew else ():
        columns.setdefault(column.type.removesuffix("[]"), []).append(column)
    signed: dict[str, dict[Identity, Function]] = {}
    for function in base.all(Function) if anew else ():
        for word in _types(function):
            signed.setdefault(word, {})[function.identity] = function
    for old, after in anew:
        word = qualified(old.schema, old.name)
        mine = signed.get(word, {})
        # One too many does no harm.
        readers = (
            one for one in base.all(Function) if old.name in str(one.body) and one.identity not in mine
        )
        yield Rebuild(old, after, tuple(columns.get(word, ())), tuple(mine.values()), tuple(readers))


def relabelled(base: Ir, new: Ir, anew: Sequence[Rebuild]) -> Iterator[Column]:
    """Yield the columns of enums that are made anew or in which labels get other names."""
    types = {qualified(one.new.schema, one.new.name) for one in anew}
    for one in new.all(Enum):
        old = base.by_identity.get(one.identity)
        if isinstance(old, Enum) and renames_of(new, one.schema, one.name, old.labels):
            types.add(qualified(one.schema, one.name))
    for column in base.all(Column) if types else ():
        if column.type.removesuffix("[]") in types:
            yield column


def _types(function: Function) -> Iterator[str]:
    """Yield the types in a function's signature, and the words of what it returns."""
    yield from (one.removesuffix("[]") for one in function.signature.split(", "))
    yield from (one.strip("(),").removesuffix("[]") for one in function.returns.split())


def steps(
    base: Ir, new: Ir, fact: Enum, anew: Sequence[Rebuild], kept: frozenset[Identity]
) -> Iterator[Step]:
    """Yield what gives an enum of the base its labels; columns that are not among `kept` are gone by then."""
    old = base.by_identity[fact.identity]
    assert isinstance(old, Enum)
    what = qualified(fact.schema, fact.name)
    renames = renames_of(new, fact.schema, fact.name, old.labels)
    for was, now in renames.items():
        up, down = (
            f"alter type {what} rename value {lit(a)} to {lit(b)}" for a, b in ((was, now), (now, was))
        )
        yield Step(fact, up, down)
    for one in anew:
        if one.new == fact:
            columns = tuple(column for column in one.columns if column.identity in kept)
            before = replace(old, labels=tuple(renames.get(label, label) for label in old.labels))
            yield Step(fact, _anew(before, fact, columns), _anew(fact, before, columns))


def _anew(old: Enum, new: Enum, columns: Sequence[Column]) -> str:
    """Return the statements that make a type anew with other labels, and give it to its columns, without defaults."""
    what, aside = qualified(new.schema, new.name), fit(f"{new.name}__before")
    tables: dict[tuple[str, str], list[str]] = {}
    for one in columns:
        column = f"alter column {ident(one.name)}"
        actions = tables.setdefault((one.schema, one.table), [])
        many = "[]" if one.type.endswith("[]") else ""
        actions.append(f"{column} type {what}{many} using {ident(one.name)}::text{many}::{what}{many}")
    texts = [f"alter type {what} rename to {ident(aside)}", create(new)]
    texts += [
        f"alter table {qualified(*table)}\n    " + ",\n    ".join(each) for table, each in tables.items()
    ]
    before = qualified(old.schema, aside)
    return ";\n".join([*texts, _STRANGERS.format(aside=lit(before), name=lit(what)), f"drop type {before}"])


_STRANGERS = """do $$
declare
    v_found text := (
        select string_agg(pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
        from pg_catalog.pg_type as t
        join pg_catalog.pg_depend as d on d.refobjid in (t.oid, t.typarray)
        where t.oid = {aside}::regtype and d.refclassid = 'pg_catalog.pg_type'::regclass and d.deptype = 'n'
    );
begin
    if v_found is not null then
        raise exception '% is made anew, and no spec knows of what is left of it: %', {name}, v_found
            using errcode = '2BP01',
                hint = 'Drop it, or let it be text; it can be made again after this migration.';
    end if;
end
$$"""
"""What the drop of the type would fail for, in words that tell what to do; all that is declared has left it by now."""


def in_place(base: Ir, new: Ir) -> Ir:
    """Return the new facts with retired labels where the base has them: nothing is made anew for their sake."""
    names = renamed_enums(base, new)
    live = {one.name for one in new.all(State)}
    later: dict[Identity, Enum] = {}
    for old in base.all(Enum):
        after = new.by_identity.get(names.get(old.identity, old.identity))
        if isinstance(after, Enum):
            called = renames_of(new, after.schema, after.name, old.labels)
            before = [called.get(label, label) for label in old.labels]
            labels = _with_retired(before, after.labels, live)
            if labels != after.labels:
                later[after.identity] = replace(after, labels=labels)
    return replace(new, by_identity=new.by_identity | later) if later else new


def _with_retired(before: Sequence[str], after: Sequence[str], live: set[str]) -> tuple[str, ...]:
    retired = [label for label in after if label not in live and label in before]
    found = [label for label in after if label not in retired]
    for label in before:
        if label in retired:
            # Behind the nearest label before it that is still there.
            ahead = [one for one in before[: before.index(label)] if one in found]
            found.insert(found.index(ahead[-1]) + 1 if ahead else 0, label)
    return tuple(found)
