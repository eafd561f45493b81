"""Files that hold one SQL function: a YAML header between a line `/*` and a line `*/`, and the statement.

A file comes in; out goes the document that binding expects, with the header's keys, the function's name as
the SQL says it, and the SQL itself, each with its place in the file. The body is not looked into.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from specc.diagnostics import Code, Diagnostic, SourceFile, Span
from specc.load import yaml
from specc.load.document import Document, Node
from specc.load.positions import VERBATIM
from specc.pg.parsing import SqlError, check_spaces
from specc.pg.routine import read_routine
from specc.pg.statements import Statement, function_name, statements

KEY = "function"
_RIGHT = """\
# file: functions/public/double.sql
/*
about: Doubles a number.
*/
create function double(number integer) returns integer language sql immutable as $$ select 2 * number $$;
"""
NO_HEADER = Code(
    "S120",
    "no-function-header",
    "A function file begins with a comment that says in YAML what the function is for and who may call it. "
    "It opens with a line that holds `/*` alone.",
    wrong=_RIGHT.replace("/*\nabout: Doubles a number.\n*/\n", ""),
    right=_RIGHT,
)
OPEN_HEADER = Code(
    "S121",
    "unclosed-function-header",
    "The YAML header of a function file ends with a line that holds `*/` alone; the SQL begins after it.",
    wrong=_RIGHT.replace("number.\n*/", "number. */"),
    right=_RIGHT,
)
NOT_ONE = Code(
    "S122",
    "not-one-function",
    "A function file holds one CREATE FUNCTION or CREATE PROCEDURE and nothing else. Grants follow from "
    "`callable_by` and the comment from `about`; another function has a file of its own.",
    wrong=_RIGHT + "grant execute on function double(integer) to public;\n",
    right=_RIGHT,
)
BAD_STATEMENT = Code(
    "S123",
    "bad-function-sql",
    "PostgreSQL's parser does not take the statement, or it says something that a project does not carry: "
    "another language, a missing result, a planner's estimate.",
    wrong=_RIGHT.replace("returns integer ", ""),
    right=_RIGHT,
)
REPEATED = Code(
    "S124",
    "repeated-in-header",
    "The name and the arguments of a function stand in its SQL. Said again in the header, they could differ.",
    wrong=_RIGHT.replace("about:", "function: double\nabout:"),
    right=_RIGHT,
)
CODES = (NO_HEADER, OPEN_HEADER, NOT_ONE, BAD_STATEMENT, REPEATED)

_OPENING = re.compile(r"(?:[ \t]*(?:--[^\n]*)?\r?\n)*([ \t]*/\*[ \t]*\r?\n)")
_CLOSING = re.compile(r"^[ \t]*\*/[ \t]*\r?$", re.MULTILINE)
_VISIBLE = re.compile(r"[^\r\n]")
_CREATION = "CreateFunctionStmt"
_HELP = {
    "GrantStmt": "who may call it stands under `callable_by` in the header",
    "CommentStmt": "the comment is the header's `about`",
    _CREATION: "put it into a file of its own",
}


def read_function_file(source: SourceFile) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """Read a function file as one document, `broken` when its header or its statement is.

    A broken file still declares the function's name, from its SQL or, failing that, from its path.
    """
    reader = _Reader(source)
    document = reader.document()
    return (document,), tuple(reader.found)


@dataclass(slots=True)
class _Reader:
    source: SourceFile
    found: list[Diagnostic] = field(default_factory=list)

    def document(self) -> Document:
        header_start, header_end, sql_start = self._header()
        header = self._read_header(header_start, header_end) if header_end > header_start else None
        sql = self.source.text[sql_start:].rstrip()
        sql_start += len(sql) - len(sql.lstrip())
        sql = sql.lstrip()
        # In a comment that does not end, the SQL cannot be told from the header.
        is_open = any(one.code is OPEN_HEADER for one in self.found)
        is_sound = not is_open and self._check(sql, sql_start)
        name, name_node = self._name(sql, sql_start)
        root = header.root if header else Node(0, len(self.source.text), "-")
        children = dict(root.children) | {KEY: name_node}
        data = {KEY: name}
        if header is not None and is_sound and not header.broken:
            children["sql"] = Node(sql_start, sql_start + len(sql), VERBATIM)
            data |= header.data | data | {"sql": sql}
        is_broken = len(data) == 1
        return Document(self.source.path, data, Node(root.start, root.end, "-", -1, -1, children), is_broken)

    def _span(self, start: int, end: int) -> Span:
        return Span(self.source.path, start, max(start, min(end, len(self.source.text))))

    def _header(self) -> tuple[int, int, int]:
        """Return where the header's text starts and ends and where the SQL may start."""
        text = self.source.text
        opening = _OPENING.match(text)
        if opening is None:
            first = re.search(r"\S+", text)
            span = self._span(first.start(), first.end()) if first else self._span(0, 1)
            hint = "begin the file with a line `/*`, `about: …` and a line `*/`"
            what = "this file has no header" if first else "this file is empty"
            self.found.append(NO_HEADER.at(span, what, help=hint))
            return 0, 0, 0
        closing = _CLOSING.search(text, opening.end())
        if closing is None:
            start = opening.start(1)
            span = self._span(start + opening[1].index("/*"), start + opening[1].index("/*") + 2)
            hint = "put `*/` on a line of its own"
            self.found.append(OPEN_HEADER.at(span, "this header is not closed", help=hint))
            return 0, 0, start
        return opening.end(), closing.start(), closing.end()

    def _read_header(self, start: int, end: int) -> Document:
        """Read the header with everything around it blanked, so that its places are those in the file."""
        text = self.source.text
        blanked = _VISIBLE.sub(" ", text[:start]) + text[start:end] + _VISIBLE.sub(" ", text[end:])
        documents, found = yaml.read(SourceFile(self.source.path, blanked))
        self.found += found
        if not documents:
            return Document(self.source.path, {}, Node(start, start, "-"), broken=bool(found))
        for key in (KEY, "sql"):
            if key in documents[0].data:
                message = f"`{key}` does not belong into the header"
                hint = "name and arguments stand in the SQL alone"
                self.found.append(REPEATED.at(documents[0].key((key,)), message, help=hint))
        return documents[0]

    def _check(self, sql: str, shift: int) -> bool:
        """Report what is wrong with the SQL as a whole; return whether it is one sound function."""
        try:
            check_spaces(sql)
            found = statements(sql)
            if not any(one.kind == _CREATION for one in found):
                if any(one.code is NO_HEADER for one in self.found):
                    return False
                span = self._span(shift, shift + 1) if sql else self._span(shift - 1, shift)
                self.found.append(NOT_ONE.at(span, "this file creates no function"))
                return False
            self.found += self._superfluous(found, shift)
            if len(found) == 1:
                read_routine(sql)
        except SqlError as error:
            # A header whose first line is missing is no SQL.
            if not any(one.code is NO_HEADER for one in self.found):
                self.found.append(self._bad(error, sql, shift))
            return False
        return len(found) == 1

    def _superfluous(self, found: tuple[Statement, ...], shift: int) -> list[Diagnostic]:
        """Report every statement besides the first that makes a function."""
        first = next(one for one in found if one.kind == _CREATION)
        message = "this file creates one function and does nothing else"
        return [
            NOT_ONE.at(self._span(shift + one.start, shift + one.end), message, help=_HELP.get(one.kind, ""))
            for one in found
            if one is not first
        ]

    def _bad(self, error: SqlError, sql: str, shift: int) -> Diagnostic:
        word = re.compile(r"\w+|\S|").match(sql, error.offset)
        end = error.offset + max(1, len(word[0]) if word else 1)
        message = str(error).split("\n", 1)[0]
        near = "this is no SQL: " if message.startswith("it ") else ""
        return BAD_STATEMENT.at(self._span(shift + error.offset, shift + end), f"{near}{message}")

    def _name(self, sql: str, shift: int) -> tuple[str, Node]:
        """Return the function's name as far as it can be told, and its node."""
        found = function_name(sql)
        if found is not None:
            name, start, end = found
            return name, Node(shift + start, shift + end, VERBATIM)
        parts = self.source.path.removesuffix(".sql").split("/")
        start = min(shift, len(self.source.text))
        return ".".join(parts[-2:]), Node(start, min(start + 1, len(self.source.text)), VERBATIM)
