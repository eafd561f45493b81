"""What operators look at, and what it is made of: the views in the schema `monitor`, and the relations they read.

Views of machines are known by the words at the end of their names, those of the project's own monitors by their
documents. Nothing here prints SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from specc.analysis.access import readers
from specc.analysis.machines import machines
from specc.analysis.tables import tables
from specc.ir.fact import Identity
from specc.lang.project import Entry, Project
from specc.pg.names import MONITOR, OPERATOR, fit
from specc.pg.parsing import SqlError, parse
from specc.pg.tree import nodes

OF_EACH = {
    "states": "How many are in each state",
    "stuck": "What is stuck",
    "moves": "How often moves were taken of late",
    "rates": "How many settled and failed of late",
    "minutes": "How many moved in each minute of the last hour",
}
"""The views of each machine, in the order in which an operator asks for them, and what they tell of its rows."""

TOGETHER = ("states", "stuck", "moves", "rates")
"""Those of them that are there for all machines together, too."""

_OTHERS = ("machines", "tables", "indexes")

Place = tuple[str, str]
"""Schema and name."""


def watching(machine: str) -> tuple[str, ...]:
    """Return the names of a machine's views in the schema `monitor`, in the order of `OF_EACH`."""
    return tuple(fit(f"{machine}_{what}") for what in OF_EACH)


@lru_cache(maxsize=8)
def watched(project: Project) -> Mapping[str, str]:
    """Return the machine that each view of a machine in `monitor` is about, by the view's name."""
    return {view: one.name for one in machines(project).values() for view in watching(one.name)}


@lru_cache(maxsize=8)
def relations(project: Project) -> Mapping[Place, tuple[str, ...]]:
    """Return the tables and views of a project that a monitor may read, each with the tables it shows.

    Other monitors are not among them, so that none reads itself.
    """
    found: dict[Place, tuple[str, ...]] = {
        (one.schema, one.name): (one.full_name,) for one in tables(project).values()
    }
    bound = sorted(machines(project).values(), key=lambda one: one.name)
    for machine in bound:
        full = f"{machine.schema}.{machine.table}"
        for name in (machine.status, machine.history):
            found[machine.schema, name] = (full,)
        for name in watching(machine.name):
            found[MONITOR, name] = (full,)
    if bound:
        every = tuple(f"{one.schema}.{one.table}" for one in bound)
        found |= {(MONITOR, name): every for name in (*TOGETHER, *_OTHERS)}
    if any(project.all("alert")):
        found[MONITOR, "alert"] = ("",)
    return found


def reads(query: str) -> Iterator[tuple[str, str, int]]:
    """Yield schema, name and offset of each table and view that a query names; "" for no schema.

    Raises `SqlError`.
    """
    found = list(nodes(parse(query)))
    own = {fields["ctename"] for kind, fields in found if kind == "CommonTableExpr"}
    for kind, fields in found:
        if kind == "RangeVar":
            schema, name = fields.get("schemaname", ""), fields["relname"]
            if schema or name not in own:
                yield schema, name, fields.get("location", 0)


def needs(entry: Entry, project: Project) -> tuple[Identity, ...]:
    """Return the tables and views of the project that a monitor's query reads."""
    known = relations(project)
    places = dict.fromkeys((schema, name) for schema, name, _ in _read(entry) if (schema, name) in known)
    histories = {(one.schema, one.history) for one in machines(project).values()}
    is_table = {(one.schema, one.name) for one in tables(project).values()} | histories | {(MONITOR, "alert")}
    return tuple(("table" if place in is_table else "view", *place) for place in places)


def is_for_operators(entry: Entry, project: Project) -> bool:
    """Whether the operators' role may read all that a monitor's query reads."""
    shown = [relations(project).get((schema, name), ("",)) for schema, name, _ in _read(entry)]
    return all(OPERATOR in readers(table, project) for some in shown for table in some)


def _read(entry: Entry) -> list[tuple[str, str, int]]:
    try:
        return list(reads(entry.spec.query))
    except SqlError:
        return []
