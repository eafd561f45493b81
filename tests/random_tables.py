"""Random tables on the way to a random project: names, tenants, members, columns.

A draft collects what is made; every choice comes from its seed. What refers to other tables is added later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from random_columns import ABOUTS, quoted, random_column

Document = dict[str, Any]
T = TypeVar("T")

WORDS = tuple(
    # Words that mean something in SQL, in generated functions or in names of files.
    """
    between values name type text date row position out level role status number time interval bit char key value
    index view trigger function functions title body note ticket item word plan ok is_ matches deleted_at created_at
    owner xml setof precision coalesce exists merge_action json x _ c t s m new old r v_id p_id state_id public_x
    excluded a1 p_state v_last way
    """.split()  # noqa: SIM905
)
SCHEMAS = ("crm", "between", "values_", "api", "x", "monitor")
ENDINGS = ("_key", "_idx", "_state", "_status", "_id")
"""How derived names end, so that no other name ends like that."""
ROLES = ("text check (length(role) < 9 and role in ('member', 'admin', 'it''s'))", "text default 'member'")


@dataclass
class Table:
    """A table: `root` is the full name of its tenants' table, or ""; `members` are columns with users' ids."""

    schema: str
    name: str
    document: Document
    root: str = ""
    machine: str = ""
    life: Document = field(default_factory=dict)
    members: list[str] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def is_root(self) -> bool:
        return self.root == self.full_name

    @property
    def is_holder(self) -> bool:
        return "holds" in self.document

    @property
    def tenant_column(self) -> str:
        return f"{self.root.split('.', 1)[1]}_id" if self.root and not self.is_root else ""

    @property
    def columns(self) -> dict[str, dict[str, str]]:
        columns: dict[str, dict[str, str]] = self.document["columns"]
        return columns

    def sql(self, column: str) -> str:
        return self.columns.get(column, {}).get("sql", "")

    @property
    def taken(self) -> set[str]:
        return {
            "id",
            self.tenant_column,
            "state",
            "state_substate",
            "state_since",
            "attempt",
            "retry_at",
            *self.columns,
        }


class Draft:
    """What is made of a random project so far."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.tables: list[Table] = []
        self.documents: list[Document] = []
        self.used: set[str] = set()
        self.schemas = self._schemas()

    @property
    def default_schema(self) -> str:
        return next(iter(self.schemas))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def _schemas(self) -> dict[str, Document]:
        others = self.random.sample(SCHEMAS, self.random.randint(0, 2))
        names = ["public", *others] if self.chance(0.75) or not others else others
        made: dict[str, Document] = {
            name: {"exposed": self.chance(0.6), "about": self.pick(ABOUTS)} for name in names
        }
        made[names[0]]["exposed"] = True
        return made

    def new_name(self, schema: str) -> str:
        """Return a name that no other object of a schema has, nor will have."""
        while True:
            name = self.pick(WORDS)
            if self.chance(0.15):
                name = name.strip("_") + "_" + self.pick(WORDS)
            if self.chance(0.12):
                name = ("long" * 16)[: 62 - self.pick((0, 1, 4, 8))] + self.pick("abcdef")
            if f"{schema}.{name}" not in self.used and not name.endswith(ENDINGS):
                self.used.add(f"{schema}.{name}")
                return name

    def short(self, full: str) -> str:
        """Write a name with its schema or, where that is the default one, mostly without."""
        schema, name = full.split(".")
        return name if schema == self.default_schema and self.chance(0.8) else full

    def add_table(self, root: str, **keys: Any) -> Table:
        """Add a table of a tenant, `root`; "itself" for a tenants' table, "" for a shared one."""
        schema = self.pick([*self.schemas, "private"] if self.chance(0.1) else list(self.schemas))
        full = f"{schema}.{self.new_name(schema)}"
        root = full if root == "itself" else root
        owner: Document = {"tenant": self.short(root)} if root else {"shared": True}
        document = {"table": self.short(full), "about": self.pick(ABOUTS), **owner, **keys, "columns": {}}
        table = Table(schema, full.split(".", 1)[1], document, root)
        self.tables.append(table)
        self.documents.append(document)
        return table

    def add_column(self, table: Table, sql: str) -> str:
        """Add a column under a new name, which it returns."""
        name = ""
        while not name or name in table.taken:
            name = self.pick(WORDS)
            if self.chance(0.05):
                name = ("column_" * 9)[: 62 - self.pick((0, 3))] + self.pick("abc")
        table.columns[name] = {"sql": sql}
        return name


def add_root(draft: Draft) -> None:
    """Add a tenants' table with one or two tables of members."""
    table = draft.add_table("itself")
    add_random_columns(draft, table, 3)
    for _ in range(draft.pick((1, 1, 2))):
        add_membership(draft, table)


def add_membership(draft: Draft, root: Table) -> None:
    table = draft.add_table(root.full_name)
    for _ in range(draft.pick((1, 1, 2))):
        reference = draft.pick(
            (" references auth.users", " references auth.users (id) on delete cascade", "")
        )
        table.members.append(draft.add_column(table, f"uuid{draft.pick(('', ' null'))}{reference}"))
    if draft.chance(0.7) and "role" not in table.members:
        sql = draft.pick((ROLES[0], *ROLES))
        table.columns["role"] = {"sql": sql, **({"example": "'member'"} if "check" in sql else {})}
    if draft.chance(0.5):
        table.columns["active"] = {"sql": draft.pick(("boolean", "boolean default true", "bool default 'f'"))}
    if draft.chance(0.4) and "level" not in table.members:
        table.columns["level"] = {"sql": draft.pick(("integer", "smallint default 0"))}
    add_random_columns(draft, table, 2)
    if draft.chance(0.5):
        table.document["unique"] = [[table.members[0]]]


def add_plain_table(draft: Draft) -> None:
    roots = [one.full_name for one in draft.tables if one.is_root]
    table = draft.add_table("" if draft.chance(0.3) else draft.pick(roots))
    add_random_columns(draft, table, draft.pick((0, 2, 5, 12)))


def add_random_columns(draft: Draft, table: Table, most: int) -> None:
    """Add columns of any type, and such as the database fills."""
    for _ in range(draft.random.randint(0, most)):
        name = draft.add_column(table, "text")
        table.columns[name] = random_column(draft.random, name)
    plain = list(table.columns)
    if plain and draft.chance(0.3):
        source = quoted(draft.pick(plain))
        draft.add_column(table, f"boolean null generated always as ({source} is not null) stored")
    texts = [name for name in plain if table.sql(name).lower().split()[0] == "text"]
    if texts and draft.chance(0.4):
        lower = f"coalesce(lower({quoted(draft.pick(texts))}), '') || ') stored'"
        draft.add_column(table, f"text generated always as ({lower}) stored")
    if draft.chance(0.15):
        kind, form = draft.pick(("bigint", "int", "smallint")), draft.pick(("always", "by default"))
        rest = draft.pick(("", " unique", " (start with 100 increment by 5)"))
        draft.add_column(table, f"{kind} generated {form} as identity{rest}")
