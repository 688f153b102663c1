"""Where a table lies in a file or a sheet: the title lines above it, its header of one row or two, its width.

Works on the first rows as text, blank rows being empty lists; it knows nothing of the kind of file. What is below
the header is judged later, from the whole column.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_high

from agent_runtime_tools.tables.cells import is_data, is_missing, is_year

MAX_TITLES = 40  # rows above a header
NAME_LIKE = re.compile(r"[A-Za-z]|.*[_()\[\]/#%].*|[a-z]+[A-Z]\w*|[A-Z]{2,}|\w*\d+\w*")
# Words that head columns more often than they fill them. They only spare a doubt, and never decide a value.
_HEADINGS = """
    account address age amount area balance category city client code colour color comment company country county
    currency customer date day department description destination dst email employee first firm from gender group
    id item key kind label land last left letter letters location month name note notes number order party payee
    payer person phone place price product quantity rate ref reference region right role sex size sku source src
    state status store street subject supplier surname tag target team text time title to town type unit user value
    vendor word year zip
"""
HEADINGS = frozenset(_HEADINGS.split())

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """Row numbers count from 0 in the rows that were given.

    `header` is the number of the header's last row, -1 where there is none; `group` that of a row of group names
    above it, or -1. `names` are as wide as the table.
    """

    first_row: int
    header: int
    names: tuple[str, ...]
    group: int = -1
    doubt: str = ""


def find_layout(rows: Sequence[Row], settled: int | None = None) -> Layout:
    """Find the table. `settled` is the number of the header row where the user has said it, -1 for none."""
    width = _width(rows)
    if settled is not None:
        first = _start(rows) if settled < 0 else settled
        names = _padded(rows[settled], width) if 0 <= settled < len(rows) else ("",) * width
        return Layout(settled + 1 if settled >= 0 else first, settled if settled >= 0 else -1, names)
    start = _start(rows)
    if start >= len(rows):
        return Layout(0, -1, ("",) * width)
    below = [row for row in rows[start + 1 :] if _filled(row)]
    if not _is_header(rows[start], below):
        return Layout(start, -1, ("",) * width)
    group = _group_above(rows, start)
    if group < 0 and (second := _second_header(rows, start)):
        return Layout(second + 1, second, _joined(rows[start], rows[second], width), group=start)
    if group >= 0:
        return Layout(start + 1, start, _joined(rows[group], rows[start], width), group=group)
    return Layout(start + 1, start, _padded(rows[start], width), doubt=_doubt(rows[start], below))


def _filled(row: Row) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _extent(row: Row) -> int:
    """The number of cells up to the last one that is filled."""
    return max((i + 1 for i, cell in enumerate(row) if cell.strip()), default=0)


def _width(rows: Sequence[Row]) -> int:
    return max((_extent(row) for row in rows), default=0) or 1


def _start(rows: Sequence[Row]) -> int:
    """The first row that is wide enough to belong to the table."""
    extents = [_filled(row) for row in rows if _filled(row)]
    if not extents:
        return len(rows)
    most = max(median_high(extents), min(max(extents), 2))
    first = 0
    for number, row in enumerate(rows[:MAX_TITLES]):
        is_index_header = _filled(row) >= 1 and not row[0].strip() and _filled(row) == len(row) - 1
        if _filled(row) > most / 2 or (_filled(row) and most == 1) or is_index_header:
            first = number
            break
    return _after_pairs(rows, first)


def _after_pairs(rows: Sequence[Row], first: int) -> int:
    """Past a block of `key, value` lines that a blank row sets apart from the table's own header."""
    blank = next((i for i in range(first, min(len(rows), MAX_TITLES)) if not _filled(rows[i])), -1)
    after = next((i for i in range(blank, len(rows)) if _filled(rows[i])), -1) if blank > 0 else -1
    if after < 0 or after + 1 >= len(rows):
        return first
    above = [row for row in rows[first:blank] if _filled(row)]
    is_narrow = all(_filled(row) <= 2 for row in above) and len(above) <= MAX_TITLES // 2
    is_headed = not any(is_data(cell) for cell in rows[after] if cell.strip() and not is_year(cell))
    below = [row for row in rows[after + 1 :] if _filled(row)][:5]
    has_data = any(is_data(cell) for row in below for cell in row)
    is_wider = _filled(rows[after]) > max(_filled(row) for row in above)
    has_keys = all(row[0].strip().endswith(":") or _filled(row) == 1 for row in above)
    return after if is_narrow and is_headed and has_data and (is_wider or has_keys) else first


def _is_header(first: Row, below: Sequence[Row]) -> bool:
    """Is the row made of names? Years and dates may head columns of numbers; other data does not."""
    cells = [cell.strip() for cell in first]
    data = [i for i, cell in enumerate(cells) if cell and is_data(cell)]
    if not data:
        return True
    if all(is_year(cells[i]) or _is_pivoted(cells[i]) for i in data) and len(data) < _filled(first):
        return not all(_looks_alike(cells[i], below, i) for i in data)
    words = [i for i, cell in enumerate(cells) if cell and not is_data(cell) and not is_missing(cell)]
    columns = [[row[i].strip() for row in below[:50] if i < len(row) and row[i].strip()] for i in words]
    return any(column and all(is_data(cell) or is_missing(cell) for cell in column) for column in columns)


def _is_pivoted(cell: str) -> bool:
    """A date that may head a column."""
    return bool(re.fullmatch(r"\d{4}-\d{2}(-\d{2})?( 00:00:00)?|\d{1,2}/\d{4}", cell))


def _looks_alike(cell: str, below: Sequence[Row], position: int) -> bool:
    """Are all cells below years or dates, too?"""
    under = [row[position].strip() for row in below[:50] if position < len(row) and row[position].strip()]
    return bool(under) and all(is_year(text) or _is_pivoted(text) for text in under)


def _doubt(first: Row, below: Sequence[Row]) -> str:
    """Where every cell is words, the first row may be data as well as names."""
    names = [cell.strip() for cell in first if cell.strip()]
    if not below or any(is_data(cell) for row in below[:50] for cell in row if cell.strip()):
        return ""
    words = {word for name in names for word in re.findall(r"[a-z]+", name.lower())}
    if words & HEADINGS or any(NAME_LIKE.fullmatch(name) for name in names):
        return ""
    body = [cell.strip() for row in below[:50] for cell in row if cell.strip()]
    if all(name.islower() for name in names) and not all(cell.islower() for cell in body):
        return ""
    return f"the first row ({', '.join(names)[:60]}) is taken for the names of the columns, and may be data"


def _group_above(rows: Sequence[Row], header: int) -> int:
    """A row of group names (2023 over Q1 and Q2) straight above the header, or -1."""
    above = header - 1
    if above < 0 or not _filled(rows[above]) or _filled(rows[above]) < 2:
        return -1
    return above if _is_grouping(rows[above], rows[header]) else -1


def _second_header(rows: Sequence[Row], first: int) -> int:
    """The number of a second header row under one of group names, or 0."""
    if first + 2 >= len(rows) or not _filled(rows[first + 1]):
        return 0
    second = rows[first + 1]
    is_named = not any(is_data(cell) and not is_year(cell) for cell in second if cell.strip())
    has_data = any(is_data(cell) for cell in rows[first + 2])
    return first + 1 if is_named and has_data and _is_grouping(rows[first], second) else 0


def _is_grouping(upper: Row, lower: Row) -> bool:
    """Does the lower row fill gaps, or repeated names, of the upper one?"""
    width = max(len(upper), len(lower))
    above, below = _padded(upper, width), _padded(lower, width)
    filled = [i for i in range(width) if above[i]]
    if not filled:
        return False
    gaps = [i for i in range(filled[0] + 1, width) if below[i] and (not above[i] or above[i] == above[i - 1])]
    return bool(gaps) and not any(is_data(cell) and not is_year(cell) for cell in below if cell)


def _joined(upper: Row, lower: Row, width: int) -> tuple[str, ...]:
    above, below = list(_padded(upper, width)), _padded(lower, width)
    for i in range(1, width):
        if not above[i] and below[i]:
            above[i] = above[i - 1]
    return tuple(f"{a} {b}".strip() if a != b else a for a, b in zip(above, below, strict=True))


def _padded(row: Row, width: int) -> tuple[str, ...]:
    cells = [cell.strip() for cell in row[:width]]
    return tuple(cells + [""] * (width - len(cells)))
