"""Query results as text: exact for the evidence, brief for the model, both bounded.

The brief form is the one that the embedded model was trained on: a header, at most 10 rows, cells joined by
` | `, numbers with two decimals at most and no trailing zeros, then
`(N rows)` where more were found; `(0 rows)` alone where none were.
"""

import datetime
import decimal
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

BRIEF_ROWS = 10
BRIEF_CELL = 120  # characters; names and dates are far shorter
BRIEF_LINE = 500  # characters: ten of them still fit a small model's context
MAX_CELL = 2_000
MAX_TEXT = 64_000  # characters of one exact result
SEPARATOR = " | "


@dataclass(frozen=True, slots=True)
class Rendered:
    """A result as the evidence keeps it (`text`) and as the model reads it (`brief`)."""

    text: str
    brief: str
    is_truncated: bool


def render(
    header: Sequence[str], rows: Sequence[Sequence[object]], n_rows: int, is_counted: bool
) -> Rendered:
    """Render the first `rows` of `n_rows` found (`is_counted` is false where there were even more)."""
    found = f"({n_rows} rows)" if is_counted else f"(more than {n_rows} rows)"
    lines, is_cut = _exact_lines(header, rows)
    n_shown = len(lines) - 1
    if n_shown < n_rows:
        lines.append(f"({found[1:-1]}, the first {n_shown} shown)")
    elif not rows:
        lines.append(found)
    text = "\n".join(lines)
    return Rendered(text, _brief(header, rows, found), is_cut or n_shown < n_rows)


def _exact_lines(header: Sequence[str], rows: Sequence[Sequence[object]]) -> tuple[list[str], bool]:
    lines = [SEPARATOR.join(one_line(name) for name in header)]
    n_characters, is_cut = len(lines[0]), False
    for row in rows:
        cells = [exact(value) for value in row]
        is_cut = is_cut or any(len(cell) > MAX_CELL for cell in cells)
        line = SEPARATOR.join(cut(cell, MAX_CELL) for cell in cells)
        n_characters += len(line)
        if n_characters > MAX_TEXT:
            break
        lines.append(line)
    return lines, is_cut


def _brief(header: Sequence[str], rows: Sequence[Sequence[object]], found: str) -> str:
    if not rows:
        return found
    lines = [brief_line([one_line(name) for name in header])]
    lines += [brief_line([brief(value) for value in row]) for row in rows[:BRIEF_ROWS]]
    if len(rows) > BRIEF_ROWS:
        lines.append(found)
    return "\n".join(lines)


def brief_line(cells: Sequence[str]) -> str:
    """Join cells, each and all of them bounded."""
    return cut(SEPARATOR.join(cut(cell, BRIEF_CELL) for cell in cells), BRIEF_LINE)


def exact(value: object) -> str:
    """A cell with nothing rounded: floats as the shortest text that reads back equal."""
    return _cell(value, repr)


def brief(value: object) -> str:
    """A cell as the model reads it: numbers with two decimals at most."""
    return _cell(value, _two_decimals)


def _cell(value: object, number: Callable[[float], str]) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case float():
            return number(value) if math.isfinite(value) else str(value)
        case decimal.Decimal():
            return str(value) if number is repr else number(float(value))
        case str():
            return one_line(value)
        case bytes():
            return value.hex()
        case list() | tuple():
            return f"[{', '.join(_cell(item, number) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{one_line(str(key))}: {_cell(item, number)}' for key, item in value.items())}}}"
        case datetime.datetime():
            return value.isoformat(sep=" ")
        case _:
            return one_line(str(value))


def _two_decimals(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


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
