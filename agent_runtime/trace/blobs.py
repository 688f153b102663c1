"""Texts too long for a line of the trace: kept beside it under their SHA-256, each once."""

import hashlib
import os
import re
from pathlib import Path

from agent_runtime.errors import TraceError

BLOB = re.compile(r"\$blob sha256:([0-9a-f]{64}) \d+ bytes")


def blob_folder(trace: Path) -> Path:
    """Where the long texts of the trace at `trace` lie."""
    return trace.with_name(f"{trace.name}.blobs")


def keep_blob(trace: Path, text: str) -> str:
    """Store a text; returns what stands for it in the trace.

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
    return f"$blob sha256:{sha256} {len(content)} bytes"


def load_blob(trace: Path, text: str) -> str:
    """The text that `text` stands for; `text` itself when it stands for nothing, or for what is gone."""
    match = BLOB.fullmatch(text)
    if match is None:
        return text
    try:
        content = (blob_folder(trace) / match[1]).read_bytes()
    except OSError:
        return text
    if hashlib.sha256(content).hexdigest() != match[1]:
        return text
    return content.decode("utf-8", "surrogatepass")
