"""`specc status`: how the machines of a running database stand, once or again and again, and one row's story."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from specc.cli.columns import columns
from specc.cli.locked import check_machine, locked
from specc.cli.project import fail, project_option
from specc.cli.streams import out, silence
from specc.pg.words import age

if TYPE_CHECKING:
    from specc.status import Status, Watched

WATCH_SECONDS = 5.0
"""How often `--watch` looks, where it does not say."""


@click.command("status")
@click.option(
    "--dsn",
    required=True,
    metavar="CONNINFO",
    help="The database, as its owner or another role that may read the tables of its machines.",
)
@click.option("--machine", metavar="NAME", help="Only this machine.")
@click.option("--row", nargs=2, metavar="MACHINE ID", help="All about one row instead.")
@click.option(
    "--statements", is_flag=True, help="What statements cost, and which indexes are of no use or missing."
)
@click.option(
    "--watch",
    is_flag=False,
    flag_value=WATCH_SECONDS,
    type=click.FloatRange(min=0.5),
    metavar="[SECONDS]",
    help=f"Look again every so many seconds ({WATCH_SECONDS:g} by default) until interrupted.",
)
@click.option(
    "--format", "format_", type=click.Choice(("text", "json")), default="text", show_default=True,
    help="How to report.",
)  # fmt: skip
@project_option
def command(
    project: Path | None,
    dsn: str,
    machine: str | None,
    row: tuple[str, str] | None,
    statements: bool,
    watch: float | None,
    format_: str,
) -> int:
    """Show how the machines of a running database stand.

    Reads the lock that the last build wrote, asks the views that the database has for operators, and changes
    nothing: rows by state and for how long, and the rows that are stuck. `specc dashboard` shows the same in a
    browser.
    """
    ours = locked(project)
    for name in (*(row or ())[:1], *filter(None, (machine,))):
        check_machine(name, ours.machines)
    if statements and (row or machine):
        raise click.UsageError(
            "`--statements` is about the whole database; leave out `--row` and `--machine`"
        )
    is_line = watch is not None
    if statements:
        look = _costs(dsn, ours, format_, is_line=is_line)
    elif row is not None:
        look = _story(dsn, *row, format_=format_, is_line=is_line)
    else:
        names = (machine,) if machine else ours.machines
        look = _overview(dsn, names, format_, ours.has_alerts and machine is None, is_line=is_line)
    if watch is None:
        out(look())
    else:
        _repeat(look, watch)
    return 0


def _overview(
    dsn: str, names: tuple[str, ...], format_: str, with_alerts: bool, *, is_line: bool
) -> Callable[[], str]:
    def look() -> str:
        from specc.status import StatusError, as_data, read_status

        try:
            found = read_status(dsn, names, with_alerts=with_alerts)
        except StatusError as error:
            fail(str(error))
        if format_ == "json":
            return _json(as_data(found), is_line=is_line)
        return "\n".join(_text(found))

    return look


def _story(dsn: str, machine: str, row: str, *, format_: str, is_line: bool) -> Callable[[], str]:
    def look() -> str:
        from specc.status import StatusError, read_story

        try:
            story = read_story(dsn, machine, row)
        except StatusError as error:
            fail(str(error))
        return _json(story, is_line=is_line) if format_ == "json" else "\n".join(_told(story)) + "\n"

    return look


def _costs(dsn: str, ours: Watched, format_: str, *, is_line: bool) -> Callable[[], str]:
    def look() -> str:
        from specc.cli.costs import text
        from specc.status import StatusError, read_costs

        try:
            found = read_costs(dsn, ours)
        except StatusError as error:
            fail(str(error))
        return _json(asdict(found), is_line=is_line) if format_ == "json" else "\n".join(text(found))

    return look


def _repeat(look: Callable[[], str], seconds: float) -> None:
    """Show what is looked at until the user has seen enough; on a terminal always in the same place."""
    try:
        if not sys.stdout.isatty():
            while _written(look()):
                time.sleep(seconds)
            return
        from rich.live import Live
        from rich.text import Text

        with Live(Text(look()), auto_refresh=False, vertical_overflow="crop", screen=True) as live:
            while True:
                time.sleep(seconds)
                live.update(Text(look()), refresh=True)
    except KeyboardInterrupt:
        return


def _written(text: str) -> bool:
    """Write a text to standard output; False where nobody reads it any more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
        return False
    return True


def _json(data: dict[str, Any], *, is_line: bool = False) -> str:
    return json.dumps(data, indent=None if is_line else 2, default=str, ensure_ascii=False) + "\n"


def _text(found: Status) -> Iterator[str]:
    for alert in found.alerts:
        yield f"{alert['severity']}: {alert['alert']}, since {alert['since']:%Y-%m-%d %H:%M %Z}: {alert['message']}"
    if not found.may_see_alerts:
        yield "alerts are for the owner of the database only"
    if found.alerts or not found.may_see_alerts:
        yield ""
    for one in found.machines:
        stuck = f", {one.stuck:,} stuck" if one.stuck else ""
        oldest = f", the oldest for {age(one.oldest_seconds)}" if one.open else ""
        yield f"{one.name}: {one.open:,} open{stuck}{oldest}"
        yield from columns(
            ("state", "rows", "open", "oldest", "median", "95 %"),
            [_state_line(state) for state in one.states],
        )
        if one.stuck_rows:
            more = f"; the {len(one.stuck_rows)} longest" if one.stuck > len(one.stuck_rows) else ""
            yield f"  stuck{more}:"
            lines = [_stuck_line(row) for row in one.stuck_rows]
            yield from columns(("id", "state", "for", "attempt"), lines)
        yield ""
    late = next((one for one in found.machines if one.stuck_rows), None)
    if late is not None:
        yield f"read next: specc status --dsn … --row {late.name} {late.stuck_rows[0]['id']}"
    else:
        yield "nothing is stuck"
    yield ""


def _state_line(state: dict[str, Any]) -> tuple[str, ...]:
    rows = "?" if state["rows"] is None else f"{'' if state['exact'] else '~'}{state['rows']:,}"
    ages = [state[name] for name in ("oldest_seconds", "p50_seconds", "p95_seconds")]
    shown = [age(one) if state["open"] else "" for one in ages]
    return (state["state"], rows, f"{state['open']:,}" if ages[0] is not None else "", *shown)


def _stuck_line(row: dict[str, Any]) -> tuple[str, ...]:
    state = "/".join(filter(None, (row["state"], row["state_substate"])))
    return (str(row["id"]), state, age(row["seconds"]), str(row["attempt"]))


def _told(story: dict[str, Any]) -> Iterator[str]:
    state = "/".join(filter(None, (story["state"], story["substate"])))
    yield f"{story['machine']} {story['id']}: {state} for {age(story['seconds'])}, since {story['since']}"
    if story["attempts"]:
        yield f"  attempt {story['attempt']} of {story['attempts']}"
    yield from (f"  {remark}" for remark in story["remarks"])
    yield "  may move to:" if story["moves"] else "  may move nowhere"
    for move in story["moves"]:
        by = ", ".join(move["drivers"]) or f"nothing: {move.get('undriven', 'not said why')}"
        form = " by recovery" if move["form"] == "recovery" else ""
        yield f"    {move['to']}{form}, taken by {by}"
    for parent in story["parents"]:
        yield f"  {parent['by']}: {parent['table']} {parent['id']}{_in_state(parent)}"
    for child in story["children"]:
        yield from _child(child)
    for step in story.get("history", ()):
        since = f"{step['from_state'] or 'born'} → {step['to_state']}"
        yield f"  {step['at']}  {since}  {step['actor'] or ''} {step['reason'] or ''}".rstrip()


def _child(child: dict[str, Any]) -> Iterator[str]:
    if child["rows"]:
        states = ", ".join(f"{number:,} {state}" for state, number in child.get("states", {}).items())
        yield f"  rows of {child['table']} by {child['by']}" + (f": {states}" if states else ":")
        yield from (f"    {row['id']}{_in_state(row)}" for row in child["rows"])


def _in_state(row: dict[str, Any]) -> str:
    return f"  {row['state']}" if row.get("state") else ""
