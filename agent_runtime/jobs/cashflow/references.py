"""From each number of the report to the rows it comes from.

Every number is a link to a numbered note; the note lists rows by file; a row is a link into the evidence table where
it is shown there. Works on paper too: the note's number is printed behind the amount.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from agent_runtime.jobs.cashflow.types import ColumnMap, Movement

Rows = tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Note:
    """One number and the rows behind it; `n_more` are in evidence.csv only."""

    number: int
    text: str
    rows: Rows
    n_more: int = 0


@dataclass(slots=True)
class References:
    """Collects the notes while the report is written."""

    mappings: Sequence[ColumnMap]
    shown: frozenset[tuple[int, int]]
    notes: list[Note] = field(default_factory=list)
    _known: dict[tuple[str, Rows], Note] = field(default_factory=dict)

    def link(
        self, amount: str, rows: Iterable[tuple[int, int]], text: str, n_rows: int | None = None
    ) -> Markup:
        """`amount` as a link to its note; `n_rows` is how many rows there are when `rows` has only the first."""
        listed = tuple(rows)
        note = self._known.get((text, listed))
        if note is None:
            more = max(0, (n_rows or 0) - len(listed))
            note = Note(len(self.notes) + 1, f"{text}: {amount}", listed, more)
            self.notes.append(note)
            self._known[text, listed] = note
        return Markup('<a class="amount" href="#note-{0}">{1}<sup>{0}</sup></a>').format(note.number, amount)

    def rows(self, note: Note) -> Markup:
        """The rows of a note, by file."""
        parts = []
        for file, mapping in enumerate(self.mappings):
            numbers = [self._row(file, row) for at, row in note.rows if at == file]
            if numbers:
                parts.append(Markup("{} rows {}").format(mapping.file, Markup(", ").join(numbers)))
        if note.n_more:
            parts.append(Markup("and {} more in evidence.csv").format(f"{note.n_more:,}"))
        return Markup("; ").join(parts) or Markup("no row: nothing of this kind is in the tables")

    def _row(self, file: int, row: int) -> Markup:
        if (file, row) in self.shown:
            return Markup('<a href="#row-{0}-{1}">{1}</a>').format(file, row)
        return escape(str(row))


def rows_of(movements: Iterable[Movement]) -> Rows:
    return tuple((movement.file, movement.row) for movement in movements)
