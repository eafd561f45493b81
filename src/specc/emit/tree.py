"""Everything a build leaves behind besides migrations, as mappings from paths to texts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files as package_files

from specc.emit import editor, schema
from specc.emit.access_tests import access_tests
from specc.emit.docs import docs_files
from specc.emit.legacy import legacy_files
from specc.emit.machine_tests import machine_tests
from specc.emit.pages import overview, pages
from specc.emit.sample import Samples
from specc.emit.sync_tests import sync_tests
from specc.ir import lock
from specc.ir.model import Ir
from specc.ir.step import Step
from specc.lang.kind import Kind
from specc.lang.project import Project


def tree(project: Project, ir: Ir, kinds: Sequence[Kind], steps: tuple[Step, ...]) -> dict[str, str]:
    """Return the files of a build by path below the output folder, but for its tests."""
    return {
        "bootstrap.sql": bootstrap(),
        **schema.schema_files(ir, steps),
        **legacy_files(ir),
        **docs(project, ir, kinds),
        **editor.editor_files(kinds),
        "specc.lock": lock.dump(ir),
    }


def bootstrap() -> str:
    """Return bootstrap.sql, the same for every project."""
    return (package_files("specc.emit") / "bootstrap.sql").read_text(encoding="utf-8")


def docs(project: Project, ir: Ir, kinds: Sequence[Kind]) -> dict[str, str]:
    """Return the documentation by path."""
    settings, found = project.settings, pages(project, ir, kinds)
    return docs_files(found, settings.project, settings.about, settings.output, tuple(overview(project, ir)))


def tests(ir: Ir) -> dict[str, str]:
    """Return the generated pgTAP files by path."""
    samples = Samples(ir)
    found = machine_tests(samples) | sync_tests(samples) | access_tests(samples)
    return {f"tests/{name}": text for name, text in found.items()}
