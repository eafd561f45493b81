"""The docs page of a machine."""

from __future__ import annotations

from collections.abc import Iterator

from specc.ir.model import Ir
from specc.ir.page import Page
from specc.lang.project import Entry, Project


def page(entry: Entry, project: Project, ir: Ir) -> Iterator[Page]:
    """Yield the page of a machine."""
    yield from ()
