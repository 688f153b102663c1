"""How each column is read: the one style that every cell of it fits, or text.

A sample says which styles could fit; DuckDB tries these on the whole column; cells that do not fit join the sample,
and so on until nothing new is found. What is settled is thereby true of every cell, however far down. Where two
styles fit and would give different values, a number takes the likelier and a date stays text: both are said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from agent_runtime_tools.table_names import literal
from agent_runtime_tools.tables import numbers
from agent_runtime_tools.tables.cells import MISSING, is_missing
from agent_runtime_tools.tables.dates import BOOLEAN, date_styles
from agent_runtime_tools.tables.numbers import DECIMAL, INTEGER, NUMBER, number_styles, plain_number
from agent_runtime_tools.tables.settled import settled_style
from agent_runtime_tools.tables.staged import STAGE, Staged, ask, strip
from agent_runtime_tools.tables.styles import Style, coverage

MAX_ROUNDS = 6
SAMPLE_ROWS = 1_500
SAMPLE_CELLS = 300_000
MAX_EXAMPLES = 40
MIN_COVERAGE = 0.5  # of a sample: below it a column is words, and the numbers among them are chance
DATES = tuple(date_styles())


@dataclass(slots=True)
class Column:
    """What is known of one column while it is settled. `styles` fit all of the sample, the likeliest first.

    `n_unfit` counts the cells that fit none of the styles that are left and are not missing either.
    """

    position: int
    sample: dict[str, None] = field(default_factory=dict)
    styles: list[Style] = field(default_factory=list)
    partial: Style | None = None
    n_unfit: int = 0
    n_missing: int = 0
    unfit: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    is_forced: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def x(self) -> str:
        return f"c{self.position}"

    @property
    def texts(self) -> list[str]:
        return [text for text in self.sample if not is_missing(text)]


def read_columns(
    database: duckdb.DuckDBPyConnection, staged: Staged, settled: Mapping[str, str]
) -> list[Column]:
    """Settle every text column of the table."""
    columns = _sampled(database, staged)
    for column in columns:
        _propose(column, staged, settled)
    pending = columns
    for _ in range(MAX_ROUNDS):
        pending = _verify(database, staged, pending)
        for column in pending:
            _propose(column, staged, settled)
        if not pending:
            break
    for column in columns:
        _give_up(column)
    _count_partial(database, staged, [column for column in columns if column.partial])
    return columns


def _sampled(database: duckdb.DuckDBPyConnection, staged: Staged) -> list[Column]:
    """The first rows and some from the end."""
    columns = [Column(i) for i in staged.texts]
    if not columns:
        return []
    n_rows = max(20, min(SAMPLE_ROWS, SAMPLE_CELLS // len(columns)))
    listed = ", ".join(column.x for column in columns)
    row = database.execute(f"SELECT max(rowid) FROM {STAGE}").fetchone()
    last = int(row[0]) if row and row[0] is not None else 0
    rows = database.execute(
        f"SELECT {listed} FROM {STAGE} WHERE rowid < {n_rows} OR rowid > {last - n_rows // 3}"
    ).fetchall()
    for column, cells in zip(columns, zip(*rows, strict=True), strict=False):
        column.sample = dict.fromkeys(str(cell) for cell in cells if cell is not None)
        if any(text != text.strip() for text in column.sample):
            strip(database, column.position)
            column.sample = dict.fromkeys(text.strip() for text in column.sample if text.strip())
    return columns


def _propose(column: Column, staged: Staged, settled: Mapping[str, str]) -> None:
    """The styles that fit all of the sample; where there are none, the one that fits most of it."""
    name = staged.names[column.position].lower()
    if name in settled:
        style = settled_style(settled[name], column.texts)
        column.styles, column.is_forced = [style] if style else [], True
        return
    texts = column.texts
    column.styles, column.partial = [], None
    if not texts or _are_identifiers(column, texts):
        return
    if column.position in staged.numeric:
        column.styles = [style for style in (INTEGER, DECIMAL, NUMBER) if all(map(style.fits, texts))][:1]
        return
    column.styles = _fitting(texts)
    if not column.styles:
        column.partial = _best(texts)


def _are_identifiers(column: Column, texts: Sequence[str]) -> bool:
    """Digits that are no quantity: leading zeros, international telephone numbers."""
    column.notes.clear()
    if (
        any(map(numbers.IDENTIFIER.fullmatch, texts))
        and _share(texts, lambda text: text.isdigit()) >= MIN_COVERAGE
    ):
        column.notes.append("digits with leading zeros are kept as text")
        return True
    if all(map(numbers.PHONE.fullmatch, texts)):
        column.notes.append("telephone numbers are kept as text")
        return True
    return False


def _share(texts: Sequence[str], test: object) -> float:
    assert callable(test)
    return sum(bool(test(text)) for text in texts) / len(texts)


def _fitting(texts: Sequence[str]) -> list[Style]:
    first = texts[0]
    if BOOLEAN.fits(first):
        return [BOOLEAN] if all(map(BOOLEAN.fits, texts)) else []
    found = [style for style in DATES if style.fits(first) and all(map(style.fits, texts))]
    if found:
        return _distinct_dates(found)
    if not any(mark.isdigit() for mark in first):
        return []
    if all(map(INTEGER.fits, texts)):
        return [INTEGER]
    if all(map(NUMBER.fits, texts)) and not any("." in text for text in texts):
        return [NUMBER]
    styles = [style for style in number_styles(texts) if all(map(style.fits, texts))]
    if not styles and all(map(NUMBER.fits, texts)):
        return [NUMBER]
    found = _distinct_numbers(styles, texts)
    return [DECIMAL] if len(found) == 1 and all(map(DECIMAL.fits, texts)) else found


def _distinct_dates(styles: list[Style]) -> list[Style]:
    """A date style makes the same style with a time needless; two orders remain two styles."""
    kept: dict[str, Style] = {}
    for style in styles:
        kept.setdefault(style.key if style.family in {"date", "timestamp"} else style.family, style)
    found = list(kept.values())
    if found[0].family in {"time", "duration"}:
        return found[:1]
    if "timestamp" in kept and len(found) > 1:
        found = [style for style in found if style.key != "timestamp"]
    usual = [style for style in found if style.is_usual]
    return usual[:1] or found


def _distinct_numbers(styles: list[Style], texts: Sequence[str]) -> list[Style]:
    """One style for each way to read the values."""
    kept: dict[tuple[str, ...], Style] = {}
    for style in styles:
        kept.setdefault(tuple(plain_number(text, style) for text in texts), style)
    return list(kept.values())


def _best(texts: Sequence[str]) -> Style | None:
    styles = [NUMBER, *number_styles(texts), *DATES, BOOLEAN]
    best = max(styles, key=lambda style: coverage(style, texts))
    return best if coverage(best, texts) >= MIN_COVERAGE else None


def _verify(database: duckdb.DuckDBPyConnection, staged: Staged, columns: Iterable[Column]) -> list[Column]:
    """Try the styles on the whole columns; those columns whose sample has grown."""
    tried = [(column, style) for column in columns for style in column.styles]
    if not tried:
        return []
    counts = ask(database, [_unfit(column.x, style) for column, style in tried])
    failed = [(column, style) for (column, style), n_unfit in zip(tried, counts, strict=True) if n_unfit]
    grown: dict[int, Column] = {}
    for column, style in failed:
        column.n_unfit, column.n_missing = _split(database, staged, column, style)
        if column.is_forced:
            column.unfit = _examples(database, staged, column, style, 3)
        elif column.n_unfit and _add_examples(database, staged, column, style):
            grown[column.position] = column
    return list(grown.values())


def _unfit(x: str, style: Style) -> str:
    """SQL that counts the cells that are not written so."""
    return f"count(*) FILTER ({x} IS NOT NULL AND NOT {style.sql_fits(x)})"


def _split(
    database: duckdb.DuckDBPyConnection, staged: Staged, column: Column, style: Style
) -> tuple[int, int]:
    """How many cells do not fit and say something, and how many say that they are missing."""
    x = column.x
    row = database.execute(
        f"SELECT count(*) FILTER (NOT is_word), count(*) FILTER (is_word) FROM"
        f" (SELECT regexp_full_match({x}, {literal(MISSING)}) AS is_word FROM {STAGE}"
        f" WHERE {x} IS NOT NULL AND NOT {style.sql_fits(x)})"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _add_examples(database: duckdb.DuckDBPyConnection, staged: Staged, column: Column, style: Style) -> bool:
    """Add cells that do not fit to the sample; were there any that it had not?"""
    before = len(column.sample)
    found = _examples(database, staged, column, style, MAX_EXAMPLES)
    if any(text != text.strip() for text in found):
        strip(database, column.position)
        return True
    column.sample |= dict.fromkeys(found)
    if len(column.sample) > before:
        return True
    column.styles = [other for other in column.styles if other is not style]  # a date that is none
    column.partial = column.partial or (style if not column.styles else None)
    return False


def _examples(
    database: duckdb.DuckDBPyConnection, staged: Staged, column: Column, style: Style, limit: int
) -> list[str]:
    x = column.x
    rows = database.execute(
        f"SELECT {x}, min(rowid) AS first FROM {STAGE} WHERE {x} IS NOT NULL AND NOT {style.sql_fits(x)}"
        f" AND NOT regexp_full_match({x}, {literal(MISSING)}) GROUP BY {x} ORDER BY first LIMIT {limit}"
    ).fetchall()
    return [str(row[0]) for row in rows]


def _give_up(column: Column) -> None:
    """A date in two orders is no date yet: it stays as written."""
    orders = {style.key for style in column.styles}
    if len(orders) > 1 and any(style.family in {"date", "timestamp"} for style in column.styles):
        column.partial = None


def _count_partial(database: duckdb.DuckDBPyConnection, staged: Staged, columns: Sequence[Column]) -> None:
    """How many cells the best style of a mixed column leaves over."""
    for column in columns:
        style = column.partial
        assert style is not None
        column.n_unfit, column.n_missing = _split(database, staged, column, style)
        column.unfit = _examples(database, staged, column, style, 3)
