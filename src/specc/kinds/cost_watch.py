"""What operators see of a database's cost: its tables and indexes by use, and its statements by time.

A project in, two views and two functions in the schema `monitor` out. Statements come from the extension
pg_stat_statements, which need not be there: it is looked for when the function is called.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.machines import machines
from specc.analysis.syncs import syncs
from specc.analysis.tables import tables
from specc.ir.database import Comment, Function, Grant, View
from specc.kinds.alert import TABLE as ALERT
from specc.kinds.machine_sync_objects import tables_of
from specc.lang.kind import Lowered
from specc.lang.project import Project
from specc.pg.body import PINNED, render
from specc.pg.names import MONITOR, OPERATOR, lit

FEW_SCANS = 20
"""Scans from end to end that say nothing yet: a migration or a report makes some."""
MANY_ROWS = 10_000
"""Rows that a scan reads on average before an index would have been the better way."""

_COLUMNS = (
    "query text, calls bigint, rows bigint, total_ms double precision, mean_ms double precision,"
    " max_ms double precision, blocks_hit bigint, blocks_read bigint"
)


def lower(project: Project) -> Lowered:
    """Yield the views and functions where there is something to watch."""
    if not machines(project):
        return
    for name, query, about in (
        ("tables", _tables(project), "How much the tables of this project hold and how they are read, since statistics were reset."),
        ("indexes", _indexes(project), "How often the indexes of this project's tables were used, since statistics were reset."),
    ):  # fmt: skip
        yield View(MONITOR, name, query)
        yield Comment(f"view {MONITOR} {name}", about)
        yield Grant("view", MONITOR, name, "", "select", OPERATOR)
    yield from _statements()


def _statements() -> Lowered:
    """Yield the functions on statements; the owner's alone, since a statement's text may hold anything."""
    problem = (MONITOR, "statements_problem")
    yield Function(
        *problem, "", "", "text", "plpgsql", render("statements_problem"), "stable", settings=PINNED
    )
    text = "Says why there are no statements to see, and what to do; null where pg_stat_statements works."
    yield Comment(f"function {MONITOR} statements_problem", text)
    yield Function(
        MONITOR, "statements", "", "", f"table ({_COLUMNS})", "plpgsql",
        render("statements", problem=problem), "stable", settings=PINNED,
        needs=(("function", *problem, ""),),
    )  # fmt: skip
    text = (
        "The statements of this database with their cost in milliseconds and blocks, the dearest first. No rows "
        "without pg_stat_statements."
    )
    yield Comment(f"function {MONITOR} statements", text)


def _managed(project: Project) -> Iterator[tuple[str, str]]:
    """Yield schema and name of every table that the project makes."""
    for table in tables(project).values():
        yield table.schema, table.name
    for machine in machines(project).values():
        yield machine.schema, machine.history
    for listed in syncs(project).values():
        for sync in listed:
            yield from (("private", name) for name in tables_of(sync))
    if any(project.all("alert")):
        yield MONITOR, ALERT


def _listed(project: Project) -> str:
    rows = sorted(set(_managed(project)))
    listed = ",\n        ".join(f"({lit(schema)}, {lit(name)})" for schema, name in rows)
    return f"managed (schema, name) as (\n    values\n        {listed}\n)"


def _tables(project: Project) -> str:
    # A partition counts for the table that it is part of.
    return f"""\
with {_listed(project)},
part as (
    select
        coalesce(pg_catalog.pg_partition_root(s.relid)::oid, s.relid) as whole,
        s.relid, s.n_live_tup, s.n_dead_tup, s.seq_scan, s.seq_tup_read, s.idx_scan
    from pg_catalog.pg_stat_user_tables as s
)
select
    m.schema,
    m.name as table_name,
    sum(p.n_live_tup)::bigint as rows,
    sum(p.n_dead_tup)::bigint as dead_rows,
    sum(pg_catalog.pg_total_relation_size(p.relid))::bigint as bytes,
    coalesce(sum(p.idx_scan), 0)::bigint as index_scans,
    coalesce(sum(p.seq_scan), 0)::bigint as full_scans,
    coalesce(sum(p.seq_tup_read) / nullif(sum(p.seq_scan), 0), 0)::bigint as rows_per_full_scan,
    coalesce(
        sum(p.seq_scan) >= {FEW_SCANS} and sum(p.seq_tup_read) / nullif(sum(p.seq_scan), 0) >= {MANY_ROWS}, false
    ) as lacks_index
from managed as m
join pg_catalog.pg_namespace as n on n.nspname = m.schema
join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = m.name
join part as p on p.whole = c.oid
group by m.schema, m.name
order by m.schema, m.name"""


def _indexes(project: Project) -> str:
    # An index that keeps rows unique has that use, whether it is ever searched or not.
    return f"""\
with {_listed(project)},
part as (
    select
        coalesce(pg_catalog.pg_partition_root(s.indexrelid)::oid, s.indexrelid) as whole,
        s.indexrelid, s.idx_scan
    from pg_catalog.pg_stat_user_indexes as s
)
select
    m.schema,
    m.name as table_name,
    c.relname::text as index_name,
    coalesce(sum(p.idx_scan), 0)::bigint as scans,
    coalesce(sum(pg_catalog.pg_relation_size(p.indexrelid)), 0)::bigint as bytes,
    i.indisunique or i.indisexclusion as keeps_rule,
    coalesce(sum(p.idx_scan), 0) = 0 and not (i.indisunique or i.indisexclusion) as unused
from managed as m
join pg_catalog.pg_namespace as n on n.nspname = m.schema
join pg_catalog.pg_class as t on t.relnamespace = n.oid and t.relname = m.name
join pg_catalog.pg_index as i on i.indrelid = t.oid
join pg_catalog.pg_class as c on c.oid = i.indexrelid
join part as p on p.whole = c.oid
group by m.schema, m.name, c.relname, i.indisunique, i.indisexclusion
order by m.schema, m.name, c.relname"""
