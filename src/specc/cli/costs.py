"""What `specc status --statements` prints: the dearest statements, and indexes that are of no use or missing."""

from __future__ import annotations

from collections.abc import Iterator

from specc.cli.columns import columns
from specc.pg.words import size
from specc.status import Costs, Record

LONGEST = 100
"""How much of a statement is shown."""
MOST = 10
"""How many tables and indexes are shown."""


def text(found: Costs) -> Iterator[str]:
    """Yield the lines of a report."""
    if found.problem:
        yield f"no statements: {found.problem}"
    for title, listed in (("in total", found.by_total), ("each time", found.by_mean)):
        if listed:
            yield f"the dearest statements {title}"
            yield from columns(
                ("total ms", "mean ms", "calls", "rows", "statement"), [_statement(one) for one in listed]
            )
            yield ""
    if not found.problem and not found.by_total:
        yield "no statement that names a table or function of this project was counted"
    if found.hidden:
        yield f"{found.hidden:,} statements of other users are hidden; pg_read_all_stats lets a role see them"
    yield from _indexes(found)


def _indexes(found: Costs) -> Iterator[str]:
    if found.lacking:
        yield "large tables that are often read from end to end; an index may be missing"
        lines = [_table(one) for one in found.lacking]
        yield from columns(("table", "size", "rows", "full scans", "rows each"), lines)
        yield ""
    if found.unused:
        more = f"; the {MOST} largest of {len(found.unused)}" if len(found.unused) > MOST else ""
        yield f"indexes that nothing has searched since statistics were reset{more}"
        yield from columns(("table", "index", "size"), [_index(one) for one in found.unused[:MOST]])
        yield ""
    if not found.lacking and not found.unused:
        yield "every index is used, and no large table is read from end to end"
    yield "the largest tables"
    lines = [_table(one) for one in found.tables[:MOST]]
    yield from columns(("table", "size", "rows", "full scans", "rows each"), lines)
    yield ""


def _statement(one: Record) -> tuple[str, ...]:
    words = " ".join(one["query"].split())
    short = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    return (
        f"{one['total_ms']:,.1f}",
        f"{one['mean_ms']:,.2f}",
        f"{one['calls']:,}",
        f"{one['rows']:,}",
        short,
    )


def _table(one: Record) -> tuple[str, ...]:
    numbers = (one["rows"], one["full_scans"], one["rows_per_full_scan"])
    return (f"{one['schema']}.{one['table_name']}", size(one["bytes"]), *(f"{each:,}" for each in numbers))


def _index(one: Record) -> tuple[str, ...]:
    return (f"{one['schema']}.{one['table_name']}", one["index_name"], size(one["bytes"]))
