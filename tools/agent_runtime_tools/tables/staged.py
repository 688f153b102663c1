"""A table on its way in: its cells as they were found, in a scratch database, before any of them is typed.

Rows are told apart by `rowid`, which counts from 0 in the order of the file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import duckdb

from agent_runtime_tools.tables.types import Doubt, LeftOut

STAGE = "stage.cells"
BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"


@dataclass(frozen=True, slots=True)
class Staged:
    """Columns are c0, c1, ... in the scratch table. `typed` are those that have types of their own already.

    `numeric` are those that held numbers, not text, in the file: 1.234 is no riddle there. `dated` are those that
    the file declares to hold dates. `dropped` are the row numbers that are in the scratch table and not in the
    user's.
    """

    name: str
    names: tuple[str, ...]
    n_rows: int
    typed: frozenset[int] = frozenset()
    numeric: frozenset[int] = frozenset()
    dated: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()
    left_out: tuple[LeftOut, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    container: str = ""
    encoding: str = ""
    delimiter: str = ""
    header: str = ""
    alias: str = ""
    column_notes: dict[int, str] = field(default_factory=dict)

    @property
    def texts(self) -> list[int]:
        """The columns whose cells are text."""
        return [i for i in range(len(self.names)) if i not in self.typed]

    @property
    def rows(self) -> str:
        """SQL for the rows that belong to the table."""
        if not self.dropped:
            return STAGE
        listed = ", ".join(map(str, sorted(self.dropped)))
        return f"(SELECT *, rowid FROM {STAGE} WHERE rowid NOT IN ({listed}))"

    def without(self, rows: Iterable[int], *left_out: LeftOut) -> "Staged":
        """The same table with fewer rows."""
        dropped = self.dropped | frozenset(rows)
        n_rows = self.n_rows - len(dropped - self.dropped)
        return replace(self, dropped=dropped, n_rows=n_rows, left_out=(*self.left_out, *left_out))


def stage(database: duckdb.DuckDBPyConnection, reader: str, parameters: Sequence[str], width: int, skip: int = 0) -> int:
    """Copy the cells that `reader` yields, trimmed, nothing where there is nothing; how many rows there are."""
    cells = ", ".join(f"nullif(trim(c{i}, {BLANKS}), '') AS c{i}" for i in range(width))
    database.execute(f"CREATE OR REPLACE TABLE {STAGE} AS SELECT {cells} FROM {reader}", parameters)
    return count(database) - skip


def stage_typed(database: duckdb.DuckDBPyConnection, reader: str, parameters: Sequence[str]) -> tuple[list[str], list[str], int]:
    """Copy a relation that has types; its columns, their types, and how many rows there are."""
    described = database.execute(f"DESCRIBE FROM {reader}", parameters).fetchall()
    names, kinds = [str(row[0]) for row in described], [str(row[1]) for row in described]
    aliases = ", ".join(f"c{i}" for i in range(len(names)))
    database.execute(f"CREATE OR REPLACE TABLE {STAGE} AS FROM {reader} AS source({aliases})", parameters)
    return names, kinds, count(database)


def count(database: duckdb.DuckDBPyConnection) -> int:
    row = database.execute(f"SELECT count(*) FROM {STAGE}").fetchone()
    assert row is not None
    return int(row[0])


def row_cells(database: duckdb.DuckDBPyConnection, row: int) -> tuple[object, ...]:
    """The cells of one row of the scratch table."""
    return database.execute(f"FROM {STAGE} WHERE rowid = {row:d}").fetchone() or ()


