"""What a user settles about a file: `FILE.COLUMN=READING` for a column, `FILE=PART:VALUE` for the whole file.

A column is one of `READINGS`, or `date:FORMAT` with a strptime format. A file takes `header:none`, `header:N` (the
line of it), `delimiter:X`, `encoding:NAME` and `totals:keep`.
"""

import codecs
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent_runtime_tools.table_names import TableError

READINGS = (
    "text",
    "number",
    "decimal-point",
    "decimal-comma",
    "date:dmy",
    "date:mdy",
    "date:ymd",
    "date:FORMAT",
    "epoch",
    "epoch-ms",
    "excel-day",
)
FILE_PARTS = ("header", "delimiter", "encoding", "totals")
SHAPE = "write FILE.COLUMN=READING or FILE=PART:VALUE"


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What was settled for one file. `columns` maps a column's name, in small letters, to a reading."""

    header: int | None = None  # the line of it; 0 says that there is none
    delimiter: str = ""
    encoding: str = ""
    keeps_totals: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


def parse_settings(texts: Iterable[str], paths: Sequence[Path]) -> dict[Path, FileSettings]:
    """The settings of each file that has any.

    Raises:
        TableError: A text has another shape, names no file that was given, or an unknown reading.
    """
    found: dict[Path, FileSettings] = {}
    for text in texts:
        left, equals, right = text.rpartition("=")
        if not equals or not left or not right:
            raise TableError(f"the setting {text!r} has no reading: {SHAPE}")
        path, column = _target(left, paths)
        known = found.get(path, FileSettings())
        found[path] = _with_column(known, column, right) if column else _with_part(known, right)
    return found


def _target(left: str, paths: Sequence[Path]) -> tuple[Path, str]:
    """The file, and the column in it, that the left side of a setting names."""
    for path in sorted(paths, key=lambda path: -len(path.name)):
        for name in (str(path), path.name, path.stem):
            if left.lower() == name.lower():
                return path, ""
            if left.lower().startswith(f"{name.lower()}."):
                return path, left[len(name) + 1 :]
    names = ", ".join(path.name for path in paths) or "none"
    raise TableError(f"the setting {left!r} names none of the files ({names}): {SHAPE}")


def _with_column(known: FileSettings, column: str, reading: str) -> FileSettings:
    if reading not in READINGS and not reading.startswith("date:%"):
        raise TableError(f"unknown reading {reading!r} of {column!r}: give one of {', '.join(READINGS)}")
    columns = {**known.columns, column.lower(): reading}
    return FileSettings(known.header, known.delimiter, known.encoding, known.keeps_totals, columns)


def _with_part(known: FileSettings, right: str) -> FileSettings:
    part, _, value = right.partition(":")
    header, delimiter, encoding, keeps = known.header, known.delimiter, known.encoding, known.keeps_totals
    match part:
        case "header" if value == "none" or value.isdigit():
            header = 0 if value == "none" else int(value)
        case "delimiter" if value:
            delimiter = {"tab": "\t", "\\t": "\t"}.get(value, value)
        case "encoding" if _is_encoding(value):
            encoding = value
        case "totals" if value in {"keep", "drop"}:
            keeps = value == "keep"
        case _:
            raise TableError(
                f"unknown setting {right!r} of a file: give header:none, header:LINE, delimiter:X, encoding:NAME "
                "or totals:keep"
            )
    return FileSettings(header, delimiter, encoding, keeps, known.columns)


def _is_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True
