"""Kind `function`: a file with one SQL function and a header that says what the SQL cannot.

It makes the function, the grants of those who may call it, and its comment. Nobody else may call it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from specc.analysis.access import roles
from specc.analysis.routines import BoundRoutine, routines, signatures
from specc.analysis.tables import all_columns, tables, types
from specc.ir.database import Comment, Function, Grant
from specc.ir.fact import Identity
from specc.kinds import body_rules, function_rules
from specc.lang.kind import Kind, Lowered
from specc.lang.markers import Ref, SpecModel, Sql
from specc.lang.project import Entry, Project
from specc.pg import plpgsql
from specc.pg.parsing import SqlError, parse, used

_State = Annotated[str, Ref("state", within="machine")]


class FunctionSpec(SpecModel):
    """A function."""

    about: str = Field(description="What it does, for the docs and the catalogue.")
    callable_by: list[str] = Field(
        default_factory=list, description="The roles that may call it; nobody else may."
    )
    drives: dict[Annotated[str, Ref("machine")], dict[_State, list[_State]]] = Field(
        default_factory=dict,
        description="For each machine, the moves it takes: the state left, the states entered.",
    )
    errors: dict[str, str] = Field(
        default_factory=dict, description="The SQLSTATE codes it raises, and what each means."
    )
    sql: Annotated[str, Sql("function")] = Field(description="CREATE FUNCTION: the file after its header.")


def _lower(entry: Entry, project: Project) -> Lowered:
    one = routines(project)[project.full_name("function", entry.name)]
    routine = one.routine
    yield Function(
        one.schema,
        one.name,
        routine.signature,
        routine.arguments,
        routine.returns,
        routine.language,
        routine.body.replace("\r\n", "\n"),
        routine.volatility,
        routine.security_definer,
        routine.strict,
        routine.parallel,
        routine.procedure,
        routine.settings,
        _needs(one, project),
    )
    yield Comment(f"function {one.schema} {one.name} {routine.signature}".rstrip(), entry.spec.about)
    names = {roles(project)[name].database_role for name in entry.spec.callable_by if name in roles(project)}
    for role in sorted(names):
        yield Grant("function", one.schema, one.name, routine.signature, "execute", role)


def _needs(one: BoundRoutine, project: Project) -> tuple[Identity, ...]:
    """Return what must exist before the function does: CREATE FUNCTION looks these up."""
    routine = one.routine
    found = {_type(use.schema, use.name, project) for use in routine.uses}
    found |= set(_of_query(one, project) if routine.language == "sql" else _of_declarations(one, project))
    return tuple(sorted(found - {(), ("function", one.schema, one.name, routine.signature)}))


def _type(schema: str, name: str, project: Project) -> Identity:
    if (schema, name) in types(project):
        return ("enum", schema, name)
    return ("table", schema, name) if f"{schema}.{name}" in tables(project) else ()


def _of_declarations(one: BoundRoutine, project: Project) -> Iterator[Identity]:
    for declared in plpgsql.declared(one.routine.body):
        if declared.form == "type":
            use = plpgsql.declared_type(declared, project.default_schema)
            yield _type(use.schema, use.name, project)
            continue
        path = declared.text.split(".")
        table = tables(project).get(".".join(path[:2]))
        if table is not None:
            yield ("table", table.schema, table.name)
            if len(path) == 3 and path[2] in all_columns(table, project):
                yield ("column", table.schema, table.name, path[2])


def _of_query(one: BoundRoutine, project: Project) -> Iterator[Identity]:
    try:
        names = used(parse(one.routine.body))
    except SqlError:
        return
    for schema, name, _ in names.relations:
        is_table = f"{schema}.{name}" in tables(project)
        if schema:
            yield ("table" if is_table else "view", schema, name)
    for schema, name, _ in names.functions:
        if schema and schema != "pg_catalog":
            yield ("function", schema, name, signatures(project).get((schema, name), ""))
    for schema, name, _ in names.types:
        yield _type(schema, name, project)


KIND = Kind(
    key="function",
    about="A SQL file with a YAML header: what it does, who may call it, what it drives.",
    model=FunctionSpec,
    lower=_lower,
    rules=(*function_rules.RULES, *body_rules.RULES),
    pages_from="specc.kinds.function_page",
    in_schema=True,
)
