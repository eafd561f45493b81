"""Diagrams as Mermaid text: states and edges, tables and references in, a diagram out.

Names are identifiers, as resolution has checked; each gets an id that no word of Mermaid's grammar can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from specc.ir.page import Relation

Edge = tuple[str, str]


def state_diagram(
    states: Sequence[str],
    initial: Iterable[str],
    terminal: Iterable[str],
    steps: Iterable[Edge],
    recoveries: Iterable[Edge] = (),
) -> str:
    """Return a `stateDiagram-v2` of the states in their order; recovery edges are labelled `recovery`."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state}" as {_id(state)}' for state in states]
    lines += [f"    [*] --> {_id(state)}" for state in initial]
    lines += [f"    {_id(source)} --> {_id(target)}" for source, target in steps]
    lines += [f"    {_id(source)} --> {_id(target)} : recovery" for source, target in recoveries]
    lines += [f"    {_id(state)} --> [*]" for state in terminal]
    return "\n".join(lines) + "\n"


def _id(state: str) -> str:
    """Return the id of a state: bare, `end` would close a block and `state` open one."""
    return f"s_{state}"


def relations_diagram(tables: Iterable[str], relations: Iterable[Relation]) -> str:
    """Return an `erDiagram` of tables (names may have a schema) and the references between them."""
    lines = ["erDiagram", *(f'    "{table}"' for table in tables)]
    for one in relations:
        many, target = "|o" if one.unique else "}o", "o|" if one.optional else "||"
        lines.append(f'    "{one.source}" {many}--{target} "{one.target}" : "{one.column}"')
    return "\n".join(lines) + "\n"
