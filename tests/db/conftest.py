"""Servers for the tests that need one: a server per major version and worker, a fresh database per test.

`flagship` is such a database with the committed `generated/` applied, which its owner uses, no superuser.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from databases import GENERATED, MAJORS, Database, build_of, copied, created, files_of, migrated
from migrating import Folder
from psycopg.conninfo import make_conninfo

from specc.pg import tap
from specc.pg.binaries import Binaries
from specc.pg.server import Server, serve


class Servers:
    """The servers of this worker, each started when a test first asks for it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[Binaries, Server] = {}

    def __getitem__(self, build: Binaries) -> Server:
        if build not in self._running:
            self._running[build] = self._stack.enter_context(serve(build))
        return self._running[build]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(scope="session", params=MAJORS)
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """The worker's server, once per major version; roles are shared by its databases."""
    return servers[build_of(request.param)]


@pytest.fixture
def fresh(server: Server) -> Iterator[Database]:
    """An empty database, dropped afterwards."""
    with created(server) as database:
        yield database


@pytest.fixture
def database(fresh: Database) -> str:
    """The superuser's connection string of an empty database."""
    return fresh.admin


@pytest.fixture(scope="session")
def flagship_template(server: Server) -> Iterator[Database]:
    """A database with bootstrap, migrations and test functions, to be copied."""
    with migrated(server, files_of(GENERATED)) as database:
        tap.install(database.admin)
        yield database


@pytest.fixture
def migrations(fresh: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    """An empty folder of migrations, and a fresh database whose owner is no superuser."""
    (tmp_path / "migrations").mkdir()
    return Folder(tmp_path, fresh.owner, capsys)


@pytest.fixture(scope="session")
def bare(server: Server) -> Iterator[Database]:
    """A database with bootstrap and nothing else, to be copied."""
    with created(server) as database:
        database.bootstrap(files_of(GENERATED))
        yield database


@pytest.fixture
def flagship(flagship_template: Database) -> Iterator[str]:
    """The connection string, as its owner, of a fresh database of the flagship, dropped afterwards."""
    with copied(flagship_template) as database:
        yield database.owner


@pytest.fixture(scope="module")
def shared_flagship(flagship_template: Database) -> Iterator[str]:
    """The same, one for all tests of a module: what they write, they roll back."""
    with copied(flagship_template) as database:
        yield database.owner


@pytest.fixture
def flagship_admin(flagship: str) -> str:
    """The connection string of the same database for the superuser."""
    return make_conninfo(flagship, user="postgres")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests counted: property `tally`, a title and lines."""
    for report in (*terminalreporter.stats.get("passed", ()), *terminalreporter.stats.get("failed", ())):
        for name, (title, *lines) in report.user_properties:
            if name == "tally":
                terminalreporter.section(title)
                terminalreporter.write_line("\n".join(lines))
