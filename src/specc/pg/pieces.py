"""The SQL inside function bodies, piece by piece: statements and expressions, each with its place in the body.

A routine comes in; pieces that parse as statements go out, and those that cannot be read with the reason. What
they say is not looked into. PostgreSQL's parser of PL/pgSQL tells lines only, so places are found in the text.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from specc.pg.parsing import SqlError, parse, tokens
from specc.pg.plpgsql import IsRow, tree
from specc.pg.routine import Routine
from specc.pg.tree import Fields
from specc.record import record

UNREADABLE = "its body cannot be read"
UNKNOWN_TYPES = "its body needs knowledge of a server's types"
DYNAMIC = "it runs SQL that is put together while it runs"
FIELD = "a trigger writes `new.{}`, whichever table it is on"
WHOLE_ROW = "a trigger puts another row in the place of `new`"

_SELECT = "select "
_PERFORM = "perform"
_OWN_CASE = '"__Case__Variable_'
_SAME_ROW = frozenset(["coalesce", "(", ",", ")", "new", "old", "null"])


@record
class Piece:
    """SQL of a body: `text` parses as statements, its character 0 stands at `start` of the body.

    Where places are not told apart (`is_exact` is False) all of it stands at `start`; in a text between quotes
    (`is_quoted`) each quote stands twice. `reason` says why a piece cannot be read. `target` is the variable
    that the one value of the query becomes, such as `new.state`.
    """

    text: str
    start: int
    is_exact: bool = True
    reason: str = ""
    target: str = ""
    is_quoted: bool = False

    def place(self, offset: int) -> int:
        """Return where in the body a character of the text stands."""
        if not self.is_exact:
            return self.start
        doubled = self.text.count("'", 0, offset) if self.is_quoted else 0
        return max(self.start + offset + doubled, 0)


def pieces(routine: Routine, is_row: IsRow, column: str) -> tuple[frozenset[str], tuple[Piece, ...]]:
    """Return the names of variables and the pieces of a routine's body; `column` is what triggers may set."""
    if routine.language == "sql":
        return frozenset(), (Piece(routine.body, 0),)
    try:
        function = tree(routine, is_row)
    except SqlError:
        return frozenset(), (Piece("", 0, reason=UNREADABLE),)
    if function is None:
        return frozenset(), (Piece("", 0, reason=UNKNOWN_TYPES),)
    reader = _Reader(routine.body, function.get("datums", []), column)
    found = [*reader.declarations(), *reader.statements(function.get("action", {}))]
    if routine.result is not None and routine.result.name == "trigger":
        found += reader.returns()
    return reader.variables(), tuple(found)


class _Reader:
    """Walks one body's tree and finds the places of its expressions in the text."""

    def __init__(self, body: str, datums: list[Any], column: str) -> None:
        self.body = body
        self.datums = datums
        self.column = column
        self.lines = [0, *(at + 1 for at, letter in enumerate(body) if letter == "\n")]
        self.placed: set[int] = set()

    def variables(self) -> frozenset[str]:
        named = (fields.get("refname", "") for one in self.datums for fields in one.values())
        return frozenset(name for name in named if name)

    def declarations(self) -> Iterator[Piece]:
        for one in self.datums:
            fields = one.get("PLpgSQL_var", {})
            for key in ("default_val", "cursor_explicit_expr"):
                if key in fields:
                    target = fields["refname"] if key == "default_val" else ""
                    yield from self._pieces(fields[key]["PLpgSQL_expr"], fields.get("lineno", 1), target)

    def statements(self, node: Any, line: int = 1) -> Iterator[Piece]:
        """Yield the pieces of a tree, those of a statement before those of the statements in it."""
        for name, fields in node.items():
            if not isinstance(fields, dict):
                continue
            here = fields.get("lineno", line)
            inside = [
                one
                for key, value in fields.items()
                if key not in ("target", "var")
                for one in (value if isinstance(value, list) else [value])
                if isinstance(one, dict)
            ]
            yield from self._own(name.removeprefix("PLpgSQL_stmt_"), fields, inside, here)
            for one in inside:
                if "PLpgSQL_expr" not in one:
                    yield from self.statements(one, here)

    def _own(self, name: str, fields: Fields, inside: list[Any], line: int) -> Iterator[Piece]:
        """Yield the pieces that stand in a statement itself."""
        expressions = [one["PLpgSQL_expr"] for one in inside if "PLpgSQL_expr" in one]
        if name == "assign":
            yield from self._assigned(fields, line)
            expressions = []
        elif name in ("dynexecute", "dynfors") or "dynquery" in fields:
            dynamic = fields.get("dynquery" if "dynquery" in fields else "query", {})["PLpgSQL_expr"]
            yield self._dynamic(dynamic["query"], line)
            expressions.remove(dynamic)
        for one in expressions:
            yield from self._pieces(one, line)
        for key in ("target", "var"):
            target = fields.get(key)
            for reason in self._replaced(target) if isinstance(target, dict) else ():
                yield Piece("", self._line(line), is_exact=False, reason=reason)

    def _pieces(self, expression: Fields, line: int, target: str = "") -> Iterator[Piece]:
        query = expression["query"]
        if query.startswith(_OWN_CASE):
            return
        before = _SELECT if expression.get("parseMode") else ""
        at = self._find(query, line)
        if at is not None:
            yield Piece(before + query, at - len(before), target=target)
        else:
            yield Piece(before + query, self._line(line), is_exact=False, target=target)

    def _assigned(self, fields: Fields, line: int) -> Iterator[Piece]:
        """Yield the value of an assignment, and what it does where the row of a trigger is its target."""
        query = fields["expr"]["PLpgSQL_expr"]["query"]
        at = self._find(query, line)
        equals = next(one.end for one in tokens(query) if one.name in ("COLON_EQUALS", "ASCII_61"))
        target = self._name(fields.get("varno", 0))
        text = _SELECT + query[equals:]
        if at is None:
            yield Piece(text, self._line(line), is_exact=False, target=target)
        else:
            yield Piece(text, at + equals - len(_SELECT), target=target)
        if target == "new":
            yield Piece("", self._line(line) if at is None else at, reason=WHOLE_ROW)

    def _dynamic(self, query: str, line: int) -> Piece:
        """Return the SQL that EXECUTE runs, if it is a constant."""
        at = self._find(query, line)
        start = self._line(line) if at is None else at
        text = _constant(query)
        if text is None:
            return Piece("", start, at is not None, DYNAMIC)
        quote = self.body.find("$", start + 1) + 1 - start if query.startswith("$") else 1
        is_quoted = query.startswith("'")
        written = text.replace("'", "''") if is_quoted else text
        is_exact = at is not None and self.body.startswith(written, start + quote)
        return Piece(text, start + quote if is_exact else start, is_exact, is_quoted=is_quoted)

    def returns(self) -> Iterator[Piece]:
        """Yield each RETURN of a trigger that returns another row than the one it was given."""
        found = [one for one in tokens(self.body) if not one.name.endswith("COMMENT")]
        words = [self.body[one.start : one.end].lower() for one in found]
        for at, word in enumerate(words):
            if word == "return" and found[at].name == "RETURN":
                stop = words.index(";", at) if ";" in words[at:] else len(words)
                if not _SAME_ROW.issuperset(words[at + 1 : stop]):
                    yield Piece("", found[at].start, reason=WHOLE_ROW)

    def _replaced(self, target: Fields) -> Iterator[str]:
        """Yield why a target of INTO and the like may be the state of a trigger's row."""
        if target.get("PLpgSQL_rec", {}).get("refname") == "new":
            yield WHOLE_ROW
        for one in target.get("PLpgSQL_row", {}).get("fields", ()):
            if self._name(one.get("varno", 0)) == f"new.{self.column}":
                yield FIELD.format(self.column)

    def _datum(self, number: int) -> Fields:
        found: Fields = self.datums[number] if number < len(self.datums) else {}
        return found

    def _name(self, number: int) -> str:
        """Return the name of a variable, or of a record's field."""
        datum = self._datum(number)
        field = datum.get("PLpgSQL_recfield")
        if field:
            return f"{self._name(field.get('recparentno', 0))}.{field['fieldname']}"
        return next((str(fields.get("refname", "")) for fields in datum.values()), "")

    def _line(self, line: int) -> int:
        """Return where the first word of a line stands."""
        start = self.lines[min(max(line, 1), len(self.lines)) - 1]
        text = self.body[start:].split("\n", 1)[0]
        return start + len(text) - len(text.lstrip())

    def _find(self, query: str, line: int) -> int | None:
        """Return where a query stands, at its line or later; None where the text does not say."""
        start = self.lines[min(max(line, 1), len(self.lines)) - 1]
        at = self.body.find(query)
        if at < start or self.body.find(query, at + 1) >= 0:
            at = self._search(query, start)
        if at >= 0:
            self.placed.add(at)
        return None if at < 0 else at

    def _search(self, query: str, start: int) -> int:
        """Return the next place of a query among tokens; INTO is blanked in it, and PERFORM is SELECT."""
        found = tokens(self.body)
        head = query.split(None, 1)[0] if query.strip() else query
        for one in found[bisect_left(found, start, key=lambda token: token.start) :]:
            at = one.start
            if self.body.startswith(_PERFORM, at) or self.body[at : one.end].lower() == _PERFORM:
                is_it = head == "SELECT" and self.body.startswith(query[len(head) :], one.end)
                at += len(_PERFORM) - len(head)
            else:
                is_it = self.body.startswith(head, at) and _is_blanked(query, self.body, at)
            if is_it and at not in self.placed:
                return at
        return -1


def _is_blanked(query: str, body: str, at: int) -> bool:
    """Whether a query is the body from a place on, but for spaces where the body has other letters."""
    stretch = body[at : at + len(query)]
    pairs = zip(query, stretch, strict=False)
    return len(stretch) == len(query) and all(mine in (theirs, " ") for mine, theirs in pairs)


def _constant(query: str) -> str | None:
    """Return the text that an expression is, or None."""
    try:
        value = parse(_SELECT + query)[0]["stmt"]["SelectStmt"]["targetList"][0]["ResTarget"]["val"]
    except (SqlError, KeyError, IndexError):
        return None
    text = value.get("A_Const", {}).get("sval", {}).get("sval")
    return None if text is None else str(text)
