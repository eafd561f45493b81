"""`specc init`: a small project that builds, to start from. Overwrites nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from specc.cli.project import fail
from specc.cli.streams import out, tell

SCAFFOLD = Path(__file__).parent / "scaffold"
PROJECT_LINE = "project: scaffold"
"""The line of the scaffold's specc.yaml that gets the new project's name."""


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
def command(folder: Path) -> int:
    """Make a small working project in DIR.

    By default here. No file is ever overwritten.
    """
    texts = _texts(folder.resolve().name)
    taken = [path for path in texts if os.path.lexists(folder / path)]
    if taken:
        fail(f"{folder / taken[0]} is there already; `specc init` overwrites nothing")
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with (folder / path).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        fail(f"cannot write {error.filename or folder}: {error.strerror}")
    for path in texts:
        out(f"{(folder / path).as_posix()}\n")
    tell("next: `specc build` there")
    return 0


def _texts(name: str) -> dict[str, str]:
    """Return the files of a new project by path."""
    texts = {
        path.relative_to(SCAFFOLD).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(SCAFFOLD.rglob("*"))
        if path.is_file()
    }
    named = f"project: {json.dumps(name or 'project', ensure_ascii=False)}"
    texts["specc.yaml"] = texts["specc.yaml"].replace(PROJECT_LINE, named)
    return texts
