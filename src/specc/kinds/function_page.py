"""The docs page of a function: how to call it and who may, what it moves, its errors, its source."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.access import roles
from specc.analysis.bodies import bodies
from specc.analysis.routines import BoundRoutine, routines
from specc.ir.model import Ir
from specc.ir.page import (
    Block,
    Bullets,
    Code,
    Grid,
    Heading,
    Line,
    Link,
    Mono,
    Page,
    Paragraph,
    Text,
    function_path,
    machine_path,
)
from specc.lang.project import Entry, Project
from specc.pg.routine import Routine


def page(entry: Entry, project: Project, _: Ir) -> Iterator[Page]:
    """Yield the page of a function."""
    one = routines(project)[project.full_name("function", entry.name)]
    blocks = (
        Code("sql", _call(one)),
        *_properties(one.routine),
        *_callers(one, project),
        *_moves(one, project),
        *_errors(entry),
        Heading("Source"),
        Code("sql", entry.spec.sql.replace("\r\n", "\n")),
    )
    title = project.short_name(one.full_name)
    yield Page(function_path(one.full_name), title, "Functions", entry.spec.about, entry.file, blocks)


def _call(one: BoundRoutine) -> str:
    routine = one.routine
    if routine.procedure:
        return f"call {one.full_name}({routine.arguments})"
    return f"{one.full_name}({routine.arguments}) returns {routine.returns}"


def _properties(routine: Routine) -> Iterator[Block]:
    settled = [routine.language, routine.volatility]
    settled += ["strict"] if routine.strict else []
    settled += ["security definer"] if routine.security_definer else []
    settled += [f"set {name} = {value}" for name, value in routine.settings if name != "search_path"]
    yield Paragraph((Text(", ".join(settled) + "."),))


def _callers(one: BoundRoutine, project: Project) -> Iterator[Block]:
    yield Heading("Who may call it")
    names = one.entry.spec.callable_by
    if one.is_trigger:
        yield Paragraph((Text("Triggers only."),))
    elif not names:
        yield Paragraph((Text("Nobody but its owner and functions that run with its owner's rights."),))
    else:
        yield Bullets(tuple(_caller(name, project) for name in names))


def _caller(name: str, project: Project) -> Line:
    role = roles(project)[name]
    return (Mono(name), Text(", as "), Mono(role.database_role))


def _moves(one: BoundRoutine, project: Project) -> Iterator[Block]:
    """What the header declares, how far the body shows it, and what of the body cannot be decided."""
    body = bodies(project)[one.full_name]
    shown = {(move.machine, source, move.target) for move in body.moves for source in move.sources}
    rows = tuple(
        (
            (Link(machine, page=machine_path(machine)),),
            (Mono(source),),
            (Mono(target),),
            (Text("its body" if (machine, source, target) in shown else "its header alone"),),
        )
        for machine, moves in one.entry.spec.drives.items()
        for source, targets in moves.items()
        for target in targets
    )
    if rows:
        yield Heading("What it moves")
        yield Grid(("Machine", "From", "To", "Known from"), rows)
    if body.undecided:
        yield Heading("What its body leaves open")
        yield Bullets(
            tuple(_open(each) for each in dict.fromkeys((u.machine, u.reason) for u in body.undecided))
        )


def _open(undecided: tuple[str, str]) -> Line:
    machine, reason = undecided
    return (Mono(machine), Text(f": {reason}.")) if machine else (Text(f"{reason[:1].upper()}{reason[1:]}."),)


def _errors(entry: Entry) -> Iterator[Block]:
    if entry.spec.errors:
        yield Heading("Errors")
        rows = tuple(((Mono(code),), (Text(text),)) for code, text in entry.spec.errors.items())
        yield Grid(("SQLSTATE", "Means"), rows)
