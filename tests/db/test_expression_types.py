"""What the compiler says of types in expressions, PostgreSQL says too: no false alarm in some thousand of them.

With `SPECC_FUZZ` in the environment it tries all of some ninety thousand.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import product

import psycopg
import pytest

from specc.pg.column import read_column
from specc.pg.families import Type, built_in, type_faults

pytestmark = pytest.mark.pg

COLUMNS = {
    "b": "boolean", "n": "integer", "big": "bigint", "x": "numeric", "r": "real", "t": "text", "v": "varchar(9)",
    "c": "char(3)", "u": "uuid", "j": "jsonb", "js": "json", "m": "timestamptz", "d": "date", "h": "time",
    "i": "interval", "a": "text[]", "na": "integer[]", "ip": "inet", "cash": "money", "name_": "name", "o": "oid",
    "raw": "bytea", "bits": "bit(3)", "span": "int4range", "words": "tsvector", "mood": "mood",
}  # fmt: skip
CONSTANTS = (
    "1", "-1", "1.5", "99999999999", "true", "null", "'1'", "'1.5'", "'abc'", "'true'", "'t'", "'off'", "'{}'",
    "'{\"a\": 1}'", "'2020-01-01'", "'12:30'", "'1 day'", "'00000000-0000-0000-0000-000000000000'", "'1.1.1.1'",
    "'happy'", "'hapy'", "''", "' 5 '", "'NaN'", "'1e5'", "'[1,2]'", "now()", "current_date", "current_user",
    "gen_random_uuid()", "interval '1 hour'", "date '2020-01-01'", "array['a']", "array[1]", "b'101'", "5::text",
    "length('x')", "upper('x')", "coalesce(null, 1)", "'happy'::mood", "row(1, 2)", "jsonb_typeof('{}')",
)  # fmt: skip
OPERATORS = (
    "=",
    "<>",
    "<",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "~",
    "like",
    "->>",
    "->",
    "@>",
    "?",
    "&",
    "is distinct from",
)
SHAPES = (
    "{0}", "not {0}", "{0} and b", "b or {0}", "-({0})", "{0} is null", "{0} is true", "coalesce({0}, {0}) = {0}",
    "{0} in ({0}, {0})", "{0} = any (array[{0}])", "length({0}) > 0", "upper({0}) = 'X'", "replace({0}, 'a', 'b') = ''",
    "({0})::text = 'x'", "({0})::integer > 0", "({0})::boolean", "case when {0} then b else b end", "md5({0}) = ''",
    "extract(year from {0}) > 2000", "jsonb_typeof({0}) = 'x'", "({0}, 1) = ({0}, 2)", "{0} between {0} and {0}",
)  # fmt: skip
OPERANDS = (*COLUMNS, *CONSTANTS)


def type_of(name: str) -> Type:
    if name == "mood":
        return Type("enum mood", "mood", ("happy", "sad"))
    written = COLUMNS[name]
    return Type("") if "[" in written else built_in(read_column(written).type_name[1])


def expressions() -> list[str]:
    found = [f"{left} {sign} {right}" for left, right in product(OPERANDS, OPERANDS) for sign in OPERATORS]
    found = found[:: 1 if os.environ.get("SPECC_FUZZ") else 11]
    found += [shape.format(one) for shape in SHAPES for one in OPERANDS]
    found += [f"{one} in ({other}, {one})" for one, other in product(COLUMNS, OPERANDS)]
    return [*found, *(f"{one} between {other} and {one}" for one, other in product(COLUMNS, CONSTANTS))]


@pytest.fixture
def connection(database: str) -> psycopg.Connection[tuple[object, ...]]:
    made = psycopg.connect(database, autocommit=True)
    made.execute("create type mood as enum ('happy', 'sad')")
    columns = ", ".join(f"{name} {written}" for name, written in COLUMNS.items())
    made.execute(f"create table t ({columns})".encode())
    return made


def test_what_is_reported_of_conditions_postgres_refuses(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    seen: Counter[str] = Counter()
    with connection, connection.cursor() as cursor:
        for text in expressions():
            faults = type_faults(text, None, type_of)
            if not faults:
                seen["passed"] += 1
                continue
            with pytest.raises(psycopg.Error):
                cursor.execute(f"explain (costs off) select 1 from t where {text}".encode(), prepare=False)
                pytest.fail(f"{text}: {faults[0].message}")
            seen["refused"] += 1
    assert seen["refused"] > 1_500
    assert seen["passed"] > 1_500


def test_what_is_reported_of_values_postgres_refuses(
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    """Some defaults are refused with the table, those that do not fit with the first row."""
    refused = 0
    with connection, connection.cursor() as cursor:
        for (name, written), text in product(COLUMNS.items(), CONSTANTS):
            faults = type_faults(text, type_of(name), type_of)
            if faults:
                refused += 1
                with pytest.raises(psycopg.Error):
                    cursor.execute("drop table if exists w")
                    cursor.execute(f"create temporary table w (c {written} default {text})".encode())
                    cursor.execute("insert into w default values")
                    pytest.fail(f"{written} default {text}: {faults[0].message}")
    assert refused > 200
