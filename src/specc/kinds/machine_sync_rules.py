"""What must hold of a machine's `sync` and `invariants`: names, keys, moves, ways down, and no circle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specc.analysis.machines import BoundMachine, bound
from specc.analysis.syncs import (
    SETS,
    condition,
    is_ambiguous,
    keys,
    machine_named,
    syncs,
)
from specc.analysis.tables import OUTSIDE, all_columns, table_of
from specc.diagnostics import Cause, Code, Diagnostic, Label
from specc.diagnostics.suggest import suggest
from specc.kinds import expression_check
from specc.kinds.expression_check import Expression, check_expression, is_known_type
from specc.kinds.machine_product_rules import RULES as PRODUCT_RULES
from specc.kinds.machine_sync_samples import GOOD, SELF
from specc.lang.absent import absent
from specc.lang.kind import ProjectRule, Rule
from specc.lang.project import Entry, Path, Project
from specc.lang.resolve import NAME_FORM, NAME_LENGTH, RESERVED_WORD, check_name

NO_KEY = Code(
    "S340",
    "sync-without-key",
    "A machine follows rows that point at its own: the child's table needs a column that references the parent's "
    "table, named under `by` where there are several.",
    wrong=GOOD.replace("by: parcel_id", "by: label"),
    right=GOOD,
)
UNKNOWN_WORD = Code(
    "S341",
    "unknown-state-of-child",
    "A condition on children names their states, or `settled` or `open` for all such states of their machine; "
    "`down` names states or substates of theirs.",
    wrong=GOOD.replace("any: moving", "any: movin"),
    right=GOOD,
)
AMBIGUOUS = Code(
    "S342",
    "ambiguous-set",
    "`settled` and `open` mean all settled or all open states. Where a state bears such a name and is not the "
    "only one of its set, nobody could say which is meant.",
    wrong=GOOD.replace("moving", "open").replace("none: open", "none: stored"),
    right=GOOD,
)
NO_CONDITION = Code(
    "S343",
    "no-condition",
    "A condition says something about children: `all`, `any`, `none`, or `empty: true` alone, since a row "
    "without children has none that could be in a state.",
    wrong=GOOD.replace("when: {any: moving}", "when: {any: moving, empty: true}"),
    right=GOOD,
)
NO_MOVE = Code(
    "S344",
    "sync-takes-no-move",
    "A rule under `up` takes a declared transition of the parent's lifecycle; every other move is refused by "
    "the guard, whoever tries it. Recoveries are never taken by sync.",
    wrong=GOOD.replace(
        "      - {from: sent", "      - {from: packed, to: arrived, when: {all: home}}\n      - {from: sent"
    ),
    right=GOOD,
)
NOT_SETTLED = Code(
    "S345",
    "down-to-open-state",
    "`down` settles children: each target is a state in which their work is over.",
    wrong=GOOD.replace("[lost]", "[moving, lost]"),
    right=GOOD,
)
NO_WAY_DOWN = Code(
    "S346",
    "no-way-down",
    "When a parent settles its children, each open one walks declared steps to the first target that it can "
    "reach. From this state it can reach none, so it would stay open under a settled parent.",
    wrong=GOOD.replace("stored: [moving], moving: [home, lost]", "stored: [moving, lost], moving: [home]"),
    right=GOOD,
)
CIRCLE = Code(
    "S347",
    "circle-of-syncs",
    "Machines that follow each other in a circle have no first one to move: each would wait for the next.",
    wrong=SELF,
    right=SELF.replace("sync: {box: {up: [{from: packed, to: done, when: {all: settled}}]}}\n", "").replace(
        "undriven: {}", "undriven: {packed: By hand.}"
    ),
)
FUNCTION_PLACE = Code(
    "S348",
    "sync-function-schema",
    "The function of the trigger lies in a schema of the project, in `private` where none is named.",
    wrong=GOOD.replace("births: refuse", "births: refuse\n    executes: elsewhere.follow"),
    right=GOOD,
)
NOT_A_CHILD = Code(
    "S349",
    "invariant-without-sync",
    "An invariant speaks of children that the machine follows, or that follow it: those under its `sync`. Of "
    "other rows nothing is known that could prove it.",
    wrong=GOOD.replace("then: {box: {none: open}}", "then: {parcel: {none: open}}"),
    right=GOOD,
)


def _children(entry: Entry, project: Project) -> Iterator[tuple[str, Any, BoundMachine, BoundMachine]]:
    """Yield name, spec, parent and child of each sync between machines that are there."""
    parent = bound(entry, project)
    for name, spec in entry.spec.sync.items():
        child = machine_named(name, project)
        if parent is not None and child is not None:
            yield name, spec, parent, child


def _key(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for name, spec, parent, child in _children(entry, project):
        found = keys(parent, child, project)
        listed = ", ".join(f"`{one}`" for one in found)
        table = f"table `{child.table}`"
        if spec.by and spec.by not in found and _is_read(child, project):
            help = suggest(spec.by, found) or (f"write one of {listed}" if found else "")
            message = f"`{spec.by}` of {table} does not reference `{parent.table}`"
            yield NO_KEY.at(entry.at("sync", name, "by"), message, help=help)
        elif not spec.by and len(found) != 1 and (found or _is_read(child, project)):
            message = f"{table} has no column that references `{parent.table}`"
            if found:
                message = f"{table} references `{parent.table}` by {listed}"
            yield NO_KEY.at(entry.key("sync", name), message, help="name one under `by`" if found else "")


def _is_read(machine: BoundMachine, project: Project) -> bool:
    """Whether all that a machine's table names is known: what is not may be the column that is missed."""
    table = table_of(machine, project)
    if table is None or len(table.columns) < len(table.entry.spec.columns):
        return False
    if not all(is_known_type(read, project) for read in table.columns.values()):
        return False
    spec = table.entry.spec
    named = {name for columns in (*spec.unique, *(one.columns for one in spec.indexes)) for name in columns}
    if not named <= {*all_columns(table, project)}:
        return False
    references = [read.reference.table for read in table.columns.values() if read.reference]
    return all(one in OUTSIDE or project.find("table", one) for one in references)


def _conditions(entry: Entry) -> Iterator[tuple[Path, str, Any]]:
    """Yield path, child machine and spec of every condition."""
    for name, spec in entry.spec.sync.items():
        for at, up in enumerate(spec.up):
            yield ("sync", name, "up", at, "when"), name, up.when
    for name, spec in entry.spec.invariants.items():
        for child, when in spec.then.items():
            yield ("invariants", name, "then", child), child, when


def _words(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for path, child, when in _conditions(entry):
        machine = machine_named(child, project)
        for field in ("all", "any", "none") if machine else ():
            for at, word in enumerate(getattr(when, field)):
                yield from _word(entry, (*path, field, at), word, machine, project)
    machine = bound(entry, project)
    for name, spec in entry.spec.invariants.items() if machine else ():
        for at, word in enumerate(spec.if_):
            yield from _word(entry, ("invariants", name, "if", at), word, machine, project)


def _word(
    entry: Entry, path: Path, word: str, machine: BoundMachine | None, project: Project
) -> Iterator[Diagnostic]:
    assert machine is not None
    if not machine.lifecycle.is_complete:
        return
    if is_ambiguous(machine, word):
        message = f"`{word}` is a state of `{machine.name}`, and one of several that are {word}"
        yield AMBIGUOUS.at(entry.at(*path), message, help="list the states, and give this one another name")
    elif word not in (*machine.lifecycle.states, *SETS):
        help = suggest(word, (*machine.lifecycle.states, *SETS))
        message = f"machine `{machine.name}` has no state `{word}`"
        cause = absent(project, "state", word, "lifecycle", machine.lifecycle_name)
        yield UNKNOWN_WORD.at(entry.at(*path), message, help=help, cause=cause)


def _asks(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    for path, _child, spec in _conditions(entry):
        when = condition(spec)
        if not when.words and not when.empty:
            yield NO_CONDITION.at(entry.at(*path), "nothing is asked of the children")
        elif when.words and when.empty:
            yield NO_CONDITION.at(entry.at(*path), "a row without children has none in any state")
    for name, spec in entry.spec.invariants.items():
        if not spec.if_ or not spec.then:
            yield NO_CONDITION.at(entry.at("invariants", name), "this invariant claims nothing")


def _declared(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or not machine.lifecycle.is_sound:
        return
    states = machine.lifecycle.states
    for name, spec in entry.spec.sync.items():
        for at, up in enumerate(spec.up):
            if {up.from_, up.to} <= {*states} and (up.from_, up.to) not in machine.lifecycle.steps:
                legal = ", ".join(f"`{one}`" for one in machine.lifecycle.following[up.from_]) or "nothing"
                message = f"`{up.from_} → {up.to}` is no transition of `{machine.lifecycle_name}`"
                span = entry.at("sync", name, "up", at, "to")
                yield NO_MOVE.at(span, message, help=f"from `{up.from_}` a row may move to {legal}")


def _where(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    table = table_of(machine, project) if machine else None
    if machine is None or table is None:
        return
    for name, spec in entry.spec.sync.items():
        for at, up in enumerate(spec.up):
            if up.where:
                path: Path = ("sync", name, "up", at, "where")
                yield from check_expression(Expression(entry, path, up.where, table), project)


def _targets(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for name, spec, _parent, child in _children(entry, project):
        life = child.lifecycle
        for state, targets in spec.down.items() if life.is_complete else ():
            for at, target in enumerate(targets):
                to, slash, _ = target.partition("/")
                span = entry.at("sync", name, "down", state, at)
                known = {to, *(f"{to}/{one}" for one in life.substates.get(to, ()))}
                if to not in life.states or target not in known:
                    kind, what = ("state/substate", "substate") if slash else ("state", "state")
                    if to not in life.states:
                        kind, what, target = "state", "state", to  # noqa: PLW2901 - what is missing of it
                    message = f"machine `{child.name}` has no {what} `{target}`"
                    help = suggest(target, known if to in life.states else life.states)
                    cause = absent(project, kind, target, "lifecycle", child.lifecycle_name)
                    yield UNKNOWN_WORD.at(span, message, help=help, cause=cause)
                elif life.is_sound and to not in (*child.settled, *child.recoverable):
                    message = f"a `{child.name}` in `{to}` is not settled"
                    settled = ", ".join(f"`{one}`" for one in (*child.settled, *child.recoverable))
                    yield NOT_SETTLED.at(span, message, help=f"settled are {settled}")


def _reachable(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for sync in syncs(project).get(entry.name, ()):
        child = sync.child
        for state, ways in sync.ways.items() if child.lifecycle.is_sound else ():
            targets = sync.downs[state]
            if not {one.partition("/")[0] for one in targets} <= {*child.settled, *child.recoverable}:
                continue
            # A state that leads to no end at all is a finding about the lifecycle.
            escaping = child.lifecycle.escaping()
            unsettled = (*child.open, *child.recoverable)
            if stuck := [one for one in unsettled if one not in ways and one in escaping]:
                listed = " or ".join(f"`{one}`" for one in targets) or "nothing, since none is listed"
                message = (
                    f"a `{child.name}` in {' or '.join(f'`{one}`' for one in stuck)} has no way to {listed}"
                )
                notes = tuple(_leads(child, one) for one in stuck)
                cause = Cause(("no way down", child.lifecycle_name, *stuck))
                span = entry.key("sync", child.name, "down", state)
                yield NO_WAY_DOWN.at(span, message, notes=notes, cause=cause)


def _leads(child: BoundMachine, state: str) -> str:
    after = (*child.lifecycle.following[state], *child.lifecycle.recovering[state])
    return f"`{state}` leads to {', '.join(f'`{one}`' for one in after) or 'nothing'}"


def _no_circle(project: Project) -> Iterator[Diagnostic]:
    follows = {
        entry.name: [
            name
            for name, spec, parent, child in _children(entry, project)
            if keys(parent, child, project) and (spec.up or name == entry.name)
        ]
        for entry in project.all("machine")
    }
    reported: set[str] = set()
    for name in follows:
        circle = _circle(name, follows)
        if circle and not reported & {*circle}:
            reported |= {*circle}
            entry = project.get("machine", circle[0])
            way = " → ".join(f"`{one}`" for one in (*circle, circle[0]))
            others = [project.get("machine", one) for one in circle[1:]]
            labels = tuple(Label(one.key("sync"), "and this machine follows the next") for one in others)
            after = circle[1] if others else circle[0]
            span = entry.key("sync", after)
            yield CIRCLE.at(span, f"machines follow each other in a circle: {way}", related=labels)


def _circle(start: str, follows: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the shortest circle through a machine; () for none."""
    queue: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    for way in queue:
        for after in follows.get(way[-1], ()):
            if after == start:
                return way
            if after not in seen:
                seen.add(after)
                queue.append((*way, after))
    return ()


def _names(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    known = {*project.settings.schemas, "private"}
    for name, spec in entry.spec.sync.items():
        schema, _, function = spec.executes.rpartition(".")
        if spec.executes and (schema or project.default_schema) not in known:
            span = entry.at("sync", name, "executes")
            yield FUNCTION_PLACE.at(span, f"there is no schema `{schema}`", help=suggest(schema, known))
        elif spec.executes:
            yield from check_name(function, "function", entry.at("sync", name, "executes"))
        if spec.trigger:
            yield from check_name(spec.trigger, "trigger", entry.at("sync", name, "trigger"))


def _about_children(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    if any(not keys(parent, child, project) for _, _, parent, child in _children(entry, project)):
        return  # A child without a key may stand for another machine.
    if len([*_children(entry, project)]) < len(entry.spec.sync):
        return  # The one that cannot be read may be any of the children.
    for name, spec in entry.spec.invariants.items():
        for child in spec.then:
            if child not in entry.spec.sync and machine_named(child, project) is not None:
                span = entry.key("invariants", name, "then", child)
                known = ", ".join(f"`{one}`" for one in entry.spec.sync)
                help = f"its children are {known}" if known else "declare it under `sync` first"
                message, cause = (
                    f"`{child}` is no child of `{entry.name}`",
                    Cause(("child", entry.name, child)),
                )
                yield NOT_A_CHILD.at(span, message, help=help, cause=cause)


RULES = (
    Rule((NO_KEY,), _key),
    Rule((UNKNOWN_WORD, AMBIGUOUS), _words),
    Rule((NO_CONDITION,), _asks),
    Rule((NO_MOVE,), _declared),
    Rule(expression_check.CODES, _where),
    Rule((UNKNOWN_WORD, NOT_SETTLED), _targets),
    Rule((NO_WAY_DOWN,), _reachable),
    ProjectRule((CIRCLE,), _no_circle),
    Rule((FUNCTION_PLACE, NAME_FORM, NAME_LENGTH, RESERVED_WORD), _names),
    Rule((NOT_A_CHILD,), _about_children),
    *PRODUCT_RULES,
)
