"""What is checked of a table's keys and indexes: which columns they are over."""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.tables import tables
from specc.diagnostics import Code, Diagnostic
from specc.lang.kind import Rule
from specc.lang.project import Entry, Path, Project
from specc.pg.types import UNORDERED

_SAMPLE = "table: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n"
_ACCESS = "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"

LISTED_TWICE = Code(
    "S511",
    "columns-of-a-key",
    "A key or an index is over at least one column, each column counts once, and the values of its type have "
    "an order, which those of `json`, `xml` and the geometric types have not.",
    wrong=_SAMPLE + "unique: [[title, title]]\n" + _ACCESS,
    right=_SAMPLE + "unique: [[title]]\n" + _ACCESS,
)


def _lists(entry: Entry) -> Iterator[tuple[Path, list[str]]]:
    yield from ((("unique", at), columns) for at, columns in enumerate(entry.spec.unique))
    yield from ((("indexes", at), index.columns) for at, index in enumerate(entry.spec.indexes))


def _distinct(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    for path, columns in _lists(entry):
        for twice in sorted({name for name in columns if columns.count(name) > 1}):
            yield LISTED_TWICE.at(entry.at(*path), f"`{twice}` is listed twice")
        if not columns:
            yield LISTED_TWICE.at(entry.at(*path), "no column is listed")


def _ordered(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    read = tables(project)[project.full_name("table", entry.name)].columns
    unordered = {name: one.type for name, one in read.items() if one.type.lower() in UNORDERED}
    places: list[tuple[Path, str]] = [
        (("columns", name, "sql"), name) for name in unordered if read[name].unique
    ]
    places += [(path, name) for path, columns in _lists(entry) for name in columns if name in unordered]
    for path, name in places:
        message = f"`{name}` cannot be in a key or an index: values of type `{unordered[name]}` have no order"
        yield LISTED_TWICE.at(entry.at(*path), message)


RULES = (Rule((LISTED_TWICE,), _distinct), Rule((LISTED_TWICE,), _ordered))
