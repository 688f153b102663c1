"""Files of a check: collected through no link, bounded in number, bytes, depth and names; then all removed.

By then every process of the check is dead, so nothing changes under our feet.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Sequence

MAX_DEPTH = 16
MAX_NAME = 100
DEVICE_NAMES = {"CON", "PRN", "AUX", "NUL", *(f"{kind}{n}" for kind in ("COM", "LPT") for n in range(1, 10))}


class Collection:
    """Regular files below a folder, by name or below a named folder; what was refused is told with why."""

    def __init__(self, folder: str, max_bytes: int, max_files: int) -> None:
        self.files: list[tuple[str, bytes]] = []
        self.left_out: list[tuple[str, str]] = []
        self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._room_bytes = max_bytes
        self._max_files = max_files

    def add(self, names: Sequence[str]) -> None:
        """Collect `names`; one that is not there is no error."""
        queue = [name.split("/") for name in reversed(names)]
        while queue and len(self.left_out) < self._max_files:
            parts = queue.pop()
            name = "/".join(parts)
            try:
                fd = _open_below(self._root, parts)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    self._refuse(name, "a link" if error.errno == errno.ELOOP else str(error.strerror))
                continue
            try:
                if stat.S_ISDIR(os.fstat(fd).st_mode) and len(parts) < MAX_DEPTH:
                    entries = sorted(os.listdir(fd))[: 4 * self._max_files]
                    queue += [[*parts, entry] for entry in reversed(entries)]
                else:
                    self._take(fd, name, is_asked=name in names)
            finally:
                os.close(fd)

    def _take(self, fd: int, name: str, is_asked: bool) -> None:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            self._refuse(name, "not a regular file")
        elif not is_asked and not is_plain(name):
            self._refuse(name, "an unusual name")
        elif status.st_size > self._room_bytes or len(self.files) >= self._max_files:
            self._refuse(name, "over the limit on bytes or files")
        else:
            with open(os.dup(fd), "rb") as file:
                data = file.read(status.st_size)
            self._room_bytes -= len(data)
            self.files.append((name, data))

    def _refuse(self, name: str, why: str) -> None:
        self.left_out.append((ascii(name), why))

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._root)


def is_plain(name: str) -> bool:
    """Whether no shell, terminal or file system stumbles over any part of a path."""
    for part in name.split("/"):
        if not 0 < len(part) <= MAX_NAME or part[0] in "-. " or part[-1] in ". ":
            return False
        if not all((letter.isalnum() and letter.isascii()) or letter in " ._-+=@" for letter in part):
            return False
        if part.split(".")[0].upper() in DEVICE_NAMES:
            return False
    return True


def empty(folders: Iterable[str]) -> bool:
    """Remove all that is in `folders`; False when something would not go."""
    try:
        for folder in folders:
            for entry in os.scandir(folder):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
    except (OSError, RecursionError):
        return False
    return True


def _open_below(root: int, parts: Sequence[str]) -> int:
    """Open a path below `root` one part at a time, none of them a link; a pipe or device does not block."""
    fd = os.dup(root)
    for part in parts:
        try:
            below = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd
