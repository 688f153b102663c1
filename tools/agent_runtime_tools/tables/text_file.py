"""Text files: the encoding, the dialect and the layout are settled, then the rows are staged.

A clean file is read by DuckDB where it lies, in parallel, held to the delimiter and the width that were found. Any
other one is read row by row: comments, titles and footers left out, short rows filled up, trailing delimiters taken
off, all of it said. A row that is too wide is an error that names its line.
"""

import csv
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from agent_runtime_tools.table_names import TableError, literal
from agent_runtime_tools.tables.cells import is_data, shown
from agent_runtime_tools.tables.containers import Plain
from agent_runtime_tools.tables.dialect import (
    HEAD_CHARACTERS,
    Dialect,
    Record,
    explain_broken,
    find_dialect,
    read_records,
)
from agent_runtime_tools.tables.encoding import Encoding, find_encoding, rewrite
from agent_runtime_tools.tables.layout import Layout, find_layout
from agent_runtime_tools.tables.rows import Fitter
from agent_runtime_tools.tables.settings import FileSettings
from agent_runtime_tools.tables.spool import plainly_named, spooled_reader
from agent_runtime_tools.tables.staged import Staged, check_width, drop, stage
from agent_runtime_tools.tables.types import Doubt, LeftOut

MAX_HEAD_RECORDS = 1_000
MARKUP = ("<!doctype", "<html", "<table", "<?xml")


@dataclass(slots=True)
class _Text:
    """A text file while it is read."""

    plain: Plain
    path: Path  # in UTF-8
    encoding: Encoding
    dialect: Dialect
    head: list[Record]
    layout: Layout
    width: int
    left_out: list[LeftOut] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def stage_text(
    database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path, settings: FileSettings
) -> Staged:
    """Stage one text file.

    Raises:
        TableError: It is no table; the line that shows it is named where there is one.
    """
    text = _open(plain, folder, settings)
    if _is_clean(text):
        n_rows = _stage_plainly(database, text, folder)
        if n_rows is not None:
            n_rows -= drop(database, [0] if text.layout.header == 0 else [])
            return _staged(text, n_rows)
    spool = folder / "spool.csv"
    _spool(text, spool)
    n_rows = stage(database, spooled_reader(text.width), [str(spool)], text.width)
    spool.unlink()
    return _staged(text, n_rows)


def _open(plain: Plain, folder: Path, settings: FileSettings) -> _Text:
    name = plain.name
    encoding = Encoding(settings.encoding) if settings.encoding else find_encoding(plain.path, name)
    path = plain.path
    if not encoding.is_plain:
        path = folder / "text.csv"
        try:
            rewrite(plain.path, path, encoding)
        except UnicodeError as error:
            raise TableError(
                f"{name!r} is not written in {encoding.name}: {error.reason if hasattr(error, 'reason') else error}"
            ) from None
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(HEAD_CHARACTERS + 1)
    if not head.strip():
        raise TableError(f"{name!r} holds blank lines only: give a table with a header and rows")
    if head.lstrip().lower().startswith(MARKUP):
        raise TableError(f"{name!r} is a web page or XML, not a table: save it as .csv or .xlsx")
    dialect = find_dialect(head[:HEAD_CHARACTERS], settings.delimiter)
    records = _head_records(name, head, dialect)
    rows = [cells for _, cells in records]
    check_width(name, max(map(len, rows), default=0))
    settled = None if settings.header is None else _row_of_line(records, settings.header)
    layout = find_layout(rows, settled)
    layout, doubts = _with_row_names(layout, rows)
    if layout.header >= 0 and not doubts:  # what is wider than the header is no row of this table
        layout = replace(layout, names=layout.names[: len(rows[layout.header])])
    text = _Text(plain, path, encoding, dialect, records, layout, len(layout.names), doubts=doubts)
    _say(text)
    return text


def _row_of_line(records: Sequence[Record], line: int) -> int:
    return -1 if not line else next((i for i, (at, _) in enumerate(records) if at >= line), -1)


def _head_records(name: str, head: str, dialect: Dialect) -> list[Record]:
    """The complete records of the head, without comments."""
    is_whole = len(head) <= HEAD_CHARACTERS
    records: list[Record] = []
    try:
        for record in _records(iter(head.splitlines(keepends=True)), dialect):
            records.append(record)
            if len(records) > MAX_HEAD_RECORDS:
                return records
    except csv.Error as error:
        if is_whole:
            raise explain_broken(name, records[-1][0] + 1 if records else 1, error) from None
        return records
    return records if is_whole or len(records) < 2 else records[:-1]


def _records(lines: Iterator[str], dialect: Dialect) -> Iterator[Record]:
    """All records but the declaration of the delimiter and comments; the first `#` line may be the header."""
    records = read_records(lines, dialect)
    if dialect.is_declared:
        next(records, None)
    pending: Record | None = None
    for record in records:
        is_comment = bool(record[1]) and record[1][0].lstrip().startswith("#")
        if pending is not None:
            if not is_comment and _is_named(pending[1], record[1]):
                yield pending
            pending = None
        if not is_comment:
            yield record
        elif len(record[1]) > 1:
            pending = record


def _is_named(first: Sequence[str], second: Sequence[str]) -> bool:
    """Is a `#` line the header, or a row? It is as wide as the row below, which holds data, or names it."""
    return len(first) == len(second) and (any(map(is_data, second)) or not first[0].lstrip().startswith("# "))


def _with_row_names(layout: Layout, rows: Sequence[Sequence[str]]) -> tuple[Layout, list[Doubt]]:
    """A header that is one name short has none for the first column, if every row is as wide as the next."""
    width, header = len(layout.names), layout.header
    if header < 0 or len(rows[header]) != width - 1:
        return layout, []
    body = [row for row in rows[layout.first_row :] if any(row)]
    if not body or not all(len(row) == width and row[-1].strip() for row in body):
        return layout, []
    names = ("", *layout.names[:-1])
    text = "the header is one name short: the first column is taken for the one without a name"
    return Layout(layout.first_row, header, names), [Doubt("", text)]


def _say(text: _Text) -> None:
    name = text.plain.name
    if text.encoding.doubt:
        text.doubts.append(Doubt("", text.encoding.doubt, (f"{name}=encoding:cp1252",)))
    if text.layout.doubt:
        settle = (f"{name}=header:none", f"{name}=header:{text.head[text.layout.header][0]}")
        text.doubts.append(Doubt("", text.layout.doubt, settle))
    first = text.layout.group if text.layout.group >= 0 else text.layout.header
    above = text.head[: first if first >= 0 else text.layout.first_row]
    for line, cells in above:
        if any(cell.strip() for cell in cells):
            text.left_out.append(LeftOut(f"line {line}", shown(cells), "above the header"))


def _is_clean(text: _Text) -> bool:
    """Can DuckDB read it as it lies: a header in the first line or none, every row as wide, no comments?"""
    rows = [cells for _, cells in text.head]
    return (
        (text.encoding.is_plain or text.path != text.plain.path)
        and text.dialect.is_plain
        and text.layout.group < 0
        and text.layout.header in {-1, 0}
        and not text.left_out
        and text.head[0][0] == 1
        and all(len(cells) == text.width for cells in rows if cells)
        and not any(cells[0].lstrip().startswith("#") for cells in rows if cells)
    )


def _stage_plainly(database: duckdb.DuckDBPyConnection, text: _Text, folder: Path) -> int | None:
    """Stage with DuckDB's own reader; None where some row further down needs patience."""
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(text.width))
    reader = (
        f"read_csv(?, auto_detect = false, header = false, delim = {literal(text.dialect.delimiter)}, quote = '\"',"
        f" escape = '\"', strict_mode = true, null_padding = false, columns = {{{columns}}})"
    )
    link = plainly_named(text.path, folder)
    try:
        return stage(database, reader, [str(link)], text.width)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error:
        return None


def _spool(text: _Text, target: Path) -> None:
    """Write the rows anew, each as wide as the table."""
    fitter = Fitter(text.plain.name, text.width)
    with (
        text.path.open(encoding="utf-8-sig", newline="") as file,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out, lineterminator="\n")
        records = itertools.islice(_records(file, text.dialect), text.layout.first_row, None)
        try:
            for cells in fitter.fit(records):
                writer.writerow(cells)
        except csv.Error as error:
            raise explain_broken(text.plain.name, fitter.line + 1, error) from None
    text.left_out += fitter.feet
    text.notes += fitter.notes()


def _staged(text: _Text, n_rows: int) -> Staged:
    layout = text.layout
    header = "none" if layout.header < 0 else f"line {text.head[layout.header][0]}"
    if layout.group >= 0:
        header = f"lines {text.head[layout.group][0]} and {text.head[layout.header][0]}"
    return Staged(
        name=text.plain.stem,
        names=layout.names,
        n_rows=n_rows,
        left_out=tuple(text.left_out),
        doubts=tuple(text.doubts),
        notes=tuple(text.notes),
        container=" in ".join(filter(None, ["text", text.plain.container])),
        encoding=text.encoding.name,
        delimiter=text.dialect.delimiter,
        header=header if layout.header >= 0 else "",
    )
