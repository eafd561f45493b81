"""The docs pages of what operators see of machines: for each its views in `monitor`. Project and IR in, pages out."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.machines import machines
from specc.analysis.monitors import watching
from specc.emit.view_page import readers, relations
from specc.ir.database import View
from specc.ir.model import Ir
from specc.ir.page import Block, Bullets, Code, Heading, Inline, Line, Page, Paragraph, Text, watching_path
from specc.lang.project import Project
from specc.pg.names import MONITOR


def watching_pages(project: Project, ir: Ir) -> Iterator[Page]:
    """Yield a page for each machine."""
    for machine in machines(project).values():
        found = [ir.by_identity.get(("view", MONITOR, name)) for name in watching(machine.name)]
        views = [one for one in found if isinstance(one, View)]
        said = "A role that may read a view sees the rows that the policies of its tables show it."
        blocks = (
            Paragraph((Text(said),)),
            *(block for view in views for block in _view(view, project, ir)),
        )
        about = f"What operators see of {machine.name}: where its rows are and how they move."
        path, title = watching_path(machine.name), f"Watching {machine.name}"
        yield Page(path, title, "Operations", about, machine.entry.file, blocks)


def _view(view: View, project: Project, ir: Ir) -> Iterator[Block]:
    yield Heading(f"{view.schema}.{view.name}")
    yield Paragraph((Text(ir.about("view", view.schema, view.name)),))
    yield Bullets((
        (Text("Who may read it: "), *(readers(view, ir) or (Text("no role of the API"),))),
        (Text("What it reads: "), *_joined(relations(view, project, ir))),
    ))  # fmt: skip
    yield Code("sql", view.query)


def _joined(lines: tuple[Line, ...]) -> Iterator[Inline]:
    for at, line in enumerate(lines):
        yield from (Text(", "), *line) if at else line
