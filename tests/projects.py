"""Projects on disk for tests: an example written out, and a copy of the flagship to change."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from specc import driver
from specc.diagnostics.text import render_text
from specc.emit.write import write

ROOT = Path(__file__).parent.parent
FILE_LINE = "# file: "


def write_example(example: str, root: Path) -> Path:
    """Write one file under specs/, or several, each after a line `# file: PATH`, and a minimal specc.yaml."""
    (root / "specc.yaml").write_text("project: example\n", encoding="utf-8")
    (root / "specs").mkdir()
    for path, text in _files(example).items():
        file = root / "specs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return root


def build_example(example: str, root: Path) -> Mapping[str, str]:
    """Write an example and what its build makes, which has nothing to complain of; return the files of the build."""
    result = driver.build(write_example(example, root))
    assert render_text(result.diagnostics, result.sources) == ""
    write(result.files, root / "generated")
    return result.files


def _files(example: str) -> dict[str, str]:
    files: dict[str, str] = {}
    path = "example.yaml"
    for line in example.splitlines(keepends=True):
        if line.startswith(FILE_LINE):
            path = line.removeprefix(FILE_LINE).strip()
            files[path] = ""
        else:
            files[path] = files.get(path, "") + line
    return files


def copy_flagship(root: Path) -> Path:
    """Copy the flagship's project file and specs into a folder."""
    root.mkdir(exist_ok=True)
    shutil.copy(ROOT / "specc.yaml", root)
    shutil.copytree(ROOT / "specs", root / "specs")
    return root


def read_tree(folder: Path) -> Mapping[str, bytes]:
    """Return all files below a folder by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
