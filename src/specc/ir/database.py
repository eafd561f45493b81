"""Database facts: what PostgreSQL's catalogue will hold. Each is flat; a column is a fact of its own.

Text fields named `expression`, `query`, `using` and the like hold SQL as the author wrote it; `needs` holds
the identities hidden in such text, found with pglast when the fact was lowered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from specc.ir.fact import Fact, Identity
from specc.record import record


class Text(ABC):
    """A text that is made when it is asked for, by `str`; it equals that text."""

    @abstractmethod
    def __str__(self) -> str: ...


@record
class Schema(Fact):
    """A schema; `usage` are the roles that may name things in it."""

    KIND: ClassVar[str] = "schema"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 0
    name: str
    usage: tuple[str, ...] = ()


@record
class Enum(Fact):
    """An enum type with its labels in order."""

    KIND: ClassVar[str] = "enum"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 10
    schema: str
    name: str
    labels: tuple[str, ...]

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its schema."""
        return (("schema", self.schema),)


@record
class Table(Fact):
    """A table; its columns, keys and policies are facts of their own.

    `partition_by` is the key of a table whose rows lie in partitions: `range (at)`.
    """

    KIND: ClassVar[str] = "table"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 30
    schema: str
    name: str
    row_security: bool = True
    partition_by: str = ""

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its schema."""
        return (("schema", self.schema),)


@record
class Partition(Fact):
    """A partition of a table, for the rows of `bound`: closed to everyone, rows are reached by the table alone."""

    KIND: ClassVar[str] = "partition"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 45
    schema: str
    name: str
    of_schema: str
    of_table: str
    bound: str

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its schema and its table."""
        return (("schema", self.schema), ("table", self.of_schema, self.of_table))


@record
class Column(Fact):
    """A column; `position` orders the columns of a table that is created whole.

    What counts it up is `sequence`; `identity_options` are those of the sequence, without their parentheses.
    """

    KIND: ClassVar[str] = "column"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 31
    schema: str
    table: str
    name: str
    position: int
    type: str
    not_null: bool = True
    default: str = ""
    generated: str = ""
    identity_form: str = ""
    collation: str = ""
    identity_options: str = ""
    sequence: str = ""
    needs: tuple[Identity, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its table, its type and what its default calls."""
        return (("table", self.schema, self.table), *self.needs)


@record
class PrimaryKey(Fact):
    """A table's primary key; one for each table."""

    KIND: ClassVar[str] = "primary_key"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 32
    schema: str
    table: str
    name: str
    columns: tuple[str, ...]

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its columns."""
        return tuple(("column", self.schema, self.table, name) for name in self.columns)


@record
class Unique(Fact):
    """A unique constraint."""

    KIND: ClassVar[str] = "unique"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 33
    schema: str
    table: str
    name: str
    columns: tuple[str, ...]

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its columns."""
        return tuple(("column", self.schema, self.table, name) for name in self.columns)


@record
class Check(Fact):
    """A check constraint."""

    KIND: ClassVar[str] = "check"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 34
    schema: str
    table: str
    name: str
    expression: str
    needs: tuple[Identity, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its table and what the expression names."""
        return (("table", self.schema, self.table), *self.needs)


@record
class ForeignKey(Fact):
    """A foreign key; `on_delete_columns` restricts `set null` to those columns (PostgreSQL 15).

    The first column is the one that refers; a tenant's column, which keeps it among the tenant's rows, follows.
    """

    KIND: ClassVar[str] = "foreign_key"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 40
    schema: str
    table: str
    name: str
    columns: tuple[str, ...]
    target_schema: str
    target_table: str
    target_columns: tuple[str, ...]
    on_delete: str = "no action"
    on_delete_columns: tuple[str, ...] = ()
    on_update: str = "no action"
    deferrable: str = ""

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Both tables and all columns; the key they point at is found by rank."""
        here = tuple(("column", self.schema, self.table, name) for name in self.columns)
        there = tuple(("column", self.target_schema, self.target_table, name) for name in self.target_columns)
        return here + there


@record
class Index(Fact):
    """An index that no constraint makes; `keys` are column names or parenthesised expressions."""

    KIND: ClassVar[str] = "index"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 50
    schema: str
    table: str
    name: str
    keys: tuple[str, ...]
    unique: bool = False
    method: str = "btree"
    include: tuple[str, ...] = ()
    where: str = ""
    needs: tuple[Identity, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its table and what its expressions name."""
        return (("table", self.schema, self.table), *self.needs)


@record
class Function(Fact):
    """A function; `signature` is the list of input types, as in `regprocedure`.

    `arguments` and `returns` are SQL text; `body` is the text between the dollar quotes;
    `settings` hold while it runs, an empty `search_path` among them.
    """

    KIND: ClassVar[str] = "function"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 60
    schema: str
    name: str
    signature: str
    arguments: str
    returns: str
    language: str
    body: str | Text
    volatility: str = "volatile"
    security_definer: bool = False
    strict: bool = False
    parallel: str = ""
    procedure: bool = False
    settings: tuple[tuple[str, str], ...] = ()
    needs: tuple[Identity, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its schema, the types of its signature and, for SQL bodies, what the body names."""
        return (("schema", self.schema), *self.needs)


@record
class View(Fact):
    """A view; always with the rights of the one who reads it."""

    KIND: ClassVar[str] = "view"
    NAMES: ClassVar[int] = 2
    RANK: ClassVar[int] = 70
    schema: str
    name: str
    query: str
    needs: tuple[Identity, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its schema and the relations it reads."""
        return (("schema", self.schema), *self.needs)


@record
class Trigger(Fact):
    """A trigger; `events` in PostgreSQL's words, `when` without its parentheses.

    One for statements may read the rows before and after it as tables of the names `old_rows` and `new_rows`.
    """

    KIND: ClassVar[str] = "trigger"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 80
    schema: str
    table: str
    name: str
    timing: str
    events: tuple[str, ...]
    function_schema: str
    function: str
    level: str = "row"
    when: str = ""
    always: bool = False
    old_rows: str = ""
    new_rows: str = ""

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its table and its function."""
        return (("table", self.schema, self.table), ("function", self.function_schema, self.function, ""))


@record
class Policy(Fact):
    """A permissive row policy for one command and some roles."""

    KIND: ClassVar[str] = "policy"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 90
    schema: str
    table: str
    name: str
    command: str
    roles: tuple[str, ...]
    using: str = ""
    check: str = ""
    needs: tuple[Identity, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its table and the helper functions it calls."""
        return (("table", self.schema, self.table), *self.needs)


@record
class Grant(Fact):
    """One privilege of one role on one object; `columns` narrows it to those columns.

    `object_kind` is `table` (views too) or `function`; `signature` is only a function's.
    """

    KIND: ClassVar[str] = "grant"
    NAMES: ClassVar[int] = 6
    RANK: ClassVar[int] = 100
    object_kind: str
    schema: str
    name: str
    signature: str
    privilege: str
    role: str
    columns: tuple[str, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """The object."""
        if self.object_kind == "function":
            return (("function", self.schema, self.name, self.signature),)
        return ((self.object_kind, self.schema, self.name),)


@record
class Row(Fact):
    """A reference row: `key` names it in its table, `values` are (column, SQL literal) in column order."""

    KIND: ClassVar[str] = "row"
    NAMES: ClassVar[int] = 3
    RANK: ClassVar[int] = 110
    schema: str
    table: str
    key: str
    values: tuple[tuple[str, str], ...]
    needs: tuple[Identity, ...] = ()

    @property
    def requires(self) -> tuple[Identity, ...]:
        """Its table and the rows it points at."""
        return (("table", self.schema, self.table), *self.needs)


@record
class Comment(Fact):
    """What the catalogue says of an object: `target` is the identity of a fact, joined by spaces."""

    KIND: ClassVar[str] = "comment"
    NAMES: ClassVar[int] = 1
    RANK: ClassVar[int] = 120
    target: str
    text: str

    @property
    def requires(self) -> tuple[Identity, ...]:
        """The object; identities hold no spaces outside a function's signature, which comes last."""
        names = self.target.split(" ", 3)
        # A function without arguments has an empty signature, which the target leaves out.
        return ((*names, "") if names[0] == "function" and len(names) < 4 else tuple(names),)


DATABASE: tuple[type[Fact], ...] = (
    Schema, Enum, Table, Partition, Column, PrimaryKey, Unique, Check, ForeignKey, Index, Function, View, Trigger,
    Policy, Grant, Row, Comment,
)  # fmt: skip
