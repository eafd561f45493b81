"""Kind `machine`: binds a lifecycle to a table.

It makes the state enum, the state columns, the guard that refuses every move the lifecycle does not have,
and `<machine>_may_move(from, to)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from specc.analysis.access import readers
from specc.analysis.drivers import all_known, drivers
from specc.analysis.machines import BoundMachine, machines
from specc.analysis.tables import tables
from specc.diagnostics import Code, Diagnostic, Label
from specc.ir.behaviour import Machine, State, Transition
from specc.ir.database import Column, Comment, Enum, Function, Grant, Trigger, View
from specc.lang.kind import Kind, Lowered, ProjectRule, Rule
from specc.lang.markers import Ref, Short, SpecModel
from specc.lang.project import Entry, Project
from specc.pg.body import render
from specc.pg.names import API_ROLES, fit, lit, qualified

StateName = Annotated[str, Ref("state", within="machine")]


class UndrivenSpec(SpecModel):
    """Why moves out of a state have no driver: one reason for all of them, or one for each."""

    short = Short("all")
    all: str = Field("", description="The reason for every move out of this state that nothing drives.")
    to: dict[StateName, str] = Field(default_factory=dict, description="For each target, the reason.")


class MachineSpec(SpecModel):
    """A lifecycle bound to a table."""

    about: str = Field("", description="What the life of a row of this table is.")
    follows: Annotated[str, Ref("lifecycle")] = Field(description="The lifecycle.")
    rows_of: Annotated[str, Ref("table")] = Field(
        "", description="The table; the machine's own name by default."
    )
    attempts: int = Field(0, ge=0, le=1000, description="How often a row may recover.")
    undriven: dict[StateName, UndrivenSpec] = Field(
        default_factory=dict, description="Moves that no function takes, and why they are legal all the same."
    )


_LIFE = (
    "lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
)
_TABLE = (
    "---\ntable: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
)
_GOOD = (
    _LIFE + _TABLE + "---\nmachine: ticket\nfollows: order\nundriven: {open: People close tickets by hand.}\n"
)
_RECOVERED = (
    _GOOD.replace("closed: {is", "again: {}, closed: {is")
    .replace("{open: [closed]}", "{open: [closed], again: [closed]}\nrecovery: {open: again}")
    .replace("by hand.}", "by hand., again: The same.}")
)

NO_TABLE = Code(
    "S310",
    "machine-without-table",
    "A machine binds a lifecycle to a table: the one of its own name, or the one under `rows_of`.",
    wrong=_GOOD.replace("machine: ticket", "machine: tickt"),
    right=_GOOD,
)
TWO_MACHINES = Code(
    "S311",
    "two-machines",
    "A table has one `state`, so it follows one machine.",
    wrong=_GOOD + "---\nmachine: other\nrows_of: ticket\nfollows: order\nundriven: {open: By hand.}\n",
    right=_GOOD,
)
UNDRIVEN = Code(
    "S312",
    "undriven-transition",
    "Each transition is taken by something: a function that declares it under `drives`, or it stands under "
    "`undriven` with the reason why nothing in this project takes it. Otherwise rows wait for nobody.",
    wrong=_GOOD.replace("undriven: {open: People close tickets by hand.}\n", ""),
    right=_GOOD,
)
NOT_UNDRIVEN = Code(
    "S313",
    "needless-undriven",
    "The move under `undriven` is no transition of the lifecycle, or functions do take it.",
    wrong=_GOOD.replace("{open: People close tickets by hand.}", "{open: By hand., closed: Never.}"),
    right=_GOOD,
)

TOO_FEW_ATTEMPTS = Code(
    "S314",
    "too-few-attempts",
    "Rows come into this state by recovery only, and this machine's rows recover less often than the way there "
    "takes, so none ever does. The lifecycle is fine for machines with more `attempts`.",
    wrong=_RECOVERED,
    right=_RECOVERED.replace("follows: order\n", "follows: order\nattempts: 1\n"),
)


def _bound(entry: Entry, project: Project) -> BoundMachine | None:
    table = entry.spec.rows_of or entry.name
    return machines(project).get(project.full_name("table", table))


def _has_table(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    from specc.diagnostics.suggest import suggest

    if "table" in project.unnamed:
        return
    if not entry.spec.rows_of and project.find("table", entry.name) is None:
        known = [project.short_name(name) for name in project.entries.get("table", {})]
        help = suggest(entry.name, known) or "name the table under `rows_of`"
        yield NO_TABLE.at(entry.title, f"there is no table `{entry.name}` for this machine", help=help)


def _alone(project: Project) -> Iterator[Diagnostic]:
    first: dict[str, Entry] = {}
    for entry in project.all("machine"):
        table = project.full_name("table", entry.spec.rows_of or entry.name)
        known = first.setdefault(table, entry)
        if known is not entry:
            label = Label(known.title, "this machine has it already")
            message = f"table `{project.short_name(table)}` has two machines"
            yield TWO_MACHINES.at(entry.title, message, related=(label,))


def _driven(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = _bound(entry, project)
    if machine is None or machine.entry is not entry or not all_known(project):
        return
    if not _is_readable(machine) or project.has_unread("function"):
        return
    missing = [
        f"`{source} → {target}`"
        for source, target in machine.lifecycle.steps
        if source not in machine.lifecycle.terminal
        and not drivers(project).get((entry.name, source, target))
        and not reason(entry, source, target)
    ]
    if missing:
        yield UNDRIVEN.at(
            entry.title,
            f"nothing takes {', '.join(missing)}",
            help="declare a function's `drives`, or give the reason under `undriven`",
        )


def _is_readable(machine: BoundMachine) -> bool:
    """Whether lifecycle and machine name declared states only: another name may be any of them misspelt."""
    undriven = machine.entry.spec.undriven
    named = set(undriven).union(*(spec.to for spec in undriven.values()))
    return machine.lifecycle.is_complete and named <= set(machine.lifecycle.states)


def reason(entry: Entry, source: str, target: str) -> str:
    """Return why a transition has no driver, or "" where the spec does not say."""
    spec = entry.spec.undriven.get(source)
    return (spec.to.get(target) or spec.all) if spec else ""


def _needless(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = _bound(entry, project)
    if machine is None or machine.entry is not entry or not _is_readable(machine):
        return
    for source, spec in entry.spec.undriven.items():
        targets = machine.lifecycle.following.get(source, ())
        open_ones = [one for one in targets if not drivers(project).get((entry.name, source, one))]
        if spec.all and not [one for one in open_ones if one not in spec.to]:
            message = f"every move out of `{source}` has a driver or a reason of its own"
            message = message if targets else f"nothing leads out of `{source}`"
            yield NOT_UNDRIVEN.at(entry.key("undriven", source), message, help="remove it")
        for target in spec.to:
            if target not in open_ones:
                what = "has a driver" if target in targets else "is no transition"
                span = entry.key("undriven", source, "to", target)
                yield NOT_UNDRIVEN.at(span, f"`{source} → {target}` {what}", help="remove it")


def _attempts(entry: Entry, project: Project) -> Iterator[Diagnostic]:
    machine = _bound(entry, project)
    if machine is None or machine.entry is not entry or not machine.lifecycle.is_complete:
        return
    for state, way in machine.lifecycle.ways().items():
        spent = machine.lifecycle.spent(way)
        if spent > machine.attempts:
            times = "one recovery" if spent == 1 else f"{spent} recoveries"
            message = f"no row comes into `{state}`, which takes {times}"
            help = f"write `attempts: {spent}`, or a lifecycle without this state"
            place = entry.at("attempts") if entry.spec.attempts else entry.title
            yield TOO_FEW_ATTEMPTS.at(place, message, help=help)


def _lower(entry: Entry, project: Project) -> Lowered:
    machine = _bound(entry, project)
    if machine is None or machine.entry is not entry:
        return
    yield from _behaviour(machine, project)
    yield from _columns(machine)
    yield from _functions(machine)
    yield from _status(machine, project)


def _status(machine: BoundMachine, project: Project) -> Lowered:
    """Yield the view with state and substate under one name, for whoever may read all of the table."""
    table = tables(project)[f"{machine.schema}.{machine.table}"]
    owner = [table.tenant_column] if table.tenant and not table.is_root else []
    columns = ["id", *owner, "state", "state_substate", "state_since", "attempt"]
    name = fit(f"{machine.name}_status")
    query = (
        f"select\n    {', '.join(columns)},\n    concat_ws('_', state, state_substate) as status\n"
        f"from {qualified(machine.schema, machine.table)}"
    )
    needs = (("table", machine.schema, machine.table),)
    yield View(machine.schema, name, query, needs)
    yield Comment(
        f"view {machine.schema} {name}",
        f"Where each row of {machine.name} is, state and substate in one name.",
    )
    for role in readers(table.full_name, project):
        yield Grant("view", machine.schema, name, "", "select", role)


def _behaviour(machine: BoundMachine, project: Project) -> Lowered:
    life, name, entry = machine.lifecycle, machine.name, machine.entry
    yield Machine(name, machine.schema, machine.table, machine.lifecycle_name, machine.attempts)
    lifecycle = project.get("lifecycle", entry.spec.follows).spec
    for at, (state, spec) in enumerate(lifecycle.states.items()):
        yield State(name, state, at, spec.is_ or "", tuple(spec.substates), spec.about)
    for source, target in life.steps:
        who = drivers(project).get((name, source, target), ())
        yield Transition(name, source, target, "step", who, "" if who else reason(entry, source, target))
    for source, target in machine.recoveries:
        yield Transition(name, source, target, "recovery", drivers(project).get((name, source, target), ()))


def _columns(machine: BoundMachine) -> Lowered:
    schema, table, enum = machine.schema, machine.table, machine.enum
    life = machine.lifecycle
    yield Enum(schema, enum, life.states)
    yield Comment(f"enum {schema} {enum}", f"The states of {machine.name}, in order.")
    born = f"{lit(life.initial[0])}::{qualified(schema, enum)}"
    needs = (("enum", schema, enum),)
    clock = (("function", "private", "now", ""),)
    for column, text in (
        (Column(schema, table, "state", 10, qualified(schema, enum), default=born, needs=needs), "Where the row is in its life."),
        (Column(schema, table, "state_substate", 11, "text", not_null=False), "Why or how it is there; cleared when the state is left."),
        (Column(schema, table, "state_since", 12, "timestamptz", default="private.now()", needs=clock), "When it came into the state."),
        (Column(schema, table, "attempt", 13, "integer", default="0"), _recovered(machine)),
    ):  # fmt: skip
        yield column
        yield Comment(f"column {schema} {table} {column.name}", text)


def _recovered(machine: BoundMachine) -> str:
    if not machine.recoveries:
        return "Always 0: no row of this machine recovers."
    times = "once" if machine.attempts == 1 else f"{machine.attempts} times"
    return f"How often it recovered, at most {times}."


def _functions(machine: BoundMachine) -> Lowered:
    schema, enum = machine.schema, qualified(machine.schema, machine.enum)
    values = _values(machine)
    needs = (("enum", schema, machine.enum),)
    pair = f"{enum}, {enum}"
    yield Function(
        schema, machine.may_move, pair, f"p_from {enum}, p_to {enum}", "boolean", "sql",
        render("may_move", **values), "immutable", parallel="safe", settings=_PINNED, needs=needs,
    )  # fmt: skip
    text = f"Whether a row of {machine.name} may move from one state to another by a plain transition."
    yield Comment(f"function {schema} {machine.may_move} {pair}", text)
    for role in API_ROLES[1:]:
        yield Grant("function", schema, machine.may_move, pair, "execute", role)
    carry = f"{enum}, text"
    yield Function(
        "private", str(values["may_carry"]), carry, f"p_state {enum}, p_substate text", "boolean", "sql",
        render("may_carry", **values), "immutable", parallel="safe", settings=_PINNED, needs=needs,
    )  # fmt: skip
    text = f"Whether a row of {machine.name} may carry a substate in a state."
    yield Comment(f"function private {values['may_carry']} {carry}", text)
    refused = f"p_id uuid, p_old {enum}, p_new {enum}, p_substate text, p_old_attempt integer, p_new_attempt integer"
    signature = f"uuid, {enum}, {enum}, text, integer, integer"
    yield Function(
        "private", str(values["refuse"]), signature, refused, "void",
        "plpgsql", render("refuse", **values), settings=_PINNED, needs=needs,
    )  # fmt: skip
    text = f"Raises PT409 and says why a row of {machine.name} was refused."
    yield Comment(f"function private {values['refuse']} {signature}", text)
    yield from _guards(machine, values)


def _values(machine: BoundMachine) -> dict[str, object]:
    """Return what the templates of a machine's functions read."""
    life, states = machine.lifecycle, machine.lifecycle.states
    rows = ("{" + ",".join("ft"[b in life.following[a]] for b in states) + "}" for a in states)
    return {
        "machine": machine.name,
        "table": (machine.schema, machine.table),
        "enum": qualified(machine.schema, machine.enum),
        "initial": life.initial,
        "steps": life.steps,
        "following": life.following,
        "recoveries": machine.recoveries,
        "attempts": machine.attempts,
        "substates": {state: known for state, known in life.substates.items() if known},
        "labels": "{" + ",".join('"null"' if state == "null" else state for state in states) + "}",
        "mask": "{" + ",".join(rows) + "}",
        "may_move": (machine.schema, machine.may_move),
        "may_move_name": f"{machine.schema}.{machine.may_move}",
        "may_carry": fit(f"{machine.name}_may_carry"),
        "refuse": fit(f"{machine.name}_refuse"),
    }


def _guards(machine: BoundMachine, values: dict[str, object]) -> Lowered:
    """Yield the guards: AFTER triggers, which see the final row whatever other triggers do to it.

    Their names sort before others', so that no AFTER trigger acts on a row about to be refused.
    """
    needs = (("enum", machine.schema, machine.enum), ("table", machine.schema, machine.table))
    for event, refused in (("insert", "births outside an initial state"), ("update", "undeclared moves")):
        name = fit(f"{machine.name}_guard_{event}")
        body = render(f"guard_{event}", **values)
        yield Function(
            "private", name, "", "", "trigger", "plpgsql", body,
            security_definer=True, settings=_PINNED, needs=needs,
        )  # fmt: skip
        yield Comment(f"function private {name}", f"Refuses {refused} of rows of {machine.name}.")
        yield Trigger(machine.schema, machine.table, fit(f"00_{name}"), "after", (event,), "private", name)


_PINNED = (("search_path", "''"),)


KIND = Kind(
    key="machine",
    about="A lifecycle bound to a table: enum, columns, guard.",
    model=MachineSpec,
    lower=_lower,
    rules=(
        Rule((NO_TABLE,), _has_table),
        ProjectRule((TWO_MACHINES,), _alone),
        Rule((UNDRIVEN,), _driven),
        Rule((NOT_UNDRIVEN,), _needless),
        Rule((TOO_FEW_ATTEMPTS,), _attempts),
    ),
    pages_from="specc.kinds.machine_page",
)
