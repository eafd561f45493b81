"""What specs say of how data come along: other names before, states that are no more, columns given up.

It is lowered to intent facts, which count when a build compares the specs with what was released.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from specc.analysis.machines import BoundMachine
from specc.diagnostics import Code, Diagnostic, Label
from specc.ir.fact import Fact
from specc.ir.intent import Conversion, Removed, Renamed, Retired
from specc.lang.kind import Lowered, Rule
from specc.lang.markers import Ref, Short, SpecModel, Sql
from specc.lang.project import Entry, Project
from specc.lang.resolve import check_name
from specc.pg.parsing import tidy

PlaceName = Annotated[str, Ref("state/substate", within="lifecycle")]


class RemovedSpec(SpecModel):
    """Why data are given up."""

    short = Short("reason")
    reason: str = Field(description="Why they are not needed any more.")
    keep: bool = Field(
        False,
        description="Whether they are laid aside in schema `private`, so that the way back brings them again.",
    )


class CaseSpec(SpecModel):
    """Rows for which a condition holds, and where they go."""

    when: Annotated[str, Sql("boolean")] = Field(description="The condition, on the row's own columns.")
    to: PlaceName = Field(description="The state, or `state/substate`, they go to.")


class RetiredSpec(SpecModel):
    """Where rows of a state go that is no more."""

    short = Short("to")
    to: PlaceName = Field(description="The state, or `state/substate`, that takes them.")
    cases: list[CaseSpec] = Field(
        default_factory=list, description="Conditions that are tried first, in order; `to` takes the others."
    )


_STATES = "lifecycle: order\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
_MOVES = "transitions: {open: [held, closed], held: [open]}\n"
_TABLE = "table: ticket\nabout: A ticket.\nshared: true\n"
_ACCESS = "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"

STILL_THERE = Code(
    "S701",
    "former-name-in-use",
    "`renamed_from` and `removed` speak of what is no more; here it still is, so one of the two is a mistake.",
    wrong=_TABLE + "columns: {title: text, name: {sql: text, renamed_from: title}}\n" + _ACCESS,
    right=_TABLE + "columns: {name: {sql: text, renamed_from: title}}\n" + _ACCESS,
)
TWICE = Code(
    "S702",
    "one-name-for-two",
    "Two say that they had the same name before; only one of them can have been it.",
    wrong=_TABLE
    + "columns: {name: {sql: text, renamed_from: title}, about: {sql: text, renamed_from: title}}\n"
    + _ACCESS,
    right=_TABLE + "columns: {name: {sql: text, renamed_from: title}, about: text null}\n" + _ACCESS,
)
NOT_RETIRED = Code(
    "S703",
    "retired-and-there",
    "A retired state or substate is no more: rows leave it when the change is released and none comes into it again.",
    wrong=_STATES + _MOVES + "retired: {held: open}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\n"
    "transitions: {open: [closed]}\nretired: {held: open}\n",
)


def _former(
    entry: Entry, names: Mapping[str, str], path: str, what: str, there: Mapping[str, object]
) -> Iterator[Diagnostic]:
    """Report former names that are in use, or are said of two; `names` are new to old, declared under `path`."""
    first: dict[str, str] = {}
    for name, was in names.items():
        if not was:
            continue
        span = entry.at(path, name, "renamed_from")
        if malformed := tuple(check_name(was, what, span, label=what == "state")):
            yield from malformed
        elif was in there:
            label = Label(entry.key(path, was), "declared here")
            yield STILL_THERE.at(span, f"`{was}` is still there", related=(label,))
        elif (other := first.setdefault(was, name)) != name:
            label = Label(entry.at(path, other, "renamed_from"), "first said here")
            yield TWICE.at(span, f"`{other}` and `{name}` cannot both have been `{was}`", related=(label,))


def _title(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    """Check the former name of a table or machine."""
    was = entry.spec.renamed_from
    if not was:
        return
    span = entry.at("renamed_from")
    schema, _, _ = project.full_name(entry.kind, entry.name).rpartition(".")
    if malformed := tuple(check_name(was, entry.kind, span)):
        yield from malformed
    elif other := project.find(entry.kind, f"{schema}.{was}" if schema else was):
        label = Label(other.title, "declared here")
        yield STILL_THERE.at(span, f"`{was}` is still there", related=(label,))


def _columns(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    columns = entry.spec.columns
    names = {name: one.renamed_from for name, one in columns.items()}
    yield from _former(entry, names, "columns", "column", columns)
    for name in entry.spec.removed:
        if name in columns:
            label = Label(entry.key("columns", name), "declared here")
            yield STILL_THERE.at(entry.key("removed", name), f"`{name}` is still there", related=(label,))


def _states(entry: Entry, _: Project) -> Iterator[Diagnostic]:
    states = entry.spec.states
    names = {name: one.renamed_from for name, one in states.items()}
    yield from _former(entry, names, "states", "state", states)
    for name in entry.spec.retired:
        state, _, substate = name.partition("/")
        is_there = state in states and (not substate or substate in states[state].substates)
        if is_there:
            path = ("states", state, "substates", substate) if substate else ("states", state)
            label = Label(entry.key(*path), "declared here")
            yield NOT_RETIRED.at(entry.key("retired", name), f"`{name}` is still there", related=(label,))


TABLE_RULES = (Rule((STILL_THERE,), _title), Rule((STILL_THERE, TWICE), _columns))
MACHINE_RULES = (Rule((STILL_THERE,), _title),)
LIFECYCLE_RULES = (Rule((STILL_THERE, TWICE, NOT_RETIRED), _states),)


# Lowering


def of_table(entry: Entry, schema: str, name: str) -> Lowered:
    """Yield what a table says of how its rows come along."""
    spec = entry.spec
    if spec.renamed_from:
        yield Renamed(f"table {schema} {name}", spec.renamed_from), entry.at("renamed_from")
    for column, one in spec.columns.items():
        if one.renamed_from:
            yield Renamed(f"column {schema} {name} {column}", one.renamed_from), entry.key("columns", column)
        if one.using:
            made = Conversion(schema, name, column, tidy(one.using), tidy(one.using_back))
            yield made, entry.key("columns", column)
    for column, why in spec.removed.items():
        yield _removed(f"column {schema} {name} {column}", why), entry.key("removed", column)


def of_machine(machine: BoundMachine, life: Entry) -> Lowered:
    """Yield what a machine and its lifecycle say of how rows come along."""
    name, spec = machine.name, life.spec
    if machine.entry.spec.renamed_from:
        yield Renamed(f"machine {name}", machine.entry.spec.renamed_from)
    for state, one in spec.states.items():
        if one.renamed_from:
            yield Renamed(f"state {name} {state}", one.renamed_from)
    for source, where in spec.retired.items():
        for number, case in enumerate(where.cases):
            yield _retired(name, source, number, case.to, tidy(case.when))
        yield _retired(name, source, len(where.cases), where.to, "")
    for source, cases in spec.split.items():
        for number, case in enumerate(cases):
            yield _retired(name, source, number, case.to, tidy(case.when))


def _retired(machine: str, source: str, number: int, to: str, where: str) -> Fact:
    state, _, substate = to.partition("/")
    return Retired(machine, source, str(number), state, substate, where)


def _removed(target: str, why: RemovedSpec) -> Fact:
    return Removed(target, why.reason, why.keep)


def of_removals(entry: Entry, project: Project) -> Lowered:
    """Yield what a document of removals gives up."""
    for table, why in entry.spec.tables.items():
        schema, name = project.full_name("table", table).split(".", 1)
        yield _removed(f"table {schema} {name}", why), entry.key("tables", table)
    for machine, why in entry.spec.machines.items():
        yield _removed(f"machine {machine}", why), entry.key("machines", machine)
