"""The project on disk: specc.yaml found and read, spec files discovered and read. The only reader of specs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath

from specc.diagnostics import Code, Diagnostic, SourceFile, Span
from specc.lang.project import Settings
from specc.lang.resolve import check_name
from specc.lang.shape import shape_of
from specc.load.bind import validate
from specc.load.located import Located
from specc.load.normalise import normalise
from specc.load.yaml import inner, read
from specc.record import record

PROJECT_FILE = "specc.yaml"
_TAKEN_SCHEMAS = frozenset(
    [
        *("auth", "cron", "extensions", "graphql", "graphql_public", "information_schema", "net"),
        *("realtime", "storage", "supabase_functions", "supabase_migrations", "vault"),
    ]
)
SUFFIXES = (".yaml", ".yml", ".sql")

NOT_UTF8 = Code(
    "S901",
    "not-utf-8",
    "Spec files are UTF-8. A file in another encoding would be read as other letters than its author wrote.",
    wrong="",
    right="",
)
UNREADABLE = Code(
    "S902",
    "unreadable-file",
    "A file under the specs folder could not be read.",
    wrong="",
    right="",
)
BAD_SETTING = Code(
    "S903",
    "bad-setting",
    "specc.yaml says something that cannot be: a stamp that is no date and time, a folder outside of the "
    "project, a schema whose name would need quotes in every statement.",
    wrong="",
    right="",
)
CODES = (NOT_UTF8, UNREADABLE, BAD_SETTING)


class ProjectError(Exception):
    """There is no project to work on, or its project file is wrong; the message says what to do."""

    def __init__(
        self, message: str, diagnostics: tuple[Diagnostic, ...] = (), source: SourceFile | None = None
    ) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics
        self.source = source


@record
class Sources:
    """The files of a project: its settings, spec files sorted by path, and what could not be read."""

    root: Path
    settings: Settings
    files: tuple[SourceFile, ...]
    found: tuple[Diagnostic, ...]


def find_root(start: Path) -> Path:
    """Return the nearest folder at or above `start` that holds specc.yaml. Raises `ProjectError`."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / PROJECT_FILE).is_file():
            return folder
    raise ProjectError(f"no {PROJECT_FILE} here or above; `specc init` makes a project")


def read_project(root: Path) -> Sources:
    """Read a project's files. Raises `ProjectError` when specc.yaml is not there or wrong."""
    settings = read_settings(root)
    folder = root / settings.specs
    if not folder.is_dir():
        raise ProjectError(f"{PROJECT_FILE} says the specs are in `{settings.specs}`, which is no folder")
    files: list[SourceFile] = []
    found: list[Diagnostic] = []
    paths = _spec_files(folder, root, found)
    if not paths and not found:
        raise ProjectError(f"there is no spec file ({', '.join(SUFFIXES)}) under `{settings.specs}`")
    for path in sorted(paths, key=lambda one: one.relative_to(root).as_posix()):
        source, problem = _read(path, path.relative_to(root).as_posix())
        if problem is not None:
            found.append(problem)
        else:
            files.append(source)
    return Sources(root, settings, tuple(files), tuple(found))


def _spec_files(folder: Path, root: Path, found: list[Diagnostic]) -> list[Path]:
    """Return the spec files of a folder and those below it; what starts with a dot is left out."""

    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(root).as_posix()
        found.append(UNREADABLE.at(Span(name, 0, 0), f"cannot read this folder: {error.strerror}"))

    files = []
    for parent, folders, names in os.walk(folder, onerror=unreadable, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = [Path(parent, name) for name in names if not name.startswith(".")]
        files += [path for path in paths if path.suffix in SUFFIXES and path.is_file()]
    return files


def _read(path: Path, name: str) -> tuple[SourceFile, Diagnostic | None]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = f"line {line} holds a byte that is no UTF-8"
        return SourceFile(name, ""), NOT_UTF8.at(Span(name, 0, 0), message, help="save the file as UTF-8")
    except OSError as error:
        return SourceFile(name, ""), UNREADABLE.at(Span(name, 0, 0), f"cannot read it: {error.strerror}")
    return SourceFile(name, text), None


def read_settings(root: Path) -> Settings:
    """Read a project's specc.yaml. Raises `ProjectError` when it is not there or wrong."""
    path = root / PROJECT_FILE
    try:
        return settings_of(path.read_bytes())
    except OSError as error:
        raise ProjectError(f"cannot read {PROJECT_FILE}: {error.strerror}") from None


def settings_of(content: bytes) -> Settings:
    """Return what the content of a specc.yaml says. Raises `ProjectError` when it is wrong."""
    try:
        source = SourceFile(PROJECT_FILE, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProjectError(f"line {line} of {PROJECT_FILE} holds a byte that is no UTF-8") from None
    documents, found = read(source)
    if found or len(documents) != 1:
        said = "is empty" if not documents else "holds more than one document"
        message = f"{PROJECT_FILE} is no project file" if found else f"{PROJECT_FILE} {said}"
        raise ProjectError(message, tuple(found), source)
    data, node = normalise(documents[0].data, documents[0].root, shape_of(Settings))
    settings, problems = validate(Settings, data, Located(source, node, inner), ())
    if not isinstance(settings, Settings):
        raise ProjectError(f"{PROJECT_FILE} is wrong", problems, source)
    places = Located(source, node, inner)
    if wrong := tuple(_wrong_settings(settings, places)):
        raise ProjectError(f"{PROJECT_FILE} is wrong", wrong, source)
    return settings


def _wrong_settings(settings: Settings, places: Located) -> Iterator[Diagnostic]:
    try:
        stamp = datetime.strptime(settings.start, "%Y%m%d%H%M%S")  # noqa: DTZ007 - a stamp has no zone
        is_stamp = stamp.strftime("%Y%m%d%H%M%S") == settings.start
    except ValueError:
        is_stamp = False
    if not settings.project.strip():
        yield BAD_SETTING.at(places.value(("project",)), "a project has a name", help="it stands in titles")
    if not is_stamp:
        help = "fourteen digits between quotes, for example '20260101000000'"
        yield BAD_SETTING.at(places.value(("start",)), f"`{settings.start}` is no stamp", help=help)
    yield from _wrong_patterns(settings.releases, places)
    for key, folder in (("specs", settings.specs), ("output", settings.output)):
        path = PurePosixPath(folder)
        if not path.parts or path.is_absolute() or ".." in path.parts or not folder.isprintable():
            message = f"`{folder}` is no folder inside the project"
            yield BAD_SETTING.at(places.value((key,)), message)
    specs, output = PurePosixPath(settings.specs), PurePosixPath(settings.output)
    if specs.is_relative_to(output) or output.is_relative_to(specs):
        yield BAD_SETTING.at(places.value(("output",)), "specs and output lie inside each other")
    if not settings.schemas:
        yield BAD_SETTING.at(places.key(("schemas",)), "a project has at least one schema")
    for name in settings.schemas:
        for found in check_name(name, "schema", places.key(("schemas", name))):
            yield BAD_SETTING.at(found.span, found.message, help=found.help)
        if name.startswith("pg_") or name in _TAKEN_SCHEMAS:
            owner = "Supabase" if name in _TAKEN_SCHEMAS else "PostgreSQL"
            message = f"`{name}` is a schema of {owner}'s own"
            yield BAD_SETTING.at(places.key(("schemas", name)), message)


def _wrong_patterns(patterns: Iterable[str], places: Located) -> Iterator[Diagnostic]:
    for number, pattern in enumerate(patterns):
        if not pattern.strip() or not pattern.isprintable():
            message = f"`{pattern}` is no pattern for names of branches and tags"
            help = "for example `release/*`, or `v[0-9]*`"
            yield BAD_SETTING.at(places.value(("releases", number)), message, help=help)
