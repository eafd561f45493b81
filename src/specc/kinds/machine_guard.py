"""What guards a machine's rows: the state enum, the state columns, the functions and triggers that refuse moves."""

from __future__ import annotations

from dataclasses import replace

from specc.analysis.machines import BoundMachine, guard_of
from specc.analysis.tables import BoundTable, tables
from specc.ir.database import Column, Comment, Enum, Function, Grant, Trigger
from specc.kinds import machine_history
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.names import API_ROLES, fit, lit, qualified


def lower(machine: BoundMachine, project: Project) -> Lowered:
    """Yield the enum, the columns, the functions and the guards of a machine."""
    yield from _columns(machine)
    yield from _functions(machine)
    yield from _guards(machine, tables(project)[f"{machine.schema}.{machine.table}"])


def _columns(machine: BoundMachine) -> Lowered:
    schema, table, enum = machine.schema, machine.table, machine.enum
    life = machine.lifecycle
    yield Enum(schema, enum, (*life.states, *life.retired))
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
        render("may_move", **values), "immutable", parallel="safe", settings=PINNED, needs=needs,
    )  # fmt: skip
    text = f"Whether a row of {machine.name} may move from one state to another by a plain transition."
    yield Comment(f"function {schema} {machine.may_move} {pair}", text)
    for role in API_ROLES[1:]:
        yield Grant("function", schema, machine.may_move, pair, "execute", role)
    carry = f"{enum}, text"
    yield Function(
        "private", str(values["may_carry"]), carry, f"p_state {enum}, p_substate text", "boolean", "sql",
        render("may_carry", **values), "immutable", parallel="safe", settings=PINNED, needs=needs,
    )  # fmt: skip
    text = f"Whether a row of {machine.name} may carry a substate in a state."
    yield Comment(f"function private {values['may_carry']} {carry}", text)
    refused = f"p_id uuid, p_old {enum}, p_new {enum}, p_substate text, p_old_attempt integer, p_new_attempt integer"
    signature = f"uuid, {enum}, {enum}, text, integer, integer"
    yield Function(
        "private", str(values["refuse"]), signature, refused, "void",
        "plpgsql", render("refuse", **values), settings=PINNED, needs=needs,
    )  # fmt: skip
    text = f"Raises PT409 and says why a row of {machine.name} was refused."
    yield Comment(f"function private {values['refuse']} {signature}", text)
    if machine.writes == "bulk":
        yield Function(
            "private", str(values["refused"]), signature, refused, enum,
            "plpgsql", render("refused", **values), settings=PINNED, needs=needs,
        )  # fmt: skip
        yield Comment(f"function private {values['refused']} {signature}", text)
    written = (
        f"p_old {enum}, p_old_substate text, p_old_attempt integer, "
        f"p_new {enum}, p_new_substate text, p_new_attempt integer, p_said boolean"
    )
    signature = f"{enum}, text, integer, {enum}, text, integer, boolean"
    yield Function(
        "private", str(values["may_write"]), signature, written, "boolean",
        "plpgsql", render("may_write", **values), "immutable", parallel="safe", settings=PINNED, needs=needs,
    )  # fmt: skip
    text = f"Whether one UPDATE may change state, substate and attempt of a row of {machine.name} so."
    yield Comment(f"function private {values['may_write']} {signature}", text)


def _values(machine: BoundMachine) -> dict[str, object]:
    """Return what the templates of a machine's functions read."""
    life, states = machine.lifecycle, machine.lifecycle.states
    rows = ("{" + ",".join("ft"[b in life.following[a]] for b in states) + "}" for a in states)
    return {
        "machine": machine.name,
        "table": (machine.schema, machine.table),
        "enum": qualified(machine.schema, machine.enum),
        "initial": life.initial,
        "born_with_substates": any(life.substates[state] for state in life.initial),
        "steps": life.steps,
        "following": life.following,
        "recoveries": machine.recoveries,
        "attempts": machine.attempts,
        "substates": {state: known for state, known in life.substates.items() if known},
        "labels": "{" + ",".join('"null"' if state == "null" else state for state in states) + "}",
        "mask": "{" + ",".join(rows) + "}",
        "may_move": (machine.schema, machine.may_move),
        "may_move_name": f"{machine.schema}.{machine.may_move}",
        "may_carry": machine.may_carry,
        "may_write": fit(f"{machine.name}_may_write"),
        "refuse": fit(f"{machine.name}_refuse"),
        "refused": fit(f"{machine.name}_refused"),
    }


def _guards(machine: BoundMachine, table: BoundTable) -> Lowered:
    """Yield the guards: AFTER triggers, which see the final row whatever other triggers do to it.

    They write the history too: one trigger for a row costs less than two, and none can be dropped alone.
    A machine whose rows are written many at once has them for each statement: dearer for one row, half as dear for a hundred.
    """
    owner = {
        "history": (machine.schema, machine.history),
        "owner": machine_history.kept_by(machine, table),
        "owner_of_row": table.tenant_column,
    }
    values = _values(machine) | owner
    needs = (
        ("enum", machine.schema, machine.enum),
        ("table", machine.schema, machine.table),
        ("table", machine.schema, machine.history),
    )
    for event, refused in (("insert", "births outside an initial state"), ("update", "undeclared moves")):
        name = fit(f"{machine.name}_guard_{event}")
        is_bulk = machine.writes == "bulk"
        body = render(f"guard_{event}_bulk" if is_bulk else f"guard_{event}", **values)
        yield Function(
            "private", name, "", "", "trigger", "plpgsql", body,
            security_definer=True, settings=PINNED, needs=needs,
        )  # fmt: skip
        yield Comment(f"function private {name}", f"Refuses {refused} of rows of {machine.name}.")
        trigger = Trigger(
            machine.schema, machine.table, guard_of(machine.name, event), "after", (event,), "private", name
        )
        if is_bulk:
            before = "old_rows" if event == "update" else ""
            trigger = replace(trigger, level="statement", old_rows=before, new_rows="new_rows")
        yield trigger
