"""Random columns in PostgreSQL's own words: every built-in type, with defaults, checks and examples that it takes.

Out come column specs that any PostgreSQL from 15 on accepts; none of them refers to another table.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Type:
    """A type as people write it, literals it takes, and conditions on `{c}` with a value that meets them.

    `key` types have a btree order and more values than a test has rows.
    """

    sql: str
    defaults: tuple[str, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    key: bool = True
    family: str = ""


ODD = (
    "'it''s'", "'a, b) not null; -- no comment'", "E'tab\\there \\'quoted\\''", "'back\\slash'", "'/* no */ \"x\"'",
    "'ünïcödé ✓ 你好 🙂'", "$$dollar 'quoted' $x$ $$", "'{{ braces }} ${x} %s %% :name ?'", "U&'d\\0061t\\+000061'", "''", "'null'",
    "'line\nbreak'", "'default'::text", "'references x (y) on delete cascade'",
)  # fmt: skip
WORDS = tuple(
    Type(sql, ODD, checks, family="text")
    for sql, checks in (
        ("text", (("{c} <> ''", "gen_random_uuid()::text"), ("{c} ~ '^[0-9a-f-]+$' and {c} not like '%''%'", "gen_random_uuid()::text"))),
        ("TEXT", ()),
        ("varchar", (("length({c}) > 8", "repeat('x', 5) || gen_random_uuid()"),)),
        ("pg_catalog.text", (("{c} is normalized", "gen_random_uuid()::text"),)),
        ("character varying(40)", (("{c} <> 'ß' and {c} <> '🙂'", "gen_random_uuid()::varchar"),)),
    )
)  # fmt: skip
NUMBERS = tuple(
    Type(sql, ("0", "'7'", "- 1", "(1 + 2)", "+3"), (("{c} > 0", "(random() * 10000)::int + 1"), ("{c} between 10 and 20", "12")))
    for sql in (
        "bigint", "int8", "integer", "int", "INT4", "smallint", "int2", "numeric", "decimal(12, 2)", "numeric(9)",
        "pg_catalog.int4", "real", "float4", "double precision", "float8", "float", "float(30)", "dec(9, 3)",
    )
)  # fmt: skip
OTHERS = (
    Type("numeric(2, 2)", ("0.5", "'0.25'"), (("{c} >= 0", "0.1"),)),
    Type("numeric(3, 0)", ("999",)),
    Type("money", ("'1.50'", "0")),
    Type("boolean", ("true", "'f'", "(not true)"), (("{c}", "true"),), key=False),
    Type("bool", ("false",), key=False),
    Type("char", ("'x'",), key=False),
    Type('"char"', ("'x'",), key=False),
    Type("character(3)", ("'abc'",), (("{c} ~ '^[A-Z]{{3}}$'", "'EUR'"),)),
    Type("char(2)", ("'DE'",), key=False),
    Type("national character(4)"),
    Type("varchar(1)", ("'y'",), key=False),
    Type("varchar(2)"),
    Type("bpchar", ("'x '",)),
    Type("name", ("'n'", "current_user")),
    Type("bytea", ("'\\x00ff'", "''", "decode('00', 'hex')"), (("octet_length({c}) = 4", "'\\x01020304'"),)),
    Type("uuid", ("gen_random_uuid()", "private.uuid_v7()", "'00000000-0000-0000-0000-000000000000'")),
    Type("json", ("'{}'", '\'{"a": [1, "b;c"]}\''), key=False),
    Type("jsonb", ("'{}'", "'[]'::jsonb", "jsonb_build_object('a', 1)"), (("jsonb_typeof({c}) = 'object'", "'{}'"),)),
    Type("jsonpath", ("'$.a[*] ? (@ > 1)'",), key=False),
    Type("bit", ("B'1'", "'0'"), key=False),
    Type("bit(8)", ("B'10101010'", "X'1F'")),
    Type("varbit", ("B'1'",)),
    Type("bit varying(9)", ("B'1'",)),
    Type("date", ("current_date", "'2020-02-29'", "'infinity'")),
    Type("time", ("localtime", "'24:00'")),
    Type("time(3) without time zone"),
    Type("timetz", ("'12:00+02'",)),
    Type("time with time zone"),
    Type("timestamp", ("localtimestamp", "'epoch'")),
    Type("timestamp(0) without time zone"),
    Type("timestamptz", ("now()", "private.now()", "'-infinity'"), (("{c} > '2000-01-01'", "now()"), ("isfinite({c})", "now()"))),
    Type("timestamp(3) with time zone", ("now() + interval '1 day'",)),
    Type("interval", ("'1 day'", "interval '2' hour", "'P1Y'"), (("{c} > '0'", "'1 hour'"),)),
    Type("interval year"),
    Type("interval day to second(2)"),
    Type("inet", ("'::1'",)),
    Type("cidr", ("'10.0.0.0/8'",)),
    Type("macaddr", ("'08:00:2b:01:02:03'",)),
    Type("macaddr8", ("'08:00:2b:01:02:03:04:05'",)),
    *(
        Type(sql, default, key=False)
        for sql, default in (
            ("point", ("'(1,2)'", "point(1, 2)")), ("line", ("'{1,2,3}'",)), ("lseg", ()), ("box", ()), ("path", ()),
            ("polygon", ()), ("circle", ("'<(0,0),1>'",)),
        )
    ),
    Type("tsvector", ("to_tsvector('simple', 'a b')", "''")),
    Type("tsquery", ("'a & b'",)),
    Type("oid", ("0",)),
    Type("xid8", ("'1'",), key=True),
    Type("pg_lsn", ("'0/0'",)),
    *(Type(sql, ("'empty'",), (("not isempty({c})", example),)) for sql, example in (
        ("int4range", "'[1,2)'"), ("int8range", "'[1,)'"), ("numrange", "'[1.5,2]'"), ("tsrange", "'[2020-01-01,2020-01-02)'"),
        ("tstzrange", "tstzrange(now(), null)"), ("daterange", "'[2020-01-01,)'"))),
    *(Type(sql, ("'{}'",)) for sql in (
        "int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange")),
    *(
        Type(sql, ("'{}'", "array[]::text[]" if sql == "text[]" else "'{}'"), (("cardinality({c}) > 0", example),))
        for sql, example in (
            ("text[]", "array['a''b', '']"), ("integer array", "'{1}'"), ("int4 array[3]", "array[1]"),
            ("numeric(10, 2)[]", "'{1.5}'"), ("uuid[][]", "'{{00000000-0000-0000-0000-000000000000}}'"),
            ("timestamp with time zone[]", "array[now()]"), ("bit(3)[]", "'{101}'"), ("varchar(1)[]", "'{x}'"),
            ("interval year[]", "'{1 year}'"),
        )
    ),
    Type("json[]", ("'{}'",), key=False),
    Type("point[]", key=False),
)  # fmt: skip
UNORDERED = (
    "json",
    "json[]",
    "jsonpath",
    "point",
    "point[]",
    "line",
    "lseg",
    "box",
    "path",
    "polygon",
    "circle",
)
TYPES = (*WORDS, *NUMBERS, *OTHERS)
COLLATIONS = ('"C"', 'pg_catalog."POSIX"', 'pg_catalog."default"')


def random_column(random: Random, name: str) -> dict[str, str]:
    """Return the spec of a column: `sql`, and `about` and `example` where it has them."""
    kind = random.choice(random.choice((WORDS, NUMBERS, OTHERS, OTHERS)))
    words = [kind.sql]
    if kind.family == "text" and random.random() < 0.2:
        words.append(f"collate {random.choice(COLLATIONS)}")
    parts, example = [], ""
    nullable = random.random() < 0.3
    if nullable or random.random() < 0.2:
        parts.append("null" if nullable else "not null")
    if kind.defaults and random.random() < 0.35:
        parts.append(f"default {random.choice(kind.defaults)}")
    elif kind.checks and random.random() < 0.6:
        check, example = random.choice(kind.checks)
        parts.append(f"check ({check.format(c=quoted(name))})")
        if random.random() < 0.2:
            parts.append(f"check ({quoted(name)} is not null or true)")
    if (
        kind.key
        and (not example or "random" in example)
        and random.random() < 0.15
        and not has_default(parts)
    ):
        parts.append("unique")
    random.shuffle(parts)
    spec = {"sql": " ".join([*words, *parts])}
    if example:
        spec["example"] = example
    if random.random() < 0.3:
        spec["about"] = random.choice(ABOUTS)
    return spec


def has_default(parts: list[str]) -> bool:
    return any(part.startswith("default") for part in parts)


ABOUTS = (
    "It's \"quoted\" and \\escaped\\; -- $$ %s {{ x }} | <b> `code` [link](x).", "Zeile eins\nZeile zwei",
    "ünï ✓ 🙂", "x", "# not a heading", "'",
)  # fmt: skip


def quoted(name: str) -> str:
    """Return a name that is safe in an expression, whatever keyword it is."""
    return f'"{name}"'
