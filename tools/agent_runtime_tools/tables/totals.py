"""Rows that sum up other rows: counted once more, they would double every total.

A row that calls itself a total and is the sum of the rows above it (or of those since the last such row) is left
out. One that calls itself so and is no sum is left out at the end of the table only, with a doubt; elsewhere it
stays, with a doubt. A last row without a name is left out where it is the sum in every column of numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import duckdb

from agent_runtime_tools.table_names import literal
from agent_runtime_tools.tables.cells import shown
from agent_runtime_tools.tables.staged import STAGE, Staged, row_cells
from agent_runtime_tools.tables.types import Doubt, LeftOut

# The words of the languages whose styles of numbers are read. They propose a row; the sum decides.
_WORD = (
    "(?:(?:grand|sub|sum|report|overall)[ -]?)?totals?|sum|summe|gesamt(?:summe|betrag)?|zwischensumme|insgesamt|"
    "totale?s?|totaal|suma|somme|sous-total|subtotale?s?|soma|\u0438\u0442\u043e\u0433\u043e|\u5408\u8ba1|\u5408\u8a08|\u7dcf\u8a08|\u603b\u8ba1"
)
EXACT = rf"(?i)\W*(?:{_WORD})\W*"
LOOSE = rf"(?i)(?:.*\W)?(?:{_WORD})(?:\W.*)?"
AVERAGE = r"(?i)\W*(?:average|avg|mean|durchschnitt|mittelwert|moyenne|media|promedio)\W*"
MAX_ROWS = 200
LABEL_COLUMNS = 4
TOLERANCE = Decimal("0.006")  # cents that were rounded before they were summed, by row


def leave_out_totals(
    database: duckdb.DuckDBPyConnection,
    staged: Staged,
    labels: Sequence[int],
    values: Mapping[int, str],
    file: str,
) -> Staged:
    """The table without its totals. `labels` are columns of words, `values` columns of numbers and their SQL."""
    if not values or staged.n_rows < 2:
        return staged
    rows, last = _candidates(database, staged, labels[:LABEL_COLUMNS])
    start = -1
    for row, label in rows:
        found = _judge(database, staged, row, label, values, start, is_last=row == last)
        if found is None:
            continue
        staged, is_total = _apply(database, staged, row, label, found, file, is_last=row == last)
        start = row if is_total else start
    return staged


def _candidates(
    database: duckdb.DuckDBPyConnection, staged: Staged, labels: Sequence[int]
) -> tuple[list[tuple[int, str]], int]:
    """Rows that call themselves totals, with the cell that says so, and the number of the last row."""
    found = database.execute(f"SELECT max(rowid) FROM {STAGE}").fetchone()
    last = int(found[0]) if found and found[0] is not None else -1
    rows: dict[int, str] = {}
    for i in labels:
        matches = database.execute(
            f"SELECT rowid, c{i} FROM {STAGE} WHERE length(c{i}) < 60 AND"
            f" (regexp_full_match(c{i}, {literal(LOOSE)}) OR regexp_full_match(c{i}, {literal(AVERAGE)}))"
            f" ORDER BY rowid LIMIT {MAX_ROWS}"
        ).fetchall()
        for row, text in matches:
            rows.setdefault(int(row), str(text))
    if last not in rows and labels and row_cells(database, last)[labels[0]] is None:
        rows[last] = ""
    return sorted(rows.items()), last


def _judge(
    database: duckdb.DuckDBPyConnection,
    staged: Staged,
    row: int,
    label: str,
    values: Mapping[int, str],
    start: int,
    *,
    is_last: bool,
) -> str | None:
    """What the row is: `sum`, `mean`, `named` (it says so, and is none), or None where it is a row like others."""
    is_mean = bool(label) and _matches(database, label, AVERAGE)
    held = _cells(database, row, values)
    if not any(value is not None for value in held):
        return "named" if _matches(database, label, EXACT) and is_last else None
    for since in dict.fromkeys((-1, start)):
        sums = _aggregate(database, staged, values, since, row, "avg" if is_mean else "sum")
        alike = [
            _is_close(value, total, n)
            for value, (total, n) in zip(held, sums, strict=True)
            if value is not None and n
        ]
        n_rows = max((n for _, n in sums), default=0)
        if alike and (any(alike) if label else all(alike) and n_rows > 1 and len(alike) == len(values)):
            return "mean" if is_mean else "sum"
    return "named" if label and _matches(database, label, EXACT) else None


def _matches(database: duckdb.DuckDBPyConnection, text: str, pattern: str) -> bool:
    row = database.execute("SELECT regexp_full_match(?, ?)", [text, pattern]).fetchone()
    return bool(row and row[0])


def _cells(
    database: duckdb.DuckDBPyConnection, row: int, values: Mapping[int, str]
) -> tuple[Decimal | None, ...]:
    listed = ", ".join(f"TRY_CAST({sql} AS VARCHAR)" for sql in values.values())
    cells = database.execute(f"SELECT {listed} FROM {STAGE} WHERE rowid = {row:d}").fetchone() or ()
    return tuple(None if cell is None else Decimal(str(cell)) for cell in cells)


def _aggregate(
    database: duckdb.DuckDBPyConnection,
    staged: Staged,
    values: Mapping[int, str],
    since: int,
    row: int,
    name: str,
) -> list[tuple[Decimal, int]]:
    listed = ", ".join(f"CAST({name}({sql}) AS VARCHAR), count({sql})" for sql in values.values())
    found = database.execute(
        f"SELECT {listed} FROM {STAGE} WHERE rowid > {since:d} AND rowid < {row:d}"
    ).fetchone()
    assert found is not None
    return [(Decimal(str(found[i] or 0)), int(found[i + 1])) for i in range(0, len(found), 2)]


def _is_close(value: Decimal, total: Decimal, n: int) -> bool:
    return abs(value - total) <= max(TOLERANCE * min(n, 100), abs(total) * Decimal("1e-9"))


def _apply(
    database: duckdb.DuckDBPyConnection,
    staged: Staged,
    row: int,
    label: str,
    found: str,
    file: str,
    *,
    is_last: bool,
) -> tuple[Staged, bool]:
    cells = shown([str(cell) for cell in row_cells(database, row) if cell is not None])
    where = "last row" if is_last else "inside"
    keep = f"{file}=totals:keep"
    if found != "named":
        why = f"it is the {found} of rows above"
        return staged.without(database, [row], LeftOut(where, cells, why)), True
    if is_last:
        text = f"the last row ({cells}) is left out as a total, but it is not the sum of the rows above it"
        left = staged.without(database, [row], LeftOut(where, cells, f"it calls itself {label!r}"))
    else:
        text = (
            f"the row ({cells}) stays, though it calls itself {label!r}: it is not the sum of rows above it"
        )
        left = staged
    return _doubted(left, Doubt("", text, (keep,) if is_last else ())), is_last


def _doubted(staged: Staged, doubt: Doubt) -> Staged:
    return replace(staged, doubts=(*staged.doubts, doubt))
