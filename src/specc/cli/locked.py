"""What commands that watch a database know of it: the lock that the last build wrote.

A project comes in, what its lock says comes out; where there is none, the command ends and says why.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from specc.cli.project import fail

if TYPE_CHECKING:
    from specc.status import Watched


def locked(project: Path | None) -> Watched:
    """Return what the project's lock says of what there is to watch."""
    from specc.ir import lock
    from specc.load.files import ProjectError, find_root, read_settings
    from specc.status import watched

    try:
        root = project or find_root(Path.cwd())
        path = root / read_settings(root).output / "specc.lock"
    except ProjectError as error:
        fail(str(error))
    name = path.relative_to(root).as_posix()
    try:
        facts = lock.load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        fail(f"there is no {name} yet; `specc build` writes it")
    except lock.LockError as error:
        fail(f"{name}: {error}; `specc build` writes it anew")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {name}: {error}")
    found = watched(facts)
    if not found.machines:
        fail("this project has no machines")
    return found


def check_machine(name: str, known: tuple[str, ...]) -> None:
    """End the command where there is no such machine."""
    from specc.diagnostics.suggest import suggest

    if name not in known:
        fail(f"no machine `{name}`; {suggest(name, known) or 'there is ' + ', '.join(known)}")
