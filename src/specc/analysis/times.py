"""When rows leave a state by themselves: deadlines, recoveries, and the states that wait for the outside.

What a machine's document says comes in, as far as it can be read; deadlines in the order of the states come
out. Never judges: rules do.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.machines import BoundMachine, Edge
from specc.lang.project import Project
from specc.record import record

TIMED_OUT = "timedout"
"""The state that a deadline leads to unless `to` says another: a convention of the language."""

BY_TIMEOUT = "timeout"
BY_RECOVERY = "recovery"


@record
class Deadline:
    """A state, or one of its substates, that a row leaves for `target`: `after` an interval, or at the
    moment in a `column`. `others` are the substates of a state that have deadlines of their own, `holder` is the
    column that says whose lease ends at that moment, and `path` where in the machine's document all this stands.
    """

    path: tuple[str, ...]
    written: str
    state: str
    substate: str
    after: str
    column: str
    target: str
    others: tuple[str, ...] = ()
    holder: str = ""


def deadlines(machine: BoundMachine) -> tuple[Deadline, ...]:
    """Return the deadlines of declared states and substates by state, those of substates first."""
    return tuple(sorted(_deadlines(machine), key=lambda one: _order(machine, one)))


def _deadlines(machine: BoundMachine) -> Iterator[Deadline]:
    life, spec = machine.lifecycle, machine.entry.spec
    for written, one in spec.timeouts.items():
        state, _, substate = written.partition("/")
        if state in life.states and substate in ("", *life.substates[state]):
            target = one.to or (TIMED_OUT if TIMED_OUT in life.states else "")
            mine = [name.partition("/")[2] for name in spec.timeouts if name.startswith(f"{state}/")]
            others = () if substate else tuple(sorted(mine))
            path = ("timeouts", written)
            yield Deadline(path, written, state, substate, one.after, one.at, target, others)
    lease = spec.lease
    if lease is not None and lease.state in life.states:
        target = lease.to or (TIMED_OUT if TIMED_OUT in life.states else "")
        yield Deadline(("lease",), lease.state, lease.state, "", "", lease.until, target, holder=lease.holder)


def _order(machine: BoundMachine, one: Deadline) -> tuple[int, bool, str, bool]:
    return machine.lifecycle.states.index(one.state), not one.substate, one.substate, bool(one.holder)


def own_moves(machine: BoundMachine) -> Iterator[tuple[Edge, str]]:
    """Yield the moves that rows take by themselves, each with the word that stands for its driver."""
    for one in deadlines(machine):
        if one.target in machine.lifecycle.following[one.state]:
            yield (one.state, one.target), BY_TIMEOUT
    for source, target in recoveries(machine):
        yield (source, target), BY_RECOVERY


def recoveries(machine: BoundMachine) -> tuple[Edge, ...]:
    """Return the recoveries that rows take by themselves: out of states that nothing else leads out of."""
    return tuple(edge for edge in machine.recoveries if edge[0] in machine.recoverable)


def waiting(machine: BoundMachine, project: Project) -> tuple[str, ...]:
    """Return the states that wait for something outside the database."""
    states = project.get("lifecycle", machine.entry.spec.follows).spec.states
    return tuple(
        name for name, spec in states.items() if spec.waits_for and name not in machine.lifecycle.ends
    )


def has_deadline(machine: BoundMachine, state: str) -> bool:
    """Whether every row of a state has a deadline: the state has one itself, since substates are optional, and so
    are leases.
    """
    return any(one.state == state and not one.substate and not one.holder for one in deadlines(machine))
