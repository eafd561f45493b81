"""Binding: documents in, entries out. Each document is one kind and one name; its data becomes a model.

A document that does not fit still yields an entry without a model, so that its name is declared and one
mistake stays one finding. Pydantic judges the data; every finding is worded here and lands on its line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from specc.diagnostics import Code, Diagnostic, Severity, SourceFile, Span
from specc.diagnostics.suggest import nearest, suggest
from specc.lang.kind import Kind
from specc.lang.markers import Like, SpecModel
from specc.lang.project import Entry, Path
from specc.lang.shape import Listing, Record, Scalar, Shape, shape_of
from specc.lang.shape import Mapping as MappingShape
from specc.load import scalars
from specc.load.document import Document
from specc.load.located import Located
from specc.load.normalise import normalise
from specc.load.yaml import inner
from specc.record import record

NO_KIND = Code(
    "S101",
    "no-kind",
    "Every document starts with a key that says its kind, and the value of that key is its name. "
    "A document without one is nothing the compiler knows.",
    wrong="machin: order\nfollows: order\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
)
TWO_KINDS = Code(
    "S102",
    "two-kinds",
    "A document describes one thing, so exactly one of its keys is a kind. Put a line `---` between two "
    "documents, or write them into files of their own.",
    wrong="lifecycle: order\ntable: purchase\n",
    right="table: purchase\nshared: true\nabout: Orders.\ncolumns: {number: integer}\n"
    "---\naccess: purchases\ntables: [purchase]\nallow: {}\n",
)
BAD_NAME = Code(
    "S103",
    "bad-document-name",
    "The value of the kind's key is the entry's name; it is one text and not empty.",
    wrong="lifecycle:\nstates: {open: {is: initial}}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
)
MISSING = Code(
    "S104",
    "missing-key",
    "A key that this kind needs is not there.",
    wrong="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
)
UNKNOWN_KEY = Code(
    "S105",
    "unknown-key",
    "A key that this kind does not know would be ignored silently, so it is an error. Mostly it is a "
    "misspelling of one that it does know.",
    wrong="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\n"
    "transitions: {open: [closed]}\nabuot: Orders.\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\n"
    "transitions: {open: [closed]}\nabout: Orders.\n",
)
WRONG_SHAPE = Code(
    "S106",
    "wrong-shape",
    "A value has another shape than this key takes: a text where a list belongs, a number where a text "
    "belongs. Values are never converted.",
    wrong="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: closed}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
)
WRONG_CHOICE = Code(
    "S107",
    "wrong-choice",
    "This key takes one of a few words, and the value is none of them.",
    wrong="lifecycle: order\nstates: {open: {is: inital}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
)
DUPLICATE = Code(
    "S108",
    "duplicate-name",
    "Two documents of one kind have the same name, so references to it would mean two things.",
    wrong="table: purchase\nshared: true\nabout: Purchases.\ncolumns: {number: integer}\n"
    "---\ntable: purchase\nshared: true\nabout: Purchases again.\ncolumns: {number: integer}\n"
    "---\naccess: purchases\ntables: [purchase]\nallow: {}\n",
    right="table: purchase\nshared: true\nabout: Purchases.\ncolumns: {number: integer}\n"
    "---\ntable: purchase_line\nshared: true\nabout: Lines.\ncolumns: {number: integer}\n"
    "---\naccess: purchases\ntables: [purchase, purchase_line]\nallow: {}\n",
)
OUT_OF_RANGE = Code(
    "S109",
    "out-of-range",
    "The value is of the right shape but larger or smaller than this key takes.",
    wrong="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
    "---\ntable: ticket\nshared: true\nabout: A ticket.\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    "---\nmachine: ticket\nfollows: order\nattempts: -1\nundriven: {open: By hand.}\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n"
    "---\ntable: ticket\nshared: true\nabout: A ticket.\ncolumns: {title: text}\n"
    "---\naccess: tickets\ntables: [ticket]\nallow: {}\n"
    "---\nmachine: ticket\nfollows: order\nattempts: 1\nundriven: {open: By hand.}\n",
)
EMPTY = Code(
    "S113",
    "empty-file",
    "A file without a document declares nothing. What it was to declare is missed elsewhere, if anything refers "
    "to it; if nothing does, the file can go.",
    wrong="# A lifecycle is to stand here.\n",
    right="lifecycle: order\nstates: {open: {is: initial}, closed: {is: terminal}}\ntransitions: {open: [closed]}\n",
    severity=Severity.WARNING,
)
_OUT_OF_RANGE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
CODES = (
    NO_KIND,
    TWO_KINDS,
    BAD_NAME,
    MISSING,
    UNKNOWN_KEY,
    WRONG_SHAPE,
    WRONG_CHOICE,
    DUPLICATE,
    OUT_OF_RANGE,
)


@record
class Bound:
    """One bound document, or the findings that say why it is none.

    `unnamed` are the kinds that a document without an entry may be of.
    """

    entry: Entry | None
    found: tuple[Diagnostic, ...]
    unnamed: tuple[str, ...] = ()


def bind(document: Document, source: SourceFile, kinds: Mapping[str, Kind]) -> Bound:
    """Bind one document to the model of its kind."""
    keys = [key for key in document.data if key in kinds]
    if not keys:
        return Bound(None, () if document.broken else (_no_kind(document, kinds),), tuple(kinds))
    if len(keys) > 1:
        second = document.key((keys[1],))
        message = f"`{keys[0]}` and `{keys[1]}` are two kinds in one document"
        return Bound(None, (TWO_KINDS.at(second, message),), tuple(keys))
    kind = kinds[keys[0]]
    name = document.data[kind.key]
    if not isinstance(name, str) or not name.strip():
        place = document.key((kind.key,))
        found = BAD_NAME.at(place, f"the name of this {kind.key} is no text", help="name it")
        return Bound(None, (found,), (kind.key,))
    if document.broken:
        places = Located(source, document.root, inner)
        return Bound(Entry(kind.key, name, None, places), ())
    return _validate(kind, name, document, source)


def joined(
    documents: Sequence[Document], kinds: Mapping[str, Kind]
) -> tuple[list[Document], list[Diagnostic]]:
    """Put documents together that a `---` too many has parted: the second has no kind, and the keys of the first."""
    made: list[Document] = []
    found: list[Diagnostic] = []
    for one in documents:
        kind = next((kinds[key] for key in made[-1].data if key in kinds), None) if made else None
        fields = {field.key for field in shape_of(kind.model).fields} if kind else set()
        if kind and one.data and one.data.keys() <= fields - made[-1].data.keys() and not made[-1].broken:
            place, help = (
                one.key((next(iter(one.data)),)),
                f"remove the `---` above, if it belongs to the {kind.key}",
            )
            found.append(NO_KIND.at(place, "this document has no kind", help=help))
            root = replace(made[-1].root, children={**made[-1].root.children, **one.root.children})
            made[-1] = replace(made[-1], data={**made[-1].data, **one.data}, root=root)
        else:
            made.append(one)
    return made, found


def _no_kind(document: Document, kinds: Mapping[str, Kind]) -> Diagnostic:
    first = next(iter(document.data), "")
    place = document.key((first,)) if first else document.value(())
    help = suggest(first, kinds) or f"start with one of {', '.join(f'`{kind}`' for kind in kinds)}"
    return NO_KIND.at(place, "this document has no kind", help=help)


def _validate(kind: Kind, name: str, document: Document, source: SourceFile) -> Bound:
    shape = shape_of(kind.model)
    body = {key: value for key, value in document.data.items() if key != kind.key}
    data, root = normalise(body, document.root, shape)
    root = replace(root, children={**root.children, kind.key: document.node((kind.key,))})
    places = Located(source, root, inner)
    spec, found = validate(kind.model, data, places, (kind.key,))
    return Bound(Entry(kind.key, name, spec, places), found)


def validate(
    model: type[SpecModel], data: Any, places: Located, title: Path
) -> tuple[SpecModel | None, tuple[Diagnostic, ...]]:
    """Validate data against a model; `title` is the path that stands for the whole document."""
    try:
        return model.model_validate(data), ()
    except ValidationError as error:
        shape = shape_of(model)
        problems = error.errors(include_url=False, include_context=False)
        meant = _meant(problems)
        left = [one for one in problems if one["type"] != "missing"]
        found = [_finding(one, shape, places, meant.get(one["loc"], "")) for one in left]
        told = {(*loc[:-1], key) for loc, key in meant.items()}
        missing = [one["loc"] for one in problems if one["type"] == "missing" and one["loc"] not in told]
        return None, (*_missing(missing, places, title), *found)


def _meant(problems: Sequence[Any]) -> dict[Any, str]:
    """Return for each unknown key the missing one that stands there misspelt, or under another name."""
    unknown = [one["loc"] for one in problems if one["type"] == "extra_forbidden"]
    missing = [one["loc"] for one in problems if one["type"] == "missing"]
    meant = {}
    for loc in unknown:
        beside = [str(one[-1]) for one in missing if one[:-1] == loc[:-1]]
        near = nearest(str(loc[-1]), beside)
        is_alone = len(beside) == 1 and sum(one[:-1] == loc[:-1] for one in unknown) == 1
        if near or is_alone:
            meant[loc] = near or beside[0]
    return meant


def _missing(missing: Sequence[Any], places: Located, title: Path) -> Iterator[Diagnostic]:
    """Report the missing keys of each mapping together, in the order of the model."""
    by_parent: dict[Path, list[str]] = {}
    for loc in missing:
        *parent, key = (step for step in loc if step != "[key]")
        by_parent.setdefault(tuple(parent), []).append(str(key))
    for path, keys in by_parent.items():
        span = places.key(path) if path else places.value(title)
        listed, add = (" and ".join(f"`{key}{colon}`" for key in keys) for colon in ("", ":"))
        yield MISSING.at(span, f"{listed} {'is' if len(keys) == 1 else 'are'} missing", help=f"add {add}")


def _finding(problem: Any, shape: Shape, places: Located, meant: str) -> Diagnostic:
    path: Path = tuple(step for step in problem["loc"] if step != "[key]")
    if problem["type"] == "extra_forbidden":
        return _unknown_key(path, _shape_at(shape, path[:-1]), places, meant)
    if problem["type"] in _OUT_OF_RANGE:
        bound = str(problem["msg"]).removeprefix("Input ")
        return OUT_OF_RANGE.at(places.value(path), f"`{_key_name(path)}` {bound}")
    return _wrong_value(path, _shape_at(shape, path), problem["input"], places)


def _unknown_key(path: Path, parent: Shape | None, places: Located, meant: str) -> Diagnostic:
    known = [field.key for field in parent.fields] if isinstance(parent, Record) else []
    help = suggest(str(path[-1]), known)
    if not help and meant:
        help = f"did you mean `{meant}`, which is missing?"
    elif not help:
        help = f"known here: {', '.join(f'`{key}`' for key in known)}"
    return UNKNOWN_KEY.at(places.key(path), f"unknown key `{path[-1]}`", help=help)


def _wrong_value(path: Path, expected: Shape | None, value: object, places: Located) -> Diagnostic:
    span = places.value(path)
    if isinstance(expected, Scalar) and expected.choices and isinstance(value, str):
        listed = ", ".join(f"`{one}`" for one in expected.choices)
        help = suggest(value, expected.choices) or f"one of {listed}"
        message = f"`{value}` is {'none of' if len(expected.choices) > 1 else 'not'} {listed}"
        return WRONG_CHOICE.at(span, message, help=help)
    message = f"`{_key_name(path)}` takes {_wanted(expected)}, this is {_given(value)}"
    if isinstance(expected, MappingShape) and expected.names_only and isinstance(value, list):
        twice = [one for one in value if isinstance(one, str) and value.count(one) > 1]
        message = f"`{twice[0]}` is listed twice" if twice else f"`{_key_name(path)}` takes a list of names"
    return WRONG_SHAPE.at(span, message, help=_cure(expected, value))


def _key_name(path: Path) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str)) or "the document"


def _cure(expected: Shape | None, value: object) -> str:
    if isinstance(expected, Listing) and isinstance(value, str):
        if value.startswith("-"):
            return "put a space behind the dash"
        return f"write a list: `[{value.removeprefix('(').removesuffix(')')}]`"
    if isinstance(expected, Listing) and isinstance(value, dict) and value and not any(value.values()):
        return f"write a list: `[{', '.join(value)}]`"
    like = next((one for one in expected.markers if isinstance(one, Like)), None) if expected else None
    if like is not None:
        return f"for example `{like.example}`"
    if isinstance(expected, Scalar) and expected.type is str and isinstance(value, bool | int | float):
        return "put it between quotes"
    if isinstance(expected, Scalar) and isinstance(value, str) and _is_of(expected.type, value):
        return f"without quotes: `{value}`"
    return ""


def _is_of(kind: type, text: str) -> bool:
    """Whether a text would be a value of a type if it stood without quotes."""
    value, reason = scalars.read(text)
    return not reason and (value.__class__ is kind or (kind is float and value.__class__ is int))


def _wanted(shape: Shape | None) -> str:
    match shape:
        case Listing(single=single):
            return "a text or a list" if single else "a list"
        case MappingShape(names_only=True):
            return "a mapping or a list of names"
        case Record(short=short) if short is not None:
            return "a mapping or a text"
        case MappingShape() | Record():
            return "a mapping"
        case Scalar(choices=choices) if choices:
            return f"one of {', '.join(f'`{one}`' for one in choices)}"
        case Scalar(type=kind):
            return {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}[kind]
    return "something else"


def _given(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case float():
            return "a number with a fraction"
        case int():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
    return "something else"


def _shape_at(shape: Shape | None, path: Path) -> Shape | None:
    for step in path:
        match shape:
            case Record(fields=fields):
                shape = next((field.shape for field in fields if field.key == step), None)
            case Listing(item=item):
                shape = item
            case MappingShape(value=value):
                shape = value
            case _:
                return None
    return shape


def collect(bound: Iterable[Entry], full_name: Any) -> tuple[dict[str, dict[str, Entry]], list[Diagnostic]]:
    """Sort entries by kind and full name; a second entry of one name is a finding and is left out."""
    from specc.diagnostics import Label

    entries: dict[str, dict[str, Entry]] = {}
    found: list[Diagnostic] = []
    for entry in bound:
        name = full_name(entry.kind, entry.name)
        first = entries.setdefault(entry.kind, {}).setdefault(name, entry)
        if first is not entry:
            label = Label(first.title, "first declared here")
            message = f"{entry.kind} `{entry.name}` is declared twice"
            found.append(DUPLICATE.at(entry.title, message, related=(label,)))
    return entries, found


def empty(source: SourceFile) -> Diagnostic:
    """Report a file that holds no document, at its first character."""
    what = "holds no document" if source.text.strip() else "is empty"
    return EMPTY.at(Span(source.path, 0, min(1, len(source.text))), f"this file {what}")
