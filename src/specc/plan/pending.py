"""The one pending migration of a branch: parts of a plan in, files by path out, with the names that they keep or get.

A name is kept as long as its file stays the same and none that is frozen is newer; else it gets a later stamp, or
databases that applied the old content would never see the new one. No clock is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from specc.ir.model import Ir
from specc.ir.step import Part, Step
from specc.plan.base import FOLDERS, Base, names, newest, stamp_of
from specc.plan.migration import files_of, initial_files
from specc.plan.title import INITIAL, slug_of, words_for
from specc.record import record

STAMP = "%Y%m%d%H%M%S"

Make = Callable[[Sequence[str], str], Mapping[str, str]]
"""Makes the files from stamps, one for each part, and a slug."""


@record
class Naming:
    """What the command line says of names: `now` is what its clock read, "" if it must not read one.

    `stamp` and `slug` are those that the user asked for, or "".
    """

    now: str = ""
    stamp: str = ""
    slug: str = ""


def initial(steps: Sequence[Step], project: str, base: Base, naming: Naming, start: str) -> dict[str, str]:
    """Return the migration that makes everything, and its way back; `start` is its first stamp."""
    title = f"{project}: {INITIAL}"

    def make(stamps: Sequence[str], slug: str) -> Mapping[str, str]:
        return initial_files(title, stamps[0], steps, slug)

    return _named(make, ("",), INITIAL, base, naming, start)


def pending(parts: Sequence[Part], ir: Ir, project: str, base: Base, naming: Naming) -> dict[str, str]:
    """Return the migrations of a plan, one for each part, and their ways back."""
    if not parts:
        return {}
    words = words_for(base.facts, ir)

    def make(stamps: Sequence[str], slug: str) -> Mapping[str, str]:
        return files_of(parts, f"{project}: {words}", stamps, slug)

    return _named(make, [one.name for one in parts], words, base, naming, "")


def _named(
    make: Make, parts: Sequence[str], words: str, base: Base, naming: Naming, start: str
) -> dict[str, str]:
    slug = naming.slug or _slug_there(base.pending, parts) or slug_of(words)
    there = [stamp_of(one) for one in names(base.pending)]
    if not naming.stamp and len(there) == len(parts) and there[0] > newest(base.frozen):
        kept = dict(make(there, slug))
        if kept == base.pending:
            return kept
    return dict(make(_stamps(_first(base, naming, start), len(parts)), slug))


def _first(base: Base, naming: Naming, start: str) -> str:
    if naming.stamp:
        return naming.stamp
    last = newest([*base.frozen, *base.pending])
    return max(naming.now, later(last)) if last else start or naming.now


def later(stamp: str, seconds: int = 1) -> str:
    """Return a stamp some seconds later; one that is no date and time counts up as a number does."""
    try:
        return (datetime.strptime(stamp, STAMP) + timedelta(seconds=seconds)).strftime(STAMP)  # noqa: DTZ007
    except (ValueError, OverflowError):
        return f"{int(stamp) + seconds:014}"


def _stamps(first: str, count: int) -> list[str]:
    return [later(first, number) for number in range(count)]


def _slug_there(pending: Mapping[str, str], parts: Sequence[str]) -> str:
    """Return the slug that somebody has given to the pending migration, "" if specc made it from the changes."""
    found = set()
    for one in names(pending):
        slug = _without_part(one.removeprefix(f"{stamp_of(one)}_"), parts)
        if slug != slug_of(words_of(pending[f"{FOLDERS[0]}{one}.sql"])):
            found.add(slug)
    return found.pop() if len(found) == 1 else ""


def _without_part(slug: str, parts: Sequence[str]) -> str:
    for part in filter(None, parts):
        if slug.endswith(f"_{part}"):
            return slug.removesuffix(f"_{part}")
    return slug


def words_of(text: str) -> str:
    """Return what the title of a migration, its second line, says that it does."""
    _, title, *_ = [*text.split("\n", 2), "", ""]
    return title.rpartition(": ")[2]
