"""What the commands that work on a project share: their options, the way to the project, and the report."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import click

from specc.cli.streams import out, progress, tell
from specc.record import record

if TYPE_CHECKING:
    from specc.cli.released.base import Found
    from specc.cli.wanted import Wanted
    from specc.diagnostics import Diagnostic, SourceFile
    from specc.driver import Result

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("text", "concise", "json")
COLORS = ("auto", "always", "never")

format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How to report.",
)
color_option = click.option(
    "--color", type=click.Choice(COLORS), default="auto", show_default=True, help="When to use colour."
)
project_option = click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the project; by default the nearest one upwards with a specc.yaml.",
)


def project_options(command: F) -> F:
    """Give a command `--project`, `--format` and `--color`."""
    return project_option(format_option(color_option(command)))


@record
class Report:
    """How the user wants findings reported."""

    format: str
    color: Literal["auto", "always", "never"]

    def show(self, found: Iterable[Diagnostic], sources: Mapping[str, SourceFile]) -> None:
        """Print findings to standard output."""
        from specc.diagnostics.color import wants_color
        from specc.diagnostics.formats import RENDERERS

        out(RENDERERS[self.format](found, sources, color=wants_color(sys.stdout, os.environ, self.color)))


def run_check(project: Path | None, report: Report) -> Result:
    """Let the driver check the project and report what it found.

    Leaves the command with exit code 2 where there is no project, or its specc.yaml is wrong.
    """

    def step(root: Path) -> Result:
        from specc import driver

        return driver.check(root)

    return _run("check", project, report, step)


def run_build(project: Path | None, report: Report, wanted: Wanted) -> tuple[Result, Found | None]:
    """Let the driver build the project and report what it found; the base comes with it if the project is released.

    Leaves the command with exit code 2 where there is no project, its specc.yaml is wrong, or its base cannot be read.
    """
    found: list[Found] = []

    def step(root: Path) -> Result:
        from specc import driver
        from specc.load.files import read_settings

        settings = read_settings(root)
        if not settings.released:
            wanted.refuse_unreleased(root / settings.output)
            return driver.build(root)
        from specc.cli.released.base import check_published, find_base

        start = find_base(root, settings, wanted.base)
        result = driver.build(root, start.base, wanted.naming(start.base))
        if not has_errors(result):
            lost = (path for path, text in start.base.pending.items() if result.files.get(path) != text)
            check_published(start, settings.output, lost)
        found.append(start)
        return result

    result = _run("build", project, report, step)
    return result, found[0] if found else None


def _run(name: str, project: Path | None, report: Report, step: Callable[[Path], Result]) -> Result:
    from specc.diagnostics.text import summary

    # Plugins of pydantic are other packages' code: they cost time and have no say in what a spec means.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with _without_collector(), progress(f"{name} …"):
        result = _take(step, project, report)
    found = tuple(result.diagnostics)
    report.show(found, result.sources)
    tell(summary(found, result.documents))
    return result


def _take(step: Callable[[Path], Result], project: Path | None, report: Report) -> Result:
    from specc.load.files import ProjectError, find_root

    try:
        return step(project or find_root(Path.cwd()))
    except ProjectError as error:
        if error.diagnostics:
            sources = {error.source.path: error.source} if error.source else {}
            report.show(error.diagnostics, sources)
        fail(str(error))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector away: a run is short and hardly makes cycles, and it looks at every object."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def fail(message: str) -> NoReturn:
    """Leave the command with exit code 2 and one line on standard error."""
    tell(f"specc: {message}")
    raise click.exceptions.Exit(2)


def has_errors(result: Result) -> bool:
    """Whether anything was found that stops a build."""
    return any(found.is_error for found in result.diagnostics)
