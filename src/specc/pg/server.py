"""Starts a private PostgreSQL server and takes it away again: no port, no process, no file stays behind.

In goes a build (`specc.pg.binaries`) and settings; out comes a `Server` that lives as long as the `with`
block, or as the process that entered it. The work is done by `watchdog.py` in a process of its own, which
cleans up even after a parent that was killed. It never uses an existing cluster.
"""

import json
import os
import pwd
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from specc.pg import watchdog
from specc.pg.binaries import Binaries, ServerError, embedded, reachable_by_all

__all__ = ["Server", "ServerError", "serve"]

# The address of a unix socket has 108 bytes on Linux and 104 on BSD and macOS, a closing zero included.
_SOCKET_PATH = 103

# UTF-8 with code point order and Unicode case mapping, the same on every machine and version.
_INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--auth-local=trust",
    "--no-instructions",
    "--no-sync",
)

# Linux keeps a file system in memory here; containers often make it too small for a cluster.
_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM = 1 << 30

_SETTINGS = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "max_connections": "50",
    # A migration is one transaction, and holds a lock on each object that it makes or drops.
    "max_locks_per_transaction": "1024",
    "shared_buffers": "32MB",
    "jit": "off",
}

# Faster by not surviving a crash, which a directory that is removed afterwards need not do; and shared memory
# goes into that directory, so that not even a killed server leaves any.
_VOLATILE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "128MB",
    "dynamic_shared_memory_type": "mmap",
}


@dataclass(frozen=True)
class Server:
    """A running server; the superuser is `postgres`, trusted over the unix socket in `directory`."""

    version: int
    directory: Path
    port: int
    pid: int
    password: str | None = field(default=None, repr=False)

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return the connection string (libpq keywords) over the unix socket."""
        return make_conninfo(host=str(self.directory), port=self.port, dbname=database, user=user)

    def url(self, database: str = "postgres") -> str:
        """Return the URL over TCP for the superuser; raises `ServerError` unless served with `tcp=True`."""
        if self.password is None:
            raise ServerError("this server does not listen on TCP")
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of `template` (which nobody may be connected to) or of template1."""
        # Copying files takes half the time of logging them, and on an idle template the same risks: none.
        strategy = sql.SQL("strategy file_copy" if self.version >= 15 else "")
        order = sql.SQL("create database {} template {} {}")
        self._order(order.format(sql.Identifier(name), sql.Identifier(template or "template1"), strategy))

    def drop(self, name: str) -> None:
        """Drop a database if it is there, and the sessions in it."""
        self._order(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _order(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def serve(
    binaries: Binaries | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    durable: bool = False,
    tcp: bool = False,
) -> Iterator[Server]:
    """Run a new server for the length of the block, from the embedded build by default.

    `settings` are lines of postgresql.conf and win over ours; `durable` keeps fsync and autovacuum on; `tcp`
    listens on a free port of 127.0.0.1, too, and asks for a password there. Run as root, the server runs as
    `nobody`. Raises `ServerError` with the tail of the log when initdb or the start fails.
    """
    binaries = binaries or embedded()
    user = _unprivileged() if os.geteuid() == 0 else None
    with _port(tcp) as port:
        order = watchdog.Order(
            directory=str(_folder(user is not None, fast=not durable)),
            home=str(_folder(user is not None, fast=False)),
            bin=str(binaries.bin),
            root=str(binaries.root),
            copied=list(binaries.parts) if user and not binaries.readable_by_all() else [],
            user=user,
            initdb=[*_INITDB, f"--auth-host={'scram-sha-256' if tcp else 'reject'}"],
            password=secrets.token_hex(16),
            settings="",
        )
        values = _SETTINGS | ({} if durable else _VOLATILE) | dict(settings or {})
        values |= {
            "unix_socket_directories": order.directory,
            "port": str(port),
            "listen_addresses": "127.0.0.1" if tcp else "",
        }
        lines = "".join(f"{name} = {_quoted(value)}\n" for name, value in values.items())
        with _watched(replace(order, settings=lines)) as pid:
            password = order.password if tcp else None
            yield Server(binaries.version, Path(order.directory), port, pid, password)


@contextmanager
def _watched(order: watchdog.Order) -> Iterator[int]:
    """Start the watchdog and give the postmaster's process id; at the end, see that nothing is left."""
    owner = os.getpid()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", watchdog.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield _pid(process, json.dumps(asdict(order)))
    finally:
        # A fork that leaves the block is not the one to take the server away.
        if os.getpid() == owner:
            rest, _ = process.communicate()
            # Only a watchdog that was killed leaves anything; the server stops itself then.
            watchdog.remove(Path(order.directory))
            watchdog.remove(Path(order.home))
            if rest:
                raise ServerError(_complaint(rest))


def _pid(process: subprocess.Popen[bytes], order: str) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    # A watchdog that could not even start has said why.
    with suppress(BrokenPipeError):
        process.stdin.write(order.encode() + b"\n")
        process.stdin.flush()
    line = process.stdout.readline()
    try:
        return int(json.loads(line)["pid"])
    except (ValueError, KeyError):
        raise ServerError(_complaint(line + process.stdout.read())) from None


def _complaint(said: bytes) -> str:
    """Return what the watchdog reported, or whatever else came out of it."""
    try:
        return str(json.loads(said)["error"])
    except (ValueError, KeyError):
        return f"the watchdog of the server failed:\n{said.decode(errors='replace')}"


def _quoted(value: str) -> str:
    """Quote a value for postgresql.conf, where backslashes escape (PostgreSQL manual, Setting Parameters)."""
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"


@contextmanager
def _port(tcp: bool) -> Iterator[int]:
    """Give the port number: without TCP it is only a part of the socket's name."""
    if not tcp:
        yield 5432
        return
    with socket.socket() as held:
        # Bound but never listening, so that Linux gives the number to nobody else, and PostgreSQL, which sets
        # the same option, may still listen there.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
        if sys.platform != "linux":
            held.close()
        yield port


def _unprivileged() -> list[int]:
    """Return the user and group that a server of root runs as: PostgreSQL refuses to run as root."""
    for name in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return [entry.pw_uid, entry.pw_gid]
    raise ServerError("PostgreSQL does not run as root, and this machine has no user `nobody` to run it as")


def _folder(for_another: bool, *, fast: bool) -> Path:
    """Choose the path of a new folder whose socket path is short enough and which its user can reach."""
    name = f"specc-{secrets.token_hex(6)}"
    for place in _places(fast):
        folder = place.resolve() / name
        short = len(os.fsencode(folder / ".s.PGSQL.65535.lock")) <= _SOCKET_PATH
        if short and os.access(place, os.W_OK | os.X_OK) and (not for_another or reachable_by_all(folder)):
            return folder
    raise ServerError("no temporary directory with a path short enough for a unix socket")


def _places(fast: bool) -> Iterator[Path]:
    # A new database is some three hundred small files: in memory they take a tenth of the time and less.
    if fast and "TMPDIR" not in os.environ and _MEMORY.is_mount():
        room = os.statvfs(_MEMORY)
        if room.f_bavail * room.f_frsize >= _ROOM:
            yield _MEMORY
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")  # noqa: S108
    yield Path("/var/tmp")  # noqa: S108
