"""The tables of a run as they were: where they lie and what was in them, so that a resumed run reads the same."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from agent_runtime.errors import InputError
from agent_runtime.trace.events import TableFile


def table_files(tables: Sequence[Path]) -> tuple[TableFile, ...]:
    """Each table with its absolute path and the SHA-256 of its bytes; what is no regular file has no hash."""
    return tuple(TableFile(table.absolute(), _sha256(table)) for table in tables)


def require_unchanged(tables: Sequence[TableFile]) -> None:
    """Make sure that every table is what it was.

    Raises:
        InputError: One is gone or holds something else; the first such is named.
    """
    for table in tables:
        found = _sha256(table.path)
        if found != table.sha256:
            what = "is gone" if not found else "has changed since the run began"
            raise InputError(
                f"the table {str(table.path)!r} {what}: put it back as it was, or solve the task anew"
            )


def _sha256(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"the table {str(path)!r} cannot be read: {error.strerror}") from error
