"""What is checked of the calls in an expression of a table: that the functions are there, and fit the place.

The types of arguments are PostgreSQL's business: it resolves overloads when the migration is verified.
"""

from __future__ import annotations

from collections.abc import Iterator

from specc.analysis.routines import routines, signatures
from specc.diagnostics import Code
from specc.diagnostics.suggest import suggest
from specc.lang.project import Project
from specc.pg.catalogue import ANY_NUMBER, BuiltIn, built_in_functions
from specc.pg.parsing import Call, Used

_TABLE = (
    "table: ticket\nabout: A ticket.\nshared: true\ncolumns:\n  title: {}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {{}}\n"
)

UNKNOWN_FUNCTION = Code(
    "S512",
    "unknown-function",
    "An expression calls a function that neither PostgreSQL 15 has nor this project makes, or with another "
    "number of arguments. Functions of the project stand with their schema, since no search path is set.",
    wrong=_TABLE.format("text check (lenght(title) > 1)"),
    right=_TABLE.format("text check (length(title) > 1)"),
)
UNFIT_EXPRESSION = Code(
    "S513",
    "unfit-expression",
    "Columns and constraints are about one row: aggregates, window functions and parameters have no meaning "
    "there. What is stored, as a generated column or in an index, may not depend on clock, user or chance.",
    wrong=_TABLE.format("text check (count(title) > 1)"),
    right=_TABLE.format("text check (length(title) > 1)"),
)
CODES = (UNKNOWN_FUNCTION, UNFIT_EXPRESSION)

Fault = tuple[Code, int, int, str, str]
"""Code, offset and length in the expression, message, help."""

_OWN = (("private", "now"), ("private", "uuid_v7"))


def faults(text: str, names: Used, project: Project, *, stored: bool) -> Iterator[Fault]:
    """Yield what is wrong with the calls of an expression; `stored` where its result is kept."""
    for offset in names.parameters:
        yield UNFIT_EXPRESSION, offset, 2, "there is no parameter here", ""
    for offset in names.clocks if stored else ():
        word = text[offset:].split(" ", maxsplit=1)[0].split("(", maxsplit=1)[0].rstrip(")")
        message = f"`{word}` differs from call to call, and this is stored"
        yield UNFIT_EXPRESSION, offset, len(word), message, ""
    for call in names.calls:
        yield from _call(call, project, stored=stored)


def _call(call: Call, project: Project, *, stored: bool) -> Iterator[Fault]:
    if call.schema not in ("", "pg_catalog"):
        yield from _own_call(call, project)
        return
    found = built_in_functions().get(call.name)
    if found is None:
        yield (
            UNKNOWN_FUNCTION,
            call.offset,
            len(call.name),
            f"there is no function `{call.name}`",
            _near(call, project),
        )
    elif found.is_aggregate or call.is_windowed:
        message = f"`{call.name}` looks at several rows, and this is about one"
        yield UNFIT_EXPRESSION, call.offset, len(call.name), message, ""
    elif not found.least <= call.arguments <= _most(found):
        message = f"`{call.name}` takes {_count(found)}, {call.arguments} {'is' if call.arguments == 1 else 'are'} given"
        yield UNKNOWN_FUNCTION, call.offset, len(call.name), message, ""
    elif stored and not found.is_immutable:
        message = f"`{call.name}` gives other results at other times, and this is stored"
        yield UNFIT_EXPRESSION, call.offset, len(call.name), message, ""


def _most(found: BuiltIn) -> int:
    return found.most if found.most < ANY_NUMBER else 1664


def _count(found: BuiltIn) -> str:
    if found.most >= ANY_NUMBER:
        return f"{found.least} or more arguments"
    numbers = f"{found.least}" if found.least == found.most else f"{found.least} to {found.most}"
    return f"{numbers} argument{'' if numbers == '1' else 's'}"


def _near(call: Call, project: Project) -> str:
    own = [full for full in routines(project) if full.split(".")[1] == call.name]
    return f"write `{own[0]}`" if own else suggest(call.name, built_in_functions())


def _own_call(call: Call, project: Project) -> Iterator[Fault]:
    """A function of the project's schemas; those of other schemas are there or not, nobody here knows."""
    known = {*signatures(project), *_OWN}
    ours = {*project.settings.schemas, "private"}
    if call.schema in ours and (call.schema, call.name) not in known and not project.has_unread("function"):
        written = f"{call.schema}.{call.name}"
        near = suggest(written, [".".join(one) for one in known])
        yield UNKNOWN_FUNCTION, call.offset, len(written), f"there is no function `{written}`", near
