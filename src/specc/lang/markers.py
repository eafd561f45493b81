"""Markers that make a model's texts typed: names that are declared, names that refer, SQL, short forms.

They are put into annotations (`Annotated[str, Ref("table")]`), on values and on dict keys alike. The
generic stages read them; a kind never resolves a name by itself.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from specc.record import record


@record
class Def:
    """This dict key declares a name of `kind`; `label` names may be SQL's reserved words (enum labels)."""

    kind: str
    label: bool = False


@record
class Ref:
    """This text names a `kind`: an entry, or, with `within`, something declared inside an entry.

    `within` is the kind of the entry to look in: the entry itself, or the nearest reference to that kind
    above this text or among the fields declared before it; one hop further where that entry does not
    declare such names but refers to one that does (a machine's states are its lifecycle's). The kind
    `state/substate` is a name of the first kind, or one with a name declared inside it: `waiting/capacity`.
    """

    kind: str
    within: str = ""


@record
class Sql:
    """This text is SQL: `column` (a column definition), `boolean`, `expression` or `query`."""

    form: str


@record
class Like:
    """This text has the form of `example`, which is shown where something else stands."""

    example: str


@record
class Short:
    """A record that may be written as one plain value: that of `field`."""

    field: str


class SpecModel(BaseModel):
    """What every model of specs shares: unknown keys are errors, no value is converted, nothing changes."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, populate_by_name=False, defer_build=True
    )
    short: ClassVar[Short | None] = None
