"""What the text of a migration is made of: its statements as texts, and what they would do. Runs nothing.

A text that pglast cannot read is one statement that does nothing known: the server, which may be newer, is the judge.
"""

from __future__ import annotations

from collections.abc import Iterator

from pglast import split
from pglast.parser import ParseError

from specc.pg.parsing import SqlError, parse, tokens, used
from specc.pg.tree import Fields, Node, named, texts
from specc.record import record

_COMMENTS = ("SQL_COMMENT", "C_COMMENT")
_SEMICOLON = "ASCII_59"


def pieces(text: str) -> tuple[str, ...]:
    """Return the statements of a text as Supabase's command line keeps them in its history (3.1.0).

    Each has the comments before it and no semicolon; what follows the last one is a piece, too, if only a comment.
    """
    try:
        stops = [one.stop for one in split(text, only_slices=True)]
        semicolons = [one.start for one in tokens(text) if one.name == _SEMICOLON]
    except (ParseError, SqlError):
        return tuple(filter(None, (text.strip(),)))
    found, start, at = [], 0, 0
    for stop in stops:
        while at < len(semicolons) and semicolons[at] < stop:
            at += 1
        end = semicolons[at] if at < len(semicolons) else len(text)
        found.append(text[start:end])
        start = end + 1
    found.append(text[start:])
    return tuple(piece for one in found if (piece := one.strip("; \t\r\n")))


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text without comments and semicolons: the same for texts that do the same."""
    try:
        return tuple(
            text[one.start : one.end]
            for one in tokens(text)
            if one.name not in _COMMENTS and one.name != _SEMICOLON
        )
    except SqlError:
        return tuple(text.split())


def transaction_lines(text: str) -> tuple[int, ...]:
    """Return the lines of BEGIN, COMMIT and the like."""
    return tuple(
        text.count("\n", 0, _place(text, one)) + 1
        for one in _statements(text)
        if named(one["stmt"])[0] == "TransactionStmt"
    )


def _place(text: str, statement: Fields) -> int:
    start: int = statement.get("stmt_location", 0)
    return start + next((one.start for one in tokens(text[start:]) if one.name not in _COMMENTS), 0)


def _statements(text: str) -> list[Fields]:
    try:
        return parse(text)
    except SqlError:
        return []


@record
class Concurrent:
    """A statement on an index that refuses a transaction: `verb` is create, drop or "" for any other.

    `schema` is "" where the search path finds the index, or the table that `schema` then is of.
    """

    verb: str
    schema: str = ""
    table: str = ""
    index: str = ""


def statement_count(text: str) -> int:
    """Return how many statements a text holds; 1 where it cannot be told."""
    try:
        return len(parse(text))
    except SqlError:
        return 1


def concurrent(text: str) -> Concurrent:
    """Return what the only statement of a text does to an index."""
    found = _statements(text)
    kind, fields = named(found[0]["stmt"]) if len(found) == 1 else ("", {})
    if kind == "IndexStmt":
        relation = fields["relation"]
        return Concurrent(
            "create", relation.get("schemaname", ""), relation["relname"], fields.get("idxname", "")
        )
    if kind == "DropStmt" and fields["removeType"] == "OBJECT_INDEX" and len(fields["objects"]) == 1:
        schema, name = _name(fields["objects"][0])
        return Concurrent("drop", schema, "", name)
    return Concurrent("")


def losses(text: str) -> tuple[str, ...]:
    """Return the tables, columns and schemas that a text drops or empties, in its order."""
    return tuple(one for statement in _statements(text) for one in _lost(*named(statement["stmt"])))


def _lost(kind: str, fields: Fields) -> Iterator[str]:
    if kind == "DropStmt" and fields["removeType"] == "OBJECT_TABLE":
        yield from (f"table {'.'.join(filter(None, _name(one)))}" for one in fields["objects"])
    if (
        kind == "DropStmt"
        and fields["removeType"] == "OBJECT_SCHEMA"
        and fields["behavior"] == "DROP_CASCADE"
    ):
        yield from (f"schema {one}" for one in texts(fields["objects"]))
    if kind == "TruncateStmt":
        yield from (f"rows of {_relation(named(one)[1])}" for one in fields["relations"])
    if kind == "AlterTableStmt" and fields["objtype"] == "OBJECT_TABLE":
        for one in fields["cmds"]:
            command = named(one)[1]
            if command["subtype"] == "AT_DropColumn":
                yield f"column {_relation(fields['relation'])}.{command['name']}"


def _relation(fields: Fields) -> str:
    return ".".join(filter(None, (fields.get("schemaname"), fields["relname"])))


def _name(node: Node) -> tuple[str, str]:
    path = texts(named(node)[1]["items"])
    return (path[-2] if len(path) > 1 else ""), path[-1]


def touches(query: str, text: str) -> bool:
    """Whether a text names a relation, function or type of ours that a query reads; True where that cannot be told."""
    try:
        read = used(parse(query))
        # What has no schema there is PostgreSQL's own: `count`, `text`.
        ours = (
            (schema, name) for schema, name, _ in (*read.functions, *read.types) if schema != "pg_catalog"
        )
        names = {name for _, name, _ in read.relations} | {name for schema, name in ours if schema}
        return not names.isdisjoint(_unquoted(text[one.start : one.end]) for one in tokens(text))
    except SqlError:
        return True


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()


def has_parameter(statement: str) -> bool:
    """Whether a statement has a `$1`."""
    try:
        return any(one.name == "PARAM" for one in tokens(statement))
    except SqlError:
        return False
