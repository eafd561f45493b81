"""`specc status`: how the machines of a running database stand, once or again and again, and one row's story."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from specc.cli.project import fail, project_option
from specc.cli.streams import out, silence

if TYPE_CHECKING:
    from specc.status import MachineStatus, Status

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
    watch: float | None,
    format_: str,
) -> int:
    """Show how the machines of a running database stand.

    Reads the lock that the last build wrote, asks the views that the database has for operators, and changes
    nothing: rows by state and for how long, and the rows that are stuck.
    """
    known, has_alerts = _locked(project)
    if row is not None:
        _check(row[0], known)
    if machine is not None:
        _check(machine, known)
    if row is not None:
        look = _story(dsn, *row, format_=format_)
    else:
        names = (machine,) if machine else known
        look = _overview(dsn, names, format_, has_alerts and machine is None, is_line=watch is not None)
    if watch is None:
        out(look())
    else:
        _repeat(look, watch)
    return 0


def _locked(project: Path | None) -> tuple[tuple[str, ...], bool]:
    """Return the names of the machines in the project's lock, and whether it has alerts."""
    from specc.ir import lock
    from specc.ir.behaviour import Machine
    from specc.load.files import ProjectError, find_root, read_settings

    try:
        root = project or find_root(Path.cwd())
        path = root / read_settings(root).output / "specc.lock"
    except ProjectError as error:
        fail(str(error))
    name = path.relative_to(root).as_posix()
    try:
        facts = lock.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fail(f"there is no {name} yet; `specc build` writes it")
    except lock.LockError as error:
        fail(f"{name}: {error}; `specc build` writes it anew")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {name}: {error}")
    names = tuple(one.name for one in facts.all(Machine))
    if not names:
        fail("this project has no machines")
    return names, ("table", "monitor", "alert") in facts.by_identity


def _check(name: str, known: tuple[str, ...]) -> None:
    from specc.diagnostics.suggest import suggest

    if name not in known:
        fail(f"no machine `{name}`; {suggest(name, known) or 'there is ' + ', '.join(known)}")


def _overview(
    dsn: str, names: tuple[str, ...], format_: str, with_alerts: bool, *, is_line: bool
) -> Callable[[], str]:
    def look() -> str:
        from specc.status import StatusError, read_status

        try:
            found = read_status(dsn, names, with_alerts=with_alerts)
        except StatusError as error:
            fail(str(error))
        if format_ == "json":
            data = {"alerts": found.alerts, "machines": [_data(one) for one in found.machines]}
            return _json(data, is_line=is_line)
        return "\n".join(_text(found))

    return look


def _story(dsn: str, machine: str, row: str, *, format_: str) -> Callable[[], str]:
    def look() -> str:
        from specc.status import StatusError, read_story

        try:
            story = read_story(dsn, machine, row)
        except StatusError as error:
            fail(str(error))
        return _json(story) if format_ == "json" else "\n".join(_told(story)) + "\n"

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


def _data(one: MachineStatus) -> dict[str, Any]:
    return {
        "machine": one.name,
        "open": one.open,
        "stuck": one.stuck,
        "oldest_seconds": one.oldest_seconds,
        "states": one.states,
        "stuck_rows": one.stuck_rows,
    }


def _text(found: Status) -> Iterator[str]:
    for alert in found.alerts:
        yield f"{alert['severity']}: {alert['alert']}, since {alert['since']:%Y-%m-%d %H:%M %Z}: {alert['message']}"
    if not found.may_see_alerts:
        yield "alerts are for the owner of the database only"
    if found.alerts or not found.may_see_alerts:
        yield ""
    for one in found.machines:
        stuck = f", {one.stuck:,} stuck" if one.stuck else ""
        oldest = f", the oldest for {_age(one.oldest_seconds)}" if one.open else ""
        yield f"{one.name}: {one.open:,} open{stuck}{oldest}"
        yield from _table(
            ("state", "rows", "open", "oldest", "median", "95 %"),
            [_state_line(state) for state in one.states],
        )
        if one.stuck_rows:
            more = f"; the {len(one.stuck_rows)} longest" if one.stuck > len(one.stuck_rows) else ""
            yield f"  stuck{more}:"
            lines = [_stuck_line(row) for row in one.stuck_rows]
            yield from _table(("id", "state", "for", "attempt"), lines)
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
    shown = [_age(age) if state["open"] else "" for age in ages]
    return (state["state"], rows, f"{state['open']:,}" if ages[0] is not None else "", *shown)


def _stuck_line(row: dict[str, Any]) -> tuple[str, ...]:
    state = "/".join(filter(None, (row["state"], row["state_substate"])))
    return (str(row["id"]), state, _age(row["seconds"]), str(row["attempt"]))


def _table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> Iterator[str]:
    """Yield lines in columns: the first two of words to the left, numbers and ages to the right."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        cells = [
            cell.ljust(width) if at == 0 or head[at] == "state" else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield ("    " + "  ".join(cells)).rstrip()


def _age(seconds: float) -> str:
    """Return an age in its two largest units, such as `2 d 3 h`."""
    rest = max(0, int(seconds))
    said: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, length)
        if number or said:
            said.append(f"{number} {unit}")
    return " ".join(said[:2]) or "0 s"


def _told(story: dict[str, Any]) -> Iterator[str]:
    state = "/".join(filter(None, (story["state"], story["substate"])))
    yield f"{story['machine']} {story['id']}: {state} for {_age(story['seconds'])}, since {story['since']}"
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
