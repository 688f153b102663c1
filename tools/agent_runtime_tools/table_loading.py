"""Load a user's file into a private DuckDB file: CSV, TSV, Parquet, JSON, Excel, SQLite, DuckDB.

Runs in the worker, because no reader of crafted files is to be trusted in the host. The user's file is only read.
A file that cannot be used is one line that says what would be right. Columns keep their names; a repeated or
empty one gets a name of its own. Types are DuckDB's guess for text (a column of numbers with one `n/a` is text)
and the declared ones elsewhere, so a DECIMAL of a Parquet file stays exact.

Not covered: views and macros of a database file (its tables alone are taken), formulas without a stored value,
compressed CSV, encodings other than UTF-8.
"""

import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from agent_runtime_tools.delimited import Dialect, ragged, read_dialect
from agent_runtime_tools.row_sources import Sheet, excel_sheets, spool, sqlite_sheets
from agent_runtime_tools.table_names import TableError, distinct, identifier, literal, quoted

MAX_COLUMNS = 1_000  # a model cannot read more names than that
MAX_TABLES = 64

TEXT_ENDINGS = frozenset({".csv", ".tsv", ".txt"})
JSON_ENDINGS = frozenset({".json", ".jsonl", ".ndjson"})
PARQUET_ENDINGS = frozenset({".parquet", ".pq"})
EXCEL_ENDINGS = frozenset({".xlsx", ".xlsm"})
DATABASE_ENDINGS = frozenset({".db", ".db3", ".sqlite", ".sqlite3", ".duckdb", ".ddb"})
SQLITE_MAGIC = b"SQLite format 3\x00"
DUCKDB_MAGIC = b"DUCK"  # after a checksum of 8 bytes

ERROR_LINE = re.compile(r"CSV Error on Line: (\d+)")
NOISE = re.compile(r"CSV Error on Line|Original Line")
LINK = re.compile(r"""([Ff]ile )?["']?/\S*/input\.\w+["']?""")
ERROR_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
SPOOLED = (
    "read_csv(?, auto_detect = false, header = false, delim = ',', quote = '\"', escape = '\"', nullstr = '\\N',"
    " allow_quoted_nulls = false, parallel = false, columns = {{{columns}}})"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A table to make: its name, the SQL that reads it, and its columns where that SQL does not name them."""

    name: str
    reader: str
    file: Path | None = None
    columns: tuple[str, ...] = ()

    @property
    def parameters(self) -> list[str]:
        return [] if self.file is None else [str(self.file)]


def load(database: duckdb.DuckDBPyConnection, path: Path, folder: Path, taken: set[str]) -> list[str]:
    """Make the tables of one file, under names that are not in `taken`; gives and takes their names.

    `folder` is for temporary files.

    Raises:
        TableError: The file cannot be used; one line on what would be right.
    """
    try:
        _check_readable(path)
        return _create_all(database, path, _sources(database, path, folder), taken)
    except (duckdb.Error, OSError, UnicodeError) as error:
        raise TableError(_explain(path, error)) from None


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


def _create_all(
    database: duckdb.DuckDBPyConnection, path: Path, sources: Iterable[Source], taken: set[str]
) -> list[str]:
    names: list[str] = []
    n_rows = 0
    for source in sources:
        if len(names) == MAX_TABLES:
            raise TableError(f"{path.name!r} has more than {MAX_TABLES} tables: keep those that are needed")
        name = identifier(source.name, taken)
        n_rows += _create(database, path, name, source)
        taken.add(name.lower())
        names.append(name)
    if not names:
        raise TableError(f"{path.name!r} holds no table: give a table with a header and rows")
    if not n_rows:
        raise TableError(f"{path.name!r} has 0 rows: give a table with at least one")
    return names


def _create(database: duckdb.DuckDBPyConnection, path: Path, name: str, source: Source) -> int:
    """Copy one source into a table; the number of its rows."""
    columns: tuple[object, ...] = source.columns
    if not columns:
        head = database.execute(f"FROM {source.reader} LIMIT 0", source.parameters)
        columns = tuple(column[0] for column in head.description or ())
    if len(columns) > MAX_COLUMNS:
        raise TableError(
            f"{path.name!r} has {len(columns)} columns, at most {MAX_COLUMNS} can be used: keep those that are needed"
        )
    aliases = ", ".join(quoted(column) for column in distinct(columns))
    statement = f"CREATE TABLE {quoted(name)} AS FROM {source.reader} AS source({aliases})"
    try:
        row = database.execute(statement, source.parameters).fetchone()
    except duckdb.ConversionException:  # a cell further down is of another type than the first 20,000 rows
        if "sample_size = 20480" not in statement:
            raise
        patient = statement.replace("sample_size = 20480", "sample_size = -1")
        row = database.execute(patient, source.parameters).fetchone()
    assert row is not None
    return int(row[0])


def _sources(database: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> Iterator[Source]:
    ending = path.suffix.lower()
    if ending in TEXT_ENDINGS:
        yield _delimited(path, _plainly_named(path, folder), read_dialect(path))
    elif ending in JSON_ENDINGS:
        yield Source(
            path.stem, "read_json(?, auto_detect = true, records = true)", _plainly_named(path, folder)
        )
    elif ending in PARQUET_ENDINGS:
        yield Source(path.stem, "read_parquet(?)", _plainly_named(path, folder))
    elif ending in EXCEL_ENDINGS:
        yield from _spooled(excel_sheets(path), folder)
    elif ending in DATABASE_ENDINGS:
        yield from _of_database(database, path, folder)
    else:
        raise TableError(
            f"{path.name!r} has an unknown ending: give .csv, .tsv, .parquet, .json, .xlsx, .sqlite, .duckdb or .db"
        )


def _plainly_named(path: Path, folder: Path) -> Path:
    """A link with a plain name: DuckDB reads `*`, `[` and `key=value` in a path as more than a name."""
    link = folder / f"input{path.suffix.lower()}"
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return link


def _delimited(path: Path, file: Path, dialect: Dialect) -> Source:
    options = (
        f"delim = {literal(dialect.delimiter)}, header = {dialect.has_header}, skip = 0, quote = '\"', escape = '\"',"
        f" decimal_separator = '{dialect.decimal_separator}', sample_size = 20480, strict_mode = true,"
        " null_padding = false, ignore_errors = false"
    )
    return Source(path.stem, f"read_csv(?, {options})", file, dialect.columns)


def _of_database(database: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> Iterator[Source]:
    with path.open("rb") as file:
        magic = file.read(16)
    if magic == SQLITE_MAGIC:
        yield from _spooled(sqlite_sheets(path, folder), folder)
    elif magic[8:12] == DUCKDB_MAGIC:
        yield from _attached(database, path)
    else:
        raise TableError(f"{path.name!r} is neither an SQLite nor a DuckDB file (or it is encrypted)")


def _spooled(sheets: Iterator[Sheet], folder: Path) -> Iterator[Source]:
    file = folder / "spool.csv"
    for sheet in sheets:
        header, types = spool(sheet, file)
        columns = ", ".join(f"'c{position}': '{kind}'" for position, kind in enumerate(types))
        yield Source(sheet.name, SPOOLED.format(columns=columns), file, distinct(header))
    file.unlink(missing_ok=True)


def _attached(database: duckdb.DuckDBPyConnection, path: Path) -> Iterator[Source]:
    database.execute(f"ATTACH {literal(str(path))} AS source_file (READ_ONLY)")
    tables = database.execute(
        "SELECT schema_name, table_name FROM duckdb_tables()"
        " WHERE database_name = 'source_file' AND NOT internal ORDER BY table_oid"
    ).fetchall()
    for schema, table in tables:
        yield Source(table, f"source_file.{quoted(schema)}.{quoted(table)}")
    database.execute("DETACH source_file")


def _explain(path: Path, error: Exception) -> str:
    """DuckDB's error in one line, with what the user can act on."""
    text = str(error)
    line, width = ERROR_LINE.search(text), ERROR_WIDTH.search(text)
    if line and width:
        return ragged(path, int(line[1]), int(width[2]), int(width[1]))
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"{path.name!r} needs more memory than the loader may use: keep the columns that are needed"
    if "expected records" in text:
        return f"{path.name!r} holds no records: give a list of objects, or one object a line"
    lines = (part.strip() for part in re.sub(r"^[A-Z][A-Za-z ]*Error: ", "", text).splitlines())
    first = next((part for part in lines if part and not NOISE.match(part)), type(error).__name__)
    first = LINK.sub("the file", first).rstrip(":. ")
    where = f" line {line[1]}" if line else ""
    return f"{path.name!r}{where} cannot be read: {first}"
