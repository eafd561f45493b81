"""What a change means, in words: states, moves, who takes them and who may do what, before any statement.

The base's facts under their new names and the new facts come in; lines for the head of a migration come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from specc.ir.behaviour import AccessRule, Invariant, Machine, State, Sync, SyncUp, Timeout, Transition
from specc.ir.database import Column, Function, Table, View
from specc.ir.fact import Fact, Identity
from specc.ir.intent import Removed, Renamed, Retired
from specc.ir.model import Ir


def summary(base: Ir, new: Ir) -> Iterator[str]:
    """Yield the lines; behaviour first, then what there is."""
    for machine in new.all(Machine):
        yield from _titled(f"{machine.name}", _of_machine(machine.name, base, new))
    for machine in base.all(Machine):
        if machine.identity not in new.by_identity:
            yield f"{machine.name}: its rows have no states any more"
    yield from _access(base, new)
    yield from _objects(base, new)


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield from (f"{title}: {line}" for line in lines)


def _of_machine(name: str, base: Ir, new: Ir) -> Iterator[str]:
    if ("machine", name) not in base.by_identity:
        yield f"rows live through {', '.join(one.name for one in new.of_machine(State, name))}"
        return
    renamed = [one for one in new.all(Renamed) if one.identity_now[:2] == ("state", name)]
    called = {one.was: one.identity_now[2] for one in renamed if one.identity_before in base.by_identity}
    yield from (f"state {was} is called {now}" for was, now in called.items())
    before, after = (_names(ir, State, name) for ir in (base, new))
    before = {called.get(one, one) for one in before}
    yield from (f"state {one} is new" for one in sorted(after - before))
    known = {(one.state, one.number) for one in base.of_machine(Retired, name)}
    for one in new.of_machine(Retired, name):
        if (one.state, one.number) not in known:
            where = f" where {one.where}" if one.where else ""
            to = f"{one.target}/{one.substate}" if one.substate else one.target
            yield f"rows in {one.state}{where} go to {to}"
    yield from _moves(name, called, base, new)
    yield from _rules(name, base, new)


def _names(ir: Ir, kind: type[State], machine: str) -> set[str]:
    return {one.name for one in ir.of_machine(kind, machine)}


def _moves(name: str, called: dict[str, str], base: Ir, new: Ir) -> Iterator[str]:
    def told(ir: Ir, names: dict[str, str]) -> dict[tuple[str, str, str], Transition]:
        return {
            (names.get(one.source, one.source), names.get(one.target, one.target), one.form): one
            for one in ir.of_machine(Transition, name)
        }

    before, after = told(base, called), told(new, {})
    for move in sorted(after.keys() - before.keys()):
        yield f"{_arrow(move)} may be taken{_by(after[move])}"
    for move in sorted(before.keys() - after.keys()):
        yield f"{_arrow(move)} may not be taken any more"
    for move in sorted(after.keys() & before.keys()):
        if after[move].drivers != before[move].drivers:
            yield f"{_arrow(move)} is taken by {', '.join(after[move].drivers) or 'nothing here'}"


def _arrow(move: tuple[str, str, str]) -> str:
    return f"{move[0]} -> {move[1]}{' (recovery)' if move[2] == 'recovery' else ''}"


def _by(move: Transition) -> str:
    return f", by {', '.join(move.drivers)}" if move.drivers else ""


def _rules(name: str, base: Ir, new: Ir) -> Iterator[str]:
    for kind, word in ((Timeout, "timeout"), (Sync, "sync"), (SyncUp, "sync rule"), (Invariant, "invariant")):
        before: dict[Identity, Fact] = {one.identity: one for one in base.of_machine(kind, name)}
        after: dict[Identity, Fact] = {one.identity: one for one in new.of_machine(kind, name)}
        for what, found in (
            ("is new", after.keys() - before.keys()),
            ("is no more", before.keys() - after.keys()),
            ("changes", {one for one in after.keys() & before.keys() if after[one] != before[one]}),
        ):
            yield from (f"{word} {' '.join(one[2:])} {what}" for one in sorted(found))


def _access(base: Ir, new: Ir) -> Iterator[str]:
    before = {one.identity: one for one in base.all(AccessRule)}
    after = {one.identity: one for one in new.all(AccessRule)}
    for identity in sorted(after.keys() | before.keys()):
        one, was = after.get(identity), before.get(identity)
        rule = one or was
        assert rule is not None
        subject = f"{rule.role} {{}} {rule.command} {rule.schema}.{rule.table}"
        if was is None:
            yield subject.format("may") + _columns(rule)
        elif one is None:
            yield subject.format("may no longer")
        elif one != was:
            yield subject.format("may now") + _columns(one)


def _columns(rule: AccessRule) -> str:
    return f" ({', '.join(rule.columns)})" if rule.columns else ""


def _objects(base: Ir, new: Ir) -> Iterator[str]:
    renamed = {one.identity_now: one.was for one in new.all(Renamed)}
    for identity, was in sorted(renamed.items()):
        if (
            identity[0] in ("table", "column")
            and identity in base.by_identity
            and identity in new.by_identity
        ):
            yield f"{_named(identity)} was called {was}"
    for kind in (Table, Column, View, Function):
        before = {one.identity: one for one in base.all(kind)}
        after = {one.identity: one for one in new.all(kind)}
        if kind is Column:
            tables = {*base.by_identity} & {*new.by_identity}
            before = {at: one for at, one in before.items() if ("table", *at[1:3]) in tables}
            after = {at: one for at, one in after.items() if ("table", *at[1:3]) in tables}
        yield from (f"{_named(one)} is new" for one in sorted(after.keys() - before.keys()))
        for one in sorted(before.keys() - after.keys()):
            said = new.by_identity.get(("removed", " ".join(one)))
            yield f"{_named(one)} is no more{f': {said.reason}' if isinstance(said, Removed) else ''}"
        if kind is Column:
            yield from (
                f"{_named(one)} changes"
                for one in sorted(after)
                if one in before and _differ(before[one], after[one])
            )


def _differ(one: Fact, other: Fact) -> bool:
    """Whether a column is another to its readers; where it stands does not count."""
    return (
        isinstance(one, Column)
        and isinstance(other, Column)
        and (
            (one.type, one.not_null, one.default, one.generated)
            != (other.type, other.not_null, other.default, other.generated)
        )
    )


def _named(identity: Identity) -> str:
    kind, *names = identity
    if kind == "function":
        return f"function {names[0]}.{names[1]}({names[2]})"
    return f"{kind} {'.'.join(names)}"
