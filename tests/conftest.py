"""Projects for tests to work on, and snapshots of what a user reads."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from git_projects import Clock, Run, Shop
from projects import copy_flagship, write_example
from specc.cli import main


class Report(SingleFileSnapshotExtension):
    """Keeps what a user reads of a mistake as `errors/<module>/<name>.out`."""

    _write_mode = WriteMode.TEXT
    file_extension = _file_extension = "out"

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        file = Path(test_location.filepath)
        return str(file.parent / "errors" / file.stem.removeprefix("test_"))

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        return str(index)


def pytest_configure(config: pytest.Config) -> None:
    # Reports are named after codes and mistakes, which is how people look for them.
    config.addinivalue_line("filterwarnings", "ignore:\\s*Can not relate snapshot:UserWarning")


@pytest.fixture
def report(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compares with a file: `report(name="S301_no-initial-state") == text`."""
    return snapshot.use_extension(Report)


@pytest.fixture
def write_project(tmp_path: Path) -> Callable[[str], Path]:
    """Writes an example as a project of its own and returns the project's folder."""
    return lambda example: write_example(example, tmp_path)


@pytest.fixture
def flagship(tmp_path: Path) -> Path:
    """A copy of the flagship's project file and specs, to be changed at will."""
    return copy_flagship(tmp_path / "flagship")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def specc_on_time(capsys: pytest.CaptureFixture[str], clock: Clock) -> Run:
    """Run a command in this process, an hour after the last one."""

    def run(*arguments: object) -> tuple[int, str, str]:
        clock.tick()
        with pytest.raises(SystemExit) as left:
            main([str(one) for one in arguments])
        said = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests away."""
    settings = tmp_path / "gitconfig"
    settings.write_text(
        "[user]\n\tname = Ann\n\temail = ann@example.com\n[init]\n\tdefaultBranch = main\n"
        "[advice]\n\tdetachedHead = false\n[merge]\n\tconflictStyle = merge\n[receive]\n\tdenyCurrentBranch = updateInstead\n"
    )
    for name in [name for name in os.environ if name.startswith(("GIT_", "SPECC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_EDITOR", "true")


@pytest.fixture
def empty_shop(
    specc_on_time: Run, git_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """A repository with a project of two tables, nothing built and nothing committed."""
    top = tmp_path / "shop"
    top.mkdir()
    monkeypatch.chdir(top)
    shop = Shop(specc_on_time, top).make("note", "task")
    shop.git("init", "--quiet")
    return shop


@pytest.fixture
def shop(empty_shop: Shop) -> Shop:
    """The same, built and committed on main."""
    empty_shop.build()
    empty_shop.commit("Begin")
    return empty_shop
