"""From a line of a migration back to the specs: which fact its statement makes, and where that was written.

The facts, the sources and the text of a migration come in, a place such as `specs/tables/ticket.yaml:9:16` comes
out. What no spec says (the schemas of every project, functions that specc brings) has no place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specc.diagnostics import SourceFile
from specc.ir.database import Check, Column, Function, PrimaryKey, Table, Unique
from specc.ir.fact import Fact
from specc.ir.model import Ir
from specc.pg.ddl import column_text, constraint_text
from specc.pg.names import ident
from specc.plan.initial import plan_initial
from specc.record import record


@record
class Statement:
    """The statements of one fact in a migration: the line on which they begin, and their text."""

    fact: Fact
    line: int
    text: str


def place_of_line(ir: Ir, sources: Mapping[str, SourceFile], migration: str, line: int) -> str:
    """Return where in the specs a line of the initial migration, or of its way back, comes from; "" for nowhere."""
    for one in _statements(ir, migration):
        if one.line <= line <= one.line + one.text.count("\n"):
            written = one.text.split("\n")[line - one.line]
            fact = _part(ir, one.fact, written) if isinstance(one.fact, Table) else one.fact
            return _in_body(ir, sources, one, line) or place_of(ir, sources, fact)
    return ""


def place_of(ir: Ir, sources: Mapping[str, SourceFile], fact: Fact) -> str:
    """Return file, line and column of what a fact comes from in the specs; "" where no spec says it."""
    span, _ = ir.origins.get(fact.identity, (None, ""))
    source = sources.get(span.path) if span else None
    if span is None or source is None:
        return ""
    row, column = source.position(span.start)
    return f"{span.path}:{row}:{column}"


def _statements(ir: Ir, migration: str) -> Iterator[Statement]:
    """Yield the statements of each step that stand in a text, which has them in the order of the plan or back."""
    steps = plan_initial(ir)
    texts = [(step.fact, step.up) for step in steps]
    if not all(text in migration for _, text in texts[-1:]):
        texts = [(step.fact, step.down) for step in reversed(steps)]
    at, line = 0, 1
    for fact, text in texts:
        start = migration.find(f"\n{text};\n", at) + 1 if text else 0
        if start > 0:
            line += migration.count("\n", at, start)
            at = start
            yield Statement(fact, line, text)


def _part(ir: Ir, table: Table, written: str) -> Fact:
    """Return the column or constraint that one line of CREATE TABLE is, or else the table."""
    place = (table.schema, table.name)
    line = written.strip().removesuffix(",")
    for column in ir.of_table(Column, *place):
        if line == column_text(column):
            return column
    keys: list[PrimaryKey | Unique | Check] = [
        *ir.of_table(PrimaryKey, *place),
        *ir.of_table(Unique, *place),
        *ir.of_table(Check, *place),
    ]
    return next(
        (key for key in keys if line == f"constraint {ident(key.name)} {constraint_text(key)}"), table
    )


def _in_body(ir: Ir, sources: Mapping[str, SourceFile], one: Statement, line: int) -> str:
    """Return the place of a line in the body of a function that stands in a file of its own; else ""."""
    if not isinstance(one.fact, Function):
        return ""
    body = str(one.fact.body)
    before = one.text.find(body)
    source = sources.get(ir.file_of(one.fact))
    if source is None or before < 0:
        return ""
    text = source.text.replace("\r\n", "\n")
    start = text.find(body)
    inside = line - one.line - one.text.count("\n", 0, before)
    if start < 0 or inside < 0:
        return ""
    return f"{source.path}:{text.count(chr(10), 0, start) + 1 + inside}"
