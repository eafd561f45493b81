"""Work in a second process: its result comes back, what it raises is raised where it is waited for, nothing stays."""

from __future__ import annotations

import multiprocessing
import os
import sys

import pytest

from specc.beside import beside


@pytest.mark.skipif(sys.platform != "linux" or os.cpu_count() == 1, reason="nothing is forked here")
def test_the_work_is_done_elsewhere() -> None:
    wait = beside(os.getpid)
    assert wait() != os.getpid()
    assert multiprocessing.active_children() == []


def test_a_long_result_comes_back() -> None:
    assert beside(lambda: {"a": "ü" * 10_000_000})() == {"a": "ü" * 10_000_000}


def test_what_fails_there_is_raised_here() -> None:
    def work() -> str:
        raise LookupError("nothing there")

    wait = beside(work)
    with pytest.raises(LookupError, match="nothing there"):
        wait()


def test_a_process_that_dies_is_done_without() -> None:
    ours = os.getpid()

    def work() -> str:
        if os.getpid() != ours:
            os.kill(os.getpid(), 9)
        return "done"

    assert beside(work)() == "done"
