"""`specc check`: reads and checks a project, reports, writes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from specc.cli.project import Report, has_errors, project_options, run_check


@click.command("check")
@project_options
def command(project: Path | None, format_: str, color: Literal["auto", "always", "never"]) -> int:
    """Check the specs, report all that is wrong."""
    return int(has_errors(run_check(project, Report(format_, color))))
