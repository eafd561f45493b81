"""Work done in a second process while this one goes on: a large project's tests are made beside everything else."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TypeVar

T = TypeVar("T")


def beside(work: Callable[[], T]) -> Callable[[], T]:
    """Begin work in a process forked from this one and return what waits for its result, which has to be picklable.

    Where a process cannot be forked safely, or the work fails there, it is done by who waits: so an exception is
    raised where it belongs.
    """
    if sys.platform != "linux" or threading.active_count() > 1 or (os.cpu_count() or 1) < 2:
        return work
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(work, theirs), daemon=True)
    process.start()
    theirs.close()

    def wait() -> T:
        try:
            result: T = ours.recv()
        except EOFError:
            return work()
        finally:
            ours.close()
            process.join()
        return result

    return wait


def _send(work: Callable[[], T], end: Connection) -> None:
    code = 1
    try:
        end.send(work())
        code = 0
    finally:
        os._exit(code)  # silently: who waits tries again, and tells
