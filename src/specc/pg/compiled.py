"""Where compiled templates are kept: beside the templates, as Python keeps compiled modules, and when it does.

A template, or an option, that has changed is compiled again; where nothing can be written, each process compiles.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from pickle import UnpicklingError

from jinja2 import Environment, FileSystemBytecodeCache
from jinja2.bccache import Bucket


class Compiled(FileSystemBytecodeCache):
    """The compiled templates of a folder."""

    def __init__(self, templates: Path) -> None:
        super().__init__(str(Path(cache_from_source(str(templates / "template.py"))).parent), "%s.pyc")

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        """Return where a template is kept, filled if what is there was made of this source and these options."""
        options = (
            environment.trim_blocks,
            environment.lstrip_blocks,
            environment.keep_trailing_newline,
            environment.autoescape,
        )
        return super().get_bucket(environment, name, filename, f"{options}\n{source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a compiled template from where it is kept, if it is there and whole."""
        with suppress(OSError, EOFError, UnpicklingError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a compiled template, if Python may keep anything here."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                Path(self.directory).mkdir(parents=True, exist_ok=True)
                super().dump_bytecode(bucket)
