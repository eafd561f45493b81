"""How long a row may stay in a state before it is stuck: the one definition, for views, alerts, recovery and docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from specc.pg.interval import UNITS, milliseconds
from specc.pg.names import lit

if TYPE_CHECKING:
    from specc.analysis.machines import BoundMachine

NEVER = "never"
"""Written for states in which a row may stay as long as it likes."""
DEFAULT = "1 day"


def seconds_of(text: str) -> float | None:
    """Return the seconds that a length of time says; None for `never`, and for what says none."""
    try:
        return milliseconds(text) / 1000
    except ValueError:
        return None


def words_of(seconds: float) -> str:
    """Return a length of time in words, in the largest unit up to hours that it is a multiple of.

    A day of PostgreSQL's has 23 or 25 hours twice a year, so days are said in hours.
    """
    length = round(seconds * 1000)
    unit = next(one for one in ("hour", "minute", "second", "millisecond") if length % UNITS[one] == 0)
    number = length // UNITS[unit]
    return f"{number} {unit}{'' if number == 1 else 's'}"


def watched(machine: BoundMachine) -> tuple[str, ...]:
    """Return the states in which a row can be open, in order."""
    return tuple(
        state for state in machine.lifecycle.states if state in (*machine.open, *machine.recoverable)
    )


def patience(machine: BoundMachine) -> Mapping[str, float]:
    """Return the seconds an open row may stay in each state; states without a limit are left out."""
    spec = machine.entry.spec.stuck_after
    own, default = (spec.states, spec.default) if spec else ({}, DEFAULT)
    limits = {state: seconds_of(own.get(state, default)) for state in watched(machine)}
    return {state: limit for state, limit in limits.items() if limit is not None}


def is_stuck(machine: BoundMachine, now: str, alias: str = "") -> str:
    """Return the SQL condition that a row is stuck: open, and longer in its state than it may be.

    `now` is an SQL expression. The condition holds that of the index of open rows, and compares
    `state_since` with as few moments as there are limits, so that the index is searched for them.
    """
    row = f"{alias}." if alias else ""
    limits = patience(machine)
    groups: dict[float, list[str]] = {}
    for state, limit in limits.items():
        groups.setdefault(limit, []).append(state)
    late = []
    for limit, states in groups.items():
        since = f"{row}state_since < {now} - interval {lit(words_of(limit))}"
        is_said = tuple(states) == machine.open and not machine.recoverable
        late.append(since if is_said else f"{row}state in ({', '.join(map(lit, states))}) and {since}")
    if not late:
        return "false"
    either = late[0] if len(late) == 1 else "(" + " or ".join(late) + ")"
    return f"{machine.is_open(alias)} and {either}"
