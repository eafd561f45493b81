"""Hostile texts put into the free texts of specs: what a name, a comment or a title may hold, however odd.

Which texts are free is read from the models: a text that no marker calls a name, a reference or SQL.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from specc.kinds import KINDS
from specc.lang.markers import Def, Ref, Sql
from specc.lang.project import Settings
from specc.lang.shape import Listing, Mapping, Record, Scalar, Shape, shape_of

HOSTILE = (
    "it's \"quoted\" $$ $body$ $body1$ '' \"\" {{ 7*7 }} {% raw %} {# gone #} \\ \\n E'\\x41' C:\\\n"
    "-- newline\n/* open */ */ '; drop table org; --\n$$; drop table org; --\n\n# heading\n---\n"
    "\U0001f600 עברית ﷽ | cell | <script>alert(1)</script> [link](javascript:x) `code` ```` %s %(x)s :x ${x} "
    "&amp; \t tab <!-- --> ]]> \\."
)
"""What quoting, templates, comments, psql, Markdown and terminals each stumble over; no NUL, which YAML refuses."""

NOT_FREE = {
    "access.allow.*.*": "S603",
    "alert.for": "S360",
    "alert.when.failing.within": "S360",
    "alert.when.oldest.after": "S360",
    "function.callable_by.*": "S531",
    "machine.history.keep": "S322",
    "machine.invariants.*.if.*": "S341",
    "machine.invariants.*.then.*.all.*": "S341",
    "machine.invariants.*.then.*.any.*": "S341",
    "machine.invariants.*.then.*.none.*": "S341",
    "machine.sync.*.by": "S340",
    "machine.sync.*.down.*.*": "S341",
    "machine.sync.*.executes": "S348",
    "machine.sync.*.trigger": "S110",
    "machine.sync.*.up.*.when.all.*": "S341",
    "machine.sync.*.up.*.when.any.*": "S341",
    "machine.sync.*.up.*.when.none.*": "S341",
    "machine.backoff.first": "S322",
    "machine.backoff.most": "S322",
    "machine.timeouts.*.after": "S322",
    "machine.timeouts.*.at": "S327",
    "machine.lease.holder": "S336",
    "machine.lease.until": "S336",
    "machine.legacy.back.*": "S335",
    "machine.legacy.column": "S330",
    "machine.legacy.otherwise": "S201",
    "machine.stuck_after.default": "S360",
    "machine.stuck_after.states.*": "S360",
    "lifecycle.states.*.renamed_from": "S110",
    "machine.renamed_from": "S110",
    "table.columns.*.renamed_from": "S110",
    "table.renamed_from": "S110",
    "table.columns.*.example": "S501",
    "table.indexes.*.name": "S110",
}
"""Texts without a marker that are no free texts all the same, and the code that says so."""

Put = Callable[[str, Any], Any]
"""From a label such as `table.columns.*.about` and the text there, the text to write."""

_HEADER_END = "\n*/\n"


def poison(root: Path, put: Put) -> None:
    """Rewrite all specs of a project and its specc.yaml, each text replaced by what `put` says."""
    for file in sorted((root / "specs").rglob("*.yaml")):
        documents = yaml.safe_load_all(file.read_text(encoding="utf-8"))
        texts = [_dump(_document(one, put)) for one in documents]
        file.write_text("\n---\n".join(texts), encoding="utf-8")
    for file in sorted((root / "specs").rglob("*.sql")):
        header, sql = file.read_text(encoding="utf-8").removeprefix("/*\n").split(_HEADER_END, 1)
        data = _poisoned(yaml.safe_load(header), _shape("function"), put, "function")
        file.write_text(f"/*\n{_dump(data)}{_HEADER_END}{sql}", encoding="utf-8")
    settings = root / "specc.yaml"
    data = _poisoned(
        yaml.safe_load(settings.read_text(encoding="utf-8")), shape_of(Settings), put, "settings"
    )
    settings.write_text(_dump(data), encoding="utf-8")


def _dump(data: Any) -> str:
    """JSON is YAML in which every text is quoted."""
    return json.dumps(data, ensure_ascii=False)


def _shape(kind: str) -> Record:
    return shape_of(next(one.model for one in KINDS if one.key == kind))


def _document(document: dict[str, Any], put: Put) -> dict[str, Any]:
    (kind,) = (one.key for one in KINDS if one.key in document)
    name = document.pop(kind)
    return {kind: name, **_poisoned(document, _shape(kind), put, kind)}


def is_free(shape: Shape) -> bool:
    """Whether a text may be anything."""
    marked = any(isinstance(marker, Def | Ref | Sql) for marker in shape.markers)
    return isinstance(shape, Scalar) and shape.type is str and not shape.choices and not marked


def _poisoned(data: Any, shape: Shape, put: Put, label: str) -> Any:
    match shape:
        case Scalar():
            return put(label, data) if is_free(shape) and isinstance(data, str) else data
        case Listing(item=item, single=single):
            data = [data] if single and isinstance(data, str) else data
            return [_poisoned(one, item, put, f"{label}.*") for one in data]
        case Mapping(value=value):
            items = dict.fromkeys(data) if isinstance(data, list) else data
            return {key: _poisoned(one, value, put, f"{label}.*") for key, one in items.items()}
        case Record():
            return _record(data, shape, put, label)
    return data


def _record(data: Any, shape: Record, put: Put, label: str) -> Any:
    if shape.short is not None and not isinstance(data, dict) and data is not None:
        data = {shape.short.field: data}
    made = dict(data or {})
    for field in shape.fields:
        where = f"{label}.{field.key}"
        if field.key in made:
            made[field.key] = _poisoned(made[field.key], field.shape, put, where)
        elif is_free(field.shape) and not field.required and (text := put(where, "")):
            made[field.key] = text
    return made
