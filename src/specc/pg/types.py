"""PostgreSQL's own types that columns and arguments may have, under every name people write them with."""

from __future__ import annotations

BUILT_IN = frozenset(
    [
        *("bigint", "int8", "integer", "int", "int4", "smallint", "int2", "numeric", "decimal"),
        *("real", "float4", "double precision", "float8", "float", "money", "boolean", "bool"),
        *("text", "varchar", "character varying", "char", "character", "bpchar", "name"),
        *("bytea", "uuid", "json", "jsonb", "jsonpath", "xml", "bit", "varbit", "bit varying"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
        *("inet", "cidr", "macaddr", "macaddr8", "point", "line", "lseg", "box", "path", "polygon", "circle"),
        *("tsvector", "tsquery", "oid", "xid8", "pg_lsn"),
        *("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"),
        *("int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange"),
        "datemultirange",
    ]
)
"""Table 8.1 and chapter 8 of PostgreSQL's manual."""

PSEUDO = frozenset(
    ["void", "trigger", "record", "anyelement", "anyarray", "event_trigger", "anycompatible", "cstring"]
)
"""Types only of functions (PostgreSQL manual 8.21)."""

AFFINITY = {
    "serial": "write `bigint generated always as identity`",
    "bigserial": "write `bigint generated always as identity`",
    "citext": "write `text`: `citext` is an extension's",
    "datetime": "write `timestamptz`",
    "string": "write `text`",
    "number": "write `numeric`",
    "double": "write `double precision`",
    "blob": "write `bytea`",
    "timestamp_tz": "write `timestamptz`",
}
"""What people write who come from elsewhere, and what they mean."""

UNORDERED = frozenset(
    ["json", "jsonpath", "xml", "point", "line", "lseg", "box", "path", "polygon", "circle", "xid"]
)
"""Types without an operator class for B-trees (PostgreSQL manual 11.10): no key and no index can be over them."""
