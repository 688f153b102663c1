"""What DuckDB returns as cells that JSON and a trace can hold, nothing rounded on the way.

Whole numbers, truths, texts and finite binary fractions are themselves. Decimals, dates, times and numbers that are
not finite are texts, NULL is None. What Python's own types would change (an interval of months, nanoseconds, a date of
`infinity`, what is nested) is text that DuckDB itself writes: `is_lossy` says where, `written_out` asks for it.
"""

import datetime
import decimal
import math
import re
import struct
from collections.abc import Sequence

from sqlglot.tokens import Tokenizer

Cell = None | bool | int | float | str

MAX_CELL = 2_000  # characters; a longer one is cut, with an ellipsis
MAX_TEXT = 64_000  # characters of one result
FLOAT_DIGITS = range(6, 10)  # nine tell any two numbers of four bytes apart

_PLAIN = re.compile(
    r"BOOLEAN|U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE|VARCHAR|DECIMAL\(.*\)|DATE|TIMESTAMP|TIME|UUID|BLOB"
    r"|ENUM\(.*\)|NULL"
)
_ENDLESS = (datetime.date.max, datetime.date.min)


def kind_of(described: object) -> str:
    """A column's type as DuckDB names it."""
    return str(described).strip('"')


def is_lossy(kinds: Sequence[str], rows: Sequence[Sequence[object]]) -> list[bool]:
    """For each column, whether its values are not what Python shows."""
    return [
        not _PLAIN.fullmatch(kind) or any(_is_endless(row[place]) for row in rows)
        for place, kind in enumerate(kinds)
    ]


def written_out(query: str, are_lossy: Sequence[bool]) -> str:
    """The same query with its lossy columns as DuckDB writes them."""
    names = [f"c{place}" for place in range(len(are_lossy))]
    cells = [
        f"CAST({name} AS VARCHAR)" if lossy else name for name, lossy in zip(names, are_lossy, strict=True)
    ]
    text = _statement(query)
    return f"SELECT {', '.join(cells)} FROM (\n{text}\n) AS result({', '.join(names)})"  # noqa: S608 - a gated query


def _statement(query: str) -> str:
    """A query without the semicolon and the comments behind it."""
    tokens = Tokenizer(dialect="duckdb").tokenize(query)
    while tokens and query[tokens[-1].start : tokens[-1].end + 1] == ";":
        tokens.pop()
    return query[: tokens[-1].end + 1] if tokens else query


def kept(rows: Sequence[Sequence[object]], kinds: Sequence[str]) -> tuple[list[list[Cell]], bool]:
    """The leading rows that fit a result, as cells, and whether a cell was cut."""
    found: list[list[Cell]] = []
    n_characters, is_cut = 0, False
    for row in rows:
        cells = [cell(value, kind) for value, kind in zip(row, kinds, strict=True)]
        is_cut = is_cut or any(isinstance(one, str) and len(one) > MAX_CELL for one in cells)
        cells = [_cut(one) if isinstance(one, str) else one for one in cells]
        n_characters += sum(len(str(one)) for one in cells)
        if n_characters > MAX_TEXT and found:
            break
        found.append(cells)
    return found, is_cut


def cell(value: object, kind: str = "") -> Cell:
    """One value of a column of type `kind`."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return _float(value, kind)
        case decimal.Decimal():
            return f"{value:f}"
        case bytes():
            return value.hex()
        case datetime.datetime():
            return value.isoformat(sep=" ")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(str(cell(item)) for item in value)}]"
        case _:
            return str(value)


def _float(value: float, kind: str) -> Cell:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return _single(value) if kind == "FLOAT" else value


def _single(value: float) -> float:
    """The shortest number that is the same in four bytes: 0.1, not 0.10000000149011612."""
    shorter = (float(f"{value:.{digits}g}") for digits in FLOAT_DIGITS)
    return next((one for one in shorter if struct.pack("f", one) == struct.pack("f", value)), value)


def _is_endless(value: object) -> bool:
    if isinstance(value, datetime.datetime):
        return value.date() in _ENDLESS
    return isinstance(value, datetime.date) and value in _ENDLESS


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
