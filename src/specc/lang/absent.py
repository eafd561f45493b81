"""Names that are not there, as the cause of findings: every place that names one and the same is one mistake."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from specc.diagnostics import Cause, Code, Diagnostic, Label, Span
from specc.diagnostics.suggest import nearest
from specc.lang.project import Project

DECLARED_OTHERWISE = Code(
    "S202",
    "declared-otherwise",
    "Several places name something that is not declared, and what is declared under almost the same name is "
    "named nowhere. So it is the declaration that is misspelt, and not each of these places.",
    wrong="lifecycle: order\nstates: {open: {is: initial}, hled: {}, closed: {is: terminal}}\n"
    "transitions: {open: [held, closed], held: [open]}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, held: {}, closed: {is: terminal}}\n"
    "transitions: {open: [held, closed], held: [open]}\n",
)


def absent(project: Project, kind: str, name: str, owner_kind: str = "", owner: str = "") -> Cause:
    """Return the cause of findings about a name of a kind that is not there, or not in its owner."""
    known = _declarations(project, kind, owner_kind, owner)
    if kind == "role" and not known:
        return Cause(("no role",))  # Whichever is named, the section that declares them is missing.
    outer, slash, _ = name.partition("/")
    if slash and not any(one.startswith(f"{outer}/") for one in known):
        name = outer  # It has none at all, whichever is named.
    entry = project.entries.get(owner_kind, {}).get(owner)
    near = nearest(name, known) or next((one for one in known if _is_same_in_schema(one, name)), "")
    return Cause((kind, owner_kind, owner, name), near, entry.file if entry else "")


def _is_same_in_schema(known: str, name: str) -> bool:
    """Whether two names differ in their schema only."""
    return known != name and known.rpartition(".")[2] == name.rpartition(".")[2]


def declaration(project: Project, cause: Cause) -> Span | None:
    """Return where the name that a cause is near to is declared."""
    if len(cause.about) != 4:
        return None
    kind, owner_kind, owner, _ = cause.about
    return _declarations(project, kind, owner_kind, owner).get(cause.near)


def _declarations(project: Project, kind: str, owner_kind: str, owner: str) -> Mapping[str, Span]:
    if owner_kind:
        return project.names(kind, owner_kind, owner)
    found = {project.short_name(name): entry.title for name, entry in project.entries.get(kind, {}).items()}
    for (word, _, _), names in project.declared.items():
        found |= names if word == kind else {}
    return found


def declared_otherwise(cause: Cause, span: Span, group: Iterable[Diagnostic]) -> Diagnostic:
    """Report a misspelt declaration in place of the findings about the name that is meant."""
    kind, *_, name = cause.about
    places = [one.span for one in group]
    message = f"{kind} `{cause.near}` is named nowhere, and {len(places)} places name `{name}`"
    labels = tuple(Label(place, "named here") for place in places[:3])
    help = f"did you mean `{name}`?"
    return replace(DECLARED_OTHERWISE.at(span, message, related=labels, help=help), cause=None)
