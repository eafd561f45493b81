"""The pages as a Markdown reader sees them, whatever the specs say, and the diagrams as Mermaid sees them."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from specc.emit.docs import docs_files, index, render
from specc.emit.mermaid import Relation, relations_diagram, state_diagram
from specc.ir.page import Block, Bullets, Code, Grid, Heading, Line, Link, Mono, Page, Paragraph, Text

HOSTILE = (
    "<script>alert(1)</script>",
    "<!-- hidden -->",
    "[here](https://example.org)",
    "![x](y)",
    "<https://example.org>",
    "a | b \\| c",
    "\\",
    "`code` and ``more``",
    "**bold** _slanted_ __x__ ~~gone~~ $x$",
    "# no heading",
    "- no list",
    "+ no list",
    "1. no list",
    "12) no list",
    "> no quote",
    "---",
    "===",
    "    no code",
    "\tno code",
    "```\nno fence",
    "two\nlines\r\n\r\nand a paragraph",
    "&lt; &amp; &#60;",
    "{{ secret }} {% raw %} {# x #}",
    "[x]: https://example.org",
    "[ ] no task",
    "ends with #",
    "ends with !",
    "snake_case_name _x",
    "a  b",
    "| a |\n|---|\n| b |",
    "`",
    "",
)
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(alphabet=string.punctuation + " \nax1_", max_size=12),
)


def page(*blocks: Block, path: str = "tables/order.md", title: str = "Order", about: str = "") -> Page:
    return Page(path, title, "Tables", about, "specs/tables/order.yaml", blocks)


def parse(markdown: str) -> list[Token]:
    """Read Markdown without the notice, the title and the line that names the spec file."""
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = [token for token in reader.parse(markdown) if not token.hidden]
    assert tokens[0].type == "html_block"
    starts = [at for at, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0]
    return tokens[starts[3] if len(starts) > 3 else len(tokens) :]


def outline(tokens: list[Token]) -> list[str]:
    return [token.type for token in tokens if token.nesting >= 0 and token.type != "inline"]


def inlines(tokens: list[Token]) -> list[tuple[str, str]]:
    """List what stands within the lines: texts joined, code, and the targets of links."""
    found: list[tuple[str, str]] = []
    for token in tokens:
        start = len(found)
        for child in token.children or ():
            kind = "text" if child.type == "text_special" else child.type
            said = child.attrGet("href") if kind == "link_open" else child.content
            if kind == "text" and found[start:] and found[-1][0] == "text":
                found[-1] = ("text", found[-1][1] + str(said))
            elif kind != "link_close" and (kind != "text" or said):
                found.append((kind, str(said)))
    return found


def one_line(text: str) -> str:
    """Return what a reader is to see of a text: the same words on one line."""
    return " ".join(text.split())


def seen(tokens: list[Token]) -> list[tuple[str, str]]:
    return [(kind, one_line(said) if kind == "text" else said) for kind, said in inlines(tokens)]


def texts_of(*texts: str) -> list[tuple[str, str]]:
    return [("text", one_line(text)) for text in texts if text.strip()]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_a_text_in_a_paragraph(text: str) -> None:
    tokens = parse(render(page(Paragraph((Text(text),)))))
    assert outline(tokens) == (["paragraph_open"] if text.strip() else [])
    assert seen(tokens) == texts_of(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_a_text_in_a_list(text: str) -> None:
    tokens = parse(render(page(Bullets(((Text(text),), (Text("next"),))))))
    assert [kind for kind in outline(tokens) if kind != "paragraph_open"] == [
        "bullet_list_open",
        "list_item_open",
        "list_item_open",
    ]
    assert seen(tokens) == texts_of(text, "next")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_a_text_in_a_heading(text: str) -> None:
    tokens = parse(render(page(Heading(text, 3))))
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h3"]
    assert seen(tokens) == texts_of(text)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_a_table_keeps_its_cells_whatever_they_hold(rows: list[tuple[str, str]]) -> None:
    grid = Grid(("Name", "About"), tuple(((Mono(name),), (Text(about),)) for name, about in rows))
    tokens = parse(render(page(grid)))
    cells = [tokens[at + 1] for at, token in enumerate(tokens) if token.type == "td_open"]
    assert len(cells) == 2 * len(rows)
    for (name, about), code, text in zip(rows, cells[::2], cells[1::2], strict=True):
        assert inlines([code]) == ([("code_inline", one_line(name))] if name.strip() else [])
        assert seen([text]) == texts_of(about)


@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_texts_and_names_side_by_side_do_not_mix(parts: list[str]) -> None:
    line: Line = tuple(part for text in parts for part in (Mono(text), Text(f" {text} ")))
    tokens = parse(render(page(Paragraph((Text("x "), *line)))))
    assert outline(tokens) == ["paragraph_open"]
    expected = [one_line(text) for text in parts if text.strip()]
    assert [said for kind, said in inlines(tokens) if kind == "code_inline"] == expected
    assert {kind for kind, _ in inlines(tokens)} <= {"text", "code_inline"}


def test_two_names_side_by_side_stay_two() -> None:
    tokens = parse(render(page(Paragraph((Mono("a"), Mono("b"), Link("c", page="c.md"))))))
    assert [said for kind, said in inlines(tokens) if kind == "code_inline"] == ["a", "b", "c"]


def test_no_template_tag_and_no_bare_address_is_left_in_a_text() -> None:
    text = "{{ a }} {% b %} {{{ https://example.org www.example.org WWW.example.org"
    written = render(page(Paragraph((Text(text),))))
    assert not any(tag in written for tag in ("{{", "{%", "s://", "www.", "WWW."))
    assert seen(parse(written)) == texts_of(text)


def test_control_characters_and_reordered_text_are_made_visible() -> None:
    written = render(
        page(Paragraph((Text("a\x1b[31m\u202eb"), Mono("c\x00"))), Code("sql", "d\x07\te\u2066"))
    )
    assert all(char.isprintable() or char in "\n\t" for char in written)
    assert inlines(parse(written)) == [("text", "a\\x1b[31m\\u202eb"), ("code_inline", "c\\x00")]
    assert "d\\x07\te\\u2066" in written


@given(st.text(alphabet="`~ \nax<", max_size=30), st.sampled_from(["sql", "mermaid", "x y\n```"]))
@settings(max_examples=100, deadline=None)
def test_code_stays_within_its_fence(text: str, language: str) -> None:
    tokens = parse(render(page(Code(language, text), Paragraph((Text("after"),)))))
    assert outline(tokens) == ["fence", "paragraph_open"]
    expected = [line.rstrip() for line in text.rstrip().splitlines()]
    assert tokens[0].content.splitlines() == expected
    assert tokens[0].info == language.replace(" ", "").replace("\n", "").replace("`", "")


@pytest.mark.parametrize(
    ("path", "wanted", "target"),
    [
        ("tables/order.md", Link("x", page="tables/line.md"), "line.md"),
        ("tables/order.md", Link("x", page="m/a.md", anchor="Who moves it?"), "../m/a.md#who-moves-it"),
        ("index.md", Link("x", page="machines/order.md"), "machines/order.md"),
        ("a/b/c.md", Link("x", page="d.md"), "../../d.md"),
        ("tables/order.md", Link("x", page="tables/order.md", anchor="columns"), "#columns"),
        ("tables/order.md", Link("x", spec="specs/tables/order.yaml"), "../../../specs/tables/order.yaml"),
        ("index.md", Link("x", spec="specs/a b/(c)#d.yaml"), "../../specs/a%20b/%28c%29%23d.yaml"),
    ],
)  # fmt: skip
def test_links_are_relative(path: str, wanted: Link, target: str) -> None:
    assert inlines(parse(render(page(Paragraph((wanted,)), path=path)))) == [
        ("link_open", target),
        ("code_inline", "x"),
    ]


def test_links_to_specs_know_where_the_docs_lie() -> None:
    written = render(page(path="index.md"), docs="out/db/docs")
    assert "[`specs/tables/order.yaml`](../../../specs/tables/order.yaml)" in written


def test_the_text_of_a_link_stays_its_text() -> None:
    tokens = parse(render(page(Paragraph((Link("a](x) [b", page="c.md", mono=False), Link("d"))))))
    assert inlines(tokens) == [("link_open", "../c.md"), ("text", "a](x) [b"), ("code_inline", "d")]


def test_a_page_reads_as_written() -> None:
    blocks = (
        Heading("Columns"),
        Grid(("Name", "Type"), (((Mono("id"),), (Mono("uuid"),)), ((Mono("a|b"),), ()))),
        Bullets(((Text("by "), Mono("id")),)),
        Code("mermaid", "erDiagram\n"),
    )
    assert render(page(*blocks, about="One <b>order</b>.")) == (
        "<!-- Code generated by specc. DO NOT EDIT. -->\n\n"
        "# Order\n\n"
        "One \\<b>order\\</b>.\n\n"
        "Declared in [`specs/tables/order.yaml`](../../../specs/tables/order.yaml).\n\n"
        "## Columns\n\n"
        "| Name | Type |\n| --- | --- |\n| `id` | `uuid` |\n| `a\\|b` |  |\n\n"
        "- by `id`\n\n"
        "```mermaid\nerDiagram\n```\n"
    )


def test_the_index_lists_every_page_in_its_section() -> None:
    pages = [
        Page("machines/order.md", "order", "Machines", "Its life.", "", ()),
        Page("tables/b.md", "b", "Tables", "A | b.", "", ()),
        Page("tables/a.md", "a", "Tables", "", "", ()),
    ]
    assert index(pages, "Shop", "A shop.") == (
        "<!-- Code generated by specc. DO NOT EDIT. -->\n\n"
        "# Shop\n\nA shop.\n\n"
        "## Machines\n\n| Page | About |\n| --- | --- |\n| [order](machines/order.md) | Its life. |\n\n"
        "## Tables\n\n| Page | About |\n| --- | --- |\n| [a](tables/a.md) |  |\n"
        "| [b](tables/b.md) | A \\| b. |\n"
    )


def test_all_pages_come_with_an_index_that_leads_to_them() -> None:
    files = docs_files([page(path="tables/order.md"), page(path="a.md")], "Shop", "", "out/db")
    assert sorted(files) == ["docs/README.md", "docs/a.md", "docs/tables/order.md"]
    links = [said for kind, said in inlines(parse(files["docs/README.md"])) if kind == "link_open"]
    assert [f"docs/{link}" for link in links] == ["docs/a.md", "docs/tables/order.md"]
    assert "](../../../specs/tables/order.yaml)" in files["docs/a.md"]


def read_diagram(text: str) -> Any:
    merman = pytest.importorskip("merman")
    return json.loads(merman.Merman().parse_json(text, None))


NAMES = st.one_of(
    st.sampled_from(
        ["end", "state", "note", "fork", "choice", "direction", "class", "default", "hide", "as"]
    ),
    st.from_regex(r"[a-z_][a-z0-9_]{0,12}", fullmatch=True),
)


@given(st.lists(NAMES, min_size=1, max_size=6, unique=True), st.data())
@settings(max_examples=60, deadline=None)
def test_a_state_diagram_reads_back_as_the_lifecycle(states: list[str], data: st.DataObject) -> None:
    edges = st.lists(st.tuples(st.sampled_from(states), st.sampled_from(states)), max_size=6, unique=True)
    steps, recoveries = data.draw(edges), data.draw(edges)
    read = read_diagram(state_diagram(states, states[:1], states[-1:], steps, recoveries))
    labels = {node["id"]: node["label"] for node in read["nodes"]} | {"root_start": "*", "root_end": "*"}
    assert [node["label"] for node in read["nodes"] if node["shape"] == "rect"] == states
    assert [(labels[edge["start"]], labels[edge["end"]], edge["label"]) for edge in read["edges"]] == [
        ("*", states[0], ""),
        *((source, target, "") for source, target in steps),
        *((source, target, "recovery") for source, target in recoveries),
        (states[-1], "*", ""),
    ]


def test_a_relations_diagram_reads_back_as_the_references() -> None:
    relations = (
        Relation("order", "org", "org_id"),
        Relation("order", "etl.end", "end_id", optional=True),
        Relation("note", "order", "order_id", unique=True),
    )
    read = read_diagram(relations_diagram(["order", "org", "etl.end", "note"], relations))
    names = {entity["id"]: name for name, entity in read["entities"].items()}
    assert list(read["entities"]) == ["order", "org", "etl.end", "note"]
    found = [
        (names[one["entityA"]], *(one["relSpec"][card] for card in ("cardB", "cardA")), names[one["entityB"]])
        for one in read["relationships"]
    ]
    assert [one["roleA"] for one in read["relationships"]] == ["org_id", "end_id", "order_id"]
    assert found == [
        ("order", "ZERO_OR_MORE", "ONLY_ONE", "org"),
        ("order", "ZERO_OR_MORE", "ZERO_OR_ONE", "etl.end"),
        ("note", "ZERO_OR_ONE", "ONLY_ONE", "order"),
    ]
