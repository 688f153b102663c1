"""How a text file separates its cells: delimiter, quote, escape; settled from the head of the file.

A delimiter is scored by how many rows it splits alike, into how many cells, and how many of these are numbers or
dates (the consistency measure of van den Burg et al. 2019, "Wrangling messy CSV files"). Where no delimiter stands
out, clevercsv is asked. A wrong head is found later: every row must have the width of the header.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agent_runtime_tools.table_names import TableError
from agent_runtime_tools.tables.cells import is_data

HEAD_CHARACTERS = 2**18
MAX_RECORDS = 500
MAX_CELL = 2**24
CLEVER_CHARACTERS = 2**14
DELIMITERS = (",", "\t", ";", "|", "^", "~", "\x01", "\x1f", "::", "||")
BLANKS = "  "  # columns set apart by two blanks or more
WELL_SPLIT = 0.5  # a score below it says that no delimiter stands out
DECLARED = re.compile(r"sep=(.{1,2})\s*", re.IGNORECASE)

Record = tuple[int, list[str]]  # the line that it starts on, its cells


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to split a line. `is_declared` where the file's first line is `sep=X`: it is no row."""

    delimiter: str
    quote: str = '"'
    escape: str = ""  # empty where a quote in a cell is written twice
    skips_blank: bool = False  # a blank may stand between a delimiter and a quote
    is_declared: bool = False

    @property
    def is_plain(self) -> bool:
        """Can DuckDB read it as it lies?"""
        return (
            len(self.delimiter) == 1
            and self.quote == '"'
            and not (self.escape or self.skips_blank or self.is_declared)
        )


def find_dialect(text: str, delimiter: str = "") -> Dialect:
    """The dialect of a head of a file; `delimiter` where the user has settled it."""
    first = text.partition("\n")[0].rstrip("\r")
    declared = DECLARED.fullmatch(first)
    if declared:
        return _quoting(text.partition("\n")[2], delimiter or declared[1], is_declared=True)
    return _quoting(text, delimiter or _delimiter(text))


def _quoting(text: str, delimiter: str, *, is_declared: bool = False) -> Dialect:
    mark = re.escape(delimiter)
    double, single = (
        len(re.findall(rf"(?:^|{mark}){quote}[^{quote}\n]*{quote}(?={mark}|\r?$)", text, re.MULTILINE))
        for quote in ('"', "'")
    )
    quote = "'" if single > 1 and not double else '"'
    is_escaped = f"\\{quote}" in text and quote * 2 not in re.sub(
        rf"(?:^|{mark}){quote * 2}(?={mark}|\r?$)", "", text
    )
    skips_blank = bool(re.search(rf"{mark}[ ]+{quote}[^\n]*?{quote}[ ]*(?:{mark}|\r?$)", text, re.MULTILINE))
    return Dialect(delimiter, quote, "\\" if is_escaped else "", skips_blank, is_declared)


def _delimiter(text: str) -> str:
    scores = {delimiter: _score(text, delimiter) for delimiter in DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    if scores[best] >= WELL_SPLIT:
        return best
    if _score(text, BLANKS) >= 1:
        return BLANKS
    return (_ask_clevercsv(text) if len(text.splitlines()) > 1 else "") or (best if scores[best] > 0 else ",")


def _ask_clevercsv(text: str) -> str:
    import clevercsv  # noqa: PLC0415 - 0.3 s, and few files need it

    try:
        found = clevercsv.Sniffer().sniff(text[:CLEVER_CHARACTERS])
    except clevercsv.exceptions.Error:
        return ""
    delimiter = str(found.delimiter or "") if found is not None else ""
    is_usable = len(delimiter) == 1 and not delimiter.isalnum() and delimiter not in " .-_/\"'\r\n"
    return delimiter if is_usable and _score(text, delimiter) > 0 else ""


def _score(text: str, delimiter: str) -> float:
    """How well a delimiter explains the head: 0 where it splits nothing."""
    rows: list[list[str]] = []
    dialect = Dialect(delimiter)
    try:
        for _, cells in read_records(io.StringIO(text, newline=""), dialect, is_strict=False):
            rows += [cells] if any(cell.strip() for cell in cells) else []
            if len(rows) > MAX_RECORDS:
                break
    except csv.Error:  # a cell longer than any is; another delimiter may read it
        pass
    widths = Counter(len(row) for row in rows)
    if not widths:
        return 0.0
    width, count = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    if width == 1 or (count == 1 and len(rows) > 2):
        return 0.0
    alike = [row for row in rows if len(row) == width]
    cells = [cell for row in alike for cell in row if cell.strip()]
    typed = sum(is_data(cell) for cell in cells) / max(1, len(cells))
    return (count / len(rows)) ** 2 * (1 + typed) * (2 - 1 / (width - 0.5))


def read_records(file: Iterator[str], dialect: Dialect, *, is_strict: bool = True) -> Iterator[Record]:
    """The records of a file opened without translation of line ends, blank ones as empty lists.

    Raises:
        csv.Error: A quote is opened and not closed, or a cell is longer than any is.
    """
    csv.field_size_limit(MAX_CELL)
    if dialect.delimiter == BLANKS:
        for line, text in enumerate(file, 1):
            yield line, re.split(r" {2,}|\t+", text.strip()) if text.strip() else []
        return
    delimiter = dialect.delimiter
    if len(delimiter) > 1:
        file, delimiter = (line.replace(dialect.delimiter, "\x1f") for line in file), "\x1f"
    reader = csv.reader(
        file,
        delimiter=delimiter,
        quotechar=dialect.quote,
        doublequote=not dialect.escape,
        escapechar=dialect.escape or None,
        skipinitialspace=dialect.skips_blank,
        strict=is_strict and not dialect.skips_blank,
    )
    line = 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


def explain_broken(name: str, line: int, error: csv.Error) -> TableError:
    """The message for a file whose quotes do not match."""
    text = "a quote is opened and not closed" if "end of data" in str(error) else str(error)
    return TableError(f"{name!r} line {line}: {text}")
