"""What files do to a running database, with what that database knows of their tables: about how many rows, how large.

The heads of the files say which relations they lock (`specc:locks`); only `sizes` asks the database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import psycopg

from specc.ir.step import Hazard
from specc.migrate.model import Event
from specc.migrate.session import AGAIN, Connection
from specc.migrate.steps import Step
from specc.pg.names import qualified
from specc.record import record

LARGE_ROWS = 100_000
"""From how many rows on a table is too large to keep its writers out while all of it is read or written."""

LARGE_BYTES = 10 << 20
"""The same for a table that was never analysed, so that nobody knows its rows: at some hundred bytes for each."""


@record
class Size:
    """About how many rows a table has, None if it was never analysed, and its bytes with indexes and partitions."""

    rows: int | None
    bytes: int

    @property
    def is_large(self) -> bool:
        """Whether it takes long to read all of it."""
        return self.bytes >= LARGE_BYTES if self.rows is None else self.rows >= LARGE_ROWS


Sizes = Mapping[tuple[str, str], Size]

_SIZES = """
    select n.nspname, c.relname, sum(nullif(p.reltuples, -1))::bigint, sum(pg_total_relation_size(p.oid))::bigint
    from unnest(%s::text[], %s::text[]) as wanted (schema, name)
    join pg_catalog.pg_namespace as n on n.nspname = wanted.schema
    join pg_catalog.pg_class as c on c.relnamespace = n.oid and c.relname = wanted.name and c.relkind in ('r', 'p')
    -- What is neither a partition nor has any is in no tree.
    cross join lateral (select c.oid union select relid from pg_partition_tree(c.oid)) as part (oid)
    join pg_catalog.pg_class as p on p.oid = part.oid and p.relkind = 'r'
    group by n.nspname, c.relname
"""


def sizes(connection: Connection, steps: Sequence[Step]) -> Sizes:
    """Return the sizes of the tables that steps lock, as far as they are there and nobody locks them now."""
    names = sorted({one.relation for step in steps for one in step.directives.hazards})
    if not names:
        return {}
    try:
        rows = connection.execute(_SIZES, [list(part) for part in zip(*names, strict=True)]).fetchall()
    except psycopg.Error as error:
        if error.sqlstate not in AGAIN:
            raise
        return {}
    return {(schema, name): Size(count, size) for schema, name, count, size in rows}


def told(step: Step, known: Sizes) -> Iterator[Event]:
    """Yield what a step does to the relations that it locks, and a warning for each that is too large for that."""
    for one in step.directives.hazards:
        size = known.get(one.relation)
        name = qualified(*one.relation)
        data = {"relation": name, "lock": one.lock, "effect": one.effect, "why": one.why}
        counted = {"rows": size.rows, "bytes": size.bytes} if size else {}
        yield Event("locks", step.file, _in_words(one, name, size), data=data | counted)
        if size and size.is_large and one.effect and one.stops_writers:
            yield Event("warning", step.file, f"{_too_large(one, name, size)}; {_WAY_OUT}")


_VERBS = {"": "locks", "scan": "reads all of", "update": "changes rows of", "rewrite": "rewrites"}
_WAY_OUT = "declare `large: true` in the table's spec, so that it is changed online"


def _in_words(one: Hazard, name: str, size: Size | None) -> str:
    how_large = f" ({_size(size)})" if size else ""
    link = " while" if one.effect else ", so that"
    why = f": {one.why}" if one.why else ""
    return f"{_VERBS[one.effect]} {name}{how_large}{link} {_nobody(one)}{why}"


def _nobody(one: Hazard) -> str:
    return f"nobody can {'read or write' if one.stops_readers else 'write'} it"


def _too_large(one: Hazard, name: str, size: Size) -> str:
    return f"{name} is large ({_size(size)}), and {_nobody(one)} while the file is applied"


def _size(size: Size) -> str:
    rows = "rows never counted" if size.rows is None else f"about {size.rows:,} rows"
    return f"{rows}, {_bytes(size.bytes)}"


def _bytes(count: int) -> str:
    for unit, least in (("GB", 10 << 30), ("MB", 10 << 20)):
        if count >= least:
            return f"{count // (least // 10):,} {unit}"
    return f"{count >> 10:,} kB"
