"""A project as the stages after binding see it: settings, entries by kind and name, and lookups.

One place knows how a written name becomes a full one: `Project.find`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Protocol

from pydantic import Field

from specc.diagnostics import Span
from specc.lang.markers import Short, SpecModel
from specc.lang.shape import Names

Path = tuple[str | int, ...]


class Places(Protocol):
    """Where the parts of a document stand; the loader's documents are such."""

    @property
    def path(self) -> str:
        """The file's path."""

    def value(self, path: Path) -> Span:
        """Return the span of a value."""

    def key(self, path: Path) -> Span:
        """Return the span of a key."""

    def inside(self, path: Path, start: int, end: int) -> Span:
        """Return the span of characters `start` to `end` of the text at `path`."""


@dataclass(frozen=True, eq=False)
class Entry:
    """One document: its kind, its full name, and its model (None where the text was too broken to bind)."""

    kind: str
    name: str
    spec: Any
    places: Places

    @property
    def file(self) -> str:
        """The spec file, relative to the project."""
        return self.places.path

    def at(self, *path: str | int) -> Span:
        """Return the span of the value at a path of YAML keys and indexes."""
        return self.places.value(path)

    def key(self, *path: str | int) -> Span:
        """Return the span of the key at a path."""
        return self.places.key(path)

    @property
    def title(self) -> Span:
        """The span of the entry's name."""
        return self.places.value((self.kind,))


class SchemaSettings(SpecModel):
    """One schema of the database."""

    short = Short("about")
    about: str = Field("", description="What lives in it.")
    exposed: bool = Field(False, description="Whether the API serves it: its tables need access rules.")


class Settings(SpecModel):
    """specc.yaml: what holds for the whole project."""

    project: str = Field(description="The project's name, in titles.")
    about: str = Field("", description="One sentence for the docs' first page.")
    released: bool = Field(
        False,
        description="Unreleased: one initial migration, always rewritten. Released: what has been merged stays, "
        "each branch adds one migration.",
    )
    releases: list[str] = Field(
        default_factory=lambda: ["release/*", "releases/*", "v[0-9]*"],
        description="Patterns for branches and tags that are deployed besides the main branch: what migrations "
        "are in them stay.",
    )
    start: str = Field("20260101000000", description="Stamp (YYYYMMDDHHMMSS) of the initial migration.")
    specs: str = Field("specs", description="Folder of the specs.")
    output: str = Field("generated", description="Folder that `specc build` owns.")
    schemas: Annotated[dict[str, SchemaSettings], Names()] = Field(
        default_factory=lambda: {"public": SchemaSettings(about="The API's schema.", exposed=True)},
        description="The schemas; the first is the default. `private` is always there.",
    )


@dataclass(frozen=True, eq=False)
class Project:
    """All entries that bound, and the names of those that did not."""

    settings: Settings
    entries: Mapping[str, Mapping[str, Entry]]
    schema_kinds: frozenset[str] = field(default_factory=frozenset)
    declared: Mapping[tuple[str, str, str], Mapping[str, Span]] = field(default_factory=dict)
    """Names declared inside entries: (`state`, `lifecycle`, `standard`) → name → span."""
    unnamed: frozenset[str] = frozenset()
    """The kinds of documents whose name could not be read: any missing name of such a kind may be theirs."""

    @cached_property
    def default_schema(self) -> str:
        """The schema of names written without one."""
        return next(iter(self.settings.schemas), "public")

    def full_name(self, kind: str, written: str) -> str:
        """Return a name with its schema, for kinds whose entries live in schemas."""
        if kind in self.schema_kinds and "." not in written:
            return f"{self.default_schema}.{written}"
        return written

    def find(self, kind: str, written: str) -> Entry | None:
        """Return the entry that a written name means."""
        return self.entries.get(kind, {}).get(self.full_name(kind, written))

    def get(self, kind: str, written: str) -> Entry:
        """Return the entry that a checked reference means. Raises `KeyError` when it was not checked."""
        return self.entries[kind][self.full_name(kind, written)]

    def has_unread(self, kind: str) -> bool:
        """Whether a document of a kind did not bind: what seems to be missing may stand there."""
        entries = self.entries.get(kind, {}).values()
        return kind in self.unnamed or any(entry.spec is None for entry in entries)

    def all(self, kind: str) -> Iterator[Entry]:
        """Yield the entries of a kind that bound, by name."""
        for _, entry in sorted(self.entries.get(kind, {}).items()):
            if entry.spec is not None:
                yield entry

    def short_name(self, full: str) -> str:
        """Return a full name the way people write it: without the default schema."""
        return full.removeprefix(f"{self.default_schema}.")

    def names(self, kind: str, owner_kind: str, owner: str) -> Mapping[str, Span]:
        """Return the names of `kind` that an entry declares, in order."""
        return self.declared.get((kind, owner_kind, owner), {})
