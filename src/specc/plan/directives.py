"""What the head of a migration file tells the runner beside its SQL, as comments that every other tool passes over.

The head is the comments and empty lines before the first statement. Texts come in and go out; nothing is run here.

    -- specc:preflight No rule covers these words of ticket.status
    --   select count(*) from public.ticket where status not in ('open', 'closed')
    -- specc:locks public.ticket access exclusive, rewrite: number changes its type
    -- specc:lossy the words that were in ticket.status

A preflight is a query for a number that has to be 0 before anything of the file is done. A batch is a statement that is
repeated, each time in a transaction of its own, until it is done with 0 rows; the file's own statements come after it
and do whatever is left, so that a tool that knows no batches gets there by them alone. Locks are those that let nobody else
write, and what is done under them (`specc.ir.step.Hazard`). A way back says whether it is
`lossless`, `lossy` (what is lost) or `irreversible` (why).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from specc.ir.step import EFFECTS, LOCKS, Hazard
from specc.pg.names import qualified
from specc.record import record

_MARK = "-- specc:"
_BODY = "--   "
_EMPTY = "--"
_WITH_BODY = ("preflight", "batch")
_WITH_TEXT = (*_WITH_BODY, "locks", "lossy", "irreversible")
_WORDS = (*_WITH_TEXT, "lossless")


_NAME = r'(?P<{}>"(?:[^"]|"")+"|[^\s".]+)'
_LOCKED = re.compile(
    rf"{_NAME.format('schema')}\.{_NAME.format('name')} (?P<lock>{'|'.join(LOCKS)})"
    rf"(?:, (?P<effect>{'|'.join(filter(None, EFFECTS))}))?(?:: (?P<why>.+))?"
)


class DirectiveError(ValueError):
    """A line of a head that the runner does not understand; `line` is counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@record
class Titled:
    """A preflight or a batch: what it is about, in one line, and its SQL without a semicolon at the end."""

    title: str
    sql: str


@record
class Directives:
    """What a head says. `losses` and `obstacles` are the texts of `lossy` and `irreversible`, of ways back."""

    preflights: tuple[Titled, ...] = ()
    batches: tuple[Titled, ...] = ()
    losses: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    is_lossless: bool = False
    hazards: tuple[Hazard, ...] = ()
    """What `locks` say."""


def preflight_block(title: str, query: str) -> str:
    """Return the lines of a preflight: `query` gives one number, which has to be 0 (how many rows would be in the way).

    It runs with `row_security = off` in a transaction that only reads. Raises `ValueError` for an empty title or query.
    """
    return _block("preflight", title, query)


def batch_block(title: str, statement: str) -> str:
    """Return the lines of a batch, a statement that is repeated until it is done with 0 rows.

    What counts is the first column of the row that it returns (a function or the INOUT arguments of a procedure), or
    else how many rows it wrote. `$1` is the second column of the row before, null at first: where the next batch
    begins. Raises `ValueError` for an empty title or statement.
    """
    return _block("batch", title, statement)


def locks_line(hazard: Hazard) -> str:
    """Return the line of a relation that is locked: how, what is done to it meanwhile, and why."""
    what = ", ".join(filter(None, (f"{qualified(*hazard.relation)} {hazard.lock}", hazard.effect)))
    return _line("locks", f"{what}: {hazard.why}" if hazard.why else what)


def lossy_line(what: str) -> str:
    """Return the line of a way back that loses data: what is lost, to be read after "this loses"."""
    return _line("lossy", what)


def irreversible_line(why: str) -> str:
    """Return the line of a way back that there is none: why."""
    return _line("irreversible", why)


def lossless_line() -> str:
    """Return the line of a way back that drops tables or columns and loses nothing all the same."""
    return f"{_MARK}lossless\n"


def _line(word: str, text: str) -> str:
    one_line = " ".join(text.split())
    if not one_line:
        raise ValueError(f"`{word}` says nothing")
    return f"{_MARK}{word} {one_line}\n"


def _block(word: str, title: str, sql: str) -> str:
    body = _lines(_trimmed(sql))
    if not any(body):
        raise ValueError(f"the {word} `{title}` has no SQL")
    return _line(word, title) + "".join(f"{_BODY}{line}\n" if line else f"{_EMPTY}\n" for line in body)


def _lines(text: str) -> list[str]:
    # A lone carriage return ends a comment of PostgreSQL, too; other separators that Python knows do not.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _trimmed(sql: str) -> str:
    return sql.strip().removesuffix(";").rstrip()


def read_directives(text: str) -> Directives:
    """Return what the head of a file says. Raises `DirectiveError`."""
    found: dict[str, list[Titled]] = {word: [] for word in _WORDS}
    hazards: list[Hazard] = []
    for word, title, body, number in _entries(text):
        if word not in found:
            raise DirectiveError(f"there is no `specc:{word}`, there is {', '.join(_WORDS)}", number)
        if word in _WITH_TEXT and not title:
            raise DirectiveError(f"`specc:{word}` says nothing", number)
        if word in _WITH_BODY and not body:
            raise DirectiveError(f"no SQL follows `specc:{word}`: lines that begin with `{_BODY}`", number)
        if body and word not in _WITH_BODY:
            raise DirectiveError(f"`specc:{word}` takes no SQL", number)
        if word == "locks":
            hazards.append(_hazard(title, number))
        found[word].append(Titled(title, body))
    return Directives(
        tuple(found["preflight"]),
        tuple(found["batch"]),
        tuple(one.title for one in found["lossy"]),
        tuple(one.title for one in found["irreversible"]),
        bool(found["lossless"]),
        tuple(hazards),
    )


def _hazard(title: str, number: int) -> Hazard:
    match = _LOCKED.fullmatch(title)
    if match is None:
        text = "`specc:locks` says `SCHEMA.RELATION LOCK`, and perhaps `, EFFECT` and `: WHY`"
        raise DirectiveError(text, number)
    schema, name = (_unquoted(match[one]) for one in ("schema", "name"))
    return Hazard((schema, name), match["lock"], match["effect"] or "", match["why"] or "")


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _entries(text: str) -> Iterator[tuple[str, str, str, int]]:
    """Yield word, text, SQL and line of each directive."""
    head = _head(text)
    at = 0
    while at < len(head):
        first, at = at, at + 1
        if not head[first].startswith(_MARK):
            continue
        while at < len(head) and (head[at] == _EMPTY or head[at].startswith(_BODY)):
            at += 1
        body = "\n".join(line.removeprefix(_EMPTY).removeprefix(" " * 3) for line in head[first + 1 : at])
        word, _, title = head[first].removeprefix(_MARK).partition(" ")
        yield word, title.strip(), _trimmed(body), first + 1


def _head(text: str) -> list[str]:
    found = []
    for line in _lines(text):
        if line.strip() and not line.startswith("--"):
            break
        found.append(line)
    return found
