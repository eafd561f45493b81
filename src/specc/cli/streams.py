"""Standard output and error: what findings and remarks are written to, whatever is at the other end."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

SILENT_SECONDS = 1.0
"""How long a command may work before it says that it does."""


class OutputError(click.ClickException):
    """Standard output takes no more: the disk it goes to is full, say."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - has the shape of click's
        """Say so, once."""
        silence()
        tell(f"specc: {self.message}")


def make_robust() -> None:
    """Let a stream print any text: what its encoding lacks is written as an escape; a closed one takes all."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the exit
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def out(text: str) -> None:
    """Write a text to standard output; a reader that has gone away ends the output, not the command."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
    except OSError as error:
        raise OutputError(f"cannot write the output: {error.strerror}") from None


def tell(line: str) -> None:
    """Write one line for the person at the terminal to standard error."""
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def silence() -> None:
    """Send the rest of standard output nowhere, or Python would complain once more at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show that work goes on, on a terminal and when it takes long."""
    if not sys.stderr.isatty():
        yield
        return
    shown: list[Any] = []

    def show() -> None:
        from rich.console import Console

        status = Console(stderr=True).status(text)
        status.start()
        shown.append(status)

    timer = threading.Timer(SILENT_SECONDS, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for status in shown:
            status.stop()
