"""Variables and parameters of functions that hold a state of some machine, or a row with one.

Reads declarations alone: a `record` may hold anything, so nothing is said of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache

from specc.analysis.machines import machines
from specc.analysis.routines import BoundRoutine
from specc.analysis.tables import all_columns, tables
from specc.lang.project import Project
from specc.pg import plpgsql
from specc.pg.parsing import SqlError, tokens
from specc.pg.scopes import Known, Place, Relation, Table

STATE = "state"
TRIGGER_ROW: Place = ("", "")
"""The place of `new` and `old`, which may be rows of any table."""

Variables = tuple[Mapping[str, Relation], Mapping[str, Relation]]


def variables(bound: BoundRoutine, known: Known, project: Project) -> Variables:
    """Return the variables of a function that hold rows, and those that hold states, each with its table."""
    records: dict[str, Relation] = dict(_trigger_rows(project)) if bound.is_trigger else {}
    typed: dict[str, Relation] = {}
    for name, place, is_row in _declared(bound, project):
        relation = Relation(place, known(place))
        if relation.is_watched:
            (records if is_row else typed)[name] = relation
    return records, typed


def _declared(bound: BoundRoutine, project: Project) -> Iterator[tuple[str, Place, bool]]:
    """Yield names with the tables that they are rows of, or whose states they are."""
    for one in bound.routine.parameters:
        yield from _of_type(one.name, one.use.schema, one.use.name, one.use.is_array, project)
    if bound.routine.language != "plpgsql":
        return
    try:
        found = plpgsql.declared(bound.routine.body)
    except SqlError:
        return
    for each in found:
        path = each.text.split(".")
        if each.form == "type" and (STATE in each.text or len(path) == 2):
            try:
                use = plpgsql.declared_type(each, project.default_schema)
            except SqlError:
                continue
            yield from _of_type(_name(bound, each.start), use.schema, use.name, use.is_array, project)
        elif each.form == "row" and len(path) == 2:
            yield _name(bound, each.start), (path[0], path[1]), True
        elif each.form == "column" and len(path) == 3 and path[2] == STATE:
            yield _name(bound, each.start), (path[0], path[1]), False


def _of_type(
    variable: str, schema: str, name: str, is_array: bool, project: Project
) -> Iterator[tuple[str, Place, bool]]:
    if is_array:
        return
    if f"{schema}.{name}" in tables(project):
        yield variable, (schema, name), True
    elif (schema, name) in enums(project):
        yield variable, enums(project)[schema, name], False


@lru_cache(maxsize=8)
def enums(project: Project) -> Mapping[Place, Place]:
    """Return the tables of machines by their state types."""
    return {(one.schema, one.enum): (one.schema, one.table) for one in machines(project).values()}


def _name(bound: BoundRoutine, start: int) -> str:
    """Return the name of the variable whose type starts at a place of the body."""
    body = bound.routine.body
    found = [one for one in tokens(body) if not one.name.endswith("COMMENT")]
    at = bisect_left(found, start, key=lambda token: token.start) - 1
    if at > 0 and body[found[at].start : found[at].end].lower() == "constant":
        at -= 1
    word = body[found[at].start : found[at].end] if at >= 0 else ""
    return word[1:-1] if word.startswith('"') else word.lower()


@lru_cache(maxsize=8)
def _trigger_rows(project: Project) -> Mapping[str, Relation]:
    """Return what `new` and `old` are, on whichever table a trigger is: some machine's row, if all are."""
    states = dict.fromkeys(state for one in machines(project).values() for state in one.lifecycle.states)
    is_sure = all(
        name in machines(project) or STATE not in all_columns(table, project)
        for name, table in tables(project).items()
    ) and all(one.lifecycle.is_complete for one in machines(project).values())
    row = Relation(TRIGGER_ROW, Table(None, tuple(states) if is_sure else ()))
    return {"new": row, "old": row}
