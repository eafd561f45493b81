"""The section of a machine about leases: which columns say who holds a row in a state, and until when.

A lease that has run out is a deadline like others, and ends with the row's stay in the state. Nothing here takes or
extends one: that is up to the project's functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from specc.analysis.machines import BoundMachine
from specc.analysis.maintenance import Problem
from specc.analysis.tables import BoundTable, tables
from specc.diagnostics import Code, Diagnostic
from specc.diagnostics.suggest import suggest
from specc.ir.page import Line, Mono, Text
from specc.lang.kind import Rule
from specc.lang.markers import Ref, SpecModel
from specc.lang.project import Entry, Project
from specc.pg.column import Definition
from specc.pg.names import ident, lit

StateName = Annotated[str, Ref("state", within="machine")]

_GOOD = """\
lifecycle: call
states:
  open: {is: initial}
  talking: {waits_for: outside}
  answered: {is: terminal}
  timedout: {is: terminal}
transitions: {open: [talking], talking: [answered, timedout]}
---
table: call
about: A call.
shared: true
columns: {number: text, agent: text null, agent_until: timestamptz null}
---
access: calls
tables: [call]
allow: {}
---
machine: call
follows: call
timeouts: {talking: 1 hour}
lease: {state: talking, holder: agent, until: agent_until}
undriven: {open: Someone calls., talking: {to: {answered: Someone answers.}}}
"""
NO_LEASE = Code(
    "S336",
    "no-lease-column",
    "A lease is two columns of the machine's table that may be null: `holder` says who holds the row, and `until`, "
    "a `timestamptz`, until when unless he extends it. Both are null while nobody holds it.",
    wrong=_GOOD.replace("holder: agent,", "holder: number,"),
    right=_GOOD,
)


class LeaseSpec(SpecModel):
    """The columns that say who holds a row while it is in a state, and until when."""

    state: StateName = Field(description="The state in which somebody holds the row.")
    holder: str = Field(description="The column that says who; null while nobody does.")
    until: str = Field(
        description="The column, a `timestamptz`, that says when he loses it unless he extends it."
    )
    to: Annotated[str, Ref("state", within="machine")] = Field(
        "",
        description="The state that rows move to when their lease runs out; `timedout` by default, where the "
        "lifecycle has it.",
    )


def ending(machine: BoundMachine, source: str = "") -> str:
    """Return the assignments that end the lease of a row, or of one that leaves a state; "" where it has none."""
    spec = machine.entry.spec.lease
    if spec is None or source not in ("", spec.state):
        return ""
    return f"{ident(spec.holder)} = null, {ident(spec.until)} = null"


def problems(machine: BoundMachine, _: BoundTable, _project: Project) -> Iterator[Problem]:
    """Yield what may be wrong with a lease. One that has run out is no problem but due."""
    spec = machine.entry.spec.lease
    if spec is None:
        return
    holder, until, here = f"r.{ident(spec.holder)}", f"r.{ident(spec.until)}", f"r.state = {lit(spec.state)}"
    detail = f"concat(r.state, ', held by ', coalesce({holder}::text, 'nobody'), ' until ', coalesce({until}::text, 'ever'))"
    yield Problem("lease without holder", f"{here} and {holder} is null and {until} is not null", detail)
    yield Problem("lease without end", f"{here} and {holder} is not null and {until} is null", detail)
    left = f"not {here} and ({holder} is not null or {until} is not null)"
    yield Problem(f"lease outside of {spec.state}", left, detail, ending(machine))


def facts(machine: BoundMachine) -> Iterator[Line]:
    """Yield the line of a machine's page about its leases."""
    spec = machine.entry.spec.lease
    if spec is not None:
        yield (
            Text("Lease: "), Mono(spec.holder), Text(" holds a row in "), Mono(spec.state), Text(" until "),
            Mono(spec.until),
        )  # fmt: skip


def _columns(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    spec = entry.spec.lease
    table = tables(project).get(project.full_name("table", entry.spec.rows_of or entry.name))
    if spec is None or table is None:
        return
    for field, column in (("holder", spec.holder), ("until", spec.until)):
        span = entry.at("lease", field)
        if column not in table.entry.spec.columns:
            message = f"table `{project.short_name(table.full_name)}` declares no column `{column}`"
            yield NO_LEASE.at(span, message, help=suggest(column, table.entry.spec.columns))
        elif column in table.columns and (wrong := _wrong(field, table.columns[column])):
            yield NO_LEASE.at(span, f"column `{column}` {wrong}")
    if spec.holder == spec.until:
        yield NO_LEASE.at(entry.at("lease", "until"), "one column cannot say both who and until when")


def _wrong(field: str, read: Definition) -> str:
    if read.not_null:
        return "is never null, so the row would always be held"
    is_moment = read.type_name[-1] == "timestamptz" and "[" not in read.type
    return "" if field == "holder" or is_moment else f"is a `{read.type}`, no `timestamptz`"


RULES = (Rule((NO_LEASE,), _columns),)
