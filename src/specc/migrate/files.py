"""The folder of migrations read: files in the order they are applied in, each with its way back. Changes nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from specc.ir.step import CONCURRENTLY
from specc.migrate.model import SetupError
from specc.pg.script import concurrent, statement_count, transaction_lines
from specc.plan.directives import DirectiveError, Directives, read_directives
from specc.record import record

_NAME = re.compile(r"([0-9]{14})_(.+)\.sql")


@record
class Migration:
    """A file: `version` and `name` are the parts of its name, `text` what it says, `rollback` the text of its way back.

    `rollback` is None where there is none.
    """

    version: str
    name: str
    text: str
    rollback: str | None

    @property
    def file(self) -> str:
        """The path, as a user of the folder would call it."""
        return f"migrations/{self.version}_{self.name}.sql"

    @property
    def checksum(self) -> str:
        """The SHA-256 of the text in hexadecimal digits."""
        return checksum(self.text)


def checksum(text: str) -> str:
    """Return the SHA-256 of a text in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_concurrent(name: str) -> bool:
    """Whether a file holds one statement that refuses a transaction; its name says so."""
    return name == CONCURRENTLY or name.endswith(f"_{CONCURRENTLY}")


def read_folder(folder: Path) -> tuple[Migration, ...]:
    """Read `migrations/` and `rollback/` of a folder, in the order of their stamps. Raises `SetupError`."""
    if not (folder / "migrations").is_dir():
        raise SetupError(f"there is no folder {folder / 'migrations'}; `specc build` writes it")
    found: dict[str, Migration] = {}
    for path in _sql_files(folder / "migrations"):
        one = _read(path, folder / "rollback" / path.name)
        if one.version in found:
            raise SetupError(f"{one.file} and {found[one.version].file} have the same stamp")
        found[one.version] = one
    for path in _sql_files(folder / "rollback"):
        if not (folder / "migrations" / path.name).exists():
            raise SetupError(f"rollback/{path.name} is the way back of no migration")
    return tuple(found.values())


def _sql_files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".sql" and not path.name.startswith("."):
            yield path


def _read(path: Path, back: Path) -> Migration:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise SetupError(
            f"migrations/{path.name} is no name of a migration: fourteen digits, `_`, what it does, `.sql`"
        )
    text = _text(path)
    rollback = _text(back) if back.exists() else None
    one = Migration(match[1], match[2], text, rollback)
    _check(one)
    return one


def _text(path: Path) -> str:
    """Return a file's text; where git gave each line the end of a Windows line, it is taken away again.

    A file is then the same on every machine, and so are the function bodies that it leaves in the database.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SetupError(
            f"{path.parent.name}/{path.name}: line {line} holds a byte that is no UTF-8"
        ) from None
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror}") from None
    if "\0" in text:
        raise SetupError(f"{path.parent.name}/{path.name}: it holds a zero byte")
    return text.replace("\r\n", "\n") if text.count("\r\n") == text.count("\n") else text


def _check(one: Migration) -> None:
    """Refuse a file that the runner could not do wholly or not at all."""
    for text, file in (
        (one.text, one.file),
        (one.rollback or "", one.file.replace("migrations", "rollback", 1)),
    ):
        said = directives(text, file)
        if is_concurrent(one.name) and said.batches:
            raise SetupError(f"{file}: a file that is no transaction cannot have batches")
    if is_concurrent(one.name):
        if (count := statement_count(one.text)) != 1:
            raise SetupError(
                f"{one.file}: a file `…_{CONCURRENTLY}.sql` holds one statement, this one {count}"
            )
        made = concurrent(one.text)
        if made.verb == "create" and not made.index:
            raise SetupError(f"{one.file}: an index that is built concurrently needs a name")


def check_text(text: str, file: str) -> None:
    """Refuse a text that would end the transaction it is run in. Raises `SetupError`."""
    for line in transaction_lines(text):
        raise SetupError(f"{file}: line {line}: a file is one transaction, so it begins and ends none itself")


def directives(text: str, file: str) -> Directives:
    """Return what the head of a file says. Raises `SetupError`."""
    try:
        return read_directives(text)
    except DirectiveError as error:
        raise SetupError(f"{file}: line {error.line}: {error}") from None
