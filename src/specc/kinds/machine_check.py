"""The functions that look for rows of a machine that cannot be, and that mend some: sections say what to look for.

The one reads the whole table and changes nothing; the other changes what is worth nothing where it is, and moves no
row but a parent whose children were counted wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from specc.analysis.machines import BoundMachine
from specc.analysis.maintenance import Problem
from specc.analysis.tables import BoundTable
from specc.ir.database import Comment, Function, Grant
from specc.kinds import machine_history, machine_lease, machine_sync_check
from specc.kinds.machine_sync_objects import follow_of
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.names import fit, qualified


def _of_rows(machine: BoundMachine, _: BoundTable, _project: Project) -> Iterator[Problem]:
    carry = qualified("private", machine.may_carry)
    yield Problem(
        "substate of another state",
        f"r.state_substate is not null and not {carry}(r.state, r.state_substate)",
        "concat_ws('/', r.state, r.state_substate)",
        "state_substate = null",
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
    machine_lease.problems,
    machine_history.problems,
    machine_sync_check.problems,
)
"""What says which problems a machine's rows may have, in the order in which they are reported."""


def lower(machine: BoundMachine, table: BoundTable, project: Project) -> Lowered:
    """Yield the functions."""
    found = tuple(problem for section in SECTIONS for problem in section(machine, table, project))
    yield from _check(machine, found, project)
    yield from _mend(machine, found, project)


def _check(machine: BoundMachine, found: tuple[Problem, ...], project: Project) -> Lowered:
    name, place = fit(f"{machine.name}_check"), (machine.schema, machine.table)
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


def _mend(machine: BoundMachine, found: tuple[Problem, ...], project: Project) -> Lowered:
    name, place = fit(f"{machine.name}_mend"), (machine.schema, machine.table)
    recounts = machine_sync_check.recounts(machine, project)
    yield Function(
        "private", name, "", "", "table (problem text, id uuid, detail text)", "plpgsql",
        render(
            "mend", table=place, problems=[one for one in found if one.mend],
            recounts=recounts, follow=follow_of(machine),
        ),
        security_definer=True, settings=PINNED,
        needs=(("table", *place), ("function", "private", machine.may_carry, "")),
    )  # fmt: skip
    text = f"Mends rows of {machine.name} where nothing is lost by it, and lists what it mended"
    counted = ": it counts their children anew, too, and lets the rows follow" if recounts else ""
    yield Comment(f"function private {name}", f"{text}{counted}.")
    yield Grant("function", "private", name, "", "execute", "service_role")
