"""What the one maintenance function does: tasks, each a function that works off a batch of rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """A task of `private.tick()`: its name, and the function in `private` that does it.

    The function takes the most rows it may touch and returns how many it did; fewer mean that none is left.
    """

    name: str
    function: str
