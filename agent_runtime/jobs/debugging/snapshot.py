"""A bounded copy of the user's folder, on disk, for tools to work on: the folder itself is never written.

Left out: version control, environments, caches, links, and files too large to matter to a failure. What was left
out is said. Unlike the tools' own snapshot, a large folder is no error here: the failing program may well sit
among its data.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from agent_runtime.errors import InputError

MAX_FILES = 2_000
MAX_BYTES = 16 * 2**20
MAX_FILE_BYTES = 2 * 2**20
LEFT_OUT = {"__pycache__", "node_modules", "venv", "env", "site-packages", "build", "dist"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copied folder: its files as text where they are Python, and what was left out."""

    folder: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def copy_folder(folder: Path, target: Path) -> Snapshot:
    """Copy what a program needs of `folder` into the empty folder `target`.

    Raises:
        InputError: `folder` is no readable folder.
    """
    if not folder.is_dir():
        raise InputError(f"{str(folder)!r} is no folder")
    files: list[str] = []
    left_out: list[str] = []
    n_bytes = 0
    try:
        for path in _walk(folder):
            name, size = path.relative_to(folder).as_posix(), path.stat().st_size
            if size > MAX_FILE_BYTES or n_bytes + size > MAX_BYTES or len(files) >= MAX_FILES:
                left_out.append(name)
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)
            files.append(name)
            n_bytes += size
    except OSError as error:
        raise InputError(f"the folder {str(folder)!r} cannot be copied: {error}") from None
    return Snapshot(target, tuple(files), tuple(left_out))


def _walk(folder: Path) -> list[Path]:
    """Regular files, the program's own first: sources before data, small before large."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT and not name.startswith("."))
        paths = (Path(parent) / name for name in sorted(names))
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(found, key=lambda path: (path.suffix != ".py", path.stat().st_size))
