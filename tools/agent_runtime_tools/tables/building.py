"""The user's table made from its staged cells, with what is said of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from agent_runtime_tools.table_names import as_written, distinct, quoted
from agent_runtime_tools.tables import numbers
from agent_runtime_tools.tables.exceptions import leave_out
from agent_runtime_tools.tables.readings import Column, read_columns
from agent_runtime_tools.tables.settings import FileSettings
from agent_runtime_tools.tables.staged import STAGE, Staged
from agent_runtime_tools.tables.styles import Style
from agent_runtime_tools.tables.totals import leave_out_totals
from agent_runtime_tools.tables.typed import Typed, type_columns
from agent_runtime_tools.tables.types import ColumnReading, Doubt, Reading

# What may say that a column of whole numbers counts days or seconds. It only raises a doubt.
TIME_NAME = re.compile(
    r"(?i)(?:.*[\W_])?(?:date|day|datum|tag|time|timestamp|ts|fecha|jour|data|at|on|created|updated|when)(?:[\W_].*)?|.*(?:Date|Time|At)"
)
COUNTS = (
    ("epoch", "seconds since 1970", 10**9, 22 * 10**8),
    ("epoch-ms", "milliseconds since 1970", 10**12, 22 * 10**11),
    ("excel-day", "Excel's day numbers", 20_000, 60_000),
)
TWINS = {"number": "number", "date": "date", "timestamp": "time", "time": "time", "duration": "duration"}


@dataclass(frozen=True, slots=True)
class Built:
    """SQL of one column of the table, and what is said of it."""

    reading: ColumnReading
    sql: str
    doubts: tuple[Doubt, ...] = ()


def build(
    database: duckdb.DuckDBPyConnection, staged: Staged, table: str, file: str, settings: FileSettings
) -> Reading:
    """Settle the columns, leave out what is no row, and make the table."""
    names = distinct(staged.names)
    columns = read_columns(database, staged, settings.columns)
    cleaned = leave_out(database, staged, columns)
    if cleaned is not staged:
        staged, columns = cleaned, read_columns(database, cleaned, settings.columns)
    chosen, types = _types(database, staged, columns)
    if not settings.keeps_totals:
        labels = [column.position for column in columns if column.position not in chosen or column.n_unfit]
        values = {
            i: typed.sql for i, typed in types.items() if i in chosen and typed.style.family == "number"
        }
        cleaned = leave_out_totals(database, staged, labels, values, file)
        if cleaned is not staged:
            staged, columns = cleaned, read_columns(database, cleaned, settings.columns)
            chosen, types = _types(database, staged, columns)
    by_position = {column.position: column for column in columns}
    taken = {name.lower() for name in names}
    built = [
        _column(
            database,
            staged,
            names[i],
            by_position.get(i),
            chosen.get(i),
            types.get(i),
            f"{file}.{names[i]}",
            taken,
        )
        for i in range(len(names))
    ]
    twins = _twins(built, types)
    _create(database, staged, table, [*built, *twins])
    return Reading(
        table=table,
        file=file,
        container=staged.container,
        n_rows=staged.n_rows,
        columns=tuple(each.reading for each in (*built, *twins)),
        encoding=staged.encoding,
        delimiter=staged.delimiter,
        header=staged.header,
        left_out=staged.left_out,
        doubts=(*staged.doubts, *(doubt for each in built for doubt in each.doubts)),
        notes=(*staged.notes, *_repeated(staged.names, names)),
    )


def _types(
    database: duckdb.DuckDBPyConnection, staged: Staged, columns: Sequence[Column]
) -> tuple[dict[int, Style], dict[int, Typed]]:
    """The style of each column that has one, and the types of these and of mixed ones, by position."""
    chosen = _choose(columns, staged.delimiter)
    styled = _styled(columns, chosen)
    typed = type_columns(database, staged, styled)
    return chosen, {column.position: each for (column, _), each in zip(styled, typed, strict=True)}


def _styled(columns: Sequence[Column], chosen: Mapping[int, Style]) -> list[tuple[Column, Style]]:
    found = [(column, chosen.get(column.position) or column.partial) for column in columns]
    return [(column, style) for column, style in found if style is not None]


def _choose(columns: Sequence[Column], delimiter: str) -> dict[int, Style]:
    """The style of each column that has one. Columns that leave no choice speak for those that do."""
    chosen = {column.position: column.styles[0] for column in columns if len(column.styles) == 1}
    marks = {
        style.decimal for i, style in chosen.items() if style.family == "number" and _shows_mark(columns, i)
    }
    orders = {style.key for style in chosen.values() if style.family in {"date", "timestamp"}} & {
        "date:dmy",
        "date:mdy",
    }
    for column in columns:
        if len(column.styles) < 2:
            continue
        if column.styles[0].family == "number":
            chosen[column.position] = _likely_number(column, marks, delimiter)
        elif len(orders) == 1 and (fits := [s for s in column.styles if s.key in orders]):
            chosen[column.position] = fits[0]
            column.styles = fits[:1]
            column.notes.append("the order of day and month is that of the other dates in the file")
    return chosen


def _shows_mark(columns: Sequence[Column], position: int) -> bool:
    column = next(column for column in columns if column.position == position)
    return any("." in text or "," in text for text in column.texts)


def _likely_number(column: Column, marks: set[str], delimiter: str) -> Style:
    """Of styles that give different values: the one of the other columns, else the usual one of such a file."""
    if len(marks) == 1:
        agreed = [style for style in column.styles if style.decimal in marks]
        if agreed:
            column.styles = agreed[:1]
            column.notes.append("its decimal mark is that of the other columns in the file")
            return agreed[0]
    grouped = [style for style in column.styles if "group" in style.label]
    has_comma = any("," in text for text in column.texts)
    has_small = any(text.isdigit() and len(text) < 4 for text in column.texts)
    is_grouped = has_comma or (delimiter in {";", "\t"} and has_small)
    return grouped[0] if grouped and is_grouped else next(s for s in column.styles if s not in grouped)


def _column(
    database: duckdb.DuckDBPyConnection,
    staged: Staged,
    name: str,
    column: Column | None,
    style: Style | None,
    typed: Typed | None,
    address: str,
    taken: set[str],
) -> Built:
    if column is None:
        return _typed_column(database, staged, name)
    if style is None or typed is None:
        return _text_column(name, column, typed, address, taken)
    notes = [*filter(None, [style.note, *column.notes]), *_misfits(column)]
    doubts = [
        *_rivals(column, style, name, address),
        *_counts(database, staged, column, typed, name, address),
    ]
    if typed.is_uneven and column.position not in staged.numeric:
        text = f"{name} has values such as 1.10 beside 1.9: read as decimals, they may be versions"
        doubts.append(Doubt(name, text, (f"{address}=text", f"{address}=number")))
    if typed.style.family == "number" and (code := next(filter(numbers.CODE.fullmatch, column.texts), "")):
        text = f"{name} has values such as {code}: read as a number with a power of ten, it may be a code"
        doubts.append(Doubt(name, text, (f"{address}=text", f"{address}=number")))
    if typed.is_rounded:
        notes.append("numbers of more than 38 digits are rounded")
    label = f"{style.label}, {typed.kind}" if style.family == "number" else style.label
    return Built(ColumnReading(name, typed.kind, label, tuple(notes)), typed.sql, tuple(doubts))


def _misfits(column: Column) -> list[str]:
    notes = []
    if column.n_missing:
        notes.append(f"{column.n_missing} cells that say nothing (such as N/A or -) are NULL")
    if column.n_unfit:
        notes.append(f"{column.n_unfit} cells do not fit and are NULL: {_listed(column.unfit)}")
    return notes


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(repr(text if len(text) < 40 else f"{text[:39]}…") for text in texts[:3])


def _rivals(column: Column, style: Style, name: str, address: str) -> list[Doubt]:
    """Another style fits every cell, and gives other values."""
    others = [other for other in column.styles if other is not style]
    if column.is_forced or not others:
        return []
    example = next(
        (
            text
            for text in column.texts
            if numbers.plain_number(text, style) != numbers.plain_number(text, others[0])
        ),
        "",
    )
    text = (
        f"{name} is read with a {style.key.replace('-', ' ')} where {example} could have a "
        f"{others[0].key.replace('-', ' ')}: it is {numbers.plain_number(example, style)} here, and would be "
        f"{numbers.plain_number(example, others[0])}"
    )
    return [Doubt(name, text, (f"{address}={style.key}", f"{address}={others[0].key}"))]


def _counts(
    database: duckdb.DuckDBPyConnection, staged: Staged, column: Column, typed: Typed, name: str, address: str
) -> list[Doubt]:
    """Whole numbers that may count days or seconds, or be dates written without separators."""
    if typed.kind != "BIGINT" or column.is_forced:
        return []
    texts = column.texts
    if all(map(numbers.EIGHT_DIGITS.fullmatch, texts)):
        text = f"{name} is read as whole numbers such as {texts[0]}, and may be dates (year, month, day)"
        return [Doubt(name, text, (f"{address}=date:%Y%m%d", f"{address}=number"))]
    if not (TIME_NAME.fullmatch(name) or column.position in staged.dated):
        return []
    row = database.execute(f"SELECT min({typed.sql}), max({typed.sql}) FROM {STAGE}").fetchone()
    for reading, words, low, high in COUNTS:
        if row and row[0] is not None and low <= row[0] and row[1] <= high:
            text = f"{name} is read as whole numbers, and may be {words}"
            return [Doubt(name, text, (f"{address}={reading}", f"{address}=number"))]
    return []


def _text_column(name: str, column: Column, typed: Typed | None, address: str, taken: set[str]) -> Built:
    keys = list(dict.fromkeys(style.key for style in column.styles))
    if len(keys) > 1:  # dates in two orders
        text = f"{name} holds dates such as {column.texts[0]} that may be day first or month first: they stay as text"
        why = f"{as_written(name)} is text: it orders by characters, not by date"
        settle = tuple(f"{address}={key}" for key in keys)
        return Built(
            ColumnReading(name, "VARCHAR", "text", misordered=why), column.x, (Doubt(name, text, settle),)
        )
    notes = list(column.notes)
    money, _ = numbers.affixes(column.texts[:200])
    if typed is None and len(money) > 1 and all(any(c.isdigit() for c in text) for text in column.texts):
        text = f"{name} holds amounts in several currencies ({', '.join(sorted(money))}): they stay as text"
        why = f"{as_written(name)} is text: it orders by characters, not by amount"
        reading = ColumnReading(name, "VARCHAR", "text", tuple(notes), misordered=why)
        return Built(reading, column.x, (Doubt(name, text, (f"{address}=text",)),))
    if typed is None or column.is_forced or typed.style.family == "boolean":
        return Built(ColumnReading(name, "VARCHAR", "text", tuple(notes)), column.x)
    twin = distinct([*sorted(taken), f"{name}_as_{TWINS[typed.style.family]}"])[-1]
    taken.add(twin.lower())
    what = "number" if typed.style.family == "number" else typed.style.label
    text = (
        f"{name} stays text: {column.n_unfit} cells are no {what} ({_listed(column.unfit)}); "
        f"{as_written(twin)} holds the others"
    )
    why = f"{as_written(name)} is text and orders by characters: use {as_written(twin)}"
    reading = ColumnReading(name, "VARCHAR", "text", tuple(notes), twin, why)
    return Built(reading, column.x, (Doubt(name, text, (f"{address}={typed.style.key}", f"{address}=text")),))


def _twins(built: Sequence[Built], types: Mapping[int, Typed]) -> list[Built]:
    """Columns that hold what a mixed column has of numbers or dates."""
    found = []
    for i, each in enumerate(built):
        if each.reading.twin:
            label = f"the {types[i].style.label} in {each.reading.name}"
            found.append(Built(ColumnReading(each.reading.twin, types[i].kind, label), types[i].sql))
    return found


def _typed_column(database: duckdb.DuckDBPyConnection, staged: Staged, name: str) -> Built:
    """A column that its file gives a type. Not-a-number counts as missing: one would poison every sum."""
    position = distinct(staged.names).index(name)
    x = f"c{position}"
    kind = next(str(row[1]) for row in database.execute(f"DESCRIBE {STAGE}").fetchall() if row[0] == x)
    if kind == "TIMESTAMP WITH TIME ZONE":
        reading = ColumnReading(name, "TIMESTAMP", "as declared", ("times with a zone, in UTC here",))
        return Built(reading, f"make_timestamp(epoch_us({x}))")
    if kind in {"DOUBLE", "FLOAT"}:
        row = database.execute(f"SELECT count(*) FILTER (isnan({x})) FROM {STAGE}").fetchone()
        if row and row[0]:
            notes = (f"{row[0]} cells that are not a number (NaN) are NULL",)
            return Built(
                ColumnReading(name, kind, "as declared", notes),
                f"CASE WHEN isnan({x}) THEN NULL ELSE {x} END",
            )
    return Built(ColumnReading(name, kind, "as declared"), x)


def _create(database: duckdb.DuckDBPyConnection, staged: Staged, table: str, built: Sequence[Built]) -> None:
    listed = ", ".join(f"{each.sql} AS {quoted(each.reading.name)}" for each in built)
    database.execute(f"CREATE TABLE {quoted(table)} AS SELECT {listed} FROM {STAGE}")


def _repeated(names: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Columns whose name was taken already."""
    lowered = [" ".join(name.split()).lower() for name in names]
    renamed = [
        (name, column)
        for i, (name, column) in enumerate(zip(names, columns, strict=True))
        if lowered[i] and lowered[i] in lowered[:i]
    ]
    return [f"there are several columns {name!r}: this one is called {column!r}" for name, column in renamed]
