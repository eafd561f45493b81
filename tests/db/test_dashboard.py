"""The dashboard over HTTP: what it shows and escapes, whom it refuses, and how it bears a database that is away."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import psycopg
import pytest
from databases import Database, copied, files_of, migrated
from psycopg.conninfo import make_conninfo

from projects import build_example
from specc.dashboard import Dashboard, is_loopback
from specc.ir import lock
from specc.pg.server import Server
from specc.status import Watched, watched

pytestmark = pytest.mark.pg

EVIL = "</td><script>alert(1)</script><img src=x onerror=alert(2)>'\"&"
SPECS = f"""\
lifecycle: job
states:
  new: {{is: initial}}
  ready: {{}}
  working: {{substates: [slow]}}
  failed: {{}}
  done: {{is: settled}}
transitions: {{new: [ready], ready: [working], working: [done, failed]}}
recovery: {{failed: ready}}
---
table: batch
about: Jobs that belong together.
shared: true
columns: {{name: text}}
---
table: job
about: Work.
shared: true
columns: {{name: text, batch_id: uuid null references batch}}
---
machine: job
follows: job
attempts: 1
stuck_after: 1 hour
undriven: {{new: {json.dumps(EVIL)}, ready: A worker., working: A worker.}}
---
machine: batch
follows: job
attempts: 1
undriven: {{new: Somebody., ready: A worker., working: A worker.}}
---
alert: stuck_jobs
severity: critical
when: {{of: job, stuck: {{}}}}
message: {json.dumps(EVIL)}
---
access: all
tables: [job, batch]
allow: {{}}
"""
NOW = "2030-01-02 12:00:00Z"
BATCH, STUCK, FRESH, DONE = (UUID(int=number) for number in (2, 11, 12, 13))
JOBS = ((STUCK, "working", "slow", 4_000), (FRESH, "ready", None, 100), (DONE, "done", None, 9_000))
MOVES = (
    # to, seconds ago
    ("ready", 30), ("working", 59), ("done", 61), ("failed", 3_599), ("ready", 3_601), ("done", -1),
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("shown")
    build_example(SPECS, root)
    return root


@pytest.fixture(scope="module")
def ours(built: Path) -> Watched:
    return watched(lock.load((built / "generated" / "specc.lock").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def template(server: Server, built: Path) -> Iterator[Database]:
    """A database of the project with a batch and three jobs, to be copied."""
    with migrated(server, files_of(built / "generated")) as database:
        fill(database)
        yield database


@pytest.fixture
def copy(template: Database) -> Iterator[Database]:
    with copied(template) as database:
        yield database


def fill(database: Database) -> None:
    with psycopg.connect(frozen(database.admin)) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into public.batch (id, name, state_since) values (%s, %s, %s)", [BATCH, EVIL, NOW]
        )
        for row, state, substate, seconds in JOBS:
            connection.execute(
                "insert into public.job (id, name, batch_id, state, state_substate, state_since)"
                " values (%s, %s, %s, %s, %s, %s::timestamptz - make_interval(secs => %s))",
                [row, EVIL, BATCH, state, substate, NOW, seconds],
            )
        for state, ago in MOVES:
            connection.execute(
                "insert into public.job_state_history (row_id, to_state, at, actor, reason)"
                " values (%s, %s, %s::timestamptz - make_interval(secs => %s), %s, %s)",
                [STUCK, state, NOW, ago, EVIL, EVIL],
            )
        connection.execute("select private.watch_alerts()")


def frozen(dsn: str) -> str:
    return make_conninfo(dsn, options=f"-c specc.now={NOW.replace(' ', chr(92) + ' ')}")


@contextmanager
def served(dsn: str, ours: Watched, *names: str) -> Iterator[Dashboard]:
    dashboard = Dashboard("127.0.0.1", 0, dsn, ours, names=names)
    thread = Thread(target=dashboard.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield dashboard
    dashboard.shutdown()
    thread.join()
    dashboard.server_close()


@pytest.fixture(scope="module")
def dashboard(template: Database, ours: Watched) -> Iterator[Dashboard]:
    with copied(template) as database, served(frozen(database.admin), ours, "ops.example") as found:
        yield found


def ask(
    dashboard: Dashboard, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], str]:
    connection = HTTPConnection("127.0.0.1", dashboard.server_port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


class Read(HTMLParser):
    """What a browser would make of a page: its tags, its attributes and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.pieces: list[str] = []
        self.feed(page)
        self.text = "".join(self.pieces)
        self.words = " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def story_of(row: object, machine: str = "job", end: str = "") -> str:
    return f"/row{end}?{urlencode({'machine': machine, 'id': row})}"


# What it shows


def test_machines_are_shown_with_their_numbers(dashboard: Dashboard) -> None:
    status, _, page = ask(dashboard, "/")
    read = Read(page)
    assert status == 200
    assert "job open 2 stuck 1 oldest 1 h 6 min moves in an hour 5" in read.words
    assert "batch open 1 stuck 0" in read.words
    assert "critical stuck_jobs" in read.words
    assert f"{STUCK} working/slow 1 h 6 min 0" in read.words
    assert story_of(STUCK) in read.links
    assert str(FRESH) not in page


def test_the_same_is_there_as_json(dashboard: Dashboard) -> None:
    status, headers, text = ask(dashboard, "/status.json")
    found = json.loads(text)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    machines = {one["machine"]: one for one in found["machines"]}
    assert {name: (one["open"], one["stuck"]) for name, one in machines.items()} == {
        "batch": (1, 0),
        "job": (2, 1),
    }
    assert [one["alert"] for one in found["alerts"]] == ["stuck_jobs"]


def test_moves_are_counted_by_minute(dashboard: Dashboard) -> None:
    """The future counts for this minute: a move may be younger than the transaction that looks."""
    found = json.loads(ask(dashboard, "/status.json")[2])["machines"]
    minutes = next(one["minutes"] for one in found if one["machine"] == "job")
    assert [one["minutes_ago"] for one in minutes] == list(range(59, -1, -1))
    some = {
        one["minutes_ago"]: (one["moves"], one["ended"], one["failed"]) for one in minutes if one["moves"]
    }
    assert some == {0: (3, 1, 0), 1: (1, 1, 0), 59: (1, 1, 1)}


def test_there_is_a_bar_for_each_minute_with_moves(dashboard: Dashboard) -> None:
    paths = re.findall(r'<path class="(\w+)" d="([^"]*)"', ask(dashboard, "/")[2])
    bars = [(name, path.count("M")) for name, path in paths]
    assert bars == [("moves", 0), ("failures", 0), ("moves", 3), ("failures", 1)]


def test_a_row_tells_its_story(dashboard: Dashboard) -> None:
    status, _, page = ask(dashboard, story_of(STUCK))
    read = Read(page)
    assert status == 200
    assert "It has been in its state for too long." in read.words
    assert "2030-01-02 11:59:30" in read.words
    assert "state working/slow for 1 h 6 min since, UTC 2030-01-02 10:53:20" in read.words
    assert story_of(BATCH, "batch") in read.links
    told = json.loads(ask(dashboard, story_of(STUCK, end=".json"))[2])
    assert (told["state"], told["stuck"], len(told["history"])) == ("working", True, len(MOVES))


def test_children_of_a_row_lead_on(dashboard: Dashboard) -> None:
    links = Read(ask(dashboard, story_of(BATCH, "batch"))[2]).links
    assert {story_of(row) for row, *_ in JOBS} <= set(links)


def test_it_looks_again_unless_it_is_held_still(dashboard: Dashboard) -> None:
    assert '<meta http-equiv="refresh" content="10">' in ask(dashboard, "/")[2]
    assert 'http-equiv="refresh"' not in ask(dashboard, "/?still=1")[2]


def test_nobody_has_to_see_alerts(copy: Database, ours: Watched) -> None:
    with psycopg.connect(copy.admin) as connection:
        connection.execute("create role watcher login in role service_role")
        connection.execute("grant select on public.job, public.batch to service_role")
        connection.execute("grant select on all tables in schema monitor to service_role")
        connection.execute(
            "grant select on public.job_state_history, public.batch_state_history to service_role"
        )
        connection.execute("revoke select on monitor.alert from service_role")
    with served(make_conninfo(copy.admin, user="watcher"), ours) as dashboard:
        status, _, page = ask(dashboard, "/")
    assert (status, "Alerts are for the owner of the database only." in page) == (200, True)
    with psycopg.connect(copy.admin) as connection:
        connection.execute("drop role watcher")


# What it escapes and sends along


PAGES = ("/", story_of(STUCK), story_of(BATCH, "batch"), story_of(EVIL), story_of(STUCK, EVIL), "/costs",
         f"/?{urlencode({EVIL: EVIL})}", f"/{EVIL.replace(' ', '%20')}")  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_no_text_becomes_markup(dashboard: Dashboard, path: str) -> None:
    read = Read(ask(dashboard, path)[2])
    assert "header" in read.tags
    assert not read.tags & {"script", "img", "iframe", "object", "style", "base"}
    assert not {name for name in read.attributes if name.startswith("on") or name == "style"}
    assert all(link.startswith(("/", "?")) for link in read.links)


def test_hostile_texts_are_shown_as_they_are(dashboard: Dashboard) -> None:
    assert EVIL in Read(ask(dashboard, "/")[2]).text
    told = Read(ask(dashboard, story_of(STUCK))[2]).text
    assert told.count(EVIL) == 2 * len(MOVES)
    assert EVIL in Read(ask(dashboard, story_of(EVIL))[2]).text


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/", "localhost", 200), ("GET", "/style.css", "localhost", 200),
        ("GET", "/icon.svg", "localhost", 200), ("GET", "/status.json", "localhost", 200),
        ("GET", "/nothing", "localhost", 404), ("GET", "/nothing.json", "localhost", 404),
        ("POST", "/", "localhost", 405), ("BREW", "/", "localhost", 501), ("GET", "/", "evil.example", 421),
    ],
)  # fmt: skip
def test_every_answer_forbids_scripts_and_frames(
    dashboard: Dashboard, method: str, path: str, host: str, status: int
) -> None:
    found, headers, _ = ask(dashboard, path, method, Host=host)
    assert found == status
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';") and "frame-ancestors 'none'" in policy
    assert "script-src" not in policy and "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "specc"
    assert "Access-Control-Allow-Origin" not in headers


# Whom it refuses


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_takes_nothing(dashboard: Dashboard, method: str) -> None:
    status, headers, page = ask(dashboard, "/", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert "it takes nothing" in page


def test_head_is_an_answer_without_its_text(dashboard: Dashboard) -> None:
    status, headers, page = ask(dashboard, "/", "HEAD")
    assert (status, page) == (200, "")
    assert int(headers["Content-Length"]) > 1000


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8417", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example",
     "", "[", "evil.example:99999", "0x7f.1.evil"],
)  # fmt: skip
def test_a_foreign_name_is_refused(dashboard: Dashboard, host: str) -> None:
    """A page of evil.example whose name suddenly leads to 127.0.0.1 sends its own name."""
    status, _, page = ask(dashboard, "/", Host=host)
    assert status == 421
    assert str(STUCK) not in page


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "localhost.", "127.0.0.1:8417", "[::1]:9", "10.0.0.7", "ops.example", "Ops.Example:80"]
)  # fmt: skip
def test_its_own_names_and_addresses_are_answered(dashboard: Dashboard, host: str) -> None:
    assert ask(dashboard, "/", Host=host)[0] == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (story_of(UUID(int=99)), f"job has no row {UUID(int=99)}"),
        (story_of("five"), "`five` is no id; an id is a uuid"),
        (story_of(""), "`` is no id; an id is a uuid"),
        (story_of("\0"), "is no id; an id is a uuid"),
        (story_of(STUCK, "elephant"), "there is no machine `elephant`; there is batch, job"),
        ("/row", "there is no machine ``; there is batch, job"),
        ("/etc/passwd", "There is no such page."),
        ("/../style.css", "There is no such page."),
        ("/layout.html", "There is no such page."),
        ("/.json", "There is no such page."),
    ],
)
def test_what_is_not_there_is_said(dashboard: Dashboard, path: str, said: str) -> None:
    status, _, page = ask(dashboard, path)
    read = Read(page)
    assert (status, said in read.words) == (404, True)
    assert 'http-equiv="refresh"' not in page


def test_too_many_parameters_are_no_bug(dashboard: Dashboard) -> None:
    status, _, page = ask(dashboard, "/?" + "&".join(f"a{number}=1" for number in range(100)))
    assert status == 400
    assert "header" in Read(page).tags


# A database that is away, busy, or another one


def test_it_waits_for_a_database_that_is_away(server: Server, template: Database, ours: Watched) -> None:
    with served(server.dsn("comes_and_goes"), ours) as dashboard:
        status, _, page = ask(dashboard, "/")
        assert (status, 'http-equiv="refresh"' in page) == (503, True)
        assert "cannot connect" in page and "does not exist" in page
        assert json.loads(ask(dashboard, "/status.json")[2])["error"].startswith("cannot connect")
        assert ask(dashboard, "/style.css")[0] == 200
        server.create("comes_and_goes", template=template.name)
        assert ask(dashboard, "/")[0] == 200
        server.drop("comes_and_goes")
        assert ask(dashboard, "/")[0] == 503


def test_it_says_that_a_database_is_another(server: Server, ours: Watched) -> None:
    with served(server.dsn(), ours) as dashboard:
        status, _, page = ask(dashboard, "/")
    assert (status, "was not built from this lock" in page) == (503, True)


def test_it_waits_for_no_lock(copy: Database, ours: Watched) -> None:
    with psycopg.connect(copy.admin) as connection, served(copy.admin, ours) as dashboard:
        connection.execute("lock table public.batch in access exclusive mode")
        status, _, page = ask(dashboard, "/")
        connection.rollback()
    assert (status, "too busy to answer" in page) == (503, True)


def test_an_answer_of_an_unknown_form_is_a_bug_of_its_own_page(
    copy: Database, ours: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(copy.admin) as connection:
        connection.execute(
            "create or replace function monitor.job_story(p_id uuid) returns jsonb language sql return '{}'::jsonb"
        )
    with served(copy.admin, ours) as dashboard:
        status, headers, page = ask(dashboard, story_of(STUCK))
        assert ask(dashboard, "/")[0] == 200
    assert (status, "Traceback" in page, "header" in Read(page).tags) == (500, False, True)
    assert "Content-Security-Policy" in headers
    assert "Traceback" in capfd.readouterr().err


def test_what_was_asked_stays_in_the_form(dashboard: Dashboard) -> None:
    page = ask(dashboard, story_of("five"))[2]
    assert 'value="five"' in page and "<option selected>job</option>" in page


def test_a_count_that_takes_too_long_is_left_out(copy: Database, ours: Watched) -> None:
    with psycopg.connect(copy.admin) as connection:
        connection.execute(
            "create or replace view monitor.job_minutes with (security_invoker = true) as"
            " select 0 as minutes_ago, 0::bigint as moves, 0::bigint as ended, 0::bigint as failed from pg_sleep(60)"
        )
    with served(frozen(copy.admin), ours) as dashboard:
        status, _, page = ask(dashboard, "/")
    words = Read(page).words
    assert status == 200
    assert "moves in an hour ? So much moved in the last hour" in words
    assert f"{STUCK} working/slow" in words


def test_it_cannot_write(copy: Database, ours: Watched) -> None:
    with psycopg.connect(copy.admin, autocommit=True) as connection:
        connection.execute(
            "create or replace function monitor.job_story(p_id uuid) returns jsonb language plpgsql as"
            " $$ begin delete from public.job; return '{}'; end $$"
        )
        with served(copy.admin, ours) as dashboard:
            status, _, page = ask(dashboard, story_of(STUCK))
        assert connection.execute("select count(*) from public.job").fetchone() == (3,)
    assert (status, "read-only transaction" in page) == (503, True)


# The command


def command(built: Path, *arguments: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "specc", "dashboard", "--project", str(built), *arguments]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def shown(copy: Database) -> str:
    return frozen(copy.admin)


def test_the_command_serves_until_interrupted(built: Path, shown: str) -> None:
    running = command(built, "--dsn", shown, "--port", "0")
    assert running.stdout is not None
    url = running.stdout.readline().strip()
    port = int(url.rpartition(":")[2].strip("/"))
    assert url == f"http://127.0.0.1:{port}/"
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200
    running.send_signal(signal.SIGINT)
    said, error = running.communicate(timeout=30)
    assert (running.returncode, said) == (0, "")
    assert "Traceback" not in error and "warning" not in error


def test_the_command_warns_where_others_can_read(built: Path, shown: str) -> None:
    running = command(built, "--dsn", shown, "--port", "0", "--host", "0.0.0.0")
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=30)
    assert running.returncode == 0
    assert "specc: warning: whoever reaches 0.0.0.0 can read this page; it asks for no password\n" in error


def test_the_command_says_that_a_port_is_taken(built: Path, shown: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said, error = command(built, "--dsn", shown, "--port", str(port)).communicate(timeout=60)
    assert (said, error) == ("", f"specc: cannot listen at 127.0.0.1 port {port}: {os.strerror(98)}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--dsn", "host=/nowhere"), "specc: cannot connect: "),
        (("--dsn", "SHOWN", "--host", "no.such.invalid"), "specc: cannot listen at no.such.invalid"),
    ],
)
def test_the_command_says_what_is_wrong(
    built: Path, shown: str, arguments: tuple[str, ...], said: str
) -> None:
    running = command(built, *(shown if one == "SHOWN" else one for one in arguments))
    out, error = running.communicate(timeout=60)
    assert (running.returncode, out) == (2, "")
    assert error.startswith(said) and error.count("\n") == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("localhost.example", False)],
)  # fmt: skip
def test_only_loopback_needs_no_warning(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_costs_are_there_as_json(dashboard: Dashboard) -> None:
    found: dict[str, Any] = json.loads(ask(dashboard, "/costs.json")[2])
    assert "pg_stat_statements" in found["problem"]
    assert {one["table_name"] for one in found["tables"]} >= {
        "job",
        "batch",
        "alert",
        "job_state_history",
    }
