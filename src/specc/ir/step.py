"""A step of a plan: the statements that make one fact true, and those that undo them."""

from __future__ import annotations

from specc.ir.fact import Fact
from specc.record import record


@record
class Step:
    """Statements that make one fact true (a table with its columns and keys), and those that undo them."""

    fact: Fact
    up: str
    down: str
