"""`specc build`: checks a project and makes its output folder equal to what the specs say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from specc.cli.project import Report, fail, has_errors, project_options, run_build
from specc.cli.streams import out, tell
from specc.cli.wanted import Wanted, base_option, name_option, stamp_option

if TYPE_CHECKING:
    from specc.cli.released.base import Found
    from specc.driver import Result
    from specc.emit.write import Comparison


@click.command("build")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; say what a build would change.")
@base_option
@stamp_option
@name_option
@project_options
def command(
    project: Path | None,
    format_: str,
    color: Literal["auto", "always", "never"],
    base: str,
    stamp: str,
    slug: str,
    *,
    only_check: bool,
) -> int:
    """Check the specs and write the output folder.

    With --check the exit code is 1 when the folder is not what a build would make of it.
    """
    wanted = Wanted(base, stamp, slug, reads_clock=not only_check)
    result, start = run_build(project, Report(format_, color), wanted)
    if has_errors(result):
        return 1
    if start is not None:
        _tell_release(start, result)
    found = _write(result, only_check=only_check)
    for path in found.foreign:
        tell(f"{_folder(result)}{path}: not made by specc, left as it is")
    if not only_check:
        tell(_written(result, found))
        return 0
    # A report in JSON stays one document, so the list of files then goes where remarks go.
    for line in _stale_lines(result, found):
        tell(line) if format_ == "json" else out(f"{line}\n")
    tell(f"{_folder(result)}: {'up to date' if found.is_current else 'not up to date, run `specc build`'}")
    return int(not found.is_current)


def _tell_release(start: Found, result: Result) -> None:
    """Say which migration leads from the base to the specs."""
    from specc.plan.base import names

    new = names(result.files.keys() - start.base.frozen.keys())
    tell(f"since {start.name}: {', '.join(new) or 'no change of the database'}")


def _write(result: Result, *, only_check: bool) -> Comparison:
    from specc.emit.write import WriteError, compare, write

    try:
        return (compare if only_check else write)(result.files, result.output)
    except WriteError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {error.filename or result.output}: {error.strerror}")


def _folder(result: Result) -> str:
    return f"{result.output.name}/"


def _written(result: Result, found: Comparison) -> str:
    """Say what was written, as in `generated/: 120 files, 3 written, 1 removed`."""
    count = len(result.files)
    parts = [f"{count} file{'' if count == 1 else 's'}"]
    if written := len(found.stale) + len(found.missing):
        parts.append(f"{written} written")
    if found.extra:
        parts.append(f"{len(found.extra)} removed")
    return f"{_folder(result)}: {', '.join(parts)}{', nothing to do' if found.is_current else ''}"


def _stale_lines(result: Result, found: Comparison) -> list[str]:
    states = (("changed", found.stale), ("missing", found.missing), ("no longer made", found.extra))
    return sorted(f"{_folder(result)}{path}: {state}" for state, paths in states for path in paths)
