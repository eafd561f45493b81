"""Drift: how a database differs from what the lock says it is, and from what nobody declared.

The lock's database is made beside it, on a server of any kind, and both catalogues are read back and compared, so that
every expression is compared as PostgreSQL prints it. Nothing is written to the database that is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import psycopg

from specc.ir.database import Row, Schema, Table
from specc.ir.model import Ir
from specc.pg.apply import apply
from specc.pg.introspect import read_catalogue
from specc.pg.names import ident, lit, qualified
from specc.plan.initial import plan_initial
from specc.plan.migration import up_text
from specc.record import record

LAID_ASIDE = "private.kept_"
"""How the names of tables begin in which a migration laid something aside."""


class NotReadError(Exception):
    """A database cannot be reached or read; the message is the server's."""


@record
class Difference:
    """One object that is not as declared: `found` and `declared` are its definitions, "" where there is none."""

    name: str
    found: str
    declared: str

    @property
    def word(self) -> str:
        """What is wrong, in a word: `missing`, `undeclared` or `different`."""
        if not self.found:
            return "missing"
        return "different" if self.declared else "undeclared"


def drift(ir: Ir, conninfo: str, scratch: str) -> tuple[Difference, ...]:
    """Compare a database with the facts; `scratch` is an empty one with bootstrap, which is filled.

    Raises `NotReadError`.
    """
    try:
        return tuple(_drift(ir, conninfo, scratch))
    except psycopg.Error as error:
        raise NotReadError(str(error).strip()) from None


def major_version(conninfo: str) -> int:
    """Return the major version of a server. Raises `NotReadError`."""
    try:
        with psycopg.connect(conninfo) as connection:
            return connection.info.server_version // 10000
    except psycopg.Error as error:
        raise NotReadError(str(error).strip()) from None


def _drift(ir: Ir, conninfo: str, scratch: str) -> Iterator[Difference]:
    schemas = [one.name for one in ir.all(Schema)]
    apply(scratch, up_text("what is declared", plan_initial(ir)))
    with psycopg.connect(conninfo) as there, psycopg.connect(scratch) as here:
        there.read_only = True
        found = _marked(read_catalogue(there, schemas))
        declared = _marked(read_catalogue(here, schemas))
        yield from compare(found, declared)
        yield from _rows(ir, there)


def compare(found: Mapping[str, str], declared: Mapping[str, str]) -> Iterator[Difference]:
    """Yield the differences between what is found and what is declared, by name.

    Tables that were laid aside are none, and of a table that nobody declared its columns are not told.
    """
    strange = {
        name.removeprefix("table ") for name in found.keys() - declared.keys() if name.startswith("table ")
    }
    for name in sorted(found.keys() | declared.keys()):
        kind, _, place = name.partition(" ")
        is_told = kind != "column" or place.rpartition(".")[0] not in strange
        if is_told and found.get(name) != declared.get(name) and LAID_ASIDE not in name:
            yield Difference(name, found.get(name, ""), declared.get(name, ""))


def _marked(catalogue: Mapping[str, str]) -> dict[str, str]:
    """Return a catalogue in which no definition is empty: that means that there is no object."""
    return {name: text or "-" for name, text in catalogue.items()}


def _rows(ir: Ir, connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[Difference]:
    """Yield reference rows that are missing or hold something else."""
    tables = {(one.schema, one.name) for one in ir.all(Table)}
    for row in ir.all(Row):
        values = dict(row.values)
        table = qualified(row.schema, row.table)
        if (row.schema, row.table) not in tables or not _exists(
            connection, f"to_regclass({lit(table)}) is not null"
        ):
            continue
        same = " and ".join(f"{name} is not distinct from {value}" for name, value in _pairs(row))
        if not _exists(connection, f"exists (select from {table} where {same})"):
            there = _exists(connection, f"exists (select from {table} where id = {values['id']})")
            yield Difference(
                f"row {row.key} of {row.schema}.{row.table}", "other values" if there else "", "as declared"
            )


def _pairs(row: Row) -> Iterator[tuple[str, str]]:
    return ((ident(name), value) for name, value in row.values)


def _exists(connection: psycopg.Connection[tuple[object, ...]], condition: str) -> bool:
    found = connection.execute(f"select {condition}".encode()).fetchone()
    return bool(found and found[0])
