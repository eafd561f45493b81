"""`specc verify`: proves the built project on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from specc.cli.project import Report, color_option, fail, has_errors, project_option, run_build
from specc.cli.streams import out, progress
from specc.cli.wanted import Wanted, base_option

if TYPE_CHECKING:
    from specc.driver import Result
    from specc.ir.model import Ir
    from specc.verify import Finding


@click.command("verify")
@click.option(
    "--dsn",
    metavar="CONNINFO",
    help="A server of your own, as a superuser; by default a private PostgreSQL 18 is started. The work is "
    "done in a database that is made for it and dropped afterwards; the API's roles stay.",
)
@click.option("--pg", "version", type=int, metavar="VERSION", help="An installed PostgreSQL's major version.")
@base_option
@project_option
@color_option
def command(
    project: Path | None,
    color: Literal["auto", "always", "never"],
    base: str,
    dsn: str | None,
    version: int | None,
) -> int:
    """Apply the specs' database to a real PostgreSQL and prove it.

    Applies bootstrap and migrations as an owner who is no superuser, runs the generated tests, walks a row
    of each machine through its life, and goes the way back.
    """
    result, _ = run_build(project, Report("text", color), Wanted(base))
    if has_errors(result):
        return 1
    with _server(dsn, version) as (conninfo, name):
        return _report(result, conninfo, name)


@contextmanager
def _server(dsn: str | None, version: int | None) -> Iterator[tuple[str, str]]:
    """Yield a connection string and what to call the server."""
    from specc.pg.binaries import embedded, installed
    from specc.pg.server import ServerError, serve

    if dsn is not None:
        yield dsn, "the server given"
        return
    builds = {build.version: build for build in (*installed(), embedded())}
    if version is not None and version not in builds:
        fail(f"PostgreSQL {version} is not installed; there is {', '.join(map(str, sorted(builds)))}")
    try:
        with progress("starting PostgreSQL …"):
            server = serve(builds[version] if version is not None else embedded())
            started = server.__enter__()
    except ServerError as error:
        fail(str(error))
    try:
        yield started.dsn(), "a private server"
    finally:
        server.__exit__(None, None, None)


def _findings(result: Result, ir: Ir, conninfo: str) -> Iterator[Finding]:
    from specc.verify import NotAllowedError, verify

    try:
        yield from verify(ir, result.files, conninfo, result.sources)
    except NotAllowedError as error:
        fail(f"verifying needs a superuser, who makes a role and a database for it: {error}")


def _report(result: Result, conninfo: str, name: str) -> int:
    from specc.verify import server_version

    assert result.ir is not None, "a build without errors has facts"
    try:
        number = server_version(conninfo)
    except ConnectionError as error:
        fail(f"cannot connect: {error}")
    out(f"PostgreSQL {number} ({name})\n")
    failed = False
    with progress("verifying …"):
        for finding in _findings(result, result.ir, conninfo):
            failed = failed or bool(finding.failures)
            first, *more = finding.seen.splitlines()
            mark = "FAILED" if finding.failures else f"{finding.seconds:.1f} s"
            out(f"  {finding.title:<8} {first}  ({mark})\n")
            for line in (*more, *finding.failures):
                out(f"           {line}\n")
    if failed:
        out("not verified\n")
    else:
        out("verified\n")
        out(f"read next: {result.output.name}/docs/README.md\n")
    return int(failed)
