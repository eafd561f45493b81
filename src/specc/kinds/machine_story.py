"""What the story of a row is made of: the moves of each state, and the rows it points at and that point at it.

A bound machine in, the values of the template `machine_story` out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from specc.analysis.drivers import drivers
from specc.analysis.machines import BoundMachine, machines
from specc.analysis.patience import is_stuck, patience
from specc.analysis.tables import BoundTable, tables
from specc.kinds.machine_rules import reason
from specc.lang.project import Project

Values = dict[str, object]


def values(machine: BoundMachine, project: Project) -> Values:
    """Return what the template reads."""
    table = tables(project)[f"{machine.schema}.{machine.table}"]
    owner = table.tenant_column if table.tenant and not table.is_root else ""
    return {
        "machine": machine.name,
        "table": (machine.schema, machine.table),
        "tenant": owner,
        "attempts": machine.attempts,
        "moves": _moves(machine, project),
        "patience": patience(machine),
        "is_open": machine.is_open("v_row"),
        "is_stuck": is_stuck(machine, "private.now()", "v_row"),
        "parents": _parents(machine, project),
        "children": _children(machine, project),
        "history": (machine.schema, machine.history),
        "lease": machine.entry.spec.lease,
    }


def _moves(machine: BoundMachine, project: Project) -> dict[str, str]:
    """Return for each state that anything leads out of the moves, as the text of a JSON array."""
    edges = [(one, other, "step") for one, other in machine.lifecycle.steps]
    edges += [(one, other, "recovery") for one, other in machine.recoveries]
    found: dict[str, list[Values]] = {}
    for source, target, form in edges:
        who = drivers(project).get((machine.name, source, target), ())
        move: Values = {"to": target, "form": form, "drivers": list(who)}
        if not who and (why := reason(machine.entry, source, target)):
            move["undriven"] = why
        found.setdefault(source, []).append(move)
    return {state: json.dumps(moves, ensure_ascii=False) for state, moves in found.items()}


def _parents(machine: BoundMachine, project: Project) -> list[Values]:
    """Return the references of the machine's table, in the order of its columns."""
    table = tables(project)[f"{machine.schema}.{machine.table}"]
    found: list[Values] = []
    for column, read in table.columns.items():
        if read.reference is None:
            continue
        target = project.full_name("table", read.reference.table)
        there = machines(project).get(target)
        schema, name = target.split(".", 1)
        key = read.reference.column or "id"
        found.append(
            {"column": column, "table": (schema, name), "key": key, "name": target, "has_state": bool(there)}
        )
    return found


def _children(machine: BoundMachine, project: Project) -> list[Values]:
    """Return the references that point at the machine's table by its id, by table and column."""
    found: list[Values] = []
    for table, column in _pointing(project).get(f"{machine.schema}.{machine.table}", ()):
        there = machines(project).get(table.full_name)
        is_open = there.is_open("c") if there else ""
        place = (table.schema, table.name)
        found.append({"column": column, "table": place, "name": table.full_name, "is_open": is_open})
    return found


@lru_cache(maxsize=8)
def _pointing(project: Project) -> Mapping[str, tuple[tuple[BoundTable, str], ...]]:
    """Return for each table the tables and columns that point at its id."""
    found: dict[str, list[tuple[BoundTable, str]]] = {}
    for _, table in sorted(tables(project).items()):
        for column, read in table.columns.items():
            if read.reference is not None and read.reference.column in ("", "id"):
                target = project.full_name("table", read.reference.table)
                found.setdefault(target, []).append((table, column))
    return {target: tuple(each) for target, each in found.items()}
