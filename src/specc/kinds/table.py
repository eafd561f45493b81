"""Kind `table`: columns in PostgreSQL's own words, whose rows they are, keys, checks and indexes.

A table is `tenant: TABLE` (each row belongs to one row of that table and cannot point into another's) or
`shared: true`. The primary key is always `id`, a UUIDv7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from specc.analysis.tables import BoundTable, all_columns, tables
from specc.ir.behaviour import Example, Tenancy
from specc.ir.database import Check, Column, Comment, ForeignKey, Index, PrimaryKey, Table, Unique
from specc.ir.intent import Large
from specc.kinds import intent, reference_rules, table_rules
from specc.lang.kind import Implied, Kind, Lowered
from specc.lang.markers import Def, Ref, Short, SpecModel, Sql
from specc.lang.project import Entry, Project
from specc.pg.column import Reference
from specc.pg.names import fit, sequence_of
from specc.pg.parsing import tidy

Name = Annotated[str, Ref("column", within="table")]


class ColumnSpec(SpecModel):
    """A column."""

    short = Short("sql")
    sql: Annotated[str, Sql("column")] = Field(
        description="PostgreSQL's column definition; `not null` unless it says `null`."
    )
    about: str = Field("", description="What it holds.")
    example: str = Field(
        "",
        description="A valid value for generated tests as it stands in SQL, where checks ask for one; "
        "it may call functions that anybody may call, such as `gen_random_uuid()`.",
    )
    renamed_from: str = Field("", description="The name it had when it was last released.")
    using: Annotated[str, Sql("expression")] = Field(
        "",
        description="What rows that are there get in it, where it is new or has another type; on the row's columns.",
    )
    using_back: Annotated[str, Sql("expression")] = Field(
        "", description="The same on the way back to the type before."
    )


class IndexSpec(SpecModel):
    """An index."""

    short = Short("columns")
    columns: list[Name] = Field(description="Its columns in order.")
    unique: bool = Field(
        False, description="Whether two rows (of a tenant, where there is one) may not have the same values."
    )
    where: Annotated[str, Sql("boolean")] = Field("", description="Only rows for which this holds.")
    name: str = Field("", description="Its name, where the one made of its columns will not do.")


class TableSpec(SpecModel):
    """A table."""

    about: str = Field(description="What one row is.")
    renamed_from: str = Field(
        "", description="The name it had when it was last released, in the same schema."
    )
    tenant: Annotated[str, Ref("table")] = Field(
        "", description="The table whose rows own the rows of this one; itself for the tenants' own table."
    )
    shared: bool = Field(False, description="Rows belong to nobody in particular.")
    large: bool = Field(
        False,
        description="Whether it has too many rows for all of them to be read or written while others wait. Once "
        "released, it is changed online: in batches, with indexes built and constraints checked beside the work.",
    )
    columns: dict[Annotated[str, Def("column")], ColumnSpec] = Field(
        description="Columns besides the implied ones (`id`, the tenant's, a machine's)."
    )
    unique: list[list[Name]] = Field(
        default_factory=list,
        description="Sets of columns unique together, within a tenant where there is one.",
    )
    checks: dict[Annotated[str, Def("check", label=True)], Annotated[str, Sql("boolean")]] = Field(
        default_factory=dict, description="Named conditions that every row meets."
    )
    indexes: list[IndexSpec] = Field(
        default_factory=list, description="Indexes besides those of keys, references and tenancy."
    )
    removed: dict[str, intent.RemovedSpec] = Field(
        default_factory=dict,
        description="Columns that are given up, with what they held, each with the reason.",
    )
    holds: Literal["object_type", "datapoint"] | None = Field(
        None, description="The kind whose entries are this table's reference rows."
    )


def _implied(entry: Entry, project: Project) -> Iterator[Implied]:
    table = tables(project)[project.full_name("table", entry.name)]
    for name in all_columns(table, project):
        if name not in entry.spec.columns:
            yield Implied("column", "table", entry.name, name)


def _lower(entry: Entry, project: Project) -> Lowered:
    table = tables(project)[project.full_name("table", entry.name)]
    yield Table(table.schema, table.name)
    yield Comment(f"table {table.schema} {table.name}", entry.spec.about)
    if entry.spec.large:
        yield Large(table.schema, table.name)
    yield from _keys(table)
    yield from _columns(table, project)
    yield from _declared_keys(table, project)
    yield from _declared_indexes(table, project)
    yield from intent.of_table(entry, table.schema, table.name)


def _keys(table: BoundTable) -> Lowered:
    schema, name, tenant = table.schema, table.name, table.tenant_column
    yield Column(
        schema,
        name,
        "id",
        0,
        "uuid",
        default="private.uuid_v7()",
        needs=(("function", "private", "uuid_v7", ""),),
    )
    yield Comment(f"column {schema} {name} id", "The row's id, ordered by the time it was made.")
    yield PrimaryKey(schema, name, fit(f"{name}_pkey"), ("id",))
    root_schema, _, root = table.tenant.partition(".")
    if tenant:
        yield Tenancy(schema, name, root_schema, root, tenant)
    if tenant and not table.is_root:
        yield Column(schema, name, tenant, 1, "uuid")
        yield Comment(f"column {schema} {name} {tenant}", f"The {root} that the row belongs to.")
        yield Unique(schema, name, fit(f"{name}_{tenant}_id_key"), (tenant, "id"))
        key = fit(f"{name}_{tenant}_fkey")
        yield ForeignKey(schema, name, key, (tenant,), root_schema, root, ("id",), on_delete="restrict")


def _columns(table: BoundTable, project: Project) -> Lowered:
    entry, schema, name = table.entry, table.schema, table.name
    for at, (column, spec) in enumerate(entry.spec.columns.items()):
        span = entry.key("columns", column)
        read = table.columns[column]
        yield (
            Column(
                schema, name, column, 100 + at, table_rules.type_in_full(read, project), read.not_null,
                table_rules.in_full(read.default, project), table_rules.in_full(read.generated, project),
                read.identity_form, read.collation, read.identity_options,
                sequence_of(name, column) if read.identity_form else "",
                needs=table_rules.needs(read, project),
            ),
            span,
        )  # fmt: skip
        if spec.example:
            yield Example(schema, name, column, table_rules.in_full(spec.example, project)), span
        if spec.about:
            yield Comment(f"column {schema} {name} {column}", spec.about), span
        for number, check in enumerate(read.checks):
            suffix = f"{number + 1}" if number else ""
            yield (
                Check(
                    schema,
                    name,
                    fit(f"{name}_{column}_check{suffix}"),
                    table_rules.in_full(check, project),
                    table_rules.named(check, project),
                ),
                span,
            )
        if read.unique:
            yield _unique(table, (column,)), span
        if read.reference is not None:
            yield from ((one, span) for one in _reference(table, column, read.reference, project))


def _unique(table: BoundTable, columns: tuple[str, ...]) -> Unique:
    """A key among a tenant's rows: what one tenant stores says nothing about another's."""
    scoped = columns
    if table.tenant_column and not table.is_root and table.tenant_column not in columns:
        scoped = (table.tenant_column, *columns)
    return Unique(table.schema, table.name, fit(f"{table.name}_{'_'.join(scoped)}_key"), scoped)


def _reference(
    table: BoundTable, column: str, reference: Reference, project: Project
) -> Iterator[ForeignKey | Index]:
    target = project.full_name("table", reference.table)
    schema, name = target.split(".", 1)
    there = tables(project).get(target)
    columns: tuple[str, ...] = (column,)
    pointed: tuple[str, ...] = (reference.column or "id",)
    cleared: tuple[str, ...] = ()
    if there is not None and there.tenant and not there.is_root and table.tenant:
        # The reference first: who looks up children by their parent's id need not know the tenant. The
        # key and its index have one order, since linters look for an index in the order of the key.
        columns, pointed = (column, table.tenant_column), ("id", there.tenant_column)
        cleared = (column,) if reference.on_delete in ("set null", "set default") else ()
    yield ForeignKey(
        table.schema, table.name, fit(f"{table.name}_{column}_fkey"), columns, schema, name, pointed,
        reference.on_delete, cleared, reference.on_update, reference.deferrable,
    )  # fmt: skip
    if not _covered(table, columns):
        yield Index(table.schema, table.name, fit(f"{table.name}_{'_'.join(columns)}_idx"), columns)


def _covered(table: BoundTable, columns: tuple[str, ...]) -> bool:
    """Whether an index of a key, or a declared one, begins with a reference's columns in their order."""
    made = [_unique(table, tuple(each)).columns for each in table.entry.spec.unique]
    made += [_unique(table, (name,)).columns for name, read in table.columns.items() if read.unique]
    made += [tuple(index.columns) for index in table.entry.spec.indexes if not index.where]
    return any(each[: len(columns)] == columns for each in made)


def _declared_keys(table: BoundTable, project: Project) -> Lowered:
    entry = table.entry
    for at, columns in enumerate(entry.spec.unique):
        yield _unique(table, tuple(columns)), entry.at("unique", at)
    for name, expression in entry.spec.checks.items():
        key = fit(f"{table.name}_{name}_check")
        needs = table_rules.named(expression, project)
        text = table_rules.in_full(tidy(expression), project)
        yield Check(table.schema, table.name, key, text, needs), entry.key("checks", name)


def _declared_indexes(table: BoundTable, project: Project) -> Lowered:
    for at, index in enumerate(table.entry.spec.indexes):
        suffix = "key" if index.unique else "idx"
        where = tidy(index.where) if index.where else ""
        columns = _unique(table, tuple(index.columns)).columns if index.unique else tuple(index.columns)
        name = index.name or fit(f"{table.name}_{'_'.join(columns)}_{'where_' if where else ''}{suffix}")
        needs = table_rules.named(where, project) if where else ()
        where = table_rules.in_full(where, project)
        made = Index(table.schema, table.name, name, columns, index.unique, where=where, needs=needs)
        yield made, table.entry.at("indexes", at)


KIND = Kind(
    key="table",
    about="Columns, keys, tenancy and indexes of one table.",
    model=TableSpec,
    lower=_lower,
    rules=(*table_rules.RULES, *reference_rules.RULES, *intent.TABLE_RULES),
    implied=_implied,
    pages_from="specc.kinds.table_page",
    in_schema=True,
)
