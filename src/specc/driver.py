"""The pipeline on one screen: read, load, bind, resolve, check, lower, plan, emit.

Specs in, files out; nothing is written here, and nothing reads a clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from specc.diagnostics import Cause, Code, Diagnostic, Label, Sink, SourceFile, Span
from specc.diagnostics.causes import groups, told_once
from specc.ir.fact import Fact, Identity
from specc.ir.model import Clash, Ir, Origin, gather
from specc.ir.step import Part, Step
from specc.kinds import KINDS, foundation
from specc.lang import absent, resolve
from specc.lang.kind import Kind, Lowered, ProjectRule
from specc.lang.project import Entry, Project
from specc.load import bind, files, sqlfile, yaml
from specc.load.document import Document
from specc.plan.codes import CODES as CHANGES

if TYPE_CHECKING:
    from specc.plan.base import Base
    from specc.plan.pending import Naming

BY_KEY: Mapping[str, Kind] = {kind.key: kind for kind in KINDS}

CLASH = Code(
    "S801",
    "object-made-twice",
    "Two specs make an object of the same name in different ways, so the database could be only one of them. "
    "Tables, views and indexes of a schema share one set of names, tables and types another.",
    wrong="table: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text unique}\n"
    "---\ntable: ticket_title_key\nabout: A key.\nshared: true\ncolumns: {key: text}\n"
    "---\naccess: tickets\ntables: [ticket, ticket_title_key]\nallow: {}\n",
    right="table: ticket\nabout: A ticket.\nshared: true\ncolumns: {title: text unique}\n"
    "---\ntable: title_key\nabout: A key.\nshared: true\ncolumns: {key: text}\n"
    "---\naccess: tickets\ntables: [ticket, title_key]\nallow: {}\n",
)
MANY_FACTS = 10_000
"""From so many on, tests are made in a process of their own: half of a build, where a fork costs little."""

MOST_TRIES = 3
"""How many declarations are tried under another name, each of which takes as long as a check."""

CODES: tuple[Code, ...] = tuple(
    sorted(
        {
            *yaml.CODES, *bind.CODES, bind.EMPTY, *sqlfile.CODES, *files.CODES, *resolve.CODES, *CHANGES, CLASH,
            *(code for kind in KINDS for rule in kind.rules for code in rule.codes),
        },
        key=lambda code: code.id,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """A project read and checked: `ir` is there when nothing stops a build, `parts` when there was a base, too."""

    project: Project
    sources: Mapping[str, SourceFile]
    diagnostics: Sink
    ir: Ir | None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a command shows and writes; `files` is empty when there are errors."""

    diagnostics: Sink
    sources: Mapping[str, SourceFile]
    files: Mapping[str, str]
    output: Path
    documents: int
    ir: Ir | None


def check(root: Path) -> Result:
    """Check a project. Raises `ProjectError` when there is none."""
    read = files.read_project(root)
    checked = analyse(read)
    return _result(read, checked, {})


def build(root: Path, base: Base | None = None, naming: Naming | None = None) -> Result:
    """Check a project and, when nothing is wrong, make its files. Raises `ProjectError`.

    A released project has a base, to which its migrations lead from; `naming` says what is known of their names.
    """
    read = files.read_project(root)
    if read.settings.released and base is None:
        raise files.ProjectError("this project is released, so it is built from a base")
    checked = analyse(read, base)
    made = _files(checked, base, naming) if checked.ir is not None else {}
    return _result(read, checked, made)


def _files(checked: Checked, base: Base | None, naming: Naming | None) -> dict[str, str]:
    """Emit; all SQL that is new is parsed before anybody may write it."""
    from specc.emit.tree import tests, tree
    from specc.pg.parsing import check_sql
    from specc.plan.base import FOLDERS
    from specc.plan.directives import read_directives
    from specc.plan.initial import plan_initial
    from specc.plan.sums import SUMS, dump

    project, ir = checked.project, checked.ir
    assert ir is not None, "only what is right has files"

    def parsed(some: dict[str, str]) -> dict[str, str]:
        for path, text in some.items():
            # What stands in schema/ is the statements of the migration once more.
            if path.endswith(".sql") and not path.startswith("schema/"):
                check_sql(text)
            if path.startswith(FOLDERS):
                said = read_directives(text)
                for one in (*said.preflights, *said.batches):
                    check_sql(one.sql)
        return some

    def tested() -> dict[str, str]:
        return parsed(tests(ir))

    later = tested
    if len(ir.facts) > MANY_FACTS:
        from specc.beside import beside

        later = beside(tested)
    steps = plan_initial(ir)
    made = (
        parsed({**tree(project, ir, KINDS, steps), **_migrations(checked, ir, steps, base, naming)}) | later()
    )
    if base is not None:
        made |= base.frozen
        made[SUMS] = dump({path: text for path, text in made.items() if path.startswith(FOLDERS)})
    return dict(sorted(made.items()))


def _migrations(
    checked: Checked, ir: Ir, steps: tuple[Step, ...], base: Base | None, naming: Naming | None
) -> dict[str, str]:
    """Return the migration that this build writes and its way back: none where nothing differs from the base."""
    from specc.plan.migration import initial_files
    from specc.plan.pending import Naming, initial, pending
    from specc.plan.title import INITIAL

    settings = checked.project.settings
    if base is None:
        return initial_files(f"{settings.project}: {INITIAL}", settings.start, steps)
    naming = naming or Naming()
    if not base.facts.facts:
        return initial(steps, settings.project, base, naming, settings.start)
    return pending(checked.parts, ir, settings.project, base, naming)


def _result(read: files.Sources, checked: Checked, made: Mapping[str, str]) -> Result:
    output = read.root / read.settings.output
    return Result(checked.diagnostics, checked.sources, made, output, len(read.files), checked.ir)


def analyse(read: files.Sources, base: Base | None = None) -> Checked:
    """Load, bind, resolve, check and lower what was read, and plan the way from the base if there is one.

    What one mistake brings about is told once.
    """
    checked = _analyse(read, base)
    if any(one.cause for one in checked.diagnostics):
        found = told_once(_without_misspelt(read, checked))
        checked.diagnostics.replace(_beside_unnamed(one, read, checked.project) for one in found)
    return checked


def _beside_unnamed(found: Diagnostic, read: files.Sources, project: Project) -> Diagnostic:
    """Show beside a name that is not there the declaration of one almost like it, if nothing else names that."""
    span = absent.declaration(project, found.cause) if found.cause else None
    if found.cause is None or span is None:
        return found
    word = re.compile(rf"(?<![\w-]){re.escape(found.cause.near.rpartition('/')[2])}(?![\w-])")
    if sum(len(word.findall(source.text)) for source in read.files) > 1:
        return found
    label = Label(span, f"`{found.cause.near}` is declared here, and named nowhere")
    return replace(found, related=(*found.related, label))


def _without_misspelt(read: files.Sources, checked: Checked) -> list[Diagnostic]:
    """Put the misspelt declaration in the place of all findings that are gone once it is mended."""
    found = list(checked.diagnostics)
    doubtful = [(cause, group) for cause, group in groups(found).items() if cause.near]
    for cause, group in doubtful[:MOST_TRIES]:
        span = absent.declaration(checked.project, cause)
        mended = _renamed(read, span, cause) if span else None
        after = list(_analyse(mended).diagnostics) if mended else group
        names = [one.cause.about for one in after if one.cause]
        if span is not None and not {cause.about, (*cause.about[:-1], cause.near)} & {*names}:
            left = {(one.span.path, one.code.id, one.message) for one in after}
            told = absent.declared_otherwise(cause, span, group)
            gone = [
                one for one in found if one in group or (one.span.path, one.code.id, one.message) not in left
            ]
            found = [told if one is gone[0] else one for one in found if one is gone[0] or one not in gone]
    return found


def _renamed(read: files.Sources, span: Span, cause: Cause) -> files.Sources | None:
    """Return the files with a declaration as other places name it; None where it is not written as expected."""
    source = next((one for one in read.files if one.path == span.path), None)
    near, name = cause.near.rpartition("/")[2], cause.about[-1].rpartition("/")[2]
    if source is None or source.text[span.start : span.end] != near:
        return None
    text = source.text[: span.start] + name + source.text[span.end :]
    mended = tuple(SourceFile(one.path, text) if one is source else one for one in read.files)
    return replace(read, files=mended)


def _analyse(read: files.Sources, base: Base | None = None) -> Checked:
    sink = Sink()
    sink.extend(read.found)
    project = _load(read, sink)
    sink.advance()
    project, unresolved = resolve.resolve(project, BY_KEY)
    sink.extend(unresolved)
    sink.advance()
    sink.extend(_check(project))
    ir = None if sink.has_errors else _lower(project, sink)
    # Clashes leave facts behind that no database can have.
    parts: tuple[Part, ...] = ()
    if base is not None and ir is not None and not sink.has_errors and base.facts.facts:
        from specc.plan.enums import in_place
        from specc.plan.findings import findings
        from specc.plan.parts import plan

        ir = in_place(base.facts, ir)
        found = tuple(findings(base.facts, ir))
        sink.extend(found)
        parts = () if any(one.is_error for one in found) else plan(base.facts, ir)
    sources = {source.path: source for source in read.files}
    return Checked(project, sources, sink, None if sink.has_errors else ir, parts)


def _load(read: files.Sources, sink: Sink) -> Project:
    empty = Project(read.settings, {}, frozenset(kind.key for kind in KINDS if kind.in_schema))
    bound: list[Entry] = []
    # A file that could not be read may declare anything.
    unnamed: set[str] = set(BY_KEY) if read.found else set()
    texts: list[tuple[SourceFile, list[Document]]] = []
    for source in read.files:
        reader = sqlfile.read_function_file if source.path.endswith(".sql") else yaml.read
        documents, found = reader(source)
        sink.extend(found if documents or found else [bind.empty(source)])
        joined, parted = bind.joined(documents, BY_KEY)
        sink.extend(parted)
        texts.append((source, joined))
    sink.settle()
    for source, read_ones in texts:
        for document in read_ones:
            one = bind.bind(document, source, BY_KEY)
            sink.extend(one.found)
            bound += [one.entry] if one.entry else []
            unnamed.update(one.unnamed)
    entries, found_twice = bind.collect(bound, empty.full_name)
    sink.extend(found_twice)
    # The second of one name was to have another one.
    unnamed.update(
        one.kind for one in bound if entries[one.kind][empty.full_name(one.kind, one.name)] is not one
    )
    return replace(empty, entries=entries, unnamed=frozenset(unnamed))


def _check(project: Project) -> Iterator[Diagnostic]:
    for kind in KINDS:
        for rule in kind.rules:
            if isinstance(rule, ProjectRule):
                yield from rule.check(project)
                continue
            for entry in project.all(kind.key):
                yield from rule.check(entry, project)


def _lower(project: Project, sink: Sink) -> Ir:
    ir, clashes = gather(_facts(project))
    sink.extend(_clash(clash) for clash in clashes)
    return ir


def _facts(project: Project) -> Iterator[tuple[Fact, Origin]]:
    nowhere = Span(files.PROJECT_FILE, 0, 0)
    yield from _with_origin(foundation.lower(project), nowhere, "")
    for kind in KINDS:
        for entry in project.all(kind.key):
            yield from _with_origin(kind.lower(entry, project), entry.title, entry.file)


def _with_origin(lowered: Lowered, span: Span, file: str) -> Iterator[tuple[Fact, Origin]]:
    for one in lowered:
        if isinstance(one, tuple):
            yield one[0], (one[1], file)
        else:
            yield one, (span, file)


def _clash(clash: Clash) -> Diagnostic:
    related = (Label(clash.first[0], "first made here"),) if clash.first[0].path else ()
    if clash.rival == clash.identity:
        message = f"{_object(clash.identity)} is made twice, differently"
    else:
        message = f"{_object(clash.identity)} would have the name of {_object(clash.rival)}"
    help = "give one of them a `name`" if clash.identity[0] == "index" else ""
    # Columns, comments and grants of one object clash all at once.
    cause = Cause(("clash", *(f"{span.path}:{span.start}" for span in (clash.first[0], clash.second[0]))))
    return CLASH.at(clash.second[0], message, related=related, help=help, cause=cause)


def _object(identity: Identity) -> str:
    kind, *names = identity
    return f"{kind.replace('_', ' ')} `{'.'.join(name for name in names if name)}`"
