"""Load a user's file into a private DuckDB file, and say how it was read.

Runs in the worker, because no reader of crafted files is to be trusted in the host. The user's file is only read.
A file that cannot be used is one line that says what would be right.

Not covered: views and macros of a database file (its tables alone are taken), formulas without a stored value.
"""

import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import duckdb

from agent_runtime_tools.table_names import TableError, identifier, literal
from agent_runtime_tools.tables.building import build
from agent_runtime_tools.tables.containers import PACKED_ENDINGS, Plain, unpacked
from agent_runtime_tools.tables.excel import stage_workbook
from agent_runtime_tools.tables.json_file import stage_json
from agent_runtime_tools.tables.native import stage_duckdb, stage_parquet
from agent_runtime_tools.tables.settings import FileSettings
from agent_runtime_tools.tables.sqlite_file import stage_sqlite
from agent_runtime_tools.tables.staged import Staged, check_width
from agent_runtime_tools.tables.text_file import stage_text
from agent_runtime_tools.tables.types import Reading

MAX_TABLES = 500
SMALL_BYTES = 128 * 2**20  # below it the cells are staged in memory

TEXT_ENDINGS = frozenset({".csv", ".tsv", ".tab", ".txt", ".psv", ".dat"})
JSON_ENDINGS = frozenset({".json", ".jsonl", ".ndjson"})
PARQUET_ENDINGS = frozenset({".parquet", ".pq"})
EXCEL_ENDINGS = frozenset({".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"})
DATABASE_ENDINGS = frozenset({".db", ".db3", ".sqlite", ".sqlite3", ".duckdb", ".ddb"})
READABLE = TEXT_ENDINGS | JSON_ENDINGS | PARQUET_ENDINGS | EXCEL_ENDINGS | DATABASE_ENDINGS
MAGICS = {
    b"PK\x03\x04": (".xlsx", ".xlsm", ".xlsb", ".ods"),
    b"\xd0\xcf\x11\xe0": (".xls", ".xlsx", ".xlsm"),  # an .xlsx of this kind is locked by a password
    b"PAR1": (".parquet", ".pq"),
    b"SQLite format 3\x00": (".sqlite", ".sqlite3", ".db", ".db3"),
}
SQLITE_MAGIC = b"SQLite format 3\x00"
DUCKDB_MAGIC = b"DUCK"  # after a checksum of 8 bytes

ERROR_LINE = re.compile(r"CSV Error on Line: (\d+)")
NOISE = re.compile(r"CSV Error on Line|Original Line")
LINK = re.compile(r"""([Ff]ile )?["']?/\S*/(?:input|unpacked|spool|text)\.\w+["']?""")


def load_file(
    database: duckdb.DuckDBPyConnection, path: Path, folder: Path, taken: set[str], settings: FileSettings
) -> list[Reading]:
    """Make the tables of one file, under names that are not in `taken`, which gets them; how each was read.

    `folder` is for temporary files.

    Raises:
        TableError: The file cannot be used; one line on what would be right.
    """
    try:
        _check_readable(path)
        readings = _create_all(database, path, folder, taken, settings)
        _check_named(readings, settings)
    except (duckdb.Error, OSError, UnicodeError) as error:
        raise TableError(_explain(path, error)) from None
    return readings


def _check_named(readings: Sequence[Reading], settings: FileSettings) -> None:
    """Is every column that was settled there?"""
    known = [column.name for reading in readings for column in reading.columns]
    for name in settings.columns:
        if name not in {column.lower() for column in known}:
            raise TableError(f"a setting names the column {name!r}; there are: {', '.join(known[:20])}")


def _check_readable(path: Path) -> None:
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
    except FileNotFoundError:
        raise TableError(f"there is no file {str(path)!r}: check the path") from None
    except PermissionError:
        raise TableError(f"{path.name!r} may not be read: check its permissions") from None
    if stat.S_ISDIR(status.st_mode):
        raise TableError(f"{path.name!r} is a folder: name one table file in it")
    if not stat.S_ISREG(status.st_mode):
        raise TableError(f"{path.name!r} is no regular file: save the table to one")
    if not status.st_size:
        raise TableError(f"{path.name!r} is empty (0 bytes): give a table with a header and rows")
    if path.suffix.lower() not in READABLE | PACKED_ENDINGS:
        raise TableError(
            f"{path.name!r} has an unknown ending: give .csv, .tsv, .parquet, .json, .xlsx, .sqlite, .duckdb or .db"
        )


def _create_all(
    database: duckdb.DuckDBPyConnection, path: Path, folder: Path, taken: set[str], settings: FileSettings
) -> list[Reading]:
    scratch = folder / "stage.duckdb"
    scratch.unlink(missing_ok=True)
    place = ":memory:" if path.stat().st_size < SMALL_BYTES else str(scratch)
    database.execute(f"ATTACH {literal(place)} AS stage")
    try:
        return list(_created(database, path, folder, taken, settings))
    finally:
        with suppress(duckdb.Error):
            database.execute("DROP TABLE IF EXISTS stage.cells; DETACH stage")
        scratch.unlink(missing_ok=True)


def _created(
    database: duckdb.DuckDBPyConnection, path: Path, folder: Path, taken: set[str], settings: FileSettings
) -> Iterator[Reading]:
    n_tables = n_rows = 0
    for plain in unpacked(path, folder, READABLE):
        for staged in _staged(database, plain, folder, settings):
            if n_tables == MAX_TABLES:
                raise TableError(
                    f"{path.name!r} has more than {MAX_TABLES} tables: keep those that are needed"
                )
            check_width(path.name, len(staged.names))
            name = identifier(staged.name, taken)
            taken.add(name.lower())
            alias = staged.name if staged.name != name else ""
            reading = replace(build(database, staged, name, path.name, settings), alias=alias)
            n_tables, n_rows = n_tables + 1, n_rows + reading.n_rows
            yield reading
    if not n_tables:
        raise TableError(f"{path.name!r} holds no table: give a table with a header and rows")
    if not n_rows:
        raise TableError(f"{path.name!r} has 0 rows: give a table with at least one")


def _staged(
    database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path, settings: FileSettings
) -> Iterator[Staged]:
    """The tables of a plain file, by what it is, or else by its ending."""
    plain = replace(plain, true_ending=_true_ending(plain))
    ending = plain.ending
    if ending in TEXT_ENDINGS:
        yield stage_text(database, plain, folder, settings)
    elif ending in JSON_ENDINGS:
        yield stage_json(database, plain, folder)
    elif ending in PARQUET_ENDINGS:
        yield stage_parquet(database, plain, folder)
    elif ending in EXCEL_ENDINGS:
        yield from stage_workbook(database, plain, folder, settings)
    else:
        yield from _of_database(database, plain, folder)


def _true_ending(plain: Plain) -> str:
    """The ending that the first bytes call for: a workbook called .csv is a workbook."""
    with plain.path.open("rb") as file:
        magic = file.read(16)
    for start, endings in MAGICS.items():
        if magic.startswith(start) and plain.ending not in endings:
            return endings[0]
    return plain.ending


def _of_database(database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path) -> Iterator[Staged]:
    with plain.path.open("rb") as file:
        magic = file.read(16)
    if magic == SQLITE_MAGIC:
        yield from stage_sqlite(database, plain, folder)
    elif magic[8:12] == DUCKDB_MAGIC:
        yield from stage_duckdb(database, plain)
    else:
        raise TableError(f"{plain.name!r} is neither an SQLite nor a DuckDB file (or it is encrypted)")


def _explain(path: Path, error: Exception) -> str:
    """DuckDB's error in one line, with what the user can act on."""
    text = str(error)
    line = ERROR_LINE.search(text)
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"{path.name!r} needs more memory than the loader may use: keep the columns that are needed"
    if "expected records" in text:
        return f"{path.name!r} holds no records: give a list of objects, or one object a line"
    lines = (part.strip() for part in re.sub(r"^[A-Z][A-Za-z ]*Error: ", "", text).splitlines())
    first = next((part for part in lines if part and not NOISE.match(part)), type(error).__name__)
    first = LINK.sub("the file", first).rstrip(":. ")
    where = f" line {line[1]}" if line else ""
    return f"{path.name!r}{where} cannot be read: {first}"
