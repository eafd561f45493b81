"""A page of documentation as data: blocks that a renderer prints, with links between pages by their path."""

from __future__ import annotations

from specc.record import record


@record
class Text:
    """Plain text; a renderer escapes it."""

    text: str


@record
class Mono:
    """A name or a piece of SQL, set in the fixed font."""

    text: str


@record
class Link:
    """A link to a page (`page` relative to the docs' root) or, with `spec`, to a file of the project."""

    text: str
    page: str = ""
    spec: str = ""
    anchor: str = ""
    mono: bool = True


Inline = Text | Mono | Link
Line = tuple[Inline, ...]


@record
class Heading:
    """A heading of `level` 2 or deeper; the page's title is level 1."""

    text: str
    level: int = 2


@record
class Paragraph:
    """A paragraph."""

    line: Line


@record
class Bullets:
    """A list."""

    lines: tuple[Line, ...]


@record
class Grid:
    """A table with a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]


@record
class Code:
    """A block of code."""

    language: str
    text: str


@record
class StateDiagram:
    """States in their order, and the moves between them as (from, to)."""

    states: tuple[str, ...]
    initial: tuple[str, ...]
    terminal: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    recoveries: tuple[tuple[str, str], ...] = ()


@record
class Relation:
    """A reference: each row of `source` points by `column` at one row of `target`, or at most at one."""

    source: str
    target: str
    column: str
    optional: bool = False
    unique: bool = False


@record
class RelationDiagram:
    """Tables (names may have a schema), and the references between them."""

    tables: tuple[str, ...]
    relations: tuple[Relation, ...]


Block = Heading | Paragraph | Bullets | Grid | Code | StateDiagram | RelationDiagram


@record
class Page:
    """One page: `path` relative to the docs' root, `section` groups it in the index."""

    path: str
    title: str
    section: str
    about: str
    spec: str
    blocks: tuple[Block, ...]


def machine_path(name: str) -> str:
    """Return the path of a machine's page."""
    return f"machines/{name}.md"


def lifecycle_path(name: str) -> str:
    """Return the path of a lifecycle's page."""
    return f"lifecycles/{name}.md"


def alert_path(name: str) -> str:
    """Return the path of an alert's page."""
    return f"alerts/{name}.md"


def table_path(schema: str, name: str) -> str:
    """Return the path of a table's page."""
    return f"tables/{schema}.{name}.md"


def view_path(schema: str, name: str) -> str:
    """Return the path of a view's page."""
    return f"views/{schema}.{name}.md"


def watching_path(machine: str) -> str:
    """Return the path of the page about a machine's views in `monitor`."""
    return f"watching/{machine}.md"


def function_path(full_name: str) -> str:
    """Return the path of a function's page; `full_name` has its schema."""
    return f"functions/{full_name}.md"


ACCESS_PATH = "access.md"
"""The page about all roles and what they may do."""

OPERATING_PATH = "operating.md"
"""The page for whoever keeps a database running."""
