"""Excel workbooks and SQLite files as rows, spooled to a plain CSV that DuckDB reads in one go.

Both hold cells of any type in any column. A column gets the narrowest type that holds all its cells: whole
numbers, numbers, dates, times, booleans, else text. Row by row inserts would take minutes for a million rows.
"""

import datetime
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_tools.table_names import TableError, quoted

Row = Sequence[object]
INT64 = 2**63

# sets of cell kinds that one column type holds, the first that fits
COLUMN_TYPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"bool"}), "BOOLEAN"),
    (frozenset({"int"}), "BIGINT"),
    (frozenset({"int", "float", "big"}), "DOUBLE"),
    (frozenset({"date"}), "DATE"),
    (frozenset({"date", "datetime"}), "TIMESTAMP"),
    (frozenset({"time"}), "TIME"),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A named table of a file: its header and its rows, read once. `dates` are columns declared to hold dates."""

    name: str
    header: tuple[object, ...]
    rows: Iterable[Row]
    dates: frozenset[int] = frozenset()


def excel_sheets(path: Path) -> Iterator[Sheet]:
    """The sheets of a workbook that hold anything; the first row with a cell is the header."""
    import openpyxl  # noqa: PLC0415 - it takes 0.2 s to import, and few tasks bring a workbook

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except MemoryError:
        raise
    except Exception:  # whatever a damaged archive or its XML raises
        raise TableError(
            f"{path.name!r} is no readable workbook (damaged, or protected by a password): save it as plain .xlsx"
        ) from None
    with closing(book):
        for sheet in book.worksheets:
            rows = (row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row))
            header = next(rows, None)
            if header is not None:
                yield Sheet(path.stem if len(book.worksheets) == 1 else sheet.title, header, rows)


def sqlite_sheets(path: Path, folder: Path) -> Iterator[Sheet]:
    """The tables of an SQLite file. Beside a journal a copy is read, so that nothing of the user's changes."""
    journals = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    journals = [journal for journal in journals if journal.exists() and journal.stat().st_size]
    for file in [path, *journals] if journals else []:
        shutil.copyfile(file, folder / file.name)
    uri = f"{folder.joinpath(path.name).as_uri()}" if journals else f"{path.as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as database:
            yield from _sqlite_tables(database)
    except sqlite3.Error as error:
        raise TableError(f"{path.name!r} is no readable SQLite file: {error}") from None


def _sqlite_tables(database: sqlite3.Connection) -> Iterator[Sheet]:
    database.execute("PRAGMA trusted_schema = OFF")
    names = database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid"
    )
    for (name,) in names.fetchall():
        columns = database.execute("SELECT name, type FROM pragma_table_info(?)", [name]).fetchall()
        dates = frozenset(
            i for i, (_, kind) in enumerate(columns) if "DATE" in kind.upper() or "TIME" in kind.upper()
        )
        rows = database.execute(f"SELECT * FROM {quoted(name)}")  # noqa: S608 - a quoted identifier
        yield Sheet(name, tuple(column for column, _ in columns), rows, dates)


def spool(sheet: Sheet, path: Path) -> tuple[tuple[object, ...], tuple[str, ...]]:
    """Write the rows to `path`; the header, made as wide as the widest row, and the type of each column."""
    kinds: list[set[str]] = [set() for _ in sheet.header]
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in sheet.rows:
            kinds += [set() for _ in range(len(row) - len(kinds))]
            cells = [_cell(value, position in sheet.dates) for position, value in enumerate(row)]
            for position, (kind, _) in enumerate(cells):
                if kind:
                    kinds[position].add(kind)
            file.write(",".join(text for _, text in cells) + "\n")
    header = sheet.header + (None,) * (len(kinds) - len(sheet.header))
    return header, tuple(_column_type(found) for found in kinds)


def _column_type(kinds: set[str]) -> str:
    if not kinds:
        return "VARCHAR"
    return next((name for held, name in COLUMN_TYPES if kinds <= held), "VARCHAR")


def _cell(value: object, is_date: bool) -> tuple[str, str]:
    """Kind and CSV text of one cell; the kind of nothing is empty."""
    match value:
        case None:
            return "", "\\N"
        case bool():
            return "bool", str(value).lower()
        case int():
            return ("int" if -INT64 <= value < INT64 else "big"), str(value)
        case float():
            return "float", repr(value)
        case datetime.datetime() if value.time() == datetime.time():
            return "date", value.date().isoformat()
        case datetime.datetime():
            return "datetime", value.isoformat(sep=" ")
        case datetime.date():
            return "date", value.isoformat()
        case datetime.time():
            return "time", value.isoformat()
        case bytes():
            return "text", value.hex()
        case _:
            text = str(value)
            return (_date_kind(text) if is_date else "text"), '"' + text.replace('"', '""') + '"'


def _date_kind(text: str) -> str:
    """Is a declared date written as one? SQLite stores whatever it is given."""
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return "date" if len(text) == 10 else "text"
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return "text"
    return "datetime"
