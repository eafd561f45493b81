"""Projects for tests to work on, and snapshots of what a user reads."""

from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from projects import copy_flagship, write_example


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
