"""What is said of a table that was read: how, what was left out, what each column was taken for, what is in doubt.

Pure values: the worker makes them, the host gets them as plain JSON and shows them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that could be read in another way; `column` is empty where it is about the whole table.

    `settle` are the settings that decide it, ready for `--read`.
    """

    column: str
    text: str
    settle: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of the file that is not in the table: where it stood, what it says, and why it was left out."""

    where: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class ColumnReading:
    """A column of the table: its DuckDB type and, in words, what its cells were taken for.

    `twin` names the column that holds the same cells as numbers or dates, NULL where a cell is neither.
    `misordered` says why MAX, MIN and ORDER BY would mislead here; it is empty where they do not.
    """

    name: str
    kind: str
    reading: str
    notes: tuple[str, ...] = ()
    twin: str = ""
    misordered: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one table of one file was read. Fields that do not apply to its kind of file are empty."""

    table: str
    file: str
    container: str
    n_rows: int = 0
    columns: tuple[ColumnReading, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    header: str = ""
    left_out: tuple[LeftOut, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    alias: str = ""  # the name as the file has it, where that needs quotes
