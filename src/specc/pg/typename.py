"""Type names as they stand in function signatures and DECLARE sections: whose they are and how to write them.

A parsed type name comes in; out goes its schema and name, the way PostgreSQL lists it, and where it stands.
Never looks into a project: names that are not PostgreSQL's own belong to the default schema.
"""

from __future__ import annotations

from specc.pg.names import ident, qualified
from specc.pg.parsing import SqlError, parse_inside, tokens
from specc.pg.tree import Fields, named, texts
from specc.pg.types import BUILT_IN, PSEUDO
from specc.record import record

_LISTED = {
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "varbit": "bit varying",
    # Words of the grammar that need no quotes where a type stands.
    "bit": "bit",
    "interval": "interval",
    "numeric": "numeric",
}
"""What `format_type` prints for types whose name in the catalogue is another (PostgreSQL manual 9.27.6)."""

CATALOG = frozenset(
    [
        *BUILT_IN,
        *PSEUDO,
        *("anycompatiblearray", "anycompatiblemultirange", "anycompatiblenonarray", "anycompatiblerange"),
        *("anyenum", "anymultirange", "anynonarray", "anyrange", "any", "unknown", "internal"),
        *("language_handler", "index_am_handler", "table_am_handler", "fdw_handler", "tsm_handler"),
        *("regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper"),
        *("regoperator", "regproc", "regprocedure", "regrole", "regtype"),
        *(
            "refcursor",
            "tid",
            "xid",
            "cid",
            "int2vector",
            "oidvector",
            "aclitem",
            "gtsvector",
            "txid_snapshot",
        ),
    ]
)
"""Types that are found without a schema; row types of the catalogue begin with `pg_` and are, too."""


@record
class TypeUse:
    """A type where it is used: `schema` is "" for PostgreSQL's own types and those of extensions in sight.

    `offset` and `length` are the characters of its written name; `bare` says that it was written without
    the schema it belongs to.
    """

    schema: str
    name: str
    is_array: bool
    is_set: bool
    bare: bool
    offset: int
    length: int

    @property
    def is_own(self) -> bool:
        """Whether PostgreSQL itself brings the type."""
        return not self.schema

    @property
    def listed(self) -> str:
        """The type the way `regprocedure` lists it."""
        name = (
            qualified(self.schema, self.name) if self.schema else _LISTED.get(self.name) or ident(self.name)
        )
        return f"{name}[]" if self.is_array else name


def type_use(node: Fields, text: str, default_schema: str, shift: int = 0) -> TypeUse:
    """Return what a parsed type name of `text` means; its location counts from `shift` before the text.

    Raises `SqlError` for `%type`, which PostgreSQL would replace once, when the function is made.
    """
    start = node.get("location", 0) - shift
    if "pct_type" in node:
        raise SqlError("write the type itself, `%type` would be looked up once and never again", start)
    names = texts(node["names"])
    if len(names) > 2:
        raise SqlError("a type has a schema and a name, this has more", start)
    own = names[0] == "pg_catalog" if len(names) == 2 else _is_found(names[0])
    schema = "" if own else names[0] if len(names) == 2 else default_schema
    bare = bool(schema) and len(names) == 1
    length = _length(text[start:])
    return TypeUse(schema, names[-1], "arrayBounds" in node, "setof" in node, bare, start, length)


def _is_found(name: str) -> bool:
    return name in CATALOG or name in _LISTED or name.startswith("pg_") or name == "char"


def _length(text: str) -> int:
    """Return how many characters the dotted name at the start of a text has."""
    end = 0
    for at, token in enumerate(tokens(_first_words(text))):
        if at % 2 and token.name != "ASCII_46":
            break
        end = token.end
    return end


def _first_words(text: str) -> str:
    """Cut a text before anything that could be an unfinished string."""
    stops = [at for at in (text.find("'"), text.find("$"), text.find("/*")) if at >= 0]
    return text[: min(stops)] if stops else text


def read_type(text: str, default_schema: str) -> TypeUse:
    """Read a type that stands alone. Raises `SqlError` with the offset in `text`."""
    before = "select cast(null as "
    _, query = named(parse_inside(before, text, ")"))
    _, target = named(query["targetList"][0])
    kind, cast = named(target["val"])
    if kind != "TypeCast" or "setof" in cast["typeName"]:
        raise SqlError("this is no type", 0)
    return type_use(cast["typeName"], text, default_schema, len(before))
