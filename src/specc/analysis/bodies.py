"""Function bodies against the machines: which moves each function makes, and which cannot be decided.

Reads the SQL of every function and says what it does to the states of the project's machines. What a body
does through dynamic SQL, whole-row assignments or other functions is not seen here; it is listed as undecided
where it may concern a state, and the guard refuses what is illegal anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from specc.analysis.machines import BoundMachine, machines
from specc.analysis.routines import BoundRoutine, routines, row_types
from specc.lang.project import Project
from specc.pg.parsing import SqlError, parse
from specc.pg.plpgsql import tree
from specc.pg.writes import BIRTH, Compared, Found, Place, Write, column_writes


@dataclass(frozen=True, slots=True)
class Move:
    """A write of a state, read: `sources` and `targets` are empty where they cannot be decided."""

    machine: str
    form: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    raises: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Undecided:
    """Something in a body that may move a row, and why it cannot be said how; `machine` is "" for any."""

    machine: str
    reason: str
    offset: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A text compared with, or written into, a state column that is no state of its machine."""

    machine: str
    value: str
    offset: int


@dataclass(frozen=True, slots=True)
class Body:
    """What one function does to states; offsets are in the function's SQL."""

    moves: tuple[Move, ...]
    undecided: tuple[Undecided, ...]
    unknown: tuple[Unknown, ...]


@lru_cache(maxsize=8)
def bodies(project: Project) -> Mapping[str, Body]:
    """Return what each function whose body can be read does, by its full name."""
    return {name: _read(routine, project) for name, routine in routines(project).items()}


def _read(routine: BoundRoutine, project: Project) -> Body:
    by_place = {(one.schema, one.table): one for one in machines(project).values()}
    moves: list[Move] = []
    undecided: list[Undecided] = []
    unknown: list[Unknown] = []
    for piece in pieces(routine, project):
        if piece.reason:
            undecided.append(Undecided("", piece.reason, piece.offset))
            continue
        found = _found(piece.text, by_place, project)
        for write in found.writes:
            machine = by_place[write.table]
            if write.reason:
                undecided.append(Undecided(machine.name, write.reason, piece.offset + write.offset))
            moves += _move(write, machine, piece.offset)
        unknown += _unknown(found.compared, by_place, piece.offset)
    return Body(tuple(moves), tuple(undecided), tuple(unknown))


def _found(text: str, by_place: Mapping[Place, BoundMachine], project: Project) -> Found:
    def labels(place: Place) -> tuple[str, ...]:
        machine = by_place.get(place)
        return machine.lifecycle.states if machine else ()

    try:
        return column_writes(parse(text), "state", labels, project.default_schema)
    except SqlError:
        return Found((), ())


def _move(write: Write, machine: BoundMachine, offset: int) -> Iterator[Move]:
    def in_order(values: frozenset[str] | None) -> tuple[str, ...]:
        return tuple(one for one in machine.lifecycle.states if values and one in values)

    if write.targets is not None or write.form == BIRTH:
        sources, targets = in_order(write.sources), in_order(write.targets)
        yield Move(machine.name, write.form, sources, targets, write.raises, offset + write.offset)


def _unknown(
    compared: tuple[Compared, ...], by_place: Mapping[Place, BoundMachine], offset: int
) -> Iterator[Unknown]:
    for one in compared:
        machine = by_place[one.table]
        if one.value not in machine.lifecycle.states:
            yield Unknown(machine.name, one.value, offset + one.offset)


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement of a body with its offset in the function's SQL, or the reason why it cannot be read."""

    text: str
    offset: int
    reason: str = ""


def pieces(bound: BoundRoutine, project: Project) -> Iterator[Piece]:
    """Yield the SQL statements of a function's body in their order."""
    routine = bound.routine
    if routine.language == "sql":
        yield Piece(routine.body, routine.body_start)
        return
    try:
        function = tree(routine, row_types(project))
    except SqlError:
        yield Piece("", routine.body_start, "the body cannot be read")
        return
    if function is None:
        yield Piece("", routine.body_start, "the body needs knowledge of a server's types")
        return
    starts = _line_starts(routine.body)
    for name, fields in _statements(function.get("action", {})):
        for query, reason in _queries(name, fields):
            line = starts[min(fields.get("lineno", 1), len(starts)) - 1]
            at = max(routine.body.find(query, line), line)
            yield Piece(query, routine.body_start + at, reason)


def _line_starts(body: str) -> list[int]:
    starts = [0]
    for at, letter in enumerate(body):
        if letter == "\n":
            starts.append(at + 1)
    return starts


def _statements(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the statements of a PL/pgSQL tree in their order."""
    if isinstance(node, list):
        for one in node:
            yield from _statements(one)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name.startswith("PLpgSQL_stmt_"):
                yield name.removeprefix("PLpgSQL_stmt_"), value
            if isinstance(value, dict | list):
                yield from _statements(value)


def _queries(name: str, fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the SQL texts of one statement, each with the reason why it cannot be read, if so."""
    match name:
        case "execsql":
            yield fields["sqlstmt"]["PLpgSQL_expr"]["query"], ""
            yield from _into(fields)
        case "fors" | "return_query" | "open" | "perform" | "dynexecute" | "dynfors" | "assign":
            yield from _expressions(name, fields)


def _into(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for one in fields.get("target", {}).get("PLpgSQL_row", {}).get("fields", ()):
        if one["name"].lower() == "new.state":
            yield fields["sqlstmt"]["PLpgSQL_expr"]["query"], "a query's result becomes `new.state`"


def _expressions(name: str, fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if name in ("dynexecute", "dynfors") or "dynquery" in fields:
        query = fields.get("query") or fields.get("dynquery") or {}
        yield query.get("PLpgSQL_expr", {}).get("query", ""), "it runs SQL that is put together while it runs"
    elif name == "assign":
        query = fields["expr"]["PLpgSQL_expr"]["query"]
        target = query.split(":=")[0].split("=")[0].strip().lower()
        if target == "new.state":
            yield query, "a trigger writes `new.state`, whichever table it is on"
        elif target == "new":
            yield query, "a trigger replaces the whole row"
    else:
        key = "expr" if name == "perform" else "query"
        if key in fields:
            yield fields[key]["PLpgSQL_expr"]["query"], ""
