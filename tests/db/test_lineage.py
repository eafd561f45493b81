"""What the columns of views are made of: as a person reads it out of the queries, and as PostgreSQL keeps it."""

from __future__ import annotations

import psycopg
import pytest

from specc.analysis.lineage import UNKNOWN, lineage
from specc.diagnostics import Span
from specc.ir.database import Column, Table, View
from specc.ir.model import Ir, gather
from specc.pg.selectlist import select_list

TABLES = {
    ("public", "org"): ("id", "name"),
    ("public", "run"): ("id", "org_id", "state", "payload", "parts"),
    ("etl", "unit"): ("id", "run_id", "cost"),
}
"""Tables with their columns."""

VIEWS = {
    "plain": (
        "select id, run.state, concat_ws('_', state, payload) as status from public.run",
        {"id": "run.id", "state": "run.state", "status": "run.payload run.state"},
    ),
    "joined": (
        (
            "select r.id, o.name as org, o.name || r.state as both\n"
            "from public.run r join public.org o on o.id = r.org_id"
        ),
        {"id": "run.id", "org": "org.name", "both": "org.name run.state"},
    ),
    "measured": (
        (
            "select r.state, count(*) filter (where org_id is null) as own, max(r.payload || r.parts::text)\n"
            "from public.run as r where id is not null group by r.state"
        ),
        {"state": "run.state", "own": "run.org_id", "max": "run.payload run.parts"},
    ),
    "counted": (
        (
            "select o.id, count(*) as runs, count(*) filter (where r.state = 'x') as xs, max(r.payload)\n"
            "from public.org o left join public.run as r on r.org_id = o.id group by o.id"
        ),
        {"id": "org.id", "runs": "", "xs": "run.state", "max": "run.payload"},
    ),
    "with_parts": (
        (
            "with recent as (select id, state as s from public.run), n (k, total) as (\n"
            "select run_id, sum(cost) from etl.unit group by 1)\n"
            "select recent.id, n.total + 1 as more, s from recent join n on n.k = recent.id"
        ),
        {"id": "run.id", "more": "unit.cost", "s": "run.state"},
    ),
    "on_a_view": (
        "select v.*, v.status || 'x' as more from public.plain v",
        {
            "id": "run.id",
            "state": "run.state",
            "status": "run.payload run.state",
            "more": "run.payload run.state",
        },
    ),
    "both": (
        "select id, name as n from public.org union all select id, state from public.run",
        {"id": "org.id run.id", "n": "org.name run.state"},
    ),
    "tree": (
        (
            "with recursive w as (select id, org_id from public.run union all\n"
            "select u.id, w.org_id from etl.unit u join w on w.id = u.run_id) select * from w"
        ),
        {"id": "run.id unit.id", "org_id": "run.org_id"},
    ),
    "nested": (
        "select r.id, (select sum(u.cost) from etl.unit u where u.run_id = r.id) as cost from public.run r",
        {"id": "run.id", "cost": "run.id unit.cost unit.run_id"},
    ),
    "sideways": (
        (
            "select l.total, part, k.key from public.run r\n"
            "cross join lateral (select sum(u.cost) as total from etl.unit u where u.run_id = r.id) l\n"
            "cross join unnest(r.parts) as x(part), jsonb_each(r.payload::jsonb) k"
        ),
        {"total": "unit.cost", "part": "run.parts", "key": "run.payload"},
    ),
    "starred": (
        (
            "select * from (select cost as a from etl.unit) p, (select name as b from public.org) q\n"
            "cross join (select state as c from public.run) s, (values (1, 2)) v (d, e)"
        ),
        {"a": "unit.cost", "b": "org.name", "c": "run.state", "d": "", "e": ""},
    ),
    "using_one": (
        "select id, name, state from public.org join public.run using (id)",
        {"id": "org.id run.id", "name": "org.name", "state": "run.state"},
    ),
    "whole": ("select to_jsonb(o) as j from public.org o", {"j": "org.id org.name"}),
    "folded": ('SELECT R.ID, R.State AS "S" FROM Public.Run R', {"id": "run.id", "S": "run.state"}),
    "outside": ("select u.id, nothing.x from auth.users u", {"id": "users.id", "x": "?"}),
    "broken": ("select from where", {}),
}
"""Queries, and for each column the columns it is made of, as a person reads them out of the query."""


@pytest.fixture(scope="module")
def views() -> Ir:
    columns = [
        Column(schema, table, name, at, "text")
        for (schema, table), names in TABLES.items()
        for at, name in enumerate(names)
    ]
    every = [
        *columns,
        *(Table(*place) for place in TABLES),
        *(View("public", name, VIEWS[name][0]) for name in VIEWS),
    ]
    return gather((fact, (Span("", 0, 0), "")) for fact in every)[0]


@pytest.mark.parametrize("name", VIEWS)
def test_the_columns_of_a_view_are_traced(name: str, views: Ir) -> None:
    traced = lineage(views, [("public", name)])["public", name]
    found = {
        one.name: {"?" if source == UNKNOWN else ".".join(source[1:]) for source in one.sources}
        for one in traced
    }
    assert found == {column: set(made.split()) for column, made in VIEWS[name][1].items()}


def test_an_expression_is_the_author_s_own_text(views: Ir) -> None:
    texts = {one.name: one.expression for one in lineage(views, [("public", "counted")])["public", "counted"]}
    assert texts == {
        "id": "",
        "runs": "count(*)",
        "xs": "count(*) filter (where r.state = 'x')",
        "max": "max(r.payload)",
    }


def test_a_select_list_is_named_as_postgresql_names_it() -> None:
    query = (
        "select a, b.c, count(*), x::int, 'é'::text, case when a then b end, (p)[1] q, t.*, coalesce(a,\n b),"
        ' a is distinct from b as "as", extract(year from d) y, (select 1 from t limit 1), 1 as one from t'
    )
    assert [(one.name, one.text) for one in select_list(query)] == [
        ("a", "a"),
        ("c", "b.c"),
        ("count", "count(*)"),
        ("x", "x::int"),
        ("text", "'é'::text"),
        ("case", "case when a then b end"),
        ("q", "(p)[1]"),
        ("", "t.*"),
        ("coalesce", "coalesce(a, b)"),
        ("as", "a is distinct from b"),
        ("y", "extract(year from d)"),
        ("?column?", "(select 1 from t limit 1)"),
        ("one", "1"),
    ]
    assert select_list("values (1)") == select_list("select from where") == ()


UNREADABLE = ("outside", "broken")

NAMES = """
select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum
"""

DEPENDS = """
select distinct c.relname || '.' || a.attname
from pg_rewrite as r
join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjsubid > 0
join pg_class as c on c.oid = d.refobjid and c.relkind = 'r'
join pg_attribute as a on a.attrelid = c.oid and a.attnum = d.refobjsubid
where r.ev_class = %s::regclass
"""


@pytest.mark.pg
def test_postgresql_names_the_same_columns_and_reads_no_others(database: str, views: Ir) -> None:
    types = {"cost": "numeric", "parts": "text[]", "payload": "text", "name": "text", "state": "text"}
    with psycopg.connect(database) as server:
        server.execute("create schema etl")
        for (schema, table), names in TABLES.items():
            columns = ", ".join(f"{name} {types.get(name, 'uuid')}" for name in names)
            server.execute(f"create table {schema}.{table} ({columns})")
        for name, (query, _) in sorted(VIEWS.items(), key=lambda one: "public.plain" in one[1][0]):
            if name in UNREADABLE:
                continue
            server.execute(f"create view public.{name} as {query}")
            traced = lineage(views, [("public", name)])["public", name]
            assert [one.name for one in traced] == [found for (found,) in server.execute(NAMES, [name])]
            made_of = {f"{table}.{column}" for one in traced for _, table, column in one.sources}
            if "public.plain" not in query:
                read = {found for (found,) in server.execute(DEPENDS, [name])}
                # A whole row is kept as a reference to the table, without its columns.
                assert name == "whole" or made_of <= read
