"""Generated pgTAP of what time does to a machine's rows: nothing a moment before it is due, and then the move.

Expected results come from the facts about timeouts, recoveries and backoff, not from the functions' text.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from fractions import Fraction

from specc.analysis.machines import Edge, Lifecycle
from specc.emit.sample import Samples
from specc.ir.behaviour import Backoff, Machine, Timeout, Transition
from specc.ir.model import Ir
from specc.pg.interval import milliseconds
from specc.pg.names import fit, lit

_FOR_EVER = "1000 years"


def time_values(ir: Ir, machine: Machine, life: Lifecycle, samples: Samples) -> dict[str, object]:
    """Return what the template of attempts needs: the functions of time that there are, and their columns.

    The columns of a lease are filled only for the test of it, with what comes of samples.
    """
    found = ir.of_machine(Timeout, machine.name)
    return {
        "time_functions": {
            verb: fit(f"{machine.name}_{verb}")
            for verb, is_there in (
                ("time_out", bool(found)),
                ("recover", bool(_recoveries(ir, machine, life))),
            )
            if is_there
        },
        "moments": tuple(sorted({one.column for one in found if one.column})),
        "leases": [(one.column, _lease(one, machine, samples)) for one in found if one.holder],
    }


def _lease(one: Timeout, machine: Machine, samples: Samples) -> list[tuple[str, str]]:
    columns = (one.holder, one.column)
    row = samples.fresh((machine.schema, machine.table), columns)
    # It ends before any other deadline of the state.
    return [(one.holder, row[one.holder]), (one.column, "private.now() + interval '1 second'")]


def columns_of_time(ir: Ir, machine: Machine) -> tuple[str, ...]:
    """Return the columns that a sample row must fill, so that there is a moment to wait for."""
    found = ir.of_machine(Timeout, machine.name)
    return tuple(sorted({one.column for one in found if one.column and not one.holder}))


def time_tests(
    ir: Ir, machine: Machine, life: Lifecycle, spent: Mapping[str, int]
) -> Iterator[tuple[int, str]]:
    """Yield tests with their number; `spent` are the attempts a row has used when it comes into a state."""
    for one in ir.of_machine(Timeout, machine.name):
        if one.state in spent:
            yield from _timeout(one)
    worn = life.worn(machine.attempts)
    for source, target in _recoveries(ir, machine, life):
        if source in spent:
            yield from _recovery(ir, machine, (source, target), spent[source], worn)


def _timeout(one: Timeout) -> Iterator[tuple[int, str]]:
    wait = "0 seconds" if one.column else one.after
    here = f"{one.state}/{one.substate}" if one.substate else one.state
    when = (
        f"the {'end of the lease' if one.holder else 'moment'} in {one.column}" if one.column else one.after
    )
    yield _waits("time_out", one.state, f"{wait} -1 microsecond", here, f"{here} until {when}", one)
    yield _waits("time_out", one.state, wait, one.target, f"{here} to {one.target} at {when}", one)


def _recovery(
    ir: Ir, machine: Machine, move: Edge, spent: int, known: Container[str]
) -> Iterator[tuple[int, str]]:
    """Yield the tests of one recovery; `known` are the names of the ways to states with attempts spent."""
    (source, target), wait = move, _wait(ir, machine, spent)
    if wait:
        text = f"{wait} milliseconds"
        yield _waits("recover", source, f"{text} -1 microsecond", source, f"{source} backs off")
    yield _waits("recover", source, f"{wait} milliseconds", target, f"{source} to {target} after {wait} ms")
    last = machine.attempts - 1
    if last > spent and f"{source} after {last}" in known:
        wait = _wait(ir, machine, last)
        here = f"{source} after {last}"
        yield _waits("recover", here, f"{wait} milliseconds", target, f"{here} to {target} after {wait} ms")
    worn = f"{source} after {machine.attempts}"
    yield _waits("recover", worn, _FOR_EVER, source, f"{source} with all attempts spent")


def _wait(ir: Ir, machine: Machine, spent: int) -> int:
    """Return the milliseconds before a recovery: the first wait, raised for each attempt spent, up to the most."""
    backoff = next(iter(ir.of_machine(Backoff, machine.name)), None)
    if backoff is None:
        return 0
    wait, most = Fraction(milliseconds(backoff.first)), Fraction(milliseconds(backoff.most))
    for _ in range(spent):
        wait = min(wait * Fraction(backoff.factor), most)
    return int(wait)


def _waits(
    verb: str, state: str, wait: str, expected: str, what: str, one: Timeout | None = None
) -> tuple[int, str]:
    substate = lit(one.substate or None) if one else "null"
    column = lit(one.column or None) if one else "null"
    call = f"pg_temp.attempt({lit(verb)}, {lit(state)}, null, null, null, {substate}, {lit(wait)}, {column})"
    return 1, f"select is({call}, {lit(expected)}, {lit(f'{verb}: {what}')})"


def _recoveries(ir: Ir, machine: Machine, life: Lifecycle) -> list[Edge]:
    """Return the recoveries that rows take by themselves."""
    moves: Iterable[Transition] = ir.of_machine(Transition, machine.name)
    return [
        (one.source, one.target) for one in moves if one.form == "recovery" and one.source in life.recoverable
    ]
