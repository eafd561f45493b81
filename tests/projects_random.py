"""Random projects that the compiler should take: the same seed makes the same project.

Out come the files of a project by path. What the language refuses for a reason is left out here, so a finding
about such a project is a mistake: of the compiler, or of a rule.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from random_access import add_access, random_roles
from random_columns import ABOUTS, quoted
from random_keys import add_keys, add_references, add_ties
from random_machines import add_machines, add_state_columns
from random_tables import Document, Draft, Table, add_plain_table, add_root

BODIES = (
    "(a integer, b text default 'x') returns integer language sql immutable as $$ select a + length(b) $$;",
    "() returns void language plpgsql as $body$\nbegin\n  perform 1; -- it's $$\nend\n$body$;",
    "(variadic a text[]) returns text language sql stable strict parallel safe as $$ select a[1] $$;",
    "(a integer, out b integer, out c text) language plpgsql security definer as $$\nbegin\n  b := a; c := 'x';\nend\n$$;",
    "(a timestamptz, b double precision, c character varying(3)[]) returns setof bigint language sql as $$ select 1::bigint $$;",
    "(a jsonb) returns table (k text, v jsonb) language sql as $$ select key, value from jsonb_each(a) $$;",
)
OWN = "(a text) returns text language sql immutable as $$ select 'x' || a $$;"
OPTIONS = ("it's", "a\\b", 'c"d', "null", "{}", "")


class RandomProject(Draft):
    """The project of a seed, and its files."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.functions: dict[str, str] = {}
        for _ in range(self.pick((1, 1, 2))):
            add_root(self)
        for _ in range(self.random.randint(0, 8)):
            add_plain_table(self)
        if self.chance(0.3):
            self._add_object_types()
        own = [
            self._add_own_function(table)
            for table in self.tables
            if self.chance(0.15) and not table.is_holder
        ]
        for table in self.tables:
            add_references(self, table)
            add_ties(self, table)
        for table in self.tables:
            add_keys(self, table)
        add_machines(self)
        add_state_columns(self)
        self.roles = random_roles(self)
        add_access(self, self.roles)
        for place in own:
            self._add_function(place, OWN, list(self.roles))
        self._add_functions()
        self.files = dict(self._files())

    def _add_object_types(self) -> None:
        types = self.add_table("", holds="object_type")
        columns = {"name": "text unique", "label": "text", "about": "text"}
        types.columns.update({name: {"sql": sql} for name, sql in columns.items()})
        owner = f"{types.name}_id"
        if len(owner) > 63:
            del types.document["holds"]
            return
        points = self.add_table("", holds="datapoint")
        columns = dict.fromkeys(("name", "label", "about", "factor_type", "value_type", "question"), "text")
        columns |= {owner: f"uuid references {types.full_name}", "options": "text[]"}
        points.columns.update({name: {"sql": sql} for name, sql in columns.items()})
        for number in range(self.random.randint(1, 3)):
            self.documents.append(self._object_type(f"thing_{number}"))

    def _object_type(self, name: str) -> Document:
        point = {
            "label": self.pick(ABOUTS),
            "factor_type": "option",
            "value_type": "option",
            "options": list(OPTIONS),
        }
        points = {f"point_{at}": point for at in range(self.random.randint(1, 3))}
        return {
            "object_type": name,
            "about": self.pick(ABOUTS),
            "label": "It's a \\thing\\",
            "datapoints": points,
        }

    def _add_own_function(self, table: Table) -> str:
        """Let a default, a check or a generated column call a function of the project."""
        schema, name = self.pick([*self.schemas, "private"]), f"own_{self.tables.index(table)}"
        call = f"{quoted(schema)}.{name}"
        forms = (
            f"default {call}('a')",
            f"null check ({call}('b') <> '')",
            f"generated always as ({call}('c')) stored",
        )
        self.add_column(table, f"text {self.pick(forms)}")
        return f"{schema}.{name}"

    def _add_functions(self) -> None:
        for number in range(self.random.randint(0, 3)):
            schema, text = self.pick([*self.schemas, "private"]), self.pick(BODIES)
            callers = self.random.sample(list(self.roles), self.random.randint(0, len(self.roles)))
            if "definer" in text and self.schemas.get(schema, {}).get("exposed"):
                callers = [name for name in callers if self.roles[name]["as"] == "service_role"]
            self._add_function(f"{schema}.f_{number}", text, callers)
        for table in self.tables:
            if table.machine and self.chance(0.3):
                self._add_driver(table)

    def _add_driver(self, table: Table) -> None:
        """Add a function that takes all moves out of one state."""
        moves = table.life["transitions"]
        source = self.pick([state for state, targets in moves.items() if targets])
        machine = next(one for one in self.documents if one.get("machine") == table.machine)
        machine["undriven"].pop(source, None)
        place = f"{quoted(table.schema)}.{quoted(table.name)}"
        lines = "".join(
            f"    update {place} set state = '{target}' where id = p_row and state = '{source}';\n"
            for target in moves[source]
        )
        text = f"(p_row uuid) returns void language plpgsql security definer as $$\nbegin\n{lines}end\n$$;"
        name = f"private.drive_{len(self.functions)}"
        self._add_function(name, text, [], {table.machine: {source: moves[source]}})

    def _add_function(
        self, full: str, text: str, callers: Sequence[str], drives: Document | None = None
    ) -> None:
        header: Document = {"about": self.pick(ABOUTS)}
        header |= {"callable_by": callers} if callers else {}
        header |= {"drives": drives} if drives else {}
        schema, name = full.split(".")
        head = f"/*\n{_yaml(header)}*/\ncreate function {quoted(schema)}.{name}"
        self.functions[f"specs/functions/{schema}/{name}.sql"] = f"{head}{text}\n"

    def _files(self) -> Iterator[tuple[str, str]]:
        settings: Document = {"project": 'it\'s #1 "random"', "schemas": self.schemas}
        if self.chance(0.3):
            settings |= {"output": "out/built", "start": "20301231235959"}
        yield "specc.yaml", _yaml(settings)
        yield from self.functions.items()
        self.random.shuffle(self.documents)
        yield "specs/all.yaml", "---\n".join(_yaml(one) for one in self.documents)

    def write(self, root: Path) -> None:
        """Write the project into a folder."""
        for path, text in self.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")


def _yaml(document: Document) -> str:
    """Return a document as YAML: block style outside, JSON inside."""
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in document.items())
