"""Plans: steps, each the statements that make one fact true and those that undo them, in parts that are files."""

from __future__ import annotations

from specc.ir.fact import Fact
from specc.record import record


@record
class Step:
    """Statements that make one fact true (a table with its columns and keys), and those that undo them."""

    fact: Fact
    up: str
    down: str


@record
class Preflight:
    """What is asked of a database before anything is done to it: a query for a number that has to be 0."""

    title: str
    query: str


@record
class Part:
    """What goes into one file, which is one transaction: steps in order, and the statements of their way back.

    `name` tells it from other parts of a plan, "" for the main one.
    """

    name: str
    steps: tuple[Step, ...]
    back: tuple[str, ...]
    preflights: tuple[Preflight, ...] = ()
    preflights_back: tuple[Preflight, ...] = ()
    losses: tuple[str, ...] = ()
    """What the way back loses, each to be read after "this loses"."""
    summary: tuple[str, ...] = ()
    """What changes, in words, for who reviews it."""
