"""Results as text, made from their values in this one place: exact for the evidence, brief for a model.

A result is its column names and its rows, cells joined by ` | `. NULL, an empty text ("") and NaN are told apart, and a
text that could be taken for something else (` | ` in it, a line break, the word NULL) stands in double quotes, escaped
as in JSON. What a model reads keeps 12 significant digits of binary fractions; whole numbers and decimals stay exact.

Not covered: the weights that were trained on two decimals read `two_decimals` instead, from their own prompt format.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from agent_runtime.types import Cell, Observation, Remark, ResultTable

SIGNIFICANT = 12
COUNTED_ROWS = 100_000  # beyond it "more than" is said: counting a billion rows helps nobody
BRIEF_ROWS = 10
BRIEF_CELL = 120  # characters; names and dates are far shorter
BRIEF_LINE = 500  # characters: ten of them still fit a small model's context
BRIEF_NAMES = 200  # characters of the names of columns that did not fit
SEPARATOR = " | "
MAX_PLAIN_EXPONENT = 16
FLOATS = ("DOUBLE", "FLOAT")
TEXTS = ("VARCHAR", "ENUM")
WORDS = frozenset({"NULL", "NaN", "Infinity", "-Infinity", "true", "false"})
# of a calculator's values: what was shown with two decimals
ROUNDED = frozenset({"RATIONAL", "FRACTION", "DECIMAL", "REAL", "QUANTITY", "LIST"})

_SEPARATING = re.compile(r" \||\| |^\|$")
_NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])")

Writer = Callable[[Cell, str], str]


@dataclass(frozen=True, slots=True)
class Texts:
    """A result as the evidence keeps it (`text`) and as a model reads it (`brief`)."""

    text: str
    brief: str


def texts(table: ResultTable, remarks: Sequence[Remark] = (), notes: Sequence[str] = ()) -> Texts:
    """Both texts of a result; below it what was done to the check (`notes`), and what the tool noticed about it."""
    below = [f"note: {one_line(note)}" for note in notes] + [_remark(one) for one in remarks]
    return Texts("\n".join([exact(table), *below]), "\n".join([render(table), *below]))


def exact(table: ResultTable) -> str:
    """Every row that is kept, nothing rounded: a binary fraction as the shortest text that reads back equal."""
    lines = [_line([_name(name) for name, _ in table.columns])]
    lines += [_line(_written(table, row, lambda cell, kind: shown(cell, kind, None))) for row in table.rows]
    if _is_more(table, len(table.rows)):
        lines.append(f"({_count(table)}, the first {len(table.rows)} shown)")
    elif not table.rows:
        lines.append(f"({_count(table)})")
    return "\n".join(lines)


def render(table: ResultTable, significant: int = SIGNIFICANT) -> str:
    """What a model reads: the first rows, how many there are, and the columns that do not fit by name."""
    if not table.rows:
        return f"({_count(table)})"
    rows = table.rows[:BRIEF_ROWS]
    lines = [[_name(name) for name, _ in table.columns]]
    lines += [_written(table, row, lambda cell, kind: shown(cell, kind, significant)) for row in rows]
    lines = [[cut(cell, BRIEF_CELL) for cell in line] for line in lines]
    n_columns = min(_n_fitting(line) for line in lines)
    written = [_line(line[:n_columns]) for line in lines]
    if n_columns < len(lines[0]):
        names = cut(", ".join(lines[0][n_columns:]), BRIEF_NAMES)
        written.append(f"(and {len(lines[0]) - n_columns} more columns: {names})")
    if _is_more(table, len(rows)):
        written.append(f"({_count(table)}, the first {len(rows)} shown)")
    return "\n".join(written)


def shown(cell: Cell, kind: str, significant: int | None = SIGNIFICANT) -> str:
    """One cell of a column of type `kind`; `significant` digits of a binary fraction, None: all."""
    if cell is None:
        return "NULL"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return repr(cell) if significant is None else _digits(cell, significant)
    if isinstance(cell, str):
        if significant is not None and kind.startswith("DECIMAL") and not kind.endswith("]") and "." in cell:
            return cell.rstrip("0").rstrip(".")
        return _quoted(cell) if kind.startswith(TEXTS) else one_line(cell)
    return str(cell)


def _remark(remark: Remark) -> str:
    """One line; a remark that refutes is a warning."""
    return f"{'warning' if remark.is_refuting else 'note'}: {one_line(remark.text)}"


def _written(table: ResultTable, row: Sequence[Cell], write: Writer) -> list[str]:
    return [write(cell, kind) for cell, (_, kind) in zip(row, table.columns, strict=True)]


def _line(cells: Sequence[str]) -> str:
    return SEPARATOR.join(cells)


def _n_fitting(cells: Sequence[str]) -> int:
    """How many leading cells fit a line; at least one."""
    n_characters = 0
    for position, cell in enumerate(cells):
        n_characters += len(cell) + len(SEPARATOR)
        if n_characters > BRIEF_LINE + len(SEPARATOR) and position:
            return position
    return len(cells)


def _is_more(table: ResultTable, n_shown: int) -> bool:
    return table.n_rows is None or table.n_rows > n_shown


def _count(table: ResultTable) -> str:
    if table.n_rows is None:
        return f"more than {COUNTED_ROWS} rows"
    return f"{table.n_rows} row{'' if table.n_rows == 1 else 's'}"


def _digits(value: float, significant: int) -> str:
    """So many digits, but all that stand before the point; an exponent only where there would be many zeros."""
    number = Decimal(repr(value))
    number = Context(prec=max(significant, number.adjusted() + 1)).plus(number).normalize()
    if number == 0:
        return "0"
    if -7 < number.adjusted() < MAX_PLAIN_EXPONENT:
        return f"{number:f}"
    return str(number).replace("E+", "e+").replace("E-", "e-")


def _quoted(text: str) -> str:
    """A text as it is, or in quotes where it could be taken for something else."""
    is_plain = text.isprintable() and text == text.strip() and text[:1] not in ('"', "")
    if is_plain and text not in WORDS and not _SEPARATING.search(text):
        return text
    return "".join(_visible(json.dumps(text, ensure_ascii=False)))


def _name(text: str) -> str:
    return _quoted(text) if _SEPARATING.search(text) else one_line(text)


def one_line(text: str) -> str:
    """`text` without anything that breaks a line or drives a terminal; all else stays as it is."""
    return text if text.isprintable() else "".join(_visible(text))


def _visible(text: str) -> Iterator[str]:
    for character in text:
        if character.isprintable():
            yield character
        else:
            yield " " if character in "\r\n\t\v\f\x85\u2028\u2029\xa0" else f"\\u{ord(character):04x}"


def cut(text: str, limit: int) -> str:
    """At most `limit` characters; an ellipsis says that there were more."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


# --- the form with two decimals


def two_decimals(observation: Observation) -> str:
    """A result in the form that the embedded weights were trained on: numbers with two decimals at most, no quotes."""
    if observation.table is not None:
        return two_decimals_table(observation.table)
    value = observation.value
    if value is None or value.type.upper() not in ROUNDED:
        return observation.brief
    number = _fraction(value.cell)
    if number is not None:
        return two_decimals_number(number)
    return _NUMBER.sub(lambda match: two_decimals_number(Fraction(match[0])), observation.brief)


def two_decimals_table(table: ResultTable) -> str:
    """Rows in that form: at most 10, cells and lines cut, and the number of rows where there are more."""
    found = f"({table.n_rows} rows)" if table.n_rows is not None else f"(more than {COUNTED_ROWS} rows)"
    if not table.rows:
        return found
    lines = [_old_line([one_line(name) for name, _ in table.columns])]
    lines += [_old_line(_written(table, row, two_decimals_cell)) for row in table.rows[:BRIEF_ROWS]]
    return "\n".join([*lines, found] if len(table.rows) > BRIEF_ROWS else lines)


def two_decimals_cell(cell: Cell, kind: str) -> str:
    """One cell of a column of type `kind` in that form."""
    if isinstance(cell, float):
        return _rounded(cell)
    if isinstance(cell, str):
        if kind.startswith(FLOATS) and not kind.endswith("]"):
            return {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}.get(cell, cell)
        if kind.startswith("DECIMAL") and not kind.endswith("]"):
            return _rounded(float(cell))
        if kind.endswith("]") and kind.startswith((*FLOATS, "DECIMAL")):
            return _NUMBER.sub(lambda match: _rounded(float(match[0])), cell)
        return one_line(cell)
    return shown(cell, kind)


def two_decimals_number(value: Fraction) -> str:
    """Round half to even, on the exact value; no trailing zeros."""
    scaled = round(value * 100)
    whole, cents = divmod(abs(scaled), 100)
    return f"{'-' if scaled < 0 else ''}{whole}.{cents:02}".rstrip("0").rstrip(".")


def _fraction(cell: Cell) -> Fraction | None:
    try:
        return None if cell is None or isinstance(cell, bool) else Fraction(str(cell))
    except (ValueError, ZeroDivisionError):
        return None


def _rounded(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _old_line(cells: Sequence[str]) -> str:
    return cut(SEPARATOR.join(cut(cell, BRIEF_CELL) for cell in cells), BRIEF_LINE)
