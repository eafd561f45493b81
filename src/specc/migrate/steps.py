"""What is to be done, decided before anything is: steps out of how folder and ledger stand. Asks no database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specc.migrate.compare import APPLIED, UNFINISHED, UNKNOWN, Entry, Standing
from specc.migrate.files import check_text, directives, is_concurrent
from specc.migrate.ledger import Facts
from specc.migrate.model import Lossy, MigrateError, Options, SetupError
from specc.pg.script import losses, statement_count
from specc.plan.directives import Directives
from specc.record import record

UP, DOWN = "up", "down"
MOST_NAMED = 5


@record
class Step:
    """A file to be applied (`way` up) or undone (down): its text, which is one transaction unless `is_concurrent`.

    `file` is what to call it, `facts` what the ledger keeps of it, `loss` what undoing it loses. `in_history` says that
    the history has it now, `was_begun` that a runner ended while this very step was under way, `is_kept` that the text
    is the ledger's and not the folder's.
    """

    way: str
    version: str
    file: str
    text: str
    facts: Facts
    directives: Directives
    is_concurrent: bool
    in_history: bool = False
    was_begun: bool = False
    loss: str = ""
    is_kept: bool = False


def steps_up(standing: Standing, to: str | None, options: Options) -> tuple[Step, ...]:
    """Return what brings the database to the folder, or to the file with the stamp `to`.

    What was applied and has been rewritten since is undone first, the newest first, the way that was kept when it was
    applied. Raises `MigrateError` where that cannot be.
    """
    if to is not None and all(one.version != to or one.migration is None for one in standing.entries):
        raise SetupError(f"the folder has no migration {to}")
    undone = tuple(_rewritten(standing, options))
    done = {one.version for one in standing.having(APPLIED)}
    found = [*undone]
    for one in standing.entries:
        if one.migration is None or one.state == APPLIED or (to is not None and one.version > to):
            continue
        if one.version < max(done, default="") and not options.include_all:
            raise MigrateError(
                f"its stamp is earlier than that of {max(done)}, which is applied; build again for a later stamp, "
                "or say --include-all to apply it all the same",
                one.file,
            )
        found.append(_apply(one, options))
    return tuple(found)


def _rewritten(standing: Standing, options: Options) -> Iterator[Step]:
    """Yield the steps that undo what was rewritten, the newest first."""
    off = [one for one in standing.entries if one.applied and one.state != APPLIED and not _goes_on(one)]
    for one in off:
        later = [each.version for each in standing.having(APPLIED) if each.version > one.version]
        if later:
            raise MigrateError(
                f"{one.note}, and {later[0]} was applied after it: that is history, which stays as it is; restore "
                "the file",
                one.file,
            )
    unknown = [one for one in off if one.state == UNKNOWN]
    if unknown and not any(
        one.migration and one.state != APPLIED and one.version >= off[0].version for one in standing.entries
    ):
        raise MigrateError(
            f"{unknown[0].note}, nor anything in its place: the folder is older than the database; `specc migrate "
            "down` is the way back",
            unknown[0].file,
        )
    for one in reversed(off):
        yield _undo(one, one.applied.rollback if one.applied else None, options)


def _goes_on(one: Entry) -> bool:
    """Whether a file that was begun is still the same, so that it has only to be done."""
    return (
        one.state == UNFINISHED
        and one.applied is not None
        and one.applied.unfinished == UP
        and one.migration is not None
        and one.migration.checksum == one.applied.checksum
    )


def _apply(one: Entry, options: Options) -> Step:
    assert one.migration is not None, "only files are applied"
    file = one.migration
    concurrent = is_concurrent(file.name)
    if not concurrent:
        check_text(file.text, file.file)
    facts = Facts(file.name, file.checksum, file.rollback, options.who)
    begun = _goes_on(one)
    return Step(
        UP,
        file.version,
        file.file,
        file.text,
        facts,
        directives(file.text, file.file),
        concurrent,
        was_begun=begun,
    )


def steps_down(standing: Standing, to: str | None, count: int | None, options: Options) -> tuple[Step, ...]:
    """Return what undoes the last `count` applied files, or all that came after the one with the stamp `to`.

    What did not end is undone besides. `to` may be "0", before the first one. Raises `MigrateError`.
    """
    begun = [one for one in standing.having(UNFINISHED) if one.applied and not one.applied.in_history]
    applied = [one for one in standing.entries if one.applied and one.applied.in_history]
    if to is not None:
        if to != "0" and all(one.version != to for one in applied):
            raise SetupError(f"{to} is not applied, so there is no way back to it; 0 is before the first one")
        applied = [one for one in applied if one.version > to]
        begun = [one for one in begun if one.version > to]
    elif count is not None:
        applied = applied[max(0, len(applied) - count) :]
    chosen = sorted((*begun, *applied), key=lambda one: one.version, reverse=True)
    return tuple(_undo(one, _way_back(one), options) for one in chosen)


def _way_back(one: Entry) -> str | None:
    """Return the folder's way back of what was applied, which may have been mended since, or else the one kept."""
    if (
        one.state in (APPLIED, UNFINISHED)
        and one.migration is not None
        and one.migration.rollback is not None
    ):
        return one.migration.rollback
    return one.applied.rollback if one.applied else None


def _undo(one: Entry, text: str | None, options: Options) -> Step:
    assert one.applied is not None, "only what was applied is undone"
    row = one.applied
    file = one.file.replace("migrations/", "rollback/", 1)
    if text is None:
        whose = "no way back was kept when it was applied" if row.checksum else "another tool applied it"
        raise MigrateError(f"it cannot be undone: {whose}, and the folder has none for it", one.file)
    said = directives(text, file)
    if said.obstacles:
        raise MigrateError(f"there is no way back: {'; '.join(said.obstacles)}", file)
    loss = _loss(text, said)
    alone = is_concurrent(row.name) and statement_count(text) == 1
    if not alone:
        check_text(text, file)
    facts = Facts(row.name, row.checksum, text, options.who)
    kept = one.migration is None or text != one.migration.rollback
    return Step(
        DOWN, one.version, file, text, facts, said, alone, row.in_history, bool(row.unfinished), loss, kept
    )


def permit(steps: Sequence[Step], options: Options) -> None:
    """Refuse steps that lose data as long as the user has not said that they may. Raises `Lossy`."""
    lossy = [one for one in steps if one.loss]
    if lossy and not options.may_lose:
        more = "".join(f"; {one.file}: {one.loss}" for one in lossy[1:])
        raise Lossy(f"this loses {lossy[0].loss}{more}; say --yes if it may", lossy[0].file)


def _loss(text: str, said: Directives) -> str:
    """Return what a way back says that it loses, or what it drops where it says nothing."""
    if said.losses or said.is_lossless:
        return "; ".join(said.losses)
    found = losses(text)
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more
