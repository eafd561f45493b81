"""The one maintenance function, `private.tick()`: what all machines have to be done from time to time.

Sections of machines say which tasks they have, alerts follow, and history comes last; here they become one function, which many
may call at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from specc.analysis.machines import BoundMachine, machines
from specc.analysis.maintenance import Task
from specc.ir.database import Comment, Function, Grant
from specc.kinds import alert, machine_history, machine_sync_objects, machine_times
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import PINNED, render

SECTIONS: tuple[Callable[[BoundMachine, Project], Iterator[Task]], ...] = (
    machine_times.tasks,
    machine_sync_objects.tasks,
)
"""What gives a machine tasks, in the order in which they are done for it."""

BATCH = 1000
"""The most rows that a task touches in one statement."""

TURNS = 100
"""The most batches of a task in one call, so that one task cannot keep the others waiting for ever."""


def lower(project: Project) -> Lowered:
    """Yield the function where there is something for it to do."""
    bound = sorted(machines(project).values(), key=lambda one: one.name)
    found = (
        *(task for machine in bound for section in SECTIONS for task in section(machine, project)),
        *alert.tasks(project),
        # Last, since to drop a partition locks out every writer until the tick ends.
        *(task for machine in bound for task in machine_history.tasks(machine, project)),
    )
    if not found:
        return
    yield Function(
        "private", "tick", "", "", "table (task text, rows bigint, problem text)", "plpgsql",
        render("tick", tasks=found, batch=BATCH, turns=TURNS),
        security_definer=True, settings=PINNED,
    )  # fmt: skip
    text = "Does what is due, task by task: how many rows each moved, and what stopped it. Many may call it at once."
    yield Comment("function private tick", text)
    yield Grant("function", "private", "tick", "", "execute", "service_role")
