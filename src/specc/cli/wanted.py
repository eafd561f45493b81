"""What a user says of a released project's base and of the names of its next migration; the one reader of the clock."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specc.record import record

if TYPE_CHECKING:
    from specc.plan.base import Base
    from specc.plan.pending import Naming

STAMP = "%Y%m%d%H%M%S"
EPOCH = "SOURCE_DATE_EPOCH"
"""Seconds since 1970 that stand in for the clock (https://reproducible-builds.org/specs/source-date-epoch/)."""

_SLUG = re.compile("[a-z0-9]+(_[a-z0-9]+)*")
_LONGEST_SLUG = 60

base_option = click.option(
    "--base",
    metavar="REF|FOLDER",
    default="",
    help="What the next migration starts from, in a released project: where this branch left that one, or a folder "
    "as a build left it. By default SPECC_BASE, else the main branch.",
)


def _stamp(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        is_stamp = not value or datetime.strptime(value, STAMP).strftime(STAMP) == value  # noqa: DTZ007 - has no zone
    except ValueError:
        is_stamp = False
    if not is_stamp:
        raise click.BadParameter(f"`{value}` is no date and time as in 20260131235959")
    return value


def _slug(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value and (not _SLUG.fullmatch(value) or len(value) > _LONGEST_SLUG):
        raise click.BadParameter(
            f"`{value}` is no name of small letters, digits and single _, at most {_LONGEST_SLUG}"
        )
    return value


stamp_option = click.option(
    "--stamp",
    metavar="YYYYMMDDHHMMSS",
    default="",
    callback=_stamp,
    help="Stamp of the next migration; by default its present one while it stays the same, else the time in UTC.",
)
name_option = click.option(
    "--name",
    "slug",
    metavar="SLUG",
    default="",
    callback=_slug,
    help="Name of the next migration, kept by later builds; by default what it does.",
)


@record
class Wanted:
    """The options of a build; without `reads_clock` a migration that needs a new stamp gets the next one possible."""

    base: str = ""
    stamp: str = ""
    slug: str = ""
    reads_clock: bool = False

    def naming(self, base: Base) -> Naming:
        """Return what is to be known of names. Raises `ProjectError` for a stamp that comes too early."""
        from specc.load.files import ProjectError
        from specc.plan.base import newest
        from specc.plan.pending import Naming

        last = newest(base.frozen)
        if self.stamp and self.stamp <= last:
            message = f"--stamp {self.stamp} is not later than {last}, which the base has"
            raise ProjectError(f"{message}; databases apply migrations in the order of their stamps")
        return Naming(_now(os.environ) if self.reads_clock else "", self.stamp, self.slug)

    def refuse_unreleased(self, output: Path) -> None:
        """Raise `ProjectError` where an unreleased project is treated, or was, as a released one."""
        from specc.load.files import ProjectError
        from specc.plan.sums import SUMS

        if self.base or self.stamp or self.slug:
            message = "specc.yaml says `released: false`: there is one initial migration, which each build writes anew"
            raise ProjectError(f"{message}; --base, --stamp and --name are for released projects")
        if (output / SUMS).exists():
            message = f"{output.name}/{SUMS} tells of a release, and specc.yaml says `released: false`"
            raise ProjectError(
                f"{message}: a build would write all migrations anew as one. Say `released: true`; or, if no database "
                f"has any of them, remove that file"
            )


def _now(environment: Mapping[str, str]) -> str:
    given = environment.get(EPOCH)
    if given is None:
        return datetime.now(UTC).strftime(STAMP)
    try:
        return datetime.fromtimestamp(int(given), UTC).strftime(STAMP)
    except (ValueError, OverflowError, OSError):
        from specc.load.files import ProjectError

        raise ProjectError(f"{EPOCH} is `{given}`, which is no number of seconds since 1970") from None
