"""What must hold of a machine's deadlines and of its backoff, and that no row waits for the outside for ever."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.machines import BoundMachine, bound
from specc.analysis.tables import RETRY_COLUMN, all_columns, tables
from specc.analysis.times import TIMED_OUT, Deadline, deadlines, has_deadline, recoveries, waiting
from specc.diagnostics import Cause, Code, Diagnostic, Label, Span
from specc.diagnostics.suggest import suggest
from specc.lang.absent import absent
from specc.lang.kind import Rule
from specc.lang.project import Entry, Project
from specc.pg.column import Definition
from specc.pg.interval import milliseconds

_LIFE = """\
lifecycle: call
states:
  open: {is: initial, waits_for: outside, substates: [ringing]}
  answered: {is: settled}
  timedout: {}
  archived: {is: terminal}
transitions: {open: [answered, timedout], answered: [archived]}
recovery: {timedout: open}
"""
_TABLE = """\
---
table: call
about: A call.
shared: true
columns: {number: text, due_at: timestamptz null}
---
access: calls
tables: [call]
allow: {}
"""
_GOOD = (
    _LIFE
    + _TABLE
    + "---\nmachine: call\nfollows: call\nattempts: 2\ntimeouts: {open: 1 minute}\n"
    + "backoff: {first: 5 seconds, factor: 2, most: 1 minute}\n"
    + "undriven:\n  open: {to: {answered: Someone answers.}}\n  answered: Kept for good.\n"
)

UNTIMED = Code(
    "S320",
    "untimed-state",
    "A state that waits for the outside waits for something that may never answer. Without a timeout of the "
    "state itself (those of substates hold only for rows that carry one) its rows may stay for ever. Where "
    "something else ends them, it stands under `untimed`.",
    wrong=_GOOD.replace("{open: 1 minute}", "{open/ringing: 1 minute}"),
    right=_GOOD,
)
NOT_UNTIMED = Code(
    "S321",
    "needless-untimed",
    "The state under `untimed` has a timeout, or it waits for nothing outside and so needs none.",
    wrong=_GOOD.replace("backoff:", "untimed: {open: Nobody hurries.}\nbackoff:"),
    right=_GOOD,
)
BAD_INTERVAL = Code(
    "S322",
    "not-an-interval",
    "A length of time is a whole number and a unit, or several such pairs: `90 seconds`, `1 hour 30 minutes`. "
    "Months and years have no length of their own, and a bare number would be seconds to PostgreSQL and "
    "minutes to a reader.",
    wrong=_GOOD.replace("{open: 1 minute}", "{open: 1 min}"),
    right=_GOOD,
)
NO_TARGET = Code(
    "S323",
    "timeout-to-nowhere",
    "Rows whose deadline has passed move to the state `timedout`; where the lifecycle has none, `to` says which.",
    wrong=_GOOD.replace("timedout", "lost").replace(
        "open: {to: {answered: Someone answers.}}", "open: By hand."
    ),
    right=_GOOD.replace("timedout", "lost").replace(
        "{open: 1 minute}", "{open: {after: 1 minute, to: lost}}"
    ),
)
NO_MOVE = Code(
    "S324",
    "timeout-without-transition",
    "A timeout takes a declared transition like everything else; the guard refuses every other move.",
    wrong=_GOOD.replace("{open: 1 minute}", "{open: {after: 1 minute, to: archived}}").replace(
        "open: {to: {answered: Someone answers.}}", "open: By hand."
    ),
    right=_GOOD,
)
SETTLED = Code(
    "S325",
    "timeout-of-settled-state",
    "The work of a row in a settled state is over, so no deadline can pass there.",
    wrong=_GOOD.replace("1 minute}\nback", "1 minute, answered: {after: 1 day, to: archived}}\nback").replace(
        "  answered: Kept for good.\n", ""
    ),
    right=_GOOD,
)
NO_MOMENT = Code(
    "S326",
    "no-deadline-column",
    "`at` names a column of the machine's table that holds the moment at which the row is due: a `timestamptz`, "
    "null where the row has no deadline.",
    wrong=_GOOD.replace("{open: 1 minute}", "{open: {at: number}}"),
    right=_GOOD.replace("{open: 1 minute}", "{open: {at: due_at}}"),
)
ONE_OF_TWO = Code(
    "S327",
    "which-deadline",
    "A timeout says when it is due in one way: `after` an interval in the state, or `at` the moment in a column.",
    wrong=_GOOD.replace("{open: 1 minute}", "{open: {after: 1 minute, at: due_at}}"),
    right=_GOOD,
)
VAIN_BACKOFF = Code(
    "S328",
    "backoff-in-vain",
    "A backoff is the wait before a recovery. Rows recover by themselves where the machine has `attempts` and "
    "its lifecycle a state that only a recovery leads out of.",
    wrong=_GOOD.replace("attempts: 2\n", ""),
    right=_GOOD,
)
SHORT_BACKOFF = Code(
    "S329",
    "backoff-too-short",
    "The longest wait of a backoff, `most`, is at least as long as the first one. It is an hour by default.",
    wrong=_GOOD.replace("most: 1 minute", "most: 1 second"),
    right=_GOOD,
)

_MOMENTS = ("state_since", RETRY_COLUMN)
"""Columns that machines give their tables which hold moments."""


def _timed(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or not _is_readable(machine):
        return
    waits = waiting(machine, project)
    missing = [one for one in waits if not entry.spec.untimed.get(one) and not has_deadline(machine, one)]
    if missing:
        listed = ", ".join(f"`{state}`" for state in missing)
        home = project.get("lifecycle", entry.spec.follows)
        labels = tuple(Label(home.at("states", one, "waits_for"), "so it says here") for one in missing)
        message = f"{listed} wait{'s' if len(missing) == 1 else ''} for the outside without a timeout"
        help = "write one under `timeouts`, or the reason under `untimed`"
        yield UNTIMED.at(entry.title, message, related=labels, help=help)
    for state in entry.spec.untimed:
        span = entry.key("untimed", state)
        if state not in waits:
            cause = Cause(("waits", entry.spec.follows, state))
            yield NOT_UNTIMED.at(span, f"`{state}` waits for nothing outside", help="remove it", cause=cause)
        elif has_deadline(machine, state):
            label = Label(entry.key("timeouts", state), "its timeout")
            yield NOT_UNTIMED.at(span, f"`{state}` has a timeout", related=(label,), help="remove it")


def _is_readable(machine: BoundMachine) -> bool:
    """Whether every name is a declared state: another one may be any of them misspelt."""
    spec = machine.entry.spec
    named = {*spec.untimed, *(written.partition("/")[0] for written in spec.timeouts)}
    return named <= set(machine.lifecycle.states)


def _when(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    for written, spec in entry.spec.timeouts.items():
        if bool(spec.after) == bool(spec.at):
            message = (
                "this timeout says twice when it is due" if spec.at else "this timeout does not say when"
            )
            yield ONE_OF_TWO.at(entry.key("timeouts", written), message, help="write `after` or `at`")
            continue
        if spec.after:
            yield from _interval(entry, ("timeouts", written, "after"), spec.after)
        else:
            yield from _moment(entry, written, spec.at, project)


def _interval(entry: Entry, path: tuple[str, ...], text: str) -> Iterator[Diagnostic]:
    try:
        milliseconds(text)
    except ValueError as error:
        yield BAD_INTERVAL.at(entry.at(*path), f"`{text}`: {error}")


def _moment(entry: Entry, written: str, column: str, project: Project) -> Iterator[Diagnostic]:
    table = tables(project).get(project.full_name("table", entry.spec.rows_of or entry.name))
    if table is None:
        return
    span = entry.at("timeouts", written, "at")
    known = all_columns(table, project)
    if column not in known:
        message = f"table `{project.short_name(table.full_name)}` has no column `{column}`"
        cause = absent(project, "column", column, "table", table.full_name)
        yield NO_MOMENT.at(span, message, help=suggest(column, known), cause=cause)
    elif column in table.columns:
        read = table.columns[column]
        if not _is_moment(read):
            yield NO_MOMENT.at(span, f"column `{column}` is a `{read.type}`, no `timestamptz`")
    elif column not in _MOMENTS and column not in table.entry.spec.columns:
        yield NO_MOMENT.at(span, f"column `{column}` is no `timestamptz`")


def _is_moment(read: Definition) -> bool:
    is_array = "[" in read.type or "array" in read.type.lower().split()
    return read.type_name[-1] == "timestamptz" and not is_array


def _where(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = bound(entry, project)
    if machine is None or not machine.lifecycle.is_sound:
        return
    for one in deadlines(machine):
        span = entry.key(*one.path)
        if one.state in machine.lifecycle.ends:
            yield SETTLED.at(span, f"the work of a row in `{one.state}` is over")
        elif not one.target:
            help = f"write `to`, or give the lifecycle a state `{TIMED_OUT}`"
            yield NO_TARGET.at(span, f"where rows of `{one.written}` go is not said", help=help)
        else:
            yield from _move(entry, machine, one, span)


def _move(entry: Entry, machine: BoundMachine, one: Deadline, span: Span) -> Iterator[Diagnostic]:
    following = machine.lifecycle.following[one.state]
    if one.target in machine.lifecycle.states and one.target not in following:
        said = entry.spec.lease if one.holder else entry.spec.timeouts[one.written]
        if said.to:
            span = entry.at(*one.path, "to")
        listed = ", ".join(f"`{state}`" for state in following) or "nowhere"
        message = f"`{one.state} → {one.target}` is no transition"
        yield NO_MOVE.at(span, message, help=f"from `{one.state}` a row may move to {listed}")


def _backoff(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    spec, machine = entry.spec.backoff, bound(entry, project)
    if spec is None:
        return
    if machine is not None and machine.lifecycle.is_sound and not recoveries(machine):
        message = f"no row of this machine recovers by itself: {_in_vain(machine)}"
        yield VAIN_BACKOFF.at(entry.key("backoff"), message)
    bad = [
        *_interval(entry, ("backoff", "first"), spec.first),
        *_interval(entry, ("backoff", "most"), spec.most),
    ]
    yield from bad
    if not bad and milliseconds(spec.most) < milliseconds(spec.first):
        message = f"the first wait, {spec.first}, is longer than the longest, {spec.most}"
        yield SHORT_BACKOFF.at(entry.at("backoff", "first"), message, help="raise `most`")


def _in_vain(machine: BoundMachine) -> str:
    """Return why time recovers no row of a machine."""
    if not machine.attempts:
        return "it has no attempts"
    left = " and ".join(f"`{source}`" for source, _ in machine.recoveries)
    return f"a step leads out of {left}, too" if left else "its lifecycle has no state to recover from"


def _kept(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    if entry.spec.history.keep:
        yield from _interval(entry, ("history", "keep"), entry.spec.history.keep)


RULES = (
    Rule((BAD_INTERVAL,), _kept),
    Rule((UNTIMED, NOT_UNTIMED), _timed),
    Rule((BAD_INTERVAL, NO_MOMENT, ONE_OF_TWO), _when),
    Rule((NO_TARGET, NO_MOVE, SETTLED), _where),
    Rule((VAIN_BACKOFF, SHORT_BACKOFF, BAD_INTERVAL), _backoff),
)
