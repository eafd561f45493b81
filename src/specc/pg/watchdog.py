"""Runs one PostgreSQL server for a parent process and removes every trace of it when that parent is gone.

A script of its own (standard library only): the order comes as one line of JSON on standard input, which
the parent then holds open; the answer goes out as one line of JSON. The end of standard input, by `close` or
by the parent's death, is the sign to stop. It owns the server's folders and touches nothing outside them.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

PATIENCE = 120.0  # seconds that initdb and the start may take, each
GRACE = 10.0  # seconds for a stop; the postmaster itself kills stubborn backends after five
TAIL = 30  # lines of the log that an error shows
UNUSED = ("pgxs", "pkgconfig", "doc")  # folders of a build that only compiling against it needs
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PARENT = os.getppid()
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Order:
    """What the parent asks for: where, which programs, as whom, and the text of the settings.

    `copied` are the parts of `root` that are brought to the folder `home` because `user` cannot read them.
    """

    directory: str
    home: str
    bin: str
    root: str
    copied: list[str]
    user: list[int] | None
    initdb: list[str]
    password: str
    settings: str


class StartError(Exception):
    """A program ended where it should have worked, or did not get ready in time."""


def main() -> int:
    """Serve until told to stop; returns 1 when the server did not start, and else ends by `SystemExit`."""
    os.umask(0o022)
    order = Order(**json.loads(sys.stdin.buffer.readline()))
    for number in SIGNALS:
        signal.signal(number, _stop)
    try:
        with _private(order.directory, order.user), _programs(order) as programs:
            _serve(order, programs)
    except (StartError, OSError, subprocess.SubprocessError) as error:
        _answer({"error": str(error)})
        return 1


def _stop(_number: int = 0, _frame: FrameType | None = None) -> NoReturn:
    # A second signal must not break off the cleaning up that the first one began.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def _answer(message: dict[str, object]) -> None:
    # A parent that died meanwhile cannot read; that is no reason to leave its folders behind.
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


@contextmanager
def _private(folder: str, user: list[int] | None) -> Iterator[Path]:
    """Make a folder that only `user` may enter, and remove it at the end."""
    path = Path(folder)
    path.mkdir(mode=0o700)
    try:
        if user is not None:
            os.chown(path, *user)
        yield path
    finally:
        remove(path)


def remove(folder: Path) -> None:
    """Remove a folder, again while backends that outlive a killed postmaster still write to it."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


@contextmanager
def _programs(order: Order) -> Iterator[Path]:
    """Give the folder of the programs: the installed one, or that of a private copy that is removed again."""
    if not order.copied:
        yield Path(order.bin)
        return
    with _private(order.home, order.user) as home:
        for part in order.copied:
            _take(Path(order.root) / part, home / part)
        yield home / Path(order.bin).relative_to(order.root)


def _take(source: Path, target: Path) -> None:
    """Bring a file or a tree to `target`, readable by all; folders get their mode from the umask."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        _place(source, target)
        return
    target.mkdir()
    for child in source.iterdir():
        if child.name not in UNUSED and child.suffix != ".a":
            _take(child, target / child.name)


def _place(source: Path, target: Path) -> None:
    # A hard link costs a tenth of a copy. It shares owner and mode with the original, so it serves only where
    # everybody may read that; and it cannot cross file systems.
    source = source.resolve()
    mode = source.stat().st_mode
    if mode & stat.S_IROTH:
        with suppress(OSError):
            target.hardlink_to(source)
            return
    shutil.copyfile(source, target)
    target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _serve(order: Order, programs: Path) -> NoReturn:
    directory = Path(order.directory)
    data, log, secret = directory / "data", directory / "log", directory / "password"
    secret.touch(mode=0o600)
    secret.write_text(order.password, encoding="utf-8")
    if order.user is not None:
        os.chown(secret, *order.user)
    initdb = [str(programs / "initdb"), f"--pgdata={data}", f"--pwfile={secret}", *order.initdb]
    with _running(initdb, order, log) as child:
        _wait("initdb", child, PATIENCE, lambda: False)
        if child.returncode != 0:
            raise StartError(f"initdb failed with status {child.returncode}{_tail(log)}")
    with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write(order.settings)
    with _running([str(programs / "postgres"), "-D", str(data)], order, log) as child:
        _wait("postgres", child, PATIENCE, lambda: _ready(data))
        if child.returncode is None:
            _answer({"pid": child.pid})
            _wait("postgres", child, None, lambda: False)
        raise StartError(f"postgres ended by itself with status {child.returncode}{_tail(log)}")


@contextmanager
def _running(command: list[str], order: Order, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    identity: dict[str, Any] = {}
    if order.user is not None:
        identity = {"user": order.user[0], "group": order.user[1], "extra_groups": []}
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=order.directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_together,  # noqa: PLW1509 (this process has one thread)
            **identity,
        )
    try:
        yield child
    finally:
        _end(child)


def _die_together() -> None:
    """Ask Linux to stop this process when the watchdog is killed: prctl(2)."""
    if PRCTL is not None:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGQUIT)


def _environment() -> dict[str, str]:
    """Our environment without what would change the server's locale, time zone or settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_", "LANG", "TZ"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _wait(
    name: str, child: subprocess.Popen[bytes], seconds: float | None, ready: Callable[[], bool]
) -> None:
    """Return when the child has ended or is ready; end this process when the parent let go."""
    deadline = None if seconds is None else time.monotonic() + seconds
    pause = 1.0 if seconds is None else 0.005
    while child.poll() is None and not ready():
        # A process that the parent forked may hold the pipe open after the parent's death: ask for both.
        if select.select([0], [], [], pause)[0] or os.getppid() != PARENT:
            _stop()
        if deadline is not None and time.monotonic() > deadline:
            raise StartError(f"{name} was not ready within {seconds:.0f} seconds")


def _ready(data: Path) -> bool:
    # The eighth line of postmaster.pid is the status that pg_ctl, too, waits for.
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop the child: for the postmaster this is the immediate mode, as its files are removed anyway."""
    for number in (signal.SIGQUIT, signal.SIGKILL):
        if child.poll() is not None:
            return
        os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "".join("\n" + line for line in lines[-TAIL:])


if __name__ == "__main__":
    sys.exit(main())
