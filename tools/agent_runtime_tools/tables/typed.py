"""The type and the SQL of each settled column: exact decimals for money, whole numbers of any length, dates.

DECIMAL keeps cents exact (ten times 0.1 is 1). Fractions finer than a hundredth of a cent are measurements: they are
DOUBLE, unless that would lose digits.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from agent_runtime_tools.table_names import literal
from agent_runtime_tools.tables.cells import MISSING
from agent_runtime_tools.tables.numbers import DECIMAL, INTEGER
from agent_runtime_tools.tables.readings import Column
from agent_runtime_tools.tables.staged import Staged, ask
from agent_runtime_tools.tables.styles import Style

MAX_DIGITS = 38
BIGINT_DIGITS = 18
MONEY_SCALE = 4
DOUBLE_DIGITS = 17
MIN_PRECISION = 18
VERSION_DIGITS = 2  # of its first part, at most


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
    extents = dict(
        zip((column.position for column, _ in numeric), _extents(database, staged, numeric), strict=True)
    )
    return [
        _number(column, style, extents[column.position])
        if style.family == "number"
        else Typed(style, style.kind, _guarded(column, style, style.sql(column.x)))
        for column, style in columns
    ]


@dataclass(frozen=True, slots=True)
class _Extent:
    """Digits of the longest numbers; None where no cell has a fraction."""

    n_whole: int | None
    n_fraction: int | None = None
    n_least: int | None = None  # digits of the shortest fraction
    has_trailing_zero: bool | None = None
    has_exponent: bool | None = None


def _extents(
    database: duckdb.DuckDBPyConnection, staged: Staged, columns: Sequence[tuple[Column, Style]]
) -> list[_Extent]:
    if not columns:
        return []
    measures = [_measures(column, style) for column, style in columns]
    values = iter(ask(database, [part for parts in measures for part in parts]))
    return [_Extent(*itertools.islice(values, len(parts))) for parts in measures]


def _measures(column: Column, style: Style) -> list[str]:
    """SQL for what can vary in the style."""
    value = style.sql(column.x)
    fits = "" if not (column.n_unfit or column.n_missing) else f" FILTER ({style.sql_fits(column.x)})"
    if style is INTEGER:
        return [f"max(strlen({value})){fits}"]
    point, sized = f"instr({value}, '.')", f"strlen({value})"
    fraction = f"CASE WHEN {point} > 0 THEN {sized} - {point} END"
    measures = [
        f"max(CASE WHEN {point} = 0 THEN {sized} ELSE {point} - 1 END){fits}",
        f"max({fraction}){fits}",
        f"min({fraction}){fits}",
        f"bool_or({point} > 0 AND ends_with({value}, '0') AND NOT ends_with({value}, '.0')){fits}",
    ]
    return measures if style is DECIMAL else [*measures, f"bool_or(contains(lower({value}), 'e')){fits}"]


def _number(column: Column, style: Style, extent: _Extent) -> Typed:
    n_whole, n_fraction = extent.n_whole or 1, extent.n_fraction or 0
    n_digits = n_whole + n_fraction
    is_measured = n_fraction > MONEY_SCALE and n_digits <= DOUBLE_DIGITS + 1
    if extent.has_exponent or n_digits > MAX_DIGITS or is_measured:
        kind = "DOUBLE"
    elif n_fraction:
        kind = f"DECIMAL({max(MIN_PRECISION, min(MAX_DIGITS, n_digits + 1))},{n_fraction})"
    else:
        kind = "BIGINT" if n_whole <= BIGINT_DIGITS else "HUGEINT"
    is_uneven = n_whole <= VERSION_DIGITS and extent.n_least != n_fraction and bool(extent.has_trailing_zero)
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
