"""The function that looks for rows of a machine that cannot be: sections say what to look for.

It reads the whole table and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from specc.analysis.machines import BoundMachine
from specc.analysis.maintenance import Problem
from specc.analysis.tables import BoundTable
from specc.ir.database import Comment, Function, Grant
from specc.kinds import machine_history, machine_sync_check
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.names import fit, qualified


def _of_rows(machine: BoundMachine, _: BoundTable, _project: Project) -> Iterator[Problem]:
    carry = qualified("private", machine.may_carry)
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


SECTIONS: tuple[Callable[[BoundMachine, BoundTable, Project], Iterator[Problem]], ...] = (
    _of_rows,
    machine_history.problems,
    machine_sync_check.problems,
)
"""What says which problems a machine's rows may have, in the order in which they are reported."""


def lower(machine: BoundMachine, table: BoundTable, project: Project) -> Lowered:
    """Yield the function."""
    name, place = fit(f"{machine.name}_check"), (machine.schema, machine.table)
    found = tuple(problem for section in SECTIONS for problem in section(machine, table, project))
    yield Function(
        "private", name, "", "", "table (problem text, id uuid, detail text)", "sql",
        render("check", table=place, problems=found), "stable", security_definer=True,
        settings=PINNED,
        needs=(
            ("table", *place), ("table", machine.schema, machine.history),
            ("function", "private", machine.may_carry, ""),
            *machine_sync_check.needs(machine, project),
        ),
    )  # fmt: skip
    text = f"Lists rows of {machine.name} that the guards forbid: restored ones, or written past triggers."
    yield Comment(f"function private {name}", text)
    yield Grant("function", "private", name, "", "execute", "service_role")
