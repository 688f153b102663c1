"""A folder that nobody else reads, for one file that vanishes with its owner.

The owner locks its folder; a folder whose lock is free belongs to nobody and is swept by the next one made. Once
the file is made, `adopt` keeps it open and removes its name: it stays readable at the path that `adopt` gives, and
the kernel frees it when the owner ends, however that happens. Where there is no `/proc` the folder stays until
`remove`.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "agent-runtime-tables-"
YOUNG_SECONDS = 60.0  # a folder this new may not have been locked yet


class PrivateFolder:
    """A locked folder under the system's temporary folder, readable by its owner alone."""

    def __init__(self) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._file = -1

    def adopt(self, file: Path) -> str:
        """Keep `file` open without a name, where the system can; the path to open it by from another process."""
        if not Path("/proc/self/fd").exists():
            return str(file)
        self._file = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        shutil.rmtree(self.path, ignore_errors=True)
        return f"/proc/{os.getpid()}/fd/{self._file}"

    def remove(self) -> None:
        """Give everything back. Removing twice is no error."""
        shutil.rmtree(self.path, ignore_errors=True)
        for number in (self._file, self._lock):
            if number != -1:
                os.close(number)
        self._file = self._lock = -1


def _sweep() -> None:
    """Remove the folders of owners that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > YOUNG_SECONDS:
                _remove_unowned(folder)


def _remove_unowned(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
