"""A page of documentation as data: blocks that a renderer prints, with links between pages by their path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text; a renderer escapes it."""

    text: str


@dataclass(frozen=True, slots=True)
class Mono:
    """A name or a piece of SQL, set in the fixed font."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a page (`page` relative to the docs' root) or, with `spec`, to a file of the project."""

    text: str
    page: str = ""
    spec: str = ""
    anchor: str = ""
    mono: bool = True


Inline = Text | Mono | Link
Line = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of `level` 2 or deeper; the page's title is level 1."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    line: Line


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table with a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A block of code or, with language `mermaid`, a diagram."""

    language: str
    text: str


Block = Heading | Paragraph | Bullets | Grid | Code


@dataclass(frozen=True, slots=True)
class Page:
    """One page: `path` relative to the docs' root, `section` groups it in the index."""

    path: str
    title: str
    section: str
    about: str
    spec: str
    blocks: tuple[Block, ...]
