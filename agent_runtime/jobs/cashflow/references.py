"""From each number of the report to the rows it comes from.

Every number is a link to a numbered note; the note lists rows by file; a row is a link into the evidence table where
it is shown there. Works on paper too: the note's number is printed behind the amount.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from agent_runtime.jobs.cashflow.types import ColumnMap, Rows


@dataclass(slots=True)
class Note:
    """One number and the rows behind it."""

    number: int
    text: str
    rows: Rows


@dataclass(slots=True)
class References:
    """Collects the notes while the report is written."""

    mappings: Sequence[ColumnMap]
    shown: frozenset[tuple[int, int]]
    notes: list[Note] = field(default_factory=list)
    _known: dict[tuple[str, Rows], Note] = field(default_factory=dict)

    def link(self, amount: str, rows: Rows, text: str) -> Markup:
        """`amount` as a link to its note."""
        note = self._known.get((text, rows))
        if note is None:
            note = Note(len(self.notes) + 1, f"{text}: {amount}", rows)
            self.notes.append(note)
            self._known[text, rows] = note
        return Markup('<a class="amount" href="#note-{0}">{1}<sup>{0}</sup></a>').format(note.number, amount)

    def rows(self, note: Note) -> Markup:
        """The rows of a note, by file, and how many there are beyond the first."""
        parts = []
        for file, mapping in enumerate(self.mappings):
            numbers = [self._row(file, row) for at, row in note.rows.first if at == file]
            if numbers:
                parts.append(Markup("{} rows {}").format(mapping.file, Markup(", ").join(numbers)))
        n_more = note.rows.n - len(note.rows.first)
        if n_more:
            where = "evidence.csv" if note.rows.are_traced else "the tables"
            parts.append(Markup("{}{:,} more in {}").format("and " if parts else "", n_more, where))
        return Markup("; ").join(parts) or Markup("no row: nothing of this kind is in the tables")

    def _row(self, file: int, row: int) -> Markup:
        if (file, row) in self.shown:
            return Markup('<a href="#row-{0}-{1}">{1}</a>').format(file, row)
        return escape(str(row))
