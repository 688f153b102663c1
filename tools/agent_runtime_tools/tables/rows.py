"""Rows of a text file, each made as wide as its table; what was done to them is counted and said.

A row may end early (its last cells are empty) and may end in delimiters (nothing follows them). A row with more
cells than the header has names is an error: nobody can tell which of them belong where.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent_runtime_tools.table_names import TableError
from agent_runtime_tools.tables.cells import is_data, shown
from agent_runtime_tools.tables.dialect import Record
from agent_runtime_tools.tables.types import LeftOut

MAX_FEET = 10
SHOWN_LINES = 3


@dataclass(slots=True)
class Fitter:
    """Fits the rows of one table. `line` is that of the last row, `feet` are the remarks found under the table."""

    name: str
    width: int
    line: int = 0
    feet: list[LeftOut] = field(default_factory=list)
    n_short: int = 0
    n_long: int = 0
    n_broken: int = 0
    short_lines: list[int] = field(default_factory=list)
    _is_last_short: bool = False

    def fit(self, records: Iterator[Record]) -> Iterator[list[str]]:
        """The rows, without blank ones and without remarks at the end.

        Raises:
            TableError: A row is too wide; its line is named.
        """
        held: list[
            tuple[Record, bool]
        ] = []  # what may prove to be remarks, and whether a blank line was above
        is_after_blank = False
        for record in records:
            self.line = record[0]
            if not any(cell.strip() for cell in record[1]):
                is_after_blank = True
                continue
            if len(held) < MAX_FEET and self._may_be_foot(
                record[1], is_after_blank=is_after_blank or bool(held)
            ):
                held.append((record, is_after_blank))
                continue
            for earlier, _ in held:
                yield self._fitted(earlier)
            held, is_after_blank = [], False
            yield self._fitted(record)
        for record, is_apart in held:
            if is_apart or self._is_foot(record[1]):
                self.feet.append(LeftOut(f"line {record[0]}", shown(record[1]), "a remark under the table"))
            else:
                yield self._fitted(record)

    def notes(self) -> list[str]:
        """What was done to the rows, in words."""
        found = []
        if self.n_short:
            lines = ", ".join(map(str, self.short_lines))
            more = ", ..." if self.n_short > len(self.short_lines) else ""
            found.append(f"{self.n_short} rows end early, their last cells are empty (lines {lines}{more})")
        if self.n_broken:
            found.append(f"{self.n_broken} of them follow one another: a cell may be broken over two lines")
        if self.n_long:
            found.append(f"{self.n_long} rows end in a delimiter that nothing follows")
        return found

    def _may_be_foot(self, cells: list[str], *, is_after_blank: bool) -> bool:
        n_filled = sum(bool(cell.strip()) for cell in cells)
        return self.width > 1 and n_filled <= self.width / 2 and (is_after_blank or len(cells) == 1)

    def _is_foot(self, cells: list[str]) -> bool:
        """Without a blank line above it, a remark is one cell of words."""
        text = cells[0].strip()
        return len(cells) == 1 and not is_data(text) and (":" in text or (self.width > 2 and " " in text))

    def _fitted(self, record: Record) -> list[str]:
        line, cells = record
        if len(cells) > self.width:
            if any(cell.strip() for cell in cells[self.width :]):
                raise ragged(self.name, line, len(cells), self.width)
            self.n_long += 1
            return cells[: self.width]
        is_short = len(cells) < self.width
        if is_short:
            self.n_short += 1
            self.n_broken += self._is_last_short
            self.short_lines += [line] if len(self.short_lines) < SHOWN_LINES else []
        self._is_last_short = is_short
        return cells + [""] * (self.width - len(cells))


def ragged(name: str, line: int, n_fields: int, width: int) -> TableError:
    """The error for a row that is too wide."""
    return TableError(
        f"{name!r} line {line} has {n_fields} fields where the first line has {width}: make every row as wide"
    )
