"""Cells of any type written to a plain CSV that DuckDB reads in one go: row by row inserts would take minutes."""

import csv
import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Spooled:
    """What was written: how many rows and columns, and which columns held texts, which numbers."""

    n_rows: int = 0
    width: int = 0
    texts: set[int] = field(default_factory=set)
    numbers: set[int] = field(default_factory=set)

    @property
    def numeric(self) -> frozenset[int]:
        """Columns of numbers alone."""
        return frozenset(self.numbers - self.texts)


def spooled_reader(width: int) -> str:
    """SQL that reads such a file, its one parameter."""
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(width))
    return (
        "read_csv(?, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"',"
        f" parallel = false, null_padding = true, columns = {{{columns}}})"
    )


def plainly_named(path: Path, folder: Path) -> Path:
    """A link with a plain name: DuckDB reads `*`, `[` and `key=value` in a path as more than a name."""
    link = folder / f"input{path.suffix.lower()}"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link


def spool_rows(
    rows: Iterable[Sequence[object]], path: Path, width: int = 0, *, keeps_empty: bool = False
) -> Spooled:
    """Write the rows that hold anything; a database's empty rows are rows, too."""
    found = Spooled(width=width)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in rows:
            texts = []
            for i, value in enumerate(row):
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found.numbers.add(i)
                elif value is not None:
                    found.texts.add(i)
                texts.append("" if value is None else cell_text(value))
            if keeps_empty or any(texts):
                found.n_rows += 1
                found.width = max(found.width, len(texts))
                writer.writerow(texts)
    return found


def cell_text(value: object) -> str:
    """A value as text that the readings know."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case datetime.datetime() if value.time() == datetime.time() and value.tzinfo is None:
            return value.date().isoformat()
        case datetime.datetime():
            return value.isoformat(sep=" ")
        case datetime.timedelta():
            seconds = round(value.total_seconds())
            sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
            return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case _:
            return str(value).replace("\0", "")
