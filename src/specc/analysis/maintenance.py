"""What maintenance does for a machine: tasks that work off rows in batches, and problems to look for in rows."""

from __future__ import annotations

from specc.record import record


@record
class Task:
    """A task of `private.tick()`: its name, and the function in `private` that does it.

    The function takes the most rows it may touch, unless it always does all there is, and returns how many it
    did; fewer mean that none is left.
    """

    name: str
    function: str
    in_batches: bool = True


@record
class Problem:
    """What may be wrong with a row although the guards forbid it: restored, or written past triggers.

    `where` is the SQL condition on a row `r` that it is wrong, `detail` the SQL text that says what was found.
    `mend` are the assignments of an UPDATE that make it right, where that takes nothing away that is worth keeping.
    """

    name: str
    where: str
    detail: str
    mend: str = ""
