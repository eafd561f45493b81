"""Runs the text of a SQL file on a database as `psql -1 -f` would, without psql's own commands.

In go a connection string and the text; an error comes out as `ApplyError` with its place in the text. It
never interprets the text: the server does, and pglast only finds where a failed statement begins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from select import select
from typing import Any

import pglast
import psycopg
from pglast.parser import ParseError
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

_COPY = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)
_SPACE = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*", re.DOTALL)


class ApplyError(Exception):
    """A statement failed; of a single transaction nothing remains.

    `line` is where the server saw the error, counted from 1, or else where the statement begins; None for an
    error of the commit, such as a deferred constraint. `statement_line` is where the statement begins, and
    `source` the text of `line`. The other fields are the server's, empty when it sent none (PostgreSQL
    manual, Error and Notice Message Fields). `is_lost` says that the connection broke: what became of the statement,
    a commit above all, is not known.
    """

    def __init__(self, failure: "_Failure", text: str, start: int) -> None:
        self.message = failure.message()
        self.sqlstate = failure.field(DiagnosticField.SQLSTATE)
        self.detail = failure.field(DiagnosticField.MESSAGE_DETAIL)
        self.hint = failure.field(DiagnosticField.MESSAGE_HINT)
        self.context = failure.field(DiagnosticField.CONTEXT)
        self.is_lost = failure.result.status not in _COPY and not self.sqlstate
        begin = failure.statement(text, start)
        place = failure.position(start)
        self.statement_line = _line(text, begin)
        self.line = _line(text, begin if place is None else place)
        self.source = "" if self.line is None else text.split("\n")[self.line - 1].rstrip("\r")
        super().__init__(self._report())

    def _report(self) -> str:
        place = "at commit" if self.line is None else f"line {self.line}"
        state = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else ""
        lines = [f"{place}: {self.message}{state}"]
        if self.line is not None:
            lines.append(f"  {self.line} | {self.source}")
        fields = (("DETAIL", self.detail), ("HINT", self.hint), ("CONTEXT", self.context))
        return "\n".join([*lines, *(f"{name}: {value}" for name, value in fields if value)])


def apply(conninfo: str, sql: str, *, single_transaction: bool = True) -> None:
    """Run all statements of `sql`, as one transaction or each in its own.

    One transaction takes one round trip for the whole text. Each in its own is for statements that refuse a
    transaction block, such as `create index concurrently`; those before a failed one stay done. Raises
    `ApplyError`, or `psycopg.OperationalError` when there is no connection.
    """
    parts = [(0, "begin"), (0, sql), (0, "commit")]
    if not single_transaction:
        # What cannot be split cannot be parsed: the server gets it whole, and says why.
        parts = [(start, sql[start:end]) for start, end in _statements(sql) or [(0, len(sql))]]
    with psycopg.connect(conninfo, autocommit=True, client_encoding="utf8") as connection:
        for start, part in parts:
            failure = _run(connection.pgconn, part)
            if failure is not None:
                connection.close()
                raise ApplyError(failure, "" if part in ("begin", "commit") else sql, start)


def execute(connection: psycopg.Connection[Any], sql: str) -> None:
    """Run all statements of `sql` on a connection, in its transaction if it is in one, in one round trip.

    Raises `ApplyError`, and `psycopg.OperationalError` when the connection breaks. Interrupted, it asks the server
    to give up, too.
    """
    try:
        failure = _run(connection.pgconn, sql)
    except KeyboardInterrupt:
        connection.cancel()
        raise
    if failure is not None:
        raise ApplyError(failure, sql, 0)


def commit(connection: psycopg.Connection[Any]) -> None:
    """End a transaction that was begun by a statement. Raises `ApplyError`, of a deferred constraint for example."""
    failure = _run(connection.pgconn, "commit")
    if failure is not None:
        raise ApplyError(failure, "", 0)


@dataclass(frozen=True)
class _Failure:
    """The result that ended a request, and how many statements of the request were done before."""

    result: PGresult
    done: int

    def message(self) -> str:
        if self.result.status in _COPY:
            return "COPY from or to the client: a text alone has no rows to send and no place to receive them"
        # A broken connection has no fields, only libpq's own message.
        return self.field(DiagnosticField.MESSAGE_PRIMARY) or self.result.error_message.decode().strip()

    def field(self, name: DiagnosticField) -> str:
        return (self.result.error_field(name) or b"").decode()

    def position(self, start: int) -> int | None:
        """Where in the text the server saw the error; `start` is where the request begins in the text."""
        position = self.field(DiagnosticField.STATEMENT_POSITION)
        return start + int(position) - 1 if position else None

    def statement(self, text: str, start: int) -> int | None:
        """Where the failed statement begins, None when the text cannot be told apart."""
        later = [begin for begin, _ in _statements(text) if begin >= start]
        return later[self.done] if self.done < len(later) else None


def _run(connection: PGconn, request: str) -> _Failure | None:
    """Run a request by the simple protocol, which takes many statements at once."""
    connection.send_query(request.encode())
    results = _results(connection)
    for done, result in enumerate(results):
        if result.status in _COPY:
            return _Failure(result, done)
        if result.status == ExecStatus.FATAL_ERROR:
            for _ in results:
                pass  # whoever goes on with the connection finds it ready for the next request
            return _Failure(result, done)
    return None


def _results(connection: PGconn) -> Iterator[PGresult]:
    # psycopg's cursors drop the results before an error, and their number tells which statement failed.
    while connection.flush():
        select([connection.socket], [connection.socket], [])
        connection.consume_input()
    while True:
        while connection.is_busy():
            select([connection.socket], [], [])
            connection.consume_input()
        result = connection.get_result()
        if result is None:
            return
        yield result


def _statements(text: str) -> list[tuple[int, int]]:
    """Return start and end of each statement, without comments before it; none when it does not parse."""
    try:
        slices = pglast.split(text, only_slices=True)
    except ParseError:
        return []
    return [(_begin(text, part.start), part.stop) for part in slices]


def _begin(text: str, start: int) -> int:
    space = _SPACE.match(text, start)
    return space.end() if space else start


def _line(text: str, offset: int | None) -> int | None:
    return None if offset is None else text.count("\n", 0, offset) + 1
