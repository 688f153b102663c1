"""A bounded copy in memory of the folder under repair: what the sandbox gets, so the user's files stay as they are.

Links are not followed; caches, environments and version control are left out. A folder that is too large is an
error that names the limit, never a part of it taken for the whole.
"""

import os
from pathlib import Path

from agent_runtime.errors import InputError

MAX_FILES = 2_000
MAX_BYTES = 16 * 2**20
LEFT_OUT = {"__pycache__", "node_modules", "venv", "site-packages"}  # and every hidden folder


def snapshot(folder: Path) -> dict[str, bytes]:
    """The files below `folder` by their relative POSIX paths.

    Raises:
        InputError: It is no readable folder, or too large.
    """
    if not folder.is_dir():
        raise InputError(f"{str(folder)!r} is no folder")
    files: dict[str, bytes] = {}
    n_bytes = 0
    try:
        for path in _walk(folder):
            with path.open("rb") as file:
                data = file.read(MAX_BYTES - n_bytes + 1)
            files[path.relative_to(folder).as_posix()] = data
            n_bytes += len(data)
            if n_bytes > MAX_BYTES or len(files) > MAX_FILES:
                raise InputError(
                    f"the folder {str(folder)!r} is too large to be copied: at most {MAX_FILES} files and "
                    f"{MAX_BYTES // 2**20} MiB; name the program's own folder"
                )
    except OSError as error:
        raise InputError(f"the folder {str(folder)!r} cannot be read: {error}") from None
    return files


def _walk(folder: Path) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT and not name.startswith("."))
        paths = (Path(parent) / name for name in sorted(names))
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return found


def _raise(error: OSError) -> None:
    raise error
