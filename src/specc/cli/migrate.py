"""`specc migrate`: runs the migrations of the output folder on a database, and tells how both stand."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from specc.cli.columns import columns
from specc.cli.project import fail, project_option
from specc.cli.streams import out, tell

if TYPE_CHECKING:
    from specc.migrate import Event, MigrateError, Migration, Options, Standing

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--dsn", required=True, metavar="CONNINFO", help="The database, as the role that owns it."),
    click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="The folder with `migrations/` and `rollback/`; by default the project's output folder.",
    ),
    click.option(
        "--format", "format_", type=click.Choice(("text", "json")), default="text", show_default=True,
        help="How to report.",
    ),
    project_option,
)  # fmt: skip
_WAITING = (
    click.option(
        "--lock-timeout", type=click.FloatRange(min=0.01, max=3600), default=3.0, show_default=True, metavar="SECONDS",
        help="How long a statement waits for a lock on a table before its file is undone and tried again.",
    ),
    click.option(
        "--tries", type=click.IntRange(min=1), default=8, show_default=True,
        help="How often a file is tried, with longer and longer pauses, before the run ends.",
    ),
    click.option(
        "--wait", type=click.FloatRange(min=0), default=30.0, show_default=True, metavar="SECONDS",
        help="How long to wait for somebody else who migrates this database.",
    ),
    click.option("--yes", "may_lose", is_flag=True, help="Ways back may lose the data that they say they lose."),
)  # fmt: skip
_INCLUDE_ALL = click.option(
    "--include-all", is_flag=True, help="Apply files with an earlier stamp than an applied one, too."
)
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
_TO_UP = click.option(
    "--to", metavar="STAMP", help="The last file to apply; by default the last one there is."
)


@click.group("migrate")
def command() -> None:
    """Run the migrations of the output folder on a database.

    Each file is done wholly or not at all; a run that was broken off, at whatever moment, is finished by the next one.
    What is applied stands in the history table of Supabase's command line, so both tools agree.
    """


def _with(*options: tuple[Callable[[F], F], ...] | Callable[[F], F]) -> Callable[[F], F]:
    """Give a command options, in this order in its help."""

    def give(function: F) -> F:
        flat = [one for some in options for one in (some if isinstance(some, tuple) else (some,))]
        for option in reversed(flat):
            function = option(function)
        return function

    return give


@command.command("status")
@_with(_OPTIONS)
def _status(project: Path | None, dsn: str, folder: Path | None, format_: str) -> int:
    """Tell which files are applied, pending, changed or unknown.

    Exit code 1 if somebody has to look: a file was changed after it was applied, the folder lacks one that is applied,
    one is older than what is applied already, or a statement outside of a transaction did not end.
    """
    from specc.migrate import MigrateError, status

    try:
        database, standing = status(dsn, _folder(project, folder), _options())
    except MigrateError as error:
        return _ended(error, format_)
    if format_ == "json":
        entries = [one.as_data() for one in standing.entries]
        _print_json(
            {"server": database.version, "database": database.name, "role": database.role,
             "ok": not standing.is_off, "migrations": entries}
        )  # fmt: skip
    else:
        out(f"PostgreSQL {database.version}, database {database.name}, as {database.role}\n")
        out("".join(f"{line}\n" for line in _table(standing)))
    return int(standing.is_off)


@command.command("plan")
@_with(_OPTIONS, _TO_UP, _WAITING, _INCLUDE_ALL)
def _plan(
    project: Path | None, dsn: str, folder: Path | None, format_: str, to: str | None, **said: Any
) -> int:
    """Say what `up` would do, and ask the preflights; the same as `up --dry-run`.

    Of each relation that a file locks against writing it says for what, about how many rows it has and how large it is.
    """
    from specc.migrate import up

    return _report(lambda: up(dsn, _folder(project, folder), _options(**said), to=to, dry_run=True), format_)


@command.command("up")
@_with(_OPTIONS, _TO_UP, _DRY_RUN, _WAITING, _INCLUDE_ALL)
def _up(
    project: Path | None,
    dsn: str,
    folder: Path | None,
    format_: str,
    to: str | None,
    *,
    dry_run: bool,
    **said: Any,
) -> int:
    """Apply the pending files.

    Preflights of all of them come first, before any lock. A file that was applied and has been rewritten since is
    undone first, by the way back that was kept then, unless something was applied after it or data would be lost.
    """
    from specc.migrate import up

    return _report(
        lambda: up(dsn, _folder(project, folder), _options(**said), to=to, dry_run=dry_run), format_
    )


@command.command("down")
@_with(
    _OPTIONS,
    click.option("--to", metavar="STAMP", help="Undo what came after this file; 0 undoes all."),
    click.option("--steps", type=click.IntRange(min=1), help="Undo so many files, the newest first."),
    _DRY_RUN,
    _WAITING,
)
def _down(
    project: Path | None,
    dsn: str,
    folder: Path | None,
    format_: str,
    to: str | None,
    steps: int | None,
    *,
    dry_run: bool,
    **said: Any,
) -> int:
    """Undo applied files, the newest first.

    By the folder's way back as long as the file is what was applied, or else by the one that was kept then. What cannot
    be undone is refused before anything is begun.
    """
    from specc.migrate import down

    if (to is None) == (steps is None):
        raise click.UsageError("say how far: either `--to STAMP` or `--steps N`")
    return _report(
        lambda: down(dsn, _folder(project, folder), _options(**said), to=to, steps=steps, dry_run=dry_run),
        format_,
    )


def _options(
    lock_timeout: float = 3.0,
    tries: int = 8,
    wait: float = 30.0,
    *,
    may_lose: bool = False,
    include_all: bool = False,
) -> Options:
    from specc.migrate import Options, Patience

    patience = Patience(lock_timeout=lock_timeout, tries=tries, wait=wait)
    return Options(patience, may_lose=may_lose, include_all=include_all, who=_who())


def _who() -> str:
    """Return who runs this, for the ledger and for those who wait."""
    user = "somebody"
    with suppress(OSError, KeyError):
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def _folder(project: Path | None, folder: Path | None) -> tuple[Migration, ...]:
    from specc.migrate import read_folder

    if folder is None:
        from specc.load.files import ProjectError, find_root, read_settings

        try:
            root = project or find_root(Path.cwd())
            folder = root / read_settings(root).output
        except ProjectError as error:
            fail(f"{error}; or say where the migrations are with --folder")
    return read_folder(folder)


def _report(run: Callable[[], Iterator[Event]], format_: str) -> int:
    """Tell what happens as it happens, or all of it in one document of JSON at the end."""
    from specc.migrate import MigrateError

    found: list[Event] = []
    try:
        with _progress() as show:
            for event in run():
                found.append(event)
                if format_ == "text":
                    show(event)
    except MigrateError as error:
        return _ended(error, format_, found)
    if format_ == "json":
        _print_json({"ok": True, "events": _as_data(found)})
    else:
        out(f"{_summary(found)}\n")
    return 0


def _as_data(found: list[Event]) -> list[dict[str, Any]]:
    """Return events for tools; of a batch the last, which tells all its rows."""
    kept = [
        one
        for one, after in zip(found, [*found[1:], None], strict=True)
        if one.kind != "batch"
        or after is None
        or (after.kind, after.file, after.text) != ("batch", one.file, one.text)
    ]
    return [one.as_data() for one in kept]


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    """Yield what shows events: lines on standard output, and the rows of batches on a terminal while they are done."""
    if not sys.stderr.isatty():
        yield _show
        return
    from rich.console import Console

    with Console(stderr=True).status("migrating …") as spinner:

        def show(event: Event) -> None:
            if event.kind == "batch":
                spinner.update(
                    f"{event.text}: {event.count:,} rows, {event.count / max(event.seconds, 0.001):,.0f}/s"
                )
                return
            spinner.update("migrating …")
            _show(event)

        yield show


def _show(event: Event) -> None:
    name = event.file.partition("/")[2]
    seconds = f"  ({event.seconds:.1f} s)"
    lines = {
        "connected": event.text,
        "checked": f"  checked  {name}: {event.text.rstrip('.')}: {event.count:,}",
        "later": f"  later    {name}: {event.text.rstrip('.')}: asked when its turn comes",
        "planned": f"  planned  {name}: {event.text}",
        "locks": f"  locks    {name}: {event.text}",
        "applied": f"  applied  {name}{seconds}",
        "undone": f"  undone   {name}{', ' if event.text else ''}{event.text}{seconds}",
        "mended": f"  mended   {name}: {event.text}",
        "retry": f"  retry    {name}: {event.text}; again in {event.seconds:.1f} s",
        "waiting": f"  waiting  for another deployer: {event.text}",
        "warning": f"  warning  {name}: {event.text}",
    }
    if event.kind in lines:
        out(f"{lines[event.kind]}\n")


def _summary(found: list[Event]) -> str:
    counts = [(kind, sum(one.kind == kind for one in found)) for kind in ("planned", "undone", "applied")]
    parts = [f"{count} {kind}" for kind, count in counts if count]
    return ", ".join(parts) or "nothing to do"


def _ended(error: MigrateError, format_: str, found: list[Event] | None = None) -> int:
    """Tell why a run ended; returns the exit code."""
    from specc.migrate import SetupError

    if format_ == "json":
        events = {} if found is None else {"events": _as_data(found)}
        _print_json({"ok": False, **events, "error": _error_data(error)})
    elif isinstance(error, SetupError):
        tell(f"specc: {error}")
    else:
        where = f"{error.file}: " if error.file else ""
        out(f"  FAILED   {where}{error}\n")
        if error.failure is not None:
            out("".join(f"           {line}\n" for line in str(error.failure).splitlines()))
    return 2 if isinstance(error, SetupError) else 1


def _error_data(error: MigrateError) -> dict[str, Any]:
    data: dict[str, Any] = {"message": str(error)}
    if error.file:
        data["file"] = error.file
    if (one := error.failure) is not None:
        data |= {
            "line": one.line, "statement_line": one.statement_line, "sqlstate": one.sqlstate,
            "reason": one.message, "detail": one.detail, "hint": one.hint, "context": one.context,
        }  # fmt: skip
    return data


def _table(standing: Standing) -> Iterator[str]:
    lines: list[tuple[str, ...]] = []
    for one in standing.entries:
        at = f"{one.applied.applied_at:%Y-%m-%d %H:%M}" if one.applied and one.applied.applied_at else ""
        by = one.applied.by or "" if one.applied else ""
        lines.append((one.file.partition("/")[2], one.state, at, by))
    if lines:
        yield from columns(("file", "state", "applied at", "by"), lines)
    for one in standing.entries:
        if one.note and one.is_off:
            yield f"{one.file}: {one.note}"
    counts = [
        (state, len(standing.having(state)))
        for state in ("applied", "pending", "changed", "unknown", "unfinished")
    ]
    yield ", ".join(f"{count} {state}" for state, count in counts if count) or "there are no migrations"


def _print_json(data: dict[str, Any]) -> None:
    out(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
