"""The docs page of a function: how to call it and who may, what it moves, its errors, its source."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.access import roles
from specc.analysis.routines import BoundRoutine, routines
from specc.ir.model import Ir
from specc.ir.page import Block, Bullets, Code, Grid, Heading, Line, Link, Mono, Page, Paragraph, Text
from specc.lang.project import Entry, Project
from specc.pg.routine import Routine


def page(entry: Entry, project: Project, _: Ir) -> Iterator[Page]:
    """Yield the page of a function."""
    one = routines(project)[project.full_name("function", entry.name)]
    blocks = (
        Code("sql", _call(one)),
        *_properties(one.routine),
        *_callers(one, project),
        *_moves(entry),
        *_errors(entry),
        Heading("Source"),
        Code("sql", entry.spec.sql.replace("\r\n", "\n")),
    )
    title = project.short_name(one.full_name)
    yield Page(path(one.full_name), title, "Functions", entry.spec.about, entry.file, blocks)


def path(full_name: str) -> str:
    """Return the path of a function's page."""
    return f"functions/{full_name}.md"


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


def _moves(entry: Entry) -> Iterator[Block]:
    rows = tuple(
        ((Link(machine, page=f"machines/{machine}.md"),), (Mono(source),), (Mono(target),))
        for machine, moves in entry.spec.drives.items()
        for source, targets in moves.items()
        for target in targets
    )
    if rows:
        yield Heading("What it moves")
        yield Grid(("Machine", "From", "To"), rows)


def _errors(entry: Entry) -> Iterator[Block]:
    if entry.spec.errors:
        yield Heading("Errors")
        rows = tuple(((Mono(code),), (Text(text),)) for code, text in entry.spec.errors.items())
        yield Grid(("SQLSTATE", "Means"), rows)
