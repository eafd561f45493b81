import psycopg
import pytest

from specc.pg.server import Server

pytestmark = pytest.mark.pg


def test_a_server_runs_the_version_it_was_asked_for(server: Server, database: str) -> None:
    with psycopg.connect(database) as connection:
        assert connection.info.server_version // 10000 == server.version
