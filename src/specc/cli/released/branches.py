"""Where a branch left those that are deployed: the main branch, and releases that have what main lacks.

The repository and its settings come in, names and commits come out, or a `ProjectError` with the command that mends
what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from specc.cli.released.git import Repository
from specc.emit.write import LOCK
from specc.lang.project import Settings
from specc.load.files import ProjectError

VARIABLE = "SPECC_BASE"

_MAINS = (
    "refs/remotes/origin/HEAD",
    "refs/remotes/origin/main",
    "refs/remotes/origin/master",
    "refs/heads/main",
    "refs/heads/master",
)
"""Where the main branch is looked for: that of the remote first, since what was not pushed is nobody else's yet."""

_HEADS, _REMOTES = "refs/heads/", "refs/remotes/"
_PLACES = ("refs/heads", "refs/remotes/*", "refs/tags")
_ELSEWHERE = tuple(f"refs/remotes/*/{one}" for one in ("HEAD", "main", "master"))
"""Main branches of all remotes: what is in them was published, wherever this clone was made from."""


@dataclass(frozen=True)
class Branches:
    """Branches and tags with their commits: the main one, releases, and main branches of other remotes.

    There is no main branch where there is no commit at all.
    """

    main: tuple[str, str] | None
    releases: tuple[tuple[str, str], ...]
    elsewhere: tuple[tuple[str, str], ...]

    @property
    def deployed(self) -> tuple[tuple[str, str], ...]:
        """What migrations are never taken back from."""
        return (*((self.main,) if self.main else ()), *self.releases)

    @property
    def tips(self) -> tuple[tuple[str, str], ...]:
        """All of them."""
        return (*self.deployed, *self.elsewhere)


def find_branches(around: Repository, settings: Settings, given: str) -> Branches:
    """Return the branches that matter; `given` is the main one's name if the user named it. Raises `ProjectError`."""
    patterns = [f"{place}/{one}" for one in settings.releases for place in _PLACES]
    refs = dict(around.refs([*_MAINS, *_ELSEWHERE, *patterns]))
    mains = {name: refs.pop(name) for name in _MAINS if name in refs}
    elsewhere = {name: refs.pop(name) for name in tuple(refs) if _is_main_of_remote(name)}
    if given:
        main = given, _commit(around, given)
    elif mains:
        full = next(iter(mains))
        main = _short(full), mains[full]
    elif around.head or around.refs(["refs"]):
        raise ProjectError(_missing(around))
    else:
        return Branches(None, (), ())
    pushed = {name.removeprefix(_REMOTES).partition("/")[2] for name in refs if name.startswith(_REMOTES)}
    return Branches(
        main,
        # A local branch may be ahead of what others have, and that is pending.
        tuple((_short(name), one) for name, one in refs.items() if name.removeprefix(_HEADS) not in pushed),
        tuple((_short(name), one) for name, one in (mains | elsewhere).items() if name.startswith(_REMOTES)),
    )


def _is_main_of_remote(name: str) -> bool:
    return any(fnmatchcase(name, one) and name.count("/") == one.count("/") for one in _ELSEWHERE)


def _short(name: str) -> str:
    """Return the name of a branch or tag as people write it."""
    return name.removeprefix(_REMOTES).removeprefix(_HEADS).removeprefix("refs/tags/")


def _commit(around: Repository, given: str) -> str:
    if found := around.commit(given):
        return found
    message = f"`{given}` is no branch or commit of this repository, and no folder with a {LOCK}"
    for remote in around.lines("remote"):
        if around.commit(f"{remote}/{given}"):
            raise ProjectError(f"{message}; did you mean `{remote}/{given}`?")
    raise ProjectError(f"{message}; fetch it, or look for its name:\n  git fetch --all && git branch --all")


def _missing(around: Repository) -> str:
    names = ", ".join(map(_short, _MAINS))
    message = f"there is no main branch that this one could have left (looked for {names})"
    if "origin" not in around.lines("remote"):
        return f"{message}; name yours: `specc build --base BRANCH`, or in {VARIABLE}"
    unshallow = " --unshallow" if around.shallow else ""
    fetch = f"git fetch{unshallow} origin '+refs/heads/*:refs/remotes/origin/*'"
    return f"{message}; fetch it, or name yours with --base:\n  {fetch} && git remote set-head origin --auto"


def base_commits(around: Repository, branches: Branches) -> list[str]:
    """Return the commits that the base is made of: one, but where a release comes in that the main branch lacks."""
    if branches.main is None:
        return []
    name, commit = branches.main
    if commit == around.head and not around.merging:
        return [commit]
    if not around.head:
        raise ProjectError(
            f"this branch has no commit yet, so none in common with {name}; name its base with --base"
        )
    if around.shallow:
        message = f"this clone is shallow, so git cannot tell where this branch left {name}; fetch the rest"
        raise ProjectError(f"{message}:\n  git fetch --unshallow")
    found = around.parted([one for _, one in branches.deployed])
    if not found:
        raise ProjectError(f"this branch has no commit in common with {name}; name its base with --base")
    # The main branch's comes first.
    return sorted(found, key=lambda one: not around.has(commit, one)) if len(found) > 1 else found
