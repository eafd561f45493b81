"""The documentation that a build writes: what its pages say is what the facts say, and their links lead somewhere."""

from __future__ import annotations

import itertools
import json
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from specc import driver
from specc.emit.markdown import anchor_of
from specc.ir import lock
from specc.ir.behaviour import Machine, State, Tenancy, Transition
from specc.ir.database import ForeignKey, Table, View
from specc.ir.model import Ir

ROOT = Path(__file__).parents[2]
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
Docs = Mapping[str, str]


def build(root: Path) -> Docs:
    made = driver.build(root).files
    assert made, [one.message for one in driver.check(root).diagnostics]
    return made


@pytest.fixture(scope="module")
def flagship() -> Docs:
    return build(ROOT)


@pytest.fixture(scope="module")
def facts(flagship: Docs) -> Ir:
    """The facts as another tool would read them: from the lock's text."""
    return lock.load(flagship["specc.lock"])


def pages_of(files: Docs) -> dict[str, str]:
    return {path.removeprefix("docs/"): text for path, text in files.items() if path.startswith("docs/")}


def diagram_of(page: str) -> Any:
    merman = pytest.importorskip("merman")
    (text,) = re.findall(r"```mermaid\n(.*?)```", page, re.DOTALL)
    return json.loads(merman.Merman().parse_json(text, None))


def edges_of(page: str) -> set[tuple[str, str, str]]:
    """Read a state diagram: (from, to, label), the beginning and the end called `*`."""
    read = diagram_of(page)
    labels = {node["id"]: node["label"] for node in read["nodes"]} | {"root_start": "*", "root_end": "*"}
    return {(labels[edge["start"]], labels[edge["end"]], edge["label"]) for edge in read["edges"]}


def edges_in(facts: Ir, machine: str) -> set[tuple[str, str, str]]:
    labels = {"step": "", "recovery": "recovery"}
    states = [one for one in facts.all(State) if one.machine == machine]
    moves = [one for one in facts.all(Transition) if one.machine == machine]
    return {
        *((one.source, one.target, labels[one.form]) for one in moves),
        *(("*", one.name, "") for one in states if one.role == "initial"),
        *((one.name, "*", "") for one in states if one.role == "terminal"),
    }


def test_each_state_diagram_shows_the_edges_of_the_lock(flagship: Docs, facts: Ir) -> None:
    pages, machines = pages_of(flagship), facts.all(Machine)
    assert machines
    for machine in machines:
        shown = edges_of(pages[f"machines/{machine.name}.md"])
        assert shown == edges_in(facts, machine.name)
        if machine.attempts:
            assert edges_of(pages[f"lifecycles/{machine.lifecycle}.md"]) == shown


def test_the_entity_diagram_shows_the_references_of_the_lock(flagship: Docs, facts: Ir) -> None:
    read = diagram_of(pages_of(flagship)["README.md"])
    names = {entity["id"]: name for name, entity in read["entities"].items()}
    shown = {(names[one["entityA"]], one["roleA"], names[one["entityB"]]) for one in read["relationships"]}
    owners = {(one.schema, one.table, (one.column,)) for one in facts.all(Tenancy)}
    expected = {
        (
            short(key.schema, key.table),
            key.name.removeprefix(f"{key.table}_").removesuffix("_fkey"),
            short(key.target_schema, key.target_table),
        )
        for key in facts.all(ForeignKey)
        if (key.schema, key.table, key.columns) not in owners
    }
    assert shown == expected
    assert {short(one.schema, one.name) for one in facts.all(Table)} <= set(names.values())


def short(schema: str, name: str) -> str:
    return name if schema == "public" else f"{schema}.{name}"


def test_every_diagram_can_be_read(flagship: Docs) -> None:
    found = [path for path, text in pages_of(flagship).items() if "```mermaid" in text]
    assert "README.md" in found
    for path in found:
        assert diagram_of(pages_of(flagship)[path]), path


def test_every_machine_table_and_view_has_a_page_that_the_index_leads_to(flagship: Docs, facts: Ir) -> None:
    expected = {
        *(f"machines/{one.name}.md" for one in facts.all(Machine)),
        *(f"watching/{one.name}.md" for one in facts.all(Machine)),
        *(f"tables/{one.schema}.{one.name}.md" for one in facts.all(Table)),
        *(f"views/{one.schema}.{one.name}.md" for one in facts.all(View) if one.name not in WATCHING),
        "access.md",
    }
    listed = set(targets(pages_of(flagship)["README.md"]))
    assert listed == pages_of(flagship).keys() - {"README.md"}
    assert expected <= listed


WATCHING = {
    f"{machine}_{what}": machine
    for machine in ("activity_request", "run_queue", "run_request", "workflow_request")
    for what in ("states", "stuck", "moves", "rates", "minutes")
}
"""The views that operators watch each machine of the flagship with."""


@pytest.mark.parametrize(("view", "machine"), WATCHING.items())
def test_what_operators_see_of_a_machine_is_on_one_page(
    view: str, machine: str, flagship: Docs, facts: Ir
) -> None:
    page = pages_of(flagship)[f"watching/{machine}.md"]
    fact = facts.by_identity["view", "monitor", view]
    assert isinstance(fact, View)
    assert f"monitor.{view}" in titles(page)
    assert f"```sql\n{fact.query}\n```" in page.split(f"## monitor.{view}\n")[1]
    assert f"watching/{machine}.md#monitor{view}" in targets(pages_of(flagship)["operating.md"])


def targets(page: str) -> Iterator[str]:
    for token in READER.parse(page):
        for child in token.children or ():
            if child.type == "link_open":
                yield str(child.attrGet("href"))


def assert_links_lead_somewhere(pages: Docs, root: Path) -> None:
    anchors = {path: {anchor_of(title) for title in titles(text)} for path, text in pages.items()}
    for path, text in pages.items():
        for target in targets(text):
            way, _, anchor = target.partition("#")
            there = posixpath.normpath(
                posixpath.join("generated/docs", posixpath.dirname(path), unquote(way))
            )
            inside = there.removeprefix("generated/docs/") if way else path
            assert inside in pages or (root / there).is_file(), f"{path}: {target}"
            assert not anchor or anchor in anchors[inside], f"{path}: {target}"


def titles(page: str) -> Iterator[str]:
    tokens = READER.parse(page)
    for token, following in itertools.pairwise(tokens):
        if token.type == "heading_open":
            yield text_of(following)


def text_of(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def test_every_link_leads_somewhere(flagship: Docs) -> None:
    assert_links_lead_somewhere(pages_of(flagship), ROOT)


WATCH = ("machines", "states", "stuck", "moves", "rates", "tables", "indexes")
"""Views of all machines together."""


def test_every_page_says_where_it_is_declared(flagship: Docs) -> None:
    for path, text in pages_of(flagship).items():
        # The index, and what comes from all machines together.
        if path not in (
            "README.md",
            "operating.md",
            *(f"views/monitor.{name}.md" for name in WATCH),
        ):
            assert any("specs/" in target for target in targets(text)), path


def grid(page: str, title: str) -> list[list[str]]:
    """Read the table below a heading as rows of texts."""
    tokens = READER.parse(page)
    texts = [text_of(token) if token.type == "inline" else "" for token in tokens]
    at = next(
        at for at, token in enumerate(tokens) if token.type == "heading_open" and texts[at + 1] == title
    )
    rows: list[list[str]] = []
    for token, text in zip(tokens[at + 3 :], texts[at + 4 :], strict=False):
        if token.type in ("heading_open", "table_close"):
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            rows[-1].append(text)
    return rows[1:]


HOSTILE = (
    "a | b `c` <script>alert(1)</script> {{ d }} {% e %} **f** [g](http://h.example) ![i](j) &lt; \\ $k$"
)

SHOP = {
    "specc.yaml": "project: Shop\nabout: HOSTILE\n",
    "specs/tables.yaml": """
table: org
about: HOSTILE
tenant: org
columns: {name: {sql: text, about: HOSTILE}}
---
table: staff
about: Who works for whom.
tenant: org
columns: {user_id: uuid references auth.users, role: text}
---
table: ticket
about: HOSTILE
tenant: org
columns:
  title: {sql: "text check (title || '|' <> '`')", about: HOSTILE}
  parent_id: {sql: uuid null references ticket on delete set null, about: The one it belongs to.}
  size: integer default 0
---
table: kind
about: HOSTILE
shared: true
holds: object_type
columns: {name: text unique, label: text, about: text}
---
table: point
about: HOSTILE
shared: true
holds: datapoint
columns:
  kind_id: uuid references kind
  name: text
  label: text
  about: text
  factor_type: text
  value_type: text
  options: "text[]"
  question: text
""",
    "specs/life.yaml": """
lifecycle: life
about: HOSTILE
states:
  open: {is: initial, about: HOSTILE}
  held: {about: HOSTILE, substates: {asked: HOSTILE}}
  late: HOSTILE
  closed: {is: terminal, about: HOSTILE}
transitions: {open: [held, closed], held: [late, closed]}
recovery: {late: open}
---
machine: ticket
about: HOSTILE
follows: life
attempts: 2
undriven:
  open: {to: {held: HOSTILE}}
  held: HOSTILE
""",
    "specs/access.yaml": """
access: shop
about: HOSTILE
roles:
  member: {as: authenticated, through: staff, user: user_id, about: HOSTILE}
  boss: {as: authenticated, through: staff, user: user_id, when: "role = 'boss'", about: HOSTILE}
  server: {as: service_role, about: HOSTILE}
  guest: {as: anon, about: HOSTILE}
tables: [ticket]
allow:
  member: ["select (title, state)", "insert (title)"]
  boss: [select, "update (title, size)", delete]
  server: [select]
---
access: tenants
tables: [org, staff]
allow: {boss: [select], member: [select], server: [select, insert]}
---
access: kinds
tables: [kind, point]
allow: {member: [select], guest: [select]}
""",
    "specs/types.yaml": """
object_type: company
about: HOSTILE
label: HOSTILE
datapoints:
  size: {label: HOSTILE, about: HOSTILE, factor_type: option, value_type: option, options: [small], question: HOSTILE}
""",
    "specs/close.sql": """/*
about: HOSTILE
callable_by: [server]
drives: {ticket: {open: [closed]}}
errors: {P0404: HOSTILE}
*/
create function public.close_ticket(p_id uuid) returns void
language sql set search_path = ''
as $$
    update public.ticket set state = 'closed' where id = p_id and state = 'open';
$$;
""",
}


def write(root: Path, text: str, **changes: str) -> Docs:
    """Write the shop with a free text wherever one may stand, and build it."""
    for path, content in (SHOP | changes).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content.replace("HOSTILE", json.dumps(text)), encoding="utf-8")
    return build(root)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Docs]:
    root = tmp_path_factory.mktemp("hostile")
    return root, pages_of(write(root, f"{HOSTILE}\n\nand a second line"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Docs:
    return pages_of(write(tmp_path_factory.mktemp("shop"), "Some text."))


def outline(page: str) -> list[str]:
    """List what a page is made of, without what it says."""
    found = []
    for token in READER.parse(page):
        found.append(token.type)
        found += [child.type for child in token.children or () if not child.type.startswith("text")]
    return found


def test_hostile_texts_change_nothing_of_what_a_page_is_made_of(
    hostile: tuple[Path, Docs], shop: Docs
) -> None:
    pages = hostile[1]
    assert pages.keys() == shop.keys()
    for path, text in pages.items():
        assert outline(text) == outline(shop[path]), path
        assert "{{" not in text.replace("```sql", ""), path
        assert "<script>" not in text.replace(r"\<script>", ""), path


def test_hostile_texts_are_read_as_they_were_written(hostile: tuple[Path, Docs]) -> None:
    pages = hostile[1]
    said = f"{HOSTILE} and a second line"
    assert grid(pages["machines/ticket.md"], "States")[0] == ["open", "initial", "24 hours", said]
    assert grid(pages["machines/ticket.md"], "Substates") == [["held/asked", said]]
    assert ["open", "held", f"nothing: {said}"] in grid(pages["machines/ticket.md"], "Transitions")
    assert said in [row[-1] for row in grid(pages["tables/public.ticket.md"], "Columns")]
    assert [row[-1] for row in grid(pages["access.md"], "Roles")][:2] == [said, said]
    assert grid(pages["object_types/company.md"], "Datapoints")[0][1] == said
    assert grid(pages["functions/public.close_ticket.md"], "Errors") == [["P0404", said]]
    assert [row[1] for row in grid(pages["README.md"], "Lifecycles")] == [said]
    assert grid(pages["tables/public.ticket.md"], "Checks")[0][0] == "title || '|' <> '`'"


def test_links_lead_somewhere_in_any_project(hostile: tuple[Path, Docs]) -> None:
    assert_links_lead_somewhere(hostile[1], hostile[0])


def test_a_machine_page_says_who_takes_which_move(shop: Docs) -> None:
    page = shop["machines/ticket.md"]
    assert grid(page, "Transitions") == [
        ["open", "held", "nothing: Some text."],
        ["open", "closed", "close_ticket"],
        ["held", "late", "nothing: Some text."],
        ["held", "closed", "nothing: Some text."],
    ]
    assert grid(page, "Recovery") == [["late", "open", "recovery, by itself"]]
    assert (
        "Rows are tried again by `private.ticket_recover(limit)`, which `private.tick()` calls, at once"
        in page
    )
    assert "../functions/public.close_ticket.md" in targets(page)
    assert "ERROR:  PT409: ticket cannot move from open to late\n" in page
    assert "from open, to late, allowed: held, closed.\n" in page


def test_a_table_page_says_its_columns_and_its_relations_both_ways(shop: Docs) -> None:
    ticket, org = shop["tables/public.ticket.md"], shop["tables/public.org.md"]
    columns = {row[0]: row[1:4] for row in grid(ticket, "Columns")}
    assert columns["parent_id"] == ["uuid", "null", ""]
    assert columns["size"] == ["integer", "", "0"]
    assert columns["state"] == ["public.ticket_state", "", "'open'::public.ticket_state"]
    assert grid(ticket, "Points at") == [
        ["org_id", "org", "id", "restrict"],
        ["parent_id, org_id", "ticket", "id, org_id", "set null of parent_id"],
    ]
    assert grid(ticket, "Is pointed at by") == [["ticket", "parent_id, org_id", "set null of parent_id"]]
    assert [row[0] for row in grid(org, "Is pointed at by")] == ["staff", "ticket"]
    assert grid(shop["tables/public.kind.md"], "Reference rows") == [["company", "specs/types.yaml"]]


def test_a_table_page_says_in_words_what_each_role_may_do(shop: Docs) -> None:
    member, boss = (f"those of each org the user is {role} of" for role in ("member", "boss"))
    assert grid(shop["tables/public.ticket.md"], "Access") == [
        ["boss", "read", boss, "all"],
        ["boss", "change", boss, "title, size"],
        ["boss", "delete", boss, "the whole row"],
        # Both run as `authenticated`, whose grants are those of both.
        [
            "member",
            "read",
            member,
            "title, state; and all others, which authenticated has for another role",
        ],
        ["member", "insert", member, "org_id, title"],
        ["server", "read", "every row", "all"],
    ]
    assert grid(shop["tables/public.org.md"], "Access")[0][:3] == [
        "boss",
        "read",
        "those the user is boss of",
    ]
    assert [row[:3] for row in grid(shop["tables/public.kind.md"], "Access")] == [
        ["guest", "read", "every row"],
        ["member", "read", "every row, for whoever is member of some org"],
    ]


def test_the_access_page_shows_all_roles_and_tables_at_once(shop: Docs) -> None:
    page = shop["access.md"]
    assert [row[:3] for row in grid(page, "Roles")] == [
        ["boss", "authenticated", "a row of staff with user_id the signed-in user and role = 'boss'"],
        ["guest", "anon", ""],
        ["member", "authenticated", "a row of staff with user_id the signed-in user"],
        ["server", "service_role", ""],
    ]
    # Boss, guest, member and server, in this order.
    assert grid(page, "Tables") == [
        ["kind", "", "read", "read", ""],
        ["org", "read", "", "read", "read, insert"],
        ["point", "", "read", "read", ""],
        ["staff", "read", "", "read", "read, insert"],
        ["ticket", "read, change, delete", "", "read in part, insert", "read"],
    ]
    assert grid(page, "Functions") == [["close_ticket", "server"]]


def test_a_view_page_says_what_its_columns_are_made_of(shop: Docs) -> None:
    rows = grid(shop["views/public.ticket_status.md"], "Columns")
    assert rows[0] == ["id", "ticket.id", ""]
    assert rows[-1] == [
        "status",
        "ticket.state, ticket.state_substate",
        "concat_ws('_', state, state_substate)",
    ]


def test_a_new_text_changes_the_page_and_its_line_in_the_index(tmp_path: Path) -> None:
    before = pages_of(write(tmp_path, "x"))
    tables = SHOP["specs/tables.yaml"].replace("Who works for whom.", "Who is employed.")
    after = pages_of(write(tmp_path, "x", **{"specs/tables.yaml": tables}))
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {"README.md", "tables/public.staff.md"}
    assert len(set(before["README.md"].splitlines()) - set(after["README.md"].splitlines())) == 1


def test_a_line_more_in_a_spec_changes_no_page(tmp_path: Path) -> None:
    before = pages_of(write(tmp_path, "x"))
    moved = {path: f"# moved\n\n{text}" for path, text in SHOP.items() if path.endswith(".yaml")}
    assert pages_of(write(tmp_path, "x", **moved)) == before


def test_a_check_reads_no_query_with_sqlglot() -> None:
    script = (
        "import sys; from pathlib import Path; from specc import driver\n"
        "driver.check(Path(sys.argv[1])); print('sqlglot' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(ROOT)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
