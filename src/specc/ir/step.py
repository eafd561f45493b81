"""A step of a plan: the statements that make one fact true, and those that undo them."""

from __future__ import annotations

from dataclasses import dataclass

from specc.ir.fact import Fact


@dataclass(frozen=True, slots=True)
class Step:
    """Statements that make one fact true (a table with its columns and keys), and those that undo them."""

    fact: Fact
    up: str
    down: str
