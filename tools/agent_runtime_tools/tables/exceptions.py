"""Rows that are no rows: units under the header, the header again, footers. Told from the columns' readings.

A row is left out only where it breaks the reading that every other cell of a column has, or stands alone at the end
with nothing but a remark. Whatever is left out is said, word for word.
"""

from collections.abc import Sequence

import duckdb

from agent_runtime_tools.table_names import literal
from agent_runtime_tools.tables.cells import is_data, is_missing, shown
from agent_runtime_tools.tables.readings import Column
from agent_runtime_tools.tables.staged import STAGE, Staged, row_cells
from agent_runtime_tools.tables.types import LeftOut

MAX_BREAKS = 400  # breaking cells of one column that are looked at; the header again on each page of a report
TAIL_ROWS = 8


def leave_out(database: duckdb.DuckDBPyConnection, staged: Staged, columns: Sequence[Column]) -> Staged:
    """The table without such rows; the same object where there are none."""
    breaking = _breaking_rows(database, staged, columns)
    staged = _without_repeated_headers(database, staged, breaking)
    staged = _without_units(database, staged, breaking)
    return _without_footers(database, staged, breaking)


def _breaking_rows(
    database: duckdb.DuckDBPyConnection, staged: Staged, columns: Sequence[Column]
) -> list[int]:
    """Numbers of the rows in which a column's reading breaks."""
    found: set[int] = set()
    for column in columns:
        if column.partial is None or column.n_unfit > MAX_BREAKS:
            continue
        x = column.x
        rows = database.execute(
            f"SELECT rowid FROM {STAGE} WHERE {x} IS NOT NULL AND NOT {column.partial.sql_fits(x)}"
            f" LIMIT {MAX_BREAKS}"
        ).fetchall()
        found |= {int(row[0]) for row in rows}
    return sorted(found)


def _without_repeated_headers(
    database: duckdb.DuckDBPyConnection, staged: Staged, breaking: Sequence[int]
) -> Staged:
    names = [(i, name) for i, name in enumerate(staged.names) if name and i in staged.texts]
    if not breaking or not names:
        return staged
    same = " AND ".join(f"c{i} IS NOT DISTINCT FROM {literal(name)}" for i, name in names)
    rows = [row[0] for row in database.execute(f"SELECT rowid FROM {STAGE} WHERE {same}").fetchall()]
    if not rows:
        return staged
    times = "once" if len(rows) == 1 else f"{len(rows)} times"
    return staged.without(
        database, rows, LeftOut("inside", shown(list(staged.names)), f"the header again, {times}")
    )


def _without_units(database: duckdb.DuckDBPyConnection, staged: Staged, breaking: Sequence[int]) -> Staged:
    """A second row that says the units: words in every column, over columns of numbers."""
    row = database.execute(f"SELECT min(rowid) FROM {STAGE}").fetchone()
    first = row[0] if row else None
    if first is None or first not in breaking or staged.n_rows < 2 or not staged.header:
        return staged
    cells = [str(cell) for cell in row_cells(database, first) if cell is not None]
    if any(is_data(cell) for cell in cells) or len(cells) < len(staged.names) / 2:
        return staged
    why = "units or a second header, over columns of numbers or dates"
    return staged.without(database, [first], LeftOut("first row", shown(cells), why))


def _without_footers(database: duckdb.DuckDBPyConnection, staged: Staged, breaking: Sequence[int]) -> Staged:
    """Remarks at the end: rows with one cell filled where the others have all or most of theirs."""
    width = len(staged.names)
    if staged.typed or width < 2 or staged.n_rows < 2:
        return staged
    cells = ", ".join(f"c{i}" for i in range(width))
    tail = database.execute(
        f"SELECT rowid, {cells} FROM {STAGE} ORDER BY rowid DESC LIMIT {TAIL_ROWS}"
    ).fetchall()
    feet: list[tuple[int, list[str]]] = []
    for row, *values in tail:
        filled = [str(value) for value in values if value is not None]
        if len(filled) != 1 or not _is_remark(
            filled[0], row, width, breaking, is_first=values[0] is not None
        ):
            break
        feet.append((row, filled))
    if not feet or len(feet) == len(tail):
        return staged
    if sum(value is not None for value in tail[len(feet)][1:]) < max(2, width - 1):
        return staged
    left_out = [LeftOut("end", shown(texts), "a remark under the table") for _, texts in reversed(feet)]
    return staged.without(database, [row for row, _ in feet], *left_out)


def _is_remark(text: str, row: int, width: int, breaking: Sequence[int], *, is_first: bool) -> bool:
    if is_missing(text) or is_data(text) or not is_first:
        return False
    return row in breaking or ":" in text or (width > 2 and " " in text) or width > 3
