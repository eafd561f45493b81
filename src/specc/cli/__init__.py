"""The command line. Commands are imported when they are asked for, the compiler when they run.

Exit codes: 0 all well, 1 findings or stale output, 2 wrong usage, wrong configuration or a bug of specc.
"""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Sequence
from importlib import import_module

import click

from specc import __version__
from specc.cli.streams import make_robust, tell

COMMANDS = ("check", "build", "verify", "migrate", "drift", "status", "dashboard", "explain", "init")
"""In the order of `--help`; the command `x` is `specc.cli.x:command`."""

FAILED = 2
INTERRUPTED = 130


class Commands(click.Group):
    """The group of all commands, each imported by its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - has the shape of click's
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"specc.cli.{cmd_name}").command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", message="specc %(version)s")
def specc() -> None:
    """The compiler for PostgreSQL workflow backends: YAML specs in, a whole database out.

    Exit codes: 0 all well, 1 findings or stale output, 2 wrong usage or configuration.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code; `arguments` are those of the process if not given."""
    make_robust()
    _start_lean()
    code = _run(arguments)
    gc.freeze()  # Python looks for cycles once more when it ends, in all that is left
    raise SystemExit(code)


def _start_lean() -> None:
    """Leave out what a short run does not need, and what would change what a spec means."""
    gc.disable()  # a tenth of the time of a check; few cycles arise
    # Plugins of pydantic, if any are installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = specc.main(arguments, prog_name="specc", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        tell("specc: interrupted")
        return INTERRUPTED
    except SystemExit:
        # Click leaves by itself in one case only: nobody reads the help any more.
        return 0
    except Exception as error:  # noqa: BLE001 - a user gets a sentence, whatever went wrong
        if os.environ.get("SPECC_TRACEBACK"):
            traceback.print_exc()
        text = " ".join(f"{type(error).__name__}: {error}".split())
        tell(f"specc: internal error: {text}")
        tell("specc: this is a bug; SPECC_TRACEBACK=1 in the environment shows where it happened")
        return FAILED
    return code if isinstance(code, int) else 0
