"""Servers for the tests that need one: a server per major version and worker, a fresh database per test."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count

import pytest

from specc.pg.binaries import Binaries, embedded, installed
from specc.pg.server import Server, serve

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
