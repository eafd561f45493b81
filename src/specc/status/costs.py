"""What a running database says of its cost: the dearest statements, and tables and indexes by use.

A connection string and the names that are ours come in, records come out. Statements are told apart by what
they name, read by PostgreSQL's own parser; those that name nothing of ours are left out.
"""

from __future__ import annotations

from psycopg import sql

from specc.pg.names import MONITOR
from specc.record import record
from specc.status.connection import Connection, Record, connected, rows, transaction
from specc.status.watched import Watched

MOST = 10
"""How many statements are shown by total time, and how many by mean."""
MOST_READ = 2000
"""How many statements are looked at, the dearest in total first."""
HIDDEN = "<insufficient privilege>"
"""What PostgreSQL shows of a statement that somebody else ran (manual F.32)."""


@record
class Costs:
    """Statements by total and by mean time, tables and indexes; `problem` says why there are no statements.

    `hidden` is the number of texts that this role may not see.
    """

    by_total: tuple[Record, ...]
    by_mean: tuple[Record, ...]
    tables: tuple[Record, ...]
    indexes: tuple[Record, ...]
    problem: str = ""
    hidden: int = 0

    @property
    def lacking(self) -> tuple[Record, ...]:
        """The tables that are often read from end to end although they are large."""
        return tuple(one for one in self.tables if one["lacks_index"])

    @property
    def unused(self) -> tuple[Record, ...]:
        """The indexes that nobody searched and that keep no rule, the largest first."""
        return tuple(sorted((one for one in self.indexes if one["unused"]), key=lambda one: -one["bytes"]))


def read_costs(conninfo: str, ours: Watched) -> Costs:
    """Return what the database costs. Raises `StatusError`."""
    with connected(conninfo) as connection:
        with transaction(connection):
            problem = rows(connection, _call("select {}() as said", "statements_problem"))[0]["said"]
            every = [] if problem else _statements(connection)
        with transaction(connection):
            tables = rows(connection, _call("select * from {} order by bytes desc", "tables"))
            indexes = rows(connection, _call("select * from {} order by bytes desc", "indexes"))
    found = [one for one in every if _is_ours(one["query"], ours)]
    by_mean = sorted(found, key=lambda one: -one["mean_ms"])
    hidden = sum(one["query"] == HIDDEN for one in every)
    return Costs(
        tuple(found[:MOST]), tuple(by_mean[:MOST]), tuple(tables), tuple(indexes), problem or "", hidden
    )


def _statements(connection: Connection) -> list[Record]:
    query = _call(f"select * from {{}}() order by total_ms desc limit {MOST_READ}", "statements")
    return rows(connection, query)


def _call(query: str, name: str) -> sql.Composed:
    return sql.SQL(query).format(sql.Identifier(MONITOR, name))


def _is_ours(text: str, ours: Watched) -> bool:
    """Whether a statement names something of ours.

    A relation without a schema may be in any; a function without one is ours only in `public`, for PostgreSQL
    has a `now()`, too.
    """
    from specc.pg.statements import names_at_work

    relations, functions = names_at_work(text)
    bare = {name for _, name in ours.relations}
    return any(
        (schema, name) in ours.relations or (not schema and name in bare) for schema, name in relations
    ) or any((schema or "public", name) in ours.functions for schema, name in functions)
