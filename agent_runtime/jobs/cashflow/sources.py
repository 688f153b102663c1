"""A user's file as a DuckDB relation: every column as text, and the row number that the user's own program shows.

CSV and Parquet are scanned where they lie; Excel and SQLite are spooled to CSV first, because DuckDB reads them only
with extensions that it would have to download. Columns are called c0, c1, ... inside, so that a header is data and
never SQL. In a DuckDB or SQLite file only base tables are read: a view can name any file of the machine.
"""

import codecs
import csv
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import TypeVar

import duckdb
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow import hints
from agent_runtime.jobs.cashflow.sql import first_row, identifier, quote

_NUMBERS = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT")
T = TypeVar("T")

_CHUNK = 2**20
_HEADER_ROWS = 30  # a sheet may open with a letterhead of so many rows


@dataclass(frozen=True, slots=True)
class Source:
    """A file ready to be read: `relation` yields `row` and c0, c1, ..., all of them VARCHAR.

    `lenient` does too, slower, and takes rows with cells missing at their end; empty where that cannot be.
    """

    file: str
    relation: str
    headers: tuple[str, ...]
    native_numbers: frozenset[str] = frozenset()
    lenient: str = ""


def open_source(con: duckdb.DuckDBPyConnection, table: str, index: int, scratch: Path) -> Source:
    """Open one table of the user's, `FILE` or `FILE#NAME` for a sheet or table in it.

    Raises:
        InputError: The file cannot be read, or holds several tables and none was named.
    """
    path, part = split_name(table)
    if not path.is_file():
        raise InputError(f"{table!r} is no file")
    try:
        return _open(con, path, part, index, scratch)
    except duckdb.OutOfMemoryException:  # no fault of the file's
        raise
    except (
        duckdb.Error,
        sqlite3.Error,
        zipfile.BadZipFile,
        InvalidFileException,
        csv.Error,
        OSError,
        KeyError,
        ValueError,
    ) as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f"{path.name} cannot be read: {line[:200]}") from None


def split_name(table: str) -> tuple[Path, str]:
    """`FILE#NAME` into its parts; a file whose own name has a `#` is still found."""
    if "#" in table and not Path(table).exists():
        file, _, part = table.rpartition("#")
        return Path(file), part
    return Path(table), ""


def _open(con: duckdb.DuckDBPyConnection, path: Path, part: str, index: int, scratch: Path) -> Source:
    with path.open("rb") as file:
        magic = file.read(16)
    if magic.startswith(b"PAR1"):
        return _from_query(con, path.name, f"read_parquet({quote(str(path))})", first_row=1)
    if magic.startswith(b"SQLite format 3"):
        return _spooled(con, path.name, _sqlite_rows(path, part), scratch / f"table{index}.csv")
    if magic[8:12] == b"DUCK":
        return _from_duckdb(con, path, part, index)
    if magic.startswith(b"PK\x03\x04"):
        return _spooled(con, path.name, _excel_rows(path, part), scratch / f"table{index}.csv")
    if magic.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{path.name} is an old .xls file; save it as .xlsx or .csv")
    return _from_csv(con, path)


def _from_csv(con: duckdb.DuckDBPyConnection, path: Path) -> Source:
    encoding = _encoding(path)
    sniffed = first_row(
        con,
        "SELECT Delimiter, Quote, Escape, SkipRows, HasHeader, Columns FROM sniff_csv(?, encoding := ?)",
        [str(path), encoding],
    )
    if sniffed is None:
        raise InputError(f"{path.name} is empty")
    delimiter, mark, escape, skip, has_header, columns = sniffed
    headers = [column["name"] for column in columns]
    options = {
        "delim": delimiter,
        "quote": "" if mark == "(empty)" else mark,
        "escape": "" if escape == "(empty)" else escape,
        "encoding": encoding,
    }
    if options["quote"] == "":  # the sniffed part had none; a later cell may still be quoted
        options |= {"quote": '"', "escape": '"'}
    fixed = ", ".join(f"{key} = {quote(value)}" for key, value in options.items())
    types = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(headers)))
    scan = (
        f"read_csv({quote(str(path))}, {fixed}, skip = {int(skip)}, header = false, auto_detect = false,"
        f" columns = {{{types}}}"
    )
    strict, lenient = f"{scan})", f"{scan}, null_padding = true, parallel = false)"
    first = first_row(con, f"SELECT * FROM {lenient} LIMIT 1")
    if first is None:
        raise InputError(f"{path.name} is empty")
    is_headed = has_header or _looks_like_header(first)
    if is_headed:
        headers = [cell or f"column {i + 1}" for i, cell in enumerate(first)]
    strict, lenient = (_numbered(each, int(skip) + 1, skip=int(is_headed)) for each in (strict, lenient))
    return Source(path.name, strict, tuple(_distinct(headers)), lenient=lenient)


def _numbered(scan: str, first_row: int, skip: int = 0) -> str:
    """`scan` with `row`, the number that the row has in the user's file, leaving out `skip` rows of header."""
    numbered = f"SELECT row_number() OVER () + {first_row - 1} AS row, * FROM {scan}"
    return f"(SELECT * FROM ({numbered}) WHERE row > {first_row - 1 + skip})" if skip else f"({numbered})"


def _encoding(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        chunk = file.read(_CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _looks_like_header(cells: Sequence[str | None]) -> bool:
    """Two columns named as banks name them: DuckDB takes a header of a table that is all text for data."""
    known = (
        hints.PAYER
        | hints.PAYEE
        | hints.AMOUNT
        | hints.TIME
        | hints.COUNTERPARTY
        | hints.MONEY_IN
        | hints.MONEY_OUT
    )
    return sum(bool(hints.words(cell) & known) for cell in cells if cell) >= 2


def _distinct(headers: Iterable[str]) -> list[str]:
    """Headers made different from one another: a second `Account` becomes `Account (2)`."""
    seen: dict[str, int] = {}
    names = []
    for header in headers:
        name = " ".join(header.split())
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _from_query(con: duckdb.DuckDBPyConnection, file: str, scan: str, first_row: int) -> Source:
    described = con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    texts = ", ".join(
        f"CAST({identifier(name)} AS VARCHAR) AS c{i}" for i, (name, *_) in enumerate(described)
    )
    headers = _distinct(name for name, *_ in described)
    native = {header for header, row in zip(headers, described, strict=True) if row[1].startswith(_NUMBERS)}
    return Source(
        file, _numbered(f"(SELECT {texts} FROM {scan})", first_row), tuple(headers), frozenset(native)
    )


def _from_duckdb(con: duckdb.DuckDBPyConnection, path: Path, part: str, index: int) -> Source:
    catalog = f"file{index}"
    con.execute(f"ATTACH {quote(str(path))} AS {catalog} (READ_ONLY)")
    found = con.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY ALL", [catalog]
    ).fetchall()
    schema, table = _one_of(
        path.name,
        {f"{name}" if schema == "main" else f"{schema}.{name}": (schema, name) for schema, name in found},
        part,
    )
    return _from_query(con, path.name, f"{catalog}.{identifier(schema)}.{identifier(table)}", first_row=1)


def _one_of(file: str, choices: dict[str, T], part: str) -> T:
    if part in choices:
        return choices[part]
    if len(choices) == 1 and not part:
        return next(iter(choices.values()))
    names = ", ".join(repr(name) for name in sorted(choices)) or "nothing"
    raise InputError(f"{file} holds {names}; name one as '{file}#NAME'")


def _sqlite_rows(path: Path, part: str) -> Iterator[tuple[int, Sequence[object]]]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as con:
        tables = con.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        table = _one_of(path.name, {name: name for (name,) in tables}, part)
        cursor = con.execute(f"SELECT * FROM {identifier(table)}")
        yield 0, [column[0] for column in cursor.description]
        yield from enumerate(cursor, 1)


def _excel_rows(path: Path, part: str) -> Iterator[tuple[int, Sequence[object]]]:
    with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
        filled = {
            sheet.title: sheet for sheet in book.worksheets if (sheet.max_row or 2) > 1 or part == sheet.title
        }
        rows = enumerate(_one_of(path.name, filled, part).iter_rows(values_only=True), 1)
        opening = [row for row, _ in zip(rows, range(_HEADER_ROWS), strict=False)]
        header = max(range(len(opening)), key=lambda i: (_n_texts(opening[i][1]), -i), default=None)
        if header is None:
            raise InputError(f"{path.name} is empty")
        yield from opening[header:]
        yield from rows


def _n_texts(cells: Sequence[object]) -> int:
    """How many cells are words: the header is the first row with the most of them."""
    return sum(isinstance(cell, str) and bool(hints.words(cell)) for cell in cells)


def _spooled(
    con: duckdb.DuckDBPyConnection, file: str, rows: Iterator[tuple[int, Sequence[object]]], path: Path
) -> Source:
    """Write rows (number, cells), header first, to a CSV of our own, and read that."""
    _, header = next(rows)
    numeric = [True] * len(header)
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, quoting=csv.QUOTE_ALL)
        for number, cells in rows:
            padded = [*cells, *[None] * (len(header) - len(cells))][: len(header)]
            if any(cell is not None for cell in padded):
                writer.writerow((number, *map(_text, padded)))
                numeric = [
                    is_so and (cell is None or _is_number(cell))
                    for is_so, cell in zip(numeric, padded, strict=True)
                ]
    headers = _distinct(str(cell) if cell is not None else f"column {i + 1}" for i, cell in enumerate(header))
    names = ["row", *(f"c{i}" for i in range(len(headers)))]
    types = ", ".join(f"'{name}': '{'BIGINT' if name == 'row' else 'VARCHAR'}'" for name in names)
    options = "delim = ',', quote = '\"', header = false, auto_detect = false"
    relation = f"read_csv({quote(str(path))}, {options}, columns = {{{types}}})"
    native = {name for name, is_so in zip(headers, numeric, strict=True) if is_so}
    con.execute(f"SELECT 1 FROM {relation} LIMIT 1")
    return Source(file, relation, tuple(headers), frozenset(native))


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return str(cell).replace("\x00", "")
