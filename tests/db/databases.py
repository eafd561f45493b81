"""Databases for tests: the builds of PostgreSQL that are here, and databases that hold what a build made.

In goes a server and the files of a build; out comes a `Database` that is dropped after its block. Its owner is no
superuser, as in production: only `bootstrap.sql` is applied as one.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from projects import read_tree
from specc.migrate.files import is_concurrent
from specc.pg.apply import apply
from specc.pg.binaries import Binaries, embedded, installed
from specc.pg.server import Server

GENERATED = Path(__file__).parents[2] / "generated"
OWNER = "flagship_owner"
MAJORS = ("pg18", "pg15")
"""The versions that tests run on, each where it is installed."""

BUILDS = {f"pg{build.version}": build for build in (*installed(), embedded())}
NUMBERS = count()


def build_of(major: str) -> Binaries:
    """Return the build of a major version, such as `pg15`; without it the test is skipped."""
    if major not in BUILDS:
        pytest.skip(f"{major} is not installed here")
    return BUILDS[major]


@cache
def files_of(output: Path) -> Mapping[str, str]:
    """Return what a build has written: texts by path, as `driver.build` returns them."""
    return {path: content.decode() for path, content in read_tree(output).items()}


@dataclass(frozen=True)
class Database:
    """A database of `OWNER`, and how the superuser and he reach it."""

    server: Server
    name: str

    @property
    def admin(self) -> str:
        return self.server.dsn(self.name)

    @property
    def owner(self) -> str:
        return self.server.dsn(self.name, OWNER)

    def bootstrap(self, files: Mapping[str, str]) -> None:
        apply(self.admin, files["bootstrap.sql"])

    def migrate(self, files: Mapping[str, str]) -> None:
        for path in sorted(path for path in files if path.startswith("migrations/")):
            apply(self.owner, files[path], single_transaction=not is_concurrent(Path(path).stem))

    def roll_back(self, files: Mapping[str, str]) -> None:
        for path in sorted((path for path in files if path.startswith("rollback/")), reverse=True):
            apply(self.owner, files[path], single_transaction=not is_concurrent(Path(path).stem))


@contextmanager
def created(server: Server, template: Database | None = None) -> Iterator[Database]:
    """Create a database of the owner: an empty one, or a copy of another that nobody is connected to."""
    database = Database(server, f"test_{next(NUMBERS)}")
    server.create(database.name, template=template.name if template else None)
    try:
        _give_to_owner(database)
        yield database
    finally:
        server.drop(database.name)


@contextmanager
def migrated(server: Server, files: Mapping[str, str]) -> Iterator[Database]:
    """Create a database with the bootstrap and the migrations of a build."""
    with created(server) as database:
        database.bootstrap(files)
        database.migrate(files)
        yield database


@contextmanager
def copied(template: Database) -> Iterator[Database]:
    """Create a copy of a database that nobody is connected to."""
    with created(template.server, template) as database:
        yield database


def _give_to_owner(database: Database) -> None:
    """Roles are the server's: whoever needs this one first, makes it."""
    owner = sql.Identifier(OWNER)
    order = sql.SQL("alter database {} owner to {}").format(sql.Identifier(database.name), owner)
    with psycopg.connect(database.server.dsn(), autocommit=True) as connection:
        if not connection.execute("select 1 from pg_roles where rolname = %s", [OWNER]).fetchone():
            connection.execute(sql.SQL("create role {} login").format(owner))
        connection.execute(order)
