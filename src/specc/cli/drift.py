"""`specc drift`: how a running database differs from what is declared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.cli.project import fail, project_option
from specc.cli.streams import out, progress, tell

if TYPE_CHECKING:
    from specc.drift import Difference
    from specc.ir.model import Ir

_LONG = 100
"""Definitions up to so many characters are shown in a line."""


@click.command("drift")
@click.option(
    "--dsn", required=True, metavar="CONNINFO", help="The database, as a role that may read its catalogue."
)
@click.option(
    "--lock", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is declared; by default the specc.lock of the project's output folder.",
)  # fmt: skip
@click.option(
    "--pg",
    "version",
    type=int,
    metavar="VERSION",
    help="Compare with this major version; by default the database's own if it is installed.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="How to report.",
)
@project_option
def command(project: Path | None, dsn: str, lock: Path | None, version: int | None, format_: str) -> int:
    """Compare a database with the lock: what is missing, what is different, and what nobody declared.

    What is declared is made on a private server and both are compared as PostgreSQL prints them. The database is
    only read. The exit code is 1 when it is not as declared.
    """
    ir = _facts(project, lock)
    with progress("comparing …"):
        found = _compare(ir, dsn, version)
    if format_ == "json":
        out(json.dumps([_told(one) for one in found], indent=2, ensure_ascii=False) + "\n")
    else:
        for one in found:
            out(_text(one))
    tell(
        f"{len(found)} difference{'' if len(found) == 1 else 's'}" if found else "the database is as declared"
    )
    return int(bool(found))


def _facts(project: Path | None, lock: Path | None) -> Ir:
    from specc.ir.lock import LockError, load
    from specc.load.files import ProjectError, find_root, read_project

    try:
        if lock is None:
            read = read_project(project or find_root(Path.cwd()))
            lock = read.root / read.settings.output / "specc.lock"
        return load(lock.read_text(encoding="utf-8"))
    except ProjectError as error:
        fail(str(error))
    except LockError as error:
        fail(f"{lock}: {error}")
    except OSError as error:
        fail(f"cannot read {lock}: {error.strerror}; `specc build` makes it")


def _compare(ir: Ir, dsn: str, version: int | None) -> tuple[Difference, ...]:
    from specc.drift import NotReadError, drift, major_version
    from specc.emit.tree import bootstrap
    from specc.pg.apply import apply
    from specc.pg.binaries import embedded, installed
    from specc.pg.server import ServerError, serve

    builds = {build.version: build for build in (*installed(), embedded())}
    if version is not None and version not in builds:
        fail(f"PostgreSQL {version} is not installed; there is {', '.join(map(str, sorted(builds)))}")
    try:
        wanted = version or major_version(dsn)
        with serve(builds.get(wanted) or embedded()) as server:
            server.create("declared")
            apply(server.dsn("declared"), bootstrap())
            return drift(ir, dsn, server.dsn("declared"))
    except NotReadError as error:
        fail(f"cannot compare: {error}")
    except ServerError as error:
        fail(str(error))


def _told(one: Difference) -> dict[str, str]:
    return {"what": one.word, "object": one.name, "found": one.found, "declared": one.declared}


def _text(one: Difference) -> str:
    lines = [f"{one.word:<10} {one.name}\n"]
    if one.word == "different":
        lines += [
            f"    {mark} {line}\n"
            for mark, text in (("-", one.declared), ("+", one.found))
            for line in _changed(text, one)
        ]
    return "".join(lines)


def _changed(text: str, one: Difference) -> list[str]:
    """Return the lines of a definition that the other one does not have."""
    other = set((one.found if text is one.declared else one.declared).splitlines())
    lines = [line for line in text.splitlines() if line not in other]
    return [line if len(line) <= 2 * _LONG else f"{line[: 2 * _LONG]} …" for line in lines]
