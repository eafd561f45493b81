"""Servers for the tests that need one: a server per major version and worker, a fresh database per test.

`flagship` is such a database with the committed `generated/` applied, which its owner uses, no superuser.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from migrating import Folder
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from specc.pg import tap
from specc.pg.apply import apply
from specc.pg.binaries import Binaries, embedded, installed
from specc.pg.server import Server, serve

GENERATED = Path(__file__).parents[2] / "generated"
OWNER = "flagship_owner"

BUILDS = {f"pg{build.version}": build for build in (*installed(), embedded())}
NUMBERS = count()


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


@pytest.fixture(scope="session", params=["pg18", "pg15"])
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """The worker's server, once per major version; roles are shared by its databases."""
    if request.param not in BUILDS:
        pytest.skip(f"{request.param} is not installed here")
    return servers[BUILDS[request.param]]


@pytest.fixture
def database(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """The connection string of a fresh database, dropped afterwards.

    It is a copy of template1, or of the database that indirect parametrisation names.
    """
    name = f"test_{next(NUMBERS)}"
    server.create(name, template=getattr(request, "param", None))
    yield server.dsn(name)
    server.drop(name)


@pytest.fixture(scope="session")
def flagship_template(server: Server) -> str:
    """The name of a database with bootstrap, migrations and test functions, for `Server.create` to copy."""
    name = "flagship_template"
    server.create(name)
    admin = server.dsn(name)
    give_to_owner(server, name)
    apply(admin, (GENERATED / "bootstrap.sql").read_text(encoding="utf-8"))
    for migration in sorted((GENERATED / "migrations").glob("*.sql")):
        apply(server.dsn(name, OWNER), migration.read_text(encoding="utf-8"))
    tap.install(admin)
    return name


@pytest.fixture
def migrations(server: Server, database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Folder:
    """An empty folder of migrations, and a fresh database whose owner is no superuser."""
    name = conninfo_to_dict(database)["dbname"]
    give_to_owner(server, str(name))
    (tmp_path / "migrations").mkdir()
    return Folder(tmp_path, server.dsn(str(name), OWNER), capsys)


@pytest.fixture(scope="session")
def bare_template(server: Server) -> str:
    """The name of a database with bootstrap, and nothing else."""
    name = "bare_template"
    server.create(name)
    give_to_owner(server, name)
    apply(server.dsn(name), (GENERATED / "bootstrap.sql").read_text(encoding="utf-8"))
    return name


def give_to_owner(server: Server, name: str) -> None:
    """Make the flagship's owner the owner of a database; roles are the server's, whoever needs this one first."""
    order = sql.SQL("alter database {} owner to {}").format(sql.Identifier(name), sql.Identifier(OWNER))
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [OWNER]).fetchone():
            connection.execute(sql.SQL("create role {} login").format(sql.Identifier(OWNER)))
        connection.execute(order)


@contextmanager
def copied(server: Server, template: str) -> Iterator[str]:
    name = f"flagship_{next(NUMBERS)}"
    server.create(name, template=template)
    give_to_owner(server, name)
    yield server.dsn(name, OWNER)
    server.drop(name)


@pytest.fixture
def flagship(server: Server, flagship_template: str) -> Iterator[str]:
    """The connection string, as its owner, of a fresh database of the flagship, dropped afterwards."""
    with copied(server, flagship_template) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def shared_flagship(server: Server, flagship_template: str) -> Iterator[str]:
    """The same, one for all tests of a module: what they write, they roll back."""
    with copied(server, flagship_template) as conninfo:
        yield conninfo


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
