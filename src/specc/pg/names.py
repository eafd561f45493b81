"""PostgreSQL's names: which need quotes, how long they may be, and how literals and identifiers are written."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

MAX_BYTES = 63
"""NAMEDATALEN - 1: what PostgreSQL keeps of an identifier."""

API_ROLES = ("anon", "authenticated", "service_role")
"""The roles that requests over the API run as (Supabase's names)."""

MONITOR = "monitor"
"""The schema of what operators look at; only the server's role and the owner may."""

OPERATOR = "service_role"
"""The role of the API that operators' tools come as."""

RESERVED = frozenset(
    # One word after the other: a list of so many would be a page.
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in
    initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with
    """.split()  # noqa: SIM905
)
"""Words that cannot name a column, table or function unquoted (appendix C, reserved, PostgreSQL 18)."""

SYSTEM_COLUMNS = frozenset(["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"])
"""Columns that every table has (PostgreSQL manual 5.6)."""

_QUOTED = RESERVED | frozenset(
    """
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest
    grouping inout int integer interval json json_array json_arrayagg json_exists json_object
    json_objectagg json_query json_scalar json_serialize json_table json_value least merge_action
    national nchar none normalize nullif numeric out overlay position precision real row setof
    smallint substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement
    xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split()  # noqa: SIM905
)


_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


@lru_cache(maxsize=1 << 16)
def ident(name: str) -> str:
    """Return a name as an identifier in SQL, quoted where it has to be."""
    if _PLAIN.match(name) and name not in _QUOTED:
        return name
    return '"' + name.replace('"', '""') + '"'


def idents(names: tuple[str, ...]) -> str:
    """Return names as a comma-separated list of identifiers."""
    return ", ".join(ident(name) for name in names)


@lru_cache(maxsize=1 << 16)
def qualified(schema: str, name: str) -> str:
    """Return a name with its schema."""
    return f"{ident(schema)}.{ident(name)}"


def lit(value: str | int | bool | None) -> str:
    """Return a value as a literal that means the same under any setting of the server."""
    if isinstance(value, str):
        text = value.replace("'", "''")
        return "E'" + text.replace("\\", "\\\\") + "'" if "\\" in text else f"'{text}'"
    if value is None:
        return "null"
    return str(value).lower()


def sequence_of(table: str, column: str) -> str:
    """Return the name of the sequence that counts an identity column up."""
    return fit(f"{table}_{column}_seq")


def fit(name: str, most: int = MAX_BYTES) -> str:
    """Return a derived name within so many bytes: a longer one is cut and ends in a hash of the whole."""
    if len(name.encode()) <= most:
        return name
    tail = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: most - 9].decode(errors="ignore") + "_" + tail


def dollar(body: str) -> str:
    """Return a function body between dollar quotes that do not occur in it."""
    tag, number = "$$", 0
    while tag in f"{body}$":
        number += 1
        tag = f"$body{number}$"
    return f"{tag}{body}{tag}"
