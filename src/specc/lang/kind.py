"""The contract of a kind: one record that says everything the compiler needs to know about it.

`kinds/__init__.py` lists the kinds in one tuple; the generic stages read these records and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from specc.diagnostics import Code, Diagnostic, Span
from specc.ir.fact import Fact
from specc.ir.model import Ir
from specc.lang.markers import SpecModel
from specc.lang.project import Entry, Project
from specc.record import record

if TYPE_CHECKING:
    from specc.ir.page import Page

Lowered = Iterator[Fact | tuple[Fact, Span]]
"""Facts, each alone (its origin is the entry) or with the span it comes from."""


@record
class Rule:
    """A check of one entry, with the codes it may report."""

    codes: tuple[Code, ...]
    check: Callable[[Entry, Project], Iterator[Diagnostic]]


@record
class ProjectRule:
    """A check of the project as a whole, with the codes it may report."""

    codes: tuple[Code, ...]
    check: Callable[[Project], Iterator[Diagnostic]]


@record
class Implied:
    """A name that an entry declares without writing it: a table's `id`, the columns a machine adds."""

    kind: str
    owner_kind: str
    owner: str
    name: str


def _nothing(*_: object) -> Iterable[object]:
    return ()


@record
class Kind:
    """A kind of spec: `key` is the word that starts its documents."""

    key: str
    about: str
    model: type[SpecModel]
    lower: Callable[[Entry, Project], Lowered]
    rules: tuple[Rule | ProjectRule, ...] = ()
    implied: Callable[[Entry, Project], Iterable[Implied]] = _nothing  # type: ignore[assignment]
    pages_from: str = ""
    """The module whose `page` yields an entry's pages; imported by a build, the only one to write them."""
    in_schema: bool = False
    """Whether its names carry a schema."""

    def pages(self, entry: Entry, project: Project, ir: Ir) -> Iterable[Page]:
        """Return the pages of an entry."""
        return import_module(self.pages_from).page(entry, project, ir) if self.pages_from else ()
