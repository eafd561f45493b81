"""Resolution: every declared name collected, every reference checked. Nothing is rewritten.

What refers into an entry that did not bind is not reported: its mistake has been reported already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from specc.diagnostics import Cause, Code, Diagnostic, Span
from specc.diagnostics.suggest import suggest
from specc.lang.absent import DECLARED_OTHERWISE, absent
from specc.lang.kind import Kind
from specc.lang.markers import Def, Ref
from specc.lang.project import Entry, Path, Project
from specc.lang.shape import shape_of
from specc.lang.walk import Site, walk
from specc.pg.names import MAX_BYTES, RESERVED, SYSTEM_COLUMNS

_LIFE = (
    "lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
)
NAME_FORM = Code(
    "S110",
    "name-form",
    "Names become identifiers in PostgreSQL. Lower-case letters, digits and `_`, not starting with a digit, "
    "never need quotes; anything else needs them in every statement that anyone ever writes.",
    wrong=_LIFE.replace("closed", "'Closed!'"),
    right=_LIFE,
)
NAME_LENGTH = Code(
    "S111",
    "name-too-long",
    "PostgreSQL cuts identifiers after 63 bytes without saying so; two names could become one.",
    wrong=_LIFE.replace("closed", "c" * 64),
    right=_LIFE,
)
RESERVED_WORD = Code(
    "S112",
    "reserved-word",
    "The name is a reserved word of SQL, so every statement that uses it would need quotes, or one of the "
    "columns that PostgreSQL gives every table.",
    wrong="table: user\nshared: true\nabout: People.\ncolumns: {number: integer}\n"
    "---\naccess: people\ntables: [user]\nallow: {}\n",
    right="table: app_user\nshared: true\nabout: People.\ncolumns: {number: integer}\n"
    "---\naccess: people\ntables: [app_user]\nallow: {}\n",
)
UNKNOWN = Code(
    "S201",
    "unknown-name",
    "A text that refers to something (a table, a lifecycle, a state) names nothing that the project declares.",
    wrong=_LIFE.replace("[closed]", "[close]"),
    right=_LIFE,
)
CODES = (NAME_FORM, NAME_LENGTH, RESERVED_WORD, UNKNOWN, DECLARED_OTHERWISE)
_BETWEEN = re.compile(r"[\s;|+&]+")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*\Z")


def resolve(project: Project, kinds: Mapping[str, Kind]) -> tuple[Project, list[Diagnostic]]:
    """Return the project with the names its entries declare, and what is wrong with names and references."""
    sites = [site for kind in kinds for entry in project.all(kind) for site in walk(entry)]
    declared = _declare(project, kinds, sites)
    project = replace(project, declared=declared)
    found = [one for entry in _entries(project) for one in _entry_name(entry, kinds[entry.kind])]
    for site in sites:
        if isinstance(site.marker, Def):
            span = site.entry.key(*site.path)
            found += check_name(site.text, site.marker.kind, span, label=site.marker.label)
        elif isinstance(site.marker, Ref):
            found += _check(site, project)
    return project, found


def _entries(project: Project) -> Iterator[Entry]:
    for kind in sorted(project.entries):
        yield from project.entries[kind].values()


def _entry_name(entry: Entry, kind: Kind) -> Iterator[Diagnostic]:
    parts = entry.name.split(".") if kind.in_schema else [entry.name]
    if len(parts) > 2:
        message = f"`{entry.name}` has more than a schema and a name"
        yield NAME_FORM.at(entry.title, message)
        return
    for part in parts:
        yield from check_name(part, entry.kind, entry.title, label=not kind.in_schema)


def check_name(name: str, what: str, span: Span, *, label: bool = False) -> Iterator[Diagnostic]:
    """Say what keeps a name from being an identifier; a `label` may be a reserved word."""
    if not _IDENTIFIER.match(name):
        suggestion = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
        would_do = _IDENTIFIER.match(suggestion) and len(suggestion) <= MAX_BYTES
        help = f"`{suggestion}` would do" if would_do else ""
        yield NAME_FORM.at(span, f"`{name}` is no name for a {what}", help=help)
    elif len(name.encode()) > MAX_BYTES:
        yield NAME_LENGTH.at(span, f"this name has {len(name.encode())} bytes, PostgreSQL keeps {MAX_BYTES}")
    elif not label and name in RESERVED:
        yield RESERVED_WORD.at(span, f"`{name}` is a reserved word", help=f"for example `{name}_`")
    elif what == "column" and name in SYSTEM_COLUMNS:
        message = f"every table has a column `{name}` that belongs to PostgreSQL"
        yield RESERVED_WORD.at(span, message, help=f"for example `{name}_`")


def _declare(
    project: Project, kinds: Mapping[str, Kind], sites: Iterable[Site]
) -> dict[tuple[str, str, str], dict[str, Span]]:
    declared: dict[tuple[str, str, str], dict[str, Span]] = {}
    outer: dict[tuple[Entry, Path], Site] = {}
    for site in sites:
        if isinstance(site.marker, Def):
            owner = project.full_name(site.entry.kind, site.entry.name)
            for word, name in _names(site, outer):
                names = declared.setdefault((word, site.entry.kind, owner), {})
                names.setdefault(name, site.entry.key(*site.path))
            outer[site.entry, site.path] = site
    for kind in kinds.values():
        for entry in project.all(kind.key):
            for one in kind.implied(entry, project):
                owner = project.full_name(one.owner_kind, one.owner)
                declared.setdefault((one.kind, one.owner_kind, owner), {}).setdefault(one.name, entry.title)
    return declared


def _names(site: Site, outer: Mapping[tuple[Entry, Path], Site]) -> Iterator[tuple[str, str]]:
    """Yield the kinds and names that a declaration gives: its own, and that of the declaration it stands in."""
    yield site.marker.kind, site.text
    for length in range(len(site.path) - 1, 0, -1):
        above = outer.get((site.entry, site.path[:length]))
        if above is not None:
            yield f"{above.marker.kind}/{site.marker.kind}", f"{above.text}/{site.text}"
            return


def _check(site: Site, project: Project) -> Iterator[Diagnostic]:
    marker: Ref = site.marker
    span = site.entry.key(*site.path) if site.on_key else site.entry.at(*site.path)
    if not marker.within:
        if project.find(marker.kind, site.text) is None and marker.kind not in project.unnamed:
            known = [project.short_name(name) for name in project.entries.get(marker.kind, {})]
            cause = absent(project, marker.kind, site.text)
            yield _unknown(marker.kind, site.text, span, known, "", cause)
        return
    owner = owner_of(site, project)
    if owner is not None:
        yield from _inside(site, span, owner, project)


def _inside(site: Site, span: Span, owner: tuple[str, str], project: Project) -> Iterator[Diagnostic]:
    """Look a name up in the entry that declares such names, `state/substate` name by name."""
    kind, name = owner
    first, _, last = site.marker.kind.partition("/")
    outer, slash, _ = site.text.partition("/")
    where = f" in {kind} `{project.short_name(name)}`"
    states = project.names(first, kind, name)
    if not states:
        return  # That it declares none is a finding of its own.
    if not last or not slash or outer not in states:
        text = outer if last and slash else site.text
        if text not in states:
            if text != site.text and not site.on_key:
                span = site.entry.places.inside(site.path, 0, len(text))
            yield _unknown(first, text, span, list(states), where, absent(project, first, text, kind, name))
    elif site.text not in (known := project.names(site.marker.kind, kind, name)):
        cause = absent(project, site.marker.kind, site.text, kind, name)
        yield _unknown(last, site.text, span, list(known), where, cause)


def _unknown(kind: str, text: str, span: Span, known: list[str], where: str, cause: Cause) -> Diagnostic:
    help = suggest(text, known) or (f"did you mean `{cause.near}`?" if cause.near else "")
    parts = _BETWEEN.split(text)
    if not help and len(parts) > 1 and all(one in known for one in parts):
        help = f"put commas between names: `{', '.join(parts)}`"
    if not help and known and len(known) <= 12:
        help = f"there {'is' if len(known) == 1 else 'are'} {', '.join(f'`{name}`' for name in known)}"
    return UNKNOWN.at(span, f"there is no {kind} `{text}`{where}", help=help, cause=cause)


def owner_of(site: Site, project: Project) -> tuple[str, str] | None:
    """Return the (kind, full name) of the entry in which a reference `within` is to be looked up.

    None when that entry is unknown or did not bind, which has been reported.
    """
    marker: Ref = site.marker
    scope = site.scope[:1] if site.entry.kind == marker.within else site.scope
    for kind, written in reversed(scope):
        if kind == marker.within:
            entry = project.find(kind, written)
            return (
                _declaring(entry, marker.kind.partition("/")[0], project)
                if entry and entry.spec is not None
                else None
            )
    return None


def _declaring(entry: Entry, wanted: str, project: Project) -> tuple[str, str] | None:
    """Follow one hop from an entry that does not declare `wanted` names to the one it refers to that does."""
    name = project.full_name(entry.kind, entry.name)
    if declares(type(entry.spec), wanted) or project.names(wanted, entry.kind, name):
        return entry.kind, name
    for site in walk(entry):
        if isinstance(site.marker, Ref) and not site.marker.within and len(site.path) == 1:
            target = project.find(site.marker.kind, site.text)
            if target and target.spec is None:
                return None
            if target and declares(type(target.spec), wanted):
                return target.kind, project.full_name(target.kind, target.name)
    return None


def declares(model: type, wanted: str) -> bool:
    """Whether a model has dict keys that declare names of a kind at its top level."""
    shape = shape_of(model)
    return any(
        marker == Def(wanted, marker.label)
        for field in shape.fields
        for marker in getattr(getattr(field.shape, "key", None), "markers", ())
        if isinstance(marker, Def)
    )
