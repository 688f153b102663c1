"""The type and the SQL of each settled column: exact decimals for money, whole numbers of any length, dates.

DECIMAL keeps cents exact (ten times 0.1 is 1). Fractions finer than a hundredth of a cent are measurements: they are
DOUBLE, unless that would lose digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from agent_runtime_tools.table_names import literal
from agent_runtime_tools.tables.cells import MISSING
from agent_runtime_tools.tables.readings import Column
from agent_runtime_tools.tables.staged import Staged
from agent_runtime_tools.tables.styles import Style

MAX_DIGITS = 38
BIGINT_DIGITS = 18
MONEY_SCALE = 4
DOUBLE_DIGITS = 17
MIN_PRECISION = 18


@dataclass(frozen=True, slots=True)
class Typed:
    """A column's style, its DuckDB type, and SQL for its value: NULL where a cell does not fit."""

    style: Style
    kind: str
    sql: str
    is_uneven: bool = False  # 1.10 beside 1.9: maybe no decimals, but versions
    is_rounded: bool = False


def type_columns(
    database: duckdb.DuckDBPyConnection, staged: Staged, columns: Sequence[tuple[Column, Style]]
) -> list[Typed]:
    """The types that hold every value."""
    numeric = [(column, style) for column, style in columns if style.family == "number"]
    extents = dict(zip((column.position for column, _ in numeric), _extents(database, staged, numeric), strict=True))
    return [
        _number(column, style, extents[column.position])
        if style.family == "number"
        else Typed(style, style.kind, _guarded(column, style, style.sql(column.x)))
        for column, style in columns
    ]


@dataclass(frozen=True, slots=True)
class _Extent:
    n_whole: int
    n_fraction: int
    n_least: int  # digits of the shortest fraction
    has_exponent: bool
    has_trailing_zero: bool


def _extents(
    database: duckdb.DuckDBPyConnection, staged: Staged, columns: Sequence[tuple[Column, Style]]
) -> list[_Extent]:
    if not columns:
        return []
    parts: list[str] = []
    for column, style in columns:
        value = style.sql(column.x)
        fits = style.sql_fits(column.x)
        point = f"instr({value}, '.')"
        fraction = f"length({value}) - {point}"
        parts += [
            f"max(length(ltrim(split_part({value}, '.', 1), '-'))) FILTER ({fits})",
            f"max({fraction}) FILTER ({point} > 0 AND {fits})",
            f"min({fraction}) FILTER ({point} > 0 AND {fits})",
            f"bool_or(contains(lower({value}), 'e')) FILTER ({fits})",
            f"bool_or({point} > 0 AND ends_with({value}, '0')) FILTER ({fits})",
        ]
    row = database.execute(f"SELECT {', '.join(parts)} FROM {staged.rows}").fetchone()
    assert row is not None
    return [
        _Extent(row[i] or 0, row[i + 1] or 0, row[i + 2] or 0, bool(row[i + 3]), bool(row[i + 4]))
        for i in range(0, len(row), 5)
    ]


def _number(column: Column, style: Style, extent: _Extent) -> Typed:
    n_digits = extent.n_whole + extent.n_fraction
    is_native_noise = extent.n_fraction > MONEY_SCALE and n_digits <= DOUBLE_DIGITS + 1
    if extent.has_exponent or n_digits > MAX_DIGITS or is_native_noise:
        kind = "DOUBLE"
    elif extent.n_fraction:
        kind = f"DECIMAL({max(MIN_PRECISION, min(MAX_DIGITS, n_digits + 1))},{extent.n_fraction})"
    else:
        kind = "BIGINT" if extent.n_whole <= BIGINT_DIGITS else "HUGEINT"
    is_uneven = extent.n_least != extent.n_fraction and extent.has_trailing_zero
    value = f"TRY_CAST({style.sql(column.x)} AS {kind})"
    return Typed(style, kind, _guarded(column, style, value), is_uneven, is_rounded=n_digits > MAX_DIGITS)


def _guarded(column: Column, style: Style, value: str) -> str:
    """A cell that does not fit has no value. Where all fit, or are missing by a word, little is asked."""
    x = column.x
    if not column.n_unfit:
        if not column.n_missing:
            return value
        return f"CASE WHEN regexp_full_match({x}, {literal(MISSING)}) THEN NULL ELSE {value} END"
    return f"CASE WHEN {style.sql_fits(x)} THEN {value} END"
