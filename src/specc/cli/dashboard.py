"""`specc dashboard`: what `specc status` shows, as a web page that can only be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.cli.locked import locked
from specc.cli.project import fail, project_option
from specc.cli.streams import out, tell

if TYPE_CHECKING:
    from specc.dashboard import Dashboard
    from specc.status import Watched

PORT = 8417


@click.command("dashboard")
@click.option(
    "--dsn",
    required=True,
    metavar="CONNINFO",
    help="The database, as its owner or another role that may read the tables of its machines.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    help="The port; 0 for a free one.",
)
@click.option(
    "--allow-host", multiple=True, metavar="NAME", help="Another name that browsers may call this server by."
)
@project_option
def command(project: Path | None, dsn: str, host: str, port: int, allow_host: tuple[str, ...]) -> int:
    """Serve what `specc status` shows as a web page.

    And how much moved in the last hour. It goes on until it is interrupted, changes nothing, asks for no password,
    and listens on this machine alone unless `--host` says otherwise.
    """
    ours = locked(project)
    _look(dsn, ours)
    server = _listening(host, port, dsn, ours, allow_host)
    if not _is_loopback(host):
        tell(f"specc: warning: whoever reaches {host} can read this page; it asks for no password")
    try:
        out(f"{server.url}\n")
        tell("specc: Ctrl-C ends it")
        server.serve_forever()
    except KeyboardInterrupt:
        tell("")
    finally:
        server.server_close()
    return 0


def _look(dsn: str, ours: Watched) -> None:
    """Ask once, so that a wrong connection string is said here and not in a browser."""
    from specc.status import StatusError, read_status

    try:
        read_status(dsn, ours.machines, with_alerts=ours.has_alerts, with_minutes=True)
    except StatusError as error:
        fail(str(error))


def _listening(host: str, port: int, dsn: str, ours: Watched, names: tuple[str, ...]) -> Dashboard:
    from specc.dashboard import Dashboard

    try:
        return Dashboard(host, port, dsn, ours, names=names)
    except OSError as error:
        fail(f"cannot listen at {host} port {port}: {error.strerror or error}")


def _is_loopback(host: str) -> bool:
    from specc.dashboard import is_loopback

    return is_loopback(host)
