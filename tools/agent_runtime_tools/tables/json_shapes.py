"""Tables that are JSON and no records: rows as lists, columns as lists, records under a key or by a key.

What pandas, spreadsheets and web services write. A shape that is not known is None: nothing is guessed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Shape:
    """A table in JSON: its columns, its rows, and in words how they were written."""

    names: tuple[str, ...]
    rows: Iterable[Row]
    words: str


def find_shape(value: object) -> Shape | None:
    """The table that the value is, if it has one of the known shapes."""
    if isinstance(value, list):
        return _rows_as_lists(value)
    if not isinstance(value, dict) or not value:
        return None
    return _split(value) or _columns(value) or _under_a_key(value) or _by_key(value)


def _rows_as_lists(value: list[Any]) -> Shape | None:
    if not value or not all(isinstance(row, list) for row in value):
        return None
    first = value[0]
    if first and all(isinstance(cell, str) for cell in first):
        return Shape(tuple(first), value[1:], "rows are lists, the first one has the names")
    return Shape(("",) * max(map(len, value)), value, "rows are lists, without names")


def _split(value: dict[str, Any]) -> Shape | None:
    """As pandas writes with orient='split'."""
    names, rows = value.get("columns"), value.get("data")
    if not (
        isinstance(names, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows)
    ):
        return None
    return Shape(tuple(map(str, names)), rows, "columns and rows are under 'columns' and 'data'")


def _columns(value: dict[str, Any]) -> Shape | None:
    """Each key a column: its values in a list, or by row number as pandas writes."""
    parts = list(value.values())
    if all(
        isinstance(part, list) and not any(isinstance(cell, dict | list) for cell in part) for part in parts
    ):
        if len(parts) == 1 or len({len(part) for part in parts}) == 1:
            return Shape(tuple(value), zip_longest(*parts), "each key is a column, its values in a list")
        return None
    if all(isinstance(part, dict) and part and all(key.isdigit() for key in part) for part in parts):
        numbers = list(dict.fromkeys(number for part in parts for number in part))
        rows = ([part.get(number) for part in parts] for number in numbers)
        return Shape(tuple(value), rows, "each key is a column, its values by row number")
    return None


def _under_a_key(value: dict[str, Any]) -> Shape | None:
    lists = {
        key: part
        for key, part in value.items()
        if isinstance(part, list) and part and all(isinstance(record, dict) for record in part)
    }
    if len(lists) != 1:
        return None
    (key, records), *_ = lists.items()
    others = ", ".join(repr(other) for other in value if other != key)
    words = f"the records under {key!r} are the rows" + (f"; left out: {others}" if others else "")
    names = tuple(dict.fromkeys(name for record in records for name in record))
    return Shape(names, ([record.get(name) for name in names] for record in records), words)


def _by_key(value: dict[str, Any]) -> Shape | None:
    """Records by what they are called: the key becomes the first column."""
    records = list(value.values())
    if len(records) < 2 or not all(isinstance(record, dict) and record for record in records):
        return None
    names = tuple(dict.fromkeys(name for record in records for name in record))
    if sum(len(record) for record in records) < 0.5 * len(names) * len(records):
        return None
    rows = ([key, *(record.get(name) for name in names)] for key, record in value.items())
    return Shape(("key", *names), rows, "the keys are in the column 'key', their records are the rows")
