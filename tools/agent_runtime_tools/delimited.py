"""How a CSV or TSV file is written: its delimiter, its header, its width; and whether it keeps to them.

DuckDB's own sniffer makes a file with a short row fit by reading each line as one column. So the delimiter is
settled here, from the head of the file, and DuckDB is held to it: a row of another width is an error that names
its line, never a table of another shape.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_tools.table_names import TableError

HEAD_CHARACTERS = 2**18
MAX_RECORDS = 1_000  # of the head
CHUNK_BYTES = 2**20
DELIMITERS = (",", "\t", ";", "|")
NUMBER_OR_DATE = re.compile(r"[-+]?[\d.,]*\d([eE][-+]?\d+)?%?|\d{4}-\d\d-\d\d.*|\d\d?[/.]\d\d?[/.]\d{2,4}")
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
YEAR = re.compile(r"(19|20)\d\d")

Record = tuple[int, list[str]]  # the line that it starts on, its fields


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read the file. `columns` is empty where the file has no header."""

    delimiter: str
    has_header: bool
    columns: tuple[str, ...]
    decimal_separator: str = "."


def read_dialect(path: Path) -> Dialect:
    """Settle the dialect from the head of the file.

    Raises:
        TableError: It is not UTF-8 text, or a row of the head has another width than the header.
    """
    text = _head(path)
    delimiter = max(DELIMITERS, key=lambda candidate: _fit(text, candidate))
    records = _records(path, text, delimiter)
    if not records:
        raise TableError(f"{path.name!r} holds blank lines only: give a table with a header and rows")
    width = len(records[0][1])
    for line, fields in records:
        if len(fields) != width:
            raise TableError(ragged(path, line, len(fields), width))
    rows = [fields for _, fields in records]
    has_header = _has_header(rows)
    separator = "," if delimiter != "," and _uses_decimal_comma(rows) else "."
    return Dialect(delimiter, has_header, tuple(rows[0]) if has_header else ("",) * width, separator)


def ragged(path: Path, line: int, n_fields: int, width: int) -> str:
    """The message for a row of another width."""
    fields = "1 field" if n_fields == 1 else f"{n_fields} fields"
    return f"{path.name!r} line {line} has {fields} where the first line has {width}: make every row as wide"


def _head(path: Path) -> str:
    """The first characters of a file that is UTF-8 all through."""
    head: list[str] = []
    n_head, n_lines = 0, 1
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = n_lines + error.object[: error.start].count(b"\n")
                raise TableError(f"{path.name!r} line {line} is not UTF-8: save the file as UTF-8") from None
            if b"\0" in chunk:
                line = n_lines + chunk[: chunk.index(b"\0")].count(b"\n")
                raise TableError(f"{path.name!r} line {line} holds NUL bytes: save the file as UTF-8 text")
            if not chunk:
                break
            n_lines += chunk.count(b"\n")
            if n_head < HEAD_CHARACTERS:
                head.append(text)
                n_head += len(text)
    return "".join(head)


def _records(path: Path, text: str, delimiter: str) -> list[Record]:
    """The complete records of the head."""
    is_whole = len(text) <= HEAD_CHARACTERS
    reader = csv.reader(io.StringIO(text[:HEAD_CHARACTERS], newline=""), delimiter=delimiter, strict=True)
    records: list[Record] = []
    line = 1
    try:
        for fields in reader:
            if fields:
                records.append((line, fields))
            line = reader.line_num + 1
            if len(records) > MAX_RECORDS:
                return records
    except csv.Error as error:
        if is_whole:
            message = "a quote is opened and not closed" if "end of data" in str(error) else str(error)
            raise TableError(f"{path.name!r} line {line}: {message}") from None
        return records
    return records if is_whole or len(records) < 2 else records[:-1]


def _fit(text: str, delimiter: str) -> tuple[bool, int, float]:
    """How well a delimiter explains the head: does it split most rows alike, in how many fields?"""
    reader = csv.reader(io.StringIO(text[:HEAD_CHARACTERS], newline=""), delimiter=delimiter)
    widths: list[int] = []
    try:
        for fields in reader:
            widths += [len(fields)] if fields else []
            if len(widths) > MAX_RECORDS:
                break
    except csv.Error:  # a field longer than any cell; another delimiter may read it
        pass
    if not widths:
        return False, 0, 0.0
    width, count = Counter(widths).most_common(1)[0]
    agreement = count / len(widths)
    return width > 1 and agreement > 0.5, width, agreement


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Is the first row made of names? Years may head columns; any other number or date is data."""
    first, second = rows[0], rows[1] if len(rows) > 1 else []
    numeric = [bool(NUMBER_OR_DATE.fullmatch(cell.strip())) for cell in first]
    if not any(numeric) or all(
        YEAR.fullmatch(first[i].strip()) for i, is_one in enumerate(numeric) if is_one
    ):
        return True
    return any(
        not is_one and cell.strip() and NUMBER_OR_DATE.fullmatch(second[position].strip())
        for position, (cell, is_one) in enumerate(zip(first, numeric, strict=True))
        if position < len(second)
    )


def _uses_decimal_comma(rows: Sequence[Sequence[str]]) -> bool:
    """`12,5` in some cell, and `12.5` in none."""
    cells = [cell.strip() for row in rows[1:] for cell in row]
    has_comma = any(DECIMAL_COMMA.fullmatch(cell) for cell in cells)
    return has_comma and not any(re.fullmatch(r"[-+]?\d+\.\d+", cell) for cell in cells)
