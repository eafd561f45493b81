"""Names in pieces of SQL, found by PostgreSQL's own scanner: which are there, and the text with others in their place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from specc.pg.names import ident
from specc.pg.parsing import REMEMBERED, tokens

_BEFORE_ALL = frozenset(("select", ".", ",", "distinct"))
"""What stands before a `*` that means all columns."""


def mentions(text: str, name: str) -> bool:
    """Whether a name stands in a text, whatever it means there, or all columns are read by `*`."""
    # A name is quoted where it has other letters than these, and then stands in the text as it is but for quotes.
    if name not in text.lower() and '"' not in text and "*" not in text:
        return False
    found, has_star = _scanned(text)
    return name in found or has_star


@lru_cache(maxsize=REMEMBERED)
def _scanned(text: str) -> tuple[frozenset[str], bool]:
    """Return the names and keywords in a text, and whether it reads all columns, in one go: views are long."""
    found, has_star, before = set(), False, ""
    for start, end, _ in tokens(text):
        word = text[start:end]
        if word == "*" and before in _BEFORE_ALL:
            has_star = True
        elif name := _name(word):
            found.add(name)
        before = word.lower()
    return frozenset(found), has_star


def words(text: str) -> list[str]:
    """Return the names and keywords in a text, as PostgreSQL reads them."""
    return [name for name, _, _ in _words(text)]


def renamed(text: str, columns: Mapping[str, str], types: Mapping[tuple[str, str], str]) -> str:
    """Return a text with other names for columns, and for types that stand there with their schema."""
    found: list[tuple[int, int, str]] = []
    schema = ""
    for name, start, end in _words(text):
        if (schema, name) in types and text[:start].rstrip().endswith("."):
            found.append((start, end, types[schema, name]))
        elif name in columns and _is_column(text[:start].rstrip(), text[end:].lstrip()):
            found.append((start, end, columns[name]))
        schema = name
    for start, end, name in reversed(found):
        text = f"{text[:start]}{ident(name)}{text[end:]}"
    return text


def _is_column(before: str, after: str) -> bool:
    """Whether a name between two texts may be a column's: it names no schema, function or type."""
    return not before.endswith((".", ":")) and not after.startswith(("(", "."))


@lru_cache(maxsize=REMEMBERED)
def _words(text: str) -> tuple[tuple[str, int, int], ...]:
    """Return names as PostgreSQL reads them, with their places; keywords that may be names among them."""
    read = ((_name(text[start:end]), start, end) for start, end, _ in tokens(text))
    return tuple(one for one in read if one[0])


def _name(word: str) -> str:
    """Return the name or keyword that a token is, as PostgreSQL reads it; "" for all else."""
    if word[0].isalpha() or word[0] == "_":
        return word.lower()
    return word[1:-1].replace('""', '"') if word[0] == '"' else ""
