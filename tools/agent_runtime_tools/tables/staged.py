"""A table on its way in: its cells as they were found, in a scratch database, before any of them is typed.

Rows are told apart by `rowid`, which counts from 0 in the order of the file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from agent_runtime_tools.table_names import TableError
from agent_runtime_tools.tables.types import Doubt, LeftOut

STAGE = "stage.cells"
ASKED_AT_ONCE = 60
MAX_COLUMNS = 1_000  # a model cannot read more names than that
BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"


@dataclass(frozen=True, slots=True)
class Staged:
    """Columns are c0, c1, ... in the scratch table. `typed` are those that have types of their own already.

    `numeric` are those that held numbers, not text, in the file: 1.234 is no riddle there. `dated` are those that
    the file declares to hold dates.
    """

    name: str
    names: tuple[str, ...]
    n_rows: int
    typed: frozenset[int] = frozenset()
    numeric: frozenset[int] = frozenset()
    dated: frozenset[int] = frozenset()
    left_out: tuple[LeftOut, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    notes: tuple[str, ...] = ()
    container: str = ""
    encoding: str = ""
    delimiter: str = ""
    header: str = ""

    @property
    def texts(self) -> list[int]:
        """The columns whose cells are text."""
        return [i for i in range(len(self.names)) if i not in self.typed]

    def without(
        self, database: duckdb.DuckDBPyConnection, rows: Iterable[int], *left_out: LeftOut
    ) -> "Staged":
        """The same table with fewer rows; those that stay keep their numbers."""
        return replace(self, n_rows=self.n_rows - drop(database, rows), left_out=(*self.left_out, *left_out))


def drop(database: duckdb.DuckDBPyConnection, rows: Iterable[int]) -> int:
    """Take rows out of the scratch table; how many."""
    listed = sorted(rows)
    if listed:
        database.execute(f"DELETE FROM {STAGE} WHERE rowid IN ({', '.join(map(str, listed))})")
    return len(listed)


def check_width(name: str, width: int) -> None:
    """Refuse a table that is too wide, before anything is staged.

    Raises:
        TableError: It has more than `MAX_COLUMNS` columns.
    """
    if width > MAX_COLUMNS:
        raise TableError(
            f"{name!r} has {width} columns, at most {MAX_COLUMNS} can be used: keep those that are needed"
        )


def stage(database: duckdb.DuckDBPyConnection, reader: str, parameters: Sequence[str], width: int) -> int:
    """Copy the cells that `reader` yields, without blanks around them, NULL where nothing is left; how many rows."""
    cells = ", ".join(f"nullif(trim(c{i}), '') AS c{i}" for i in range(width))
    database.execute(f"CREATE OR REPLACE TABLE {STAGE} AS SELECT {cells} FROM {reader}", parameters)
    return count(database)


def strip(database: duckdb.DuckDBPyConnection, column: int) -> None:
    """Take tabs, line ends and hard blanks off a column, too: rare, and slower than plain ones."""
    x = f"c{column}"
    database.execute(
        f"UPDATE {STAGE} SET {x} = nullif(trim({x}, {BLANKS}), '') WHERE {x} <> trim({x}, {BLANKS})"
    )


def stage_typed(
    database: duckdb.DuckDBPyConnection, reader: str, parameters: Sequence[str]
) -> tuple[list[str], list[str], int]:
    """Copy a relation that has types; its columns, their types, and how many rows there are."""
    described = database.execute(f"DESCRIBE FROM {reader}", parameters).fetchall()
    names, kinds = [str(row[0]) for row in described], [str(row[1]) for row in described]
    aliases = ", ".join(f"c{i}" for i in range(len(names)))
    database.execute(f"CREATE OR REPLACE TABLE {STAGE} AS FROM {reader} AS source({aliases})", parameters)
    return names, kinds, count(database)


def ask(database: duckdb.DuckDBPyConnection, parts: Sequence[str], at_once: int = ASKED_AT_ONCE) -> list[Any]:
    """The values of many aggregates, some at a time: DuckDB plans a thousand of them for minutes."""
    values: list[Any] = []
    for start in range(0, len(parts), at_once):
        row = database.execute(f"SELECT {', '.join(parts[start : start + at_once])} FROM {STAGE}").fetchone()
        assert row is not None
        values += row
    return values


def count(database: duckdb.DuckDBPyConnection) -> int:
    row = database.execute(f"SELECT count(*) FROM {STAGE}").fetchone()
    assert row is not None
    return int(row[0])


def row_cells(database: duckdb.DuckDBPyConnection, row: int) -> tuple[object, ...]:
    """The cells of one row of the scratch table."""
    return database.execute(f"FROM {STAGE} WHERE rowid = {row:d}").fetchone() or ()
