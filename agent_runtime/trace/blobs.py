"""Texts too long for a line of the trace: kept beside it under their SHA-256, each once."""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent_runtime.errors import TraceError

_IN_TEXT = re.compile(r"\$blob sha256:([0-9a-f]{64}) \d+ bytes")  # how schema 1 said it


@dataclass(frozen=True, slots=True)
class Blob:
    """A long text of an event: where in the event it belongs, and the file that holds it."""

    at: tuple[str | int, ...]  # keys and indices that lead to it
    sha256: str
    n_bytes: int


Load = Callable[[str], str | None]  # a text by its SHA-256; None where it is gone or changed


def blob_folder(trace: Path) -> Path:
    """Where the long texts of the trace at `trace` lie."""
    return trace.with_name(f"{trace.name}.blobs")


def keep_blob(trace: Path, text: str, at: tuple[str | int, ...]) -> Blob:
    """Store a text that belongs at `at` in its event.

    Raises:
        TraceError: It cannot be written.
    """
    content = text.encode("utf-8", "surrogatepass")
    sha256 = hashlib.sha256(content).hexdigest()
    folder = blob_folder(trace)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(folder / sha256, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
    except OSError as error:
        raise TraceError(f"cannot write {str(folder / sha256)!r}: {error.strerror}") from error
    return Blob(at, sha256, len(content))


def load_blob(trace: Path, sha256: str) -> str | None:
    """A stored text; None where it is gone or changed."""
    try:
        content = (blob_folder(trace) / sha256).read_bytes()
    except OSError:
        return None
    return content.decode("utf-8", "surrogatepass") if hashlib.sha256(content).hexdigest() == sha256 else None


def text_of(blob: Blob, load: Load) -> str:
    """The text of a blob, or a note in its place that it is missing."""
    text = load(blob.sha256)
    return f"[{blob.n_bytes} bytes are missing: {blob.sha256}]" if text is None else text


def text_of_schema_1(text: str, load: Load) -> str:
    """The text that `text` stands for in a trace of schema 1, which named a blob within the text."""
    match = _IN_TEXT.fullmatch(text)
    found = load(match[1]) if match else None
    return text if found is None else found
