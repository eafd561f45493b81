"""The function that looks for rows of a machine that cannot be: sections say what to look for.

It reads the whole table and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from specc.analysis.machines import BoundMachine
from specc.analysis.maintenance import Problem
from specc.ir.database import Comment, Function, Grant
from specc.lang.kind import Lowered
from specc.pg.body import render
from specc.pg.names import fit, qualified


def _of_rows(machine: BoundMachine) -> Iterator[Problem]:
    carry = qualified("private", fit(f"{machine.name}_may_carry"))
    yield Problem(
        "substate of another state",
        f"not {carry}(r.state, r.state_substate)",
        "concat_ws('/', r.state, r.state_substate)",
    )
    yield Problem(
        "attempt out of range",
        f"r.attempt not between 0 and {machine.attempts}",
        f"concat(r.attempt, ' of {machine.attempts}')",
    )
    # A row that another session moved after this transaction began is not of the future.
    yield Problem(
        "in its state since the future",
        "r.state_since > greatest(private.now(), clock_timestamp())",
        "r.state_since::text",
    )


SECTIONS: tuple[Callable[[BoundMachine], Iterator[Problem]], ...] = (_of_rows,)
"""What says which problems a machine's rows may have, in the order in which they are reported."""


def lower(machine: BoundMachine) -> Lowered:
    """Yield the function."""
    name, place = fit(f"{machine.name}_check"), (machine.schema, machine.table)
    found = tuple(problem for section in SECTIONS for problem in section(machine))
    yield Function(
        "private", name, "", "", "table (problem text, id uuid, detail text)", "sql",
        render("check", table=place, problems=found), "stable", security_definer=True,
        settings=(("search_path", "''"),),
        needs=(("table", *place), ("function", "private", fit(f"{machine.name}_may_carry"), "")),
    )  # fmt: skip
    text = f"Lists rows of {machine.name} that the guards forbid: restored ones, or written past triggers."
    yield Comment(f"function private {name}", text)
    yield Grant("function", "private", name, "", "execute", "service_role")
