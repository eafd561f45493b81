"""What must hold of a machine: its table, its drivers, its attempts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specc.analysis.bodies import bodies
from specc.analysis.drivers import all_known, drivers, wrongly_declared
from specc.analysis.machines import BoundMachine, Edge, bound
from specc.analysis.times import deadlines, has_deadline, waiting
from specc.diagnostics import Code, Diagnostic, Label
from specc.lang.absent import absent
from specc.lang.kind import ProjectRule, Rule
from specc.lang.project import Entry, Project
from specc.pg.interval import milliseconds

_LIFE = (
    "lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
)
_TABLE = (
    "---\ntable: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
)
_GOOD = (
    _LIFE + _TABLE + "---\nmachine: ticket\nfollows: order\nundriven: {open: People close tickets by hand.}\n"
)
_RECOVERED = (
    _GOOD.replace("closed: {is", "again: {}, closed: {is")
    .replace("{open: [closed]}", "{open: [closed], again: [closed]}\nrecovery: {open: again}")
    .replace("by hand.}", "by hand., again: The same.}")
)

NO_TABLE = Code(
    "S310",
    "machine-without-table",
    "A machine binds a lifecycle to a table: the one of its own name, or the one under `rows_of`.",
    wrong=_GOOD.replace("machine: ticket", "machine: tickt"),
    right=_GOOD,
)
TWO_MACHINES = Code(
    "S311",
    "two-machines",
    "A table has one `state`, so it follows one machine.",
    wrong=_GOOD + "---\nmachine: other\nrows_of: ticket\nfollows: order\nundriven: {open: By hand.}\n",
    right=_GOOD,
)
UNDRIVEN = Code(
    "S312",
    "undriven-transition",
    "Each transition is taken by something: a function that declares it under `drives`, or it stands under "
    "`undriven` with the reason why nothing in this project takes it. Otherwise rows wait for nobody.",
    wrong=_GOOD.replace("undriven: {open: People close tickets by hand.}\n", ""),
    right=_GOOD,
)
NOT_UNDRIVEN = Code(
    "S313",
    "needless-undriven",
    "The move under `undriven` is no transition of the lifecycle, or functions do take it.",
    wrong=_GOOD.replace("{open: People close tickets by hand.}", "{open: By hand., closed: Never.}"),
    right=_GOOD,
)

TOO_FEW_ATTEMPTS = Code(
    "S314",
    "too-few-attempts",
    "Rows come into this state by recovery only, and this machine's rows recover less often than the way there "
    "takes, so none ever does. The lifecycle is fine for machines with more `attempts`.",
    wrong=_RECOVERED,
    right=_RECOVERED.replace("follows: order\n", "follows: order\nattempts: 1\n"),
)


def _has_table(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    from specc.diagnostics.suggest import suggest

    if "table" in project.unnamed:
        return
    if not entry.spec.rows_of and project.find("table", entry.name) is None:
        known = [project.short_name(name) for name in project.entries.get("table", {})]
        help = suggest(entry.name, known) or "name the table under `rows_of`"
        message = f"there is no table `{entry.name}` for this machine"
        yield NO_TABLE.at(entry.title, message, help=help, cause=absent(project, "table", entry.name))


def _alone(project: Project) -> Iterator[Diagnostic]:
    first: dict[str, Entry] = {}
    for entry in project.all("machine"):
        table = project.full_name("table", entry.spec.rows_of or entry.name)
        known = first.setdefault(table, entry)
        if known is not entry:
            label = Label(known.title, "this machine has it already")
            message = f"table `{project.short_name(table)}` has two machines"
            yield TWO_MACHINES.at(entry.title, message, related=(label,))


def _driven(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or not _is_readable(machine):
        return
    if missing := undriven(machine, project):
        listed = ", ".join(f"`{source} → {target}`" for source, target in missing)
        help = "declare a function's `drives`, or give the reason under `undriven`"
        yield UNDRIVEN.at(entry.title, f"nothing takes {listed}", help=help)


def undriven(machine: BoundMachine, project: Project) -> tuple[Edge, ...]:
    """Return the steps that nothing takes and no reason stands for.

    Left out are those that something may take which could not be read, or that is missed itself: a deadline of
    a state that waits for the outside, a sync that invariants speak of.
    """
    entry = machine.entry
    children = {child for spec in entry.spec.invariants.values() for child in spec.then}
    if not all_known(project) or project.has_unread("function") or not children <= entry.spec.sync.keys():
        return ()
    if any(machine.name in wrongly_declared(one, project) for one in project.all("function")):
        return ()
    made = {
        (source, move.target)
        for body in bodies(project).values()
        for move in body.moves
        for source in move.sources
        if move.machine == machine.name
    }
    endless = {
        one
        for one in waiting(machine, project)
        if not entry.spec.untimed.get(one) and not has_deadline(machine, one)
    }
    return tuple(
        (source, target)
        for source, target in machine.lifecycle.steps
        if not drivers(project).get((entry.name, source, target))
        and not reason(entry, source, target)
        and source not in endless
        and (source, target) not in made  # A body that moves rows without saying so is a finding of its own.
    )


def _is_readable(machine: BoundMachine) -> bool:
    """Whether lifecycle and machine name declared states only: another name may be any of them misspelt."""
    spec, states, steps = machine.entry.spec, {*machine.lifecycle.states}, {*machine.lifecycle.steps}
    named = {*spec.undriven}.union(*(one.to for one in spec.undriven.values()))
    named |= {one.to for one in spec.timeouts.values() if one.to}
    ups = {(up.from_, up.to) for sync in spec.sync.values() for up in sync.up}
    can_be_due = all(_is_due(one) for one in spec.timeouts.values())
    all_there = sum(not one.holder for one in deadlines(machine)) == len(spec.timeouts)
    return machine.lifecycle.is_sound and named <= states and ups <= steps and all_there and can_be_due


def _is_due(timeout: Any) -> bool:
    try:
        return bool(timeout.at) or milliseconds(timeout.after) > 0
    except ValueError:
        return False


def reason(entry: Entry, source: str, target: str) -> str:
    """Return why a transition has no driver, or "" where the spec does not say."""
    spec = entry.spec.undriven.get(source)
    return (spec.to.get(target) or spec.all) if spec else ""


def _needless(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or not _is_readable(machine):
        return
    for source, spec in entry.spec.undriven.items():
        targets = machine.lifecycle.following.get(source, ())
        open_ones = [one for one in targets if not drivers(project).get((entry.name, source, one))]
        if spec.all and not [one for one in open_ones if one not in spec.to]:
            message = f"every move out of `{source}` has a driver or a reason of its own"
            message = message if targets else f"nothing leads out of `{source}`"
            yield NOT_UNDRIVEN.at(entry.key("undriven", source), message, help="remove it")
        for target in spec.to:
            if target not in open_ones:
                what = "has a driver" if target in targets else "is no transition"
                span = entry.key("undriven", source, "to", target)
                yield NOT_UNDRIVEN.at(span, f"`{source} → {target}` {what}", help="remove it")


def _attempts(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or not machine.lifecycle.is_sound:
        return
    for state, way in machine.lifecycle.ways.items():
        spent = machine.lifecycle.spent(way)
        if spent > machine.attempts:
            times = "one recovery" if spent == 1 else f"{spent} recoveries"
            message = f"no row comes into `{state}`, which takes {times}"
            help = f"write `attempts: {spent}`, or a lifecycle without this state"
            place = entry.at("attempts") if entry.spec.attempts else entry.title
            yield TOO_FEW_ATTEMPTS.at(place, message, help=help)


RULES = (
    Rule((NO_TABLE,), _has_table),
    ProjectRule((TWO_MACHINES,), _alone),
    Rule((UNDRIVEN,), _driven),
    Rule((NOT_UNDRIVEN,), _needless),
    Rule((TOO_FEW_ATTEMPTS,), _attempts),
)
