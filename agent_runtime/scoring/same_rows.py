"""When two results are the same result: rows as multisets, numbers up to rounding, whatever the columns are called.

Two derivations of one answer rarely name, order or type their columns alike. So the order of rows does
not count, nor that of columns: where both call their columns the same, names tell which is which, else an order is
sought under which the rows are equal. Numbers are equal within 1e-9 of their size, or to
the digits shown where a float was rounded for show, to six digits at the fewest. Texts, dates and truths are exact.
"""

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice

from agent_runtime.types import Cell, ResultTable

RELATIVE = 1e-9
RELATIVE_SHOWN = 1e-6  # where one side has fewer digits than a float holds
FULL_DIGITS = 12
MAX_ORDERS = (
    200  # of columns that are tried; more of them look alike only where telling them apart is hopeless
)

Row = tuple[Cell, ...]


def same_rows(a: ResultTable, b: ResultTable) -> bool:
    """Whether two tables hold the same rows; never where one was cut, and not all its rows are known."""
    if _is_cut(a) or _is_cut(b) or len(a.rows) != len(b.rows) or len(a.columns) != len(b.columns):
        return False
    left, right = _columns(a), _columns(b)
    rows = list(zip(*left, strict=True))
    orders = islice(_orders(_fitting(a, b, left, right), ()), MAX_ORDERS)
    return any(_same_multiset(rows, list(zip(*(right[at] for at in order), strict=True))) for order in orders)


def _fitting(a: ResultTable, b: ResultTable, left: list[Row], right: list[Row]) -> list[list[int]]:
    """For each column of `a` those of `b` that it may be: the one of its name where all names are shared."""
    names, others = ([name.casefold() for name, _ in table.columns] for table in (a, b))
    if len(set(names)) == len(names) and set(names) == set(others):
        return [[others.index(name)] for name in names]
    return [[at for at, other in enumerate(right) if _same_column(one, other)] for one in left]


def _is_cut(table: ResultTable) -> bool:
    return table.n_rows is not None and table.n_rows > len(table.rows)


def _columns(table: ResultTable) -> list[Row]:
    """The columns, with numbers that came as texts (decimals, infinities) as numbers again."""
    columns = []
    for at, (_, kind) in enumerate(table.columns):
        cells = tuple(row[at] for row in table.rows)
        columns.append(tuple(_number(cell) for cell in cells) if _is_numeric(kind) else cells)
    return columns


def _is_numeric(kind: str) -> bool:
    name = kind.upper().partition("(")[0]
    return name.endswith(("INT", "INTEGER", "FLOAT", "DOUBLE", "REAL")) or name in (
        "DECIMAL",
        "NUMERIC",
        "HUGEINT",
    )


def _number(cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    try:
        value = Decimal(cell)
    except InvalidOperation:
        return cell
    return int(value) if value.is_finite() and value == int(value) else float(value)


def _same_column(one: Row, other: Row) -> bool:
    return all(_same(left, right) for left, right in zip(_sorted(one), _sorted(other), strict=True))


def _orders(fitting: Sequence[Sequence[int]], taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Each way to give every column one that fits it: the same order of columns comes first."""
    if len(taken) == len(fitting):
        yield taken
        return
    own = len(taken)
    for at in sorted(fitting[own], key=lambda place: place != own):
        if at not in taken:
            yield from _orders(fitting, (*taken, at))


def _same_multiset(left: Sequence[Row], right: Sequence[Row]) -> bool:
    """Whether rows pair off; sorted first, so that only those that rounding has moved need a search."""
    first, second = sorted(left, key=_row_key), sorted(right, key=_row_key)
    if all(_same_row(one, other) for one, other in zip(first, second, strict=True)):
        return True
    rest = second
    for row in first:
        match = next((at for at, other in enumerate(rest) if _same_row(row, other)), None)
        if match is None:
            return False
        rest = rest[:match] + rest[match + 1 :]
    return True


def _same_row(left: Row, right: Row) -> bool:
    return all(_same(one, other) for one, other in zip(left, right, strict=True))


def _same(left: Cell, right: Cell) -> bool:
    """Equal cells; a truth is no number, and NULL is nothing but NULL."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        return type(left) is type(right) and left == right
    if left == right or (left != left and right != right):
        return True
    if isinstance(left, int) and isinstance(right, int):
        return False
    is_rounded = min(_digits(left), _digits(right)) < FULL_DIGITS
    return math.isclose(left, right, rel_tol=RELATIVE_SHOWN if is_rounded else RELATIVE)


def _digits(number: int | float) -> int:
    """The significant digits that a number is written with; whole numbers are exact."""
    if isinstance(number, int) or not math.isfinite(number) or number == int(number):
        return FULL_DIGITS
    return len(Decimal(repr(number)).as_tuple().digits)


def _sorted(cells: Row) -> list[Cell]:
    return sorted(cells, key=_cell_key)


def _row_key(row: Row) -> list[tuple[str, float, str]]:
    return [_cell_key(cell) for cell in row]


def _cell_key(cell: Cell) -> tuple[str, float, str]:
    if isinstance(cell, bool) or cell is None or isinstance(cell, str):
        return type(cell).__name__, 0.0, str(cell)
    return "number", float(cell) if cell == cell else math.inf, ""
