"""Tables as the model reads about them, and the richer description for whoever asks for it.

The embedded model was trained on four type names, so the context uses them: whole numbers of any width are
INTEGER, other numbers DOUBLE. A wide table is cut with a note, because the context must fit a small model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.dialogue.results import SEPARATOR, cut
from agent_runtime.types import TableSchema
from agent_runtime_tools.table_names import as_written

MAX_CONTEXT = 6_000  # characters for all tables together: about 2,000 tokens
MIN_TABLE = 300  # of them, for each table
MAX_SAMPLE_CELL = 60
MAX_NAMES = 1_500  # characters for the names of tables beyond those that are shown

_INTEGERS = "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT BIGNUM"
INTEGERS = frozenset(_INTEGERS.split())
NUMBERS = ("DECIMAL", "FLOAT", "REAL", "DOUBLE")
TIMESTAMPS = ("TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@dataclass(frozen=True, slots=True)
class Table:
    """A loaded table: columns with DuckDB's types, and one row as the model reads it."""

    name: str
    columns: tuple[tuple[str, str], ...]
    n_rows: int
    sample: tuple[str, ...] | None
    remarks: tuple[str, ...] = ()  # of how it was read: doubts, rows left out

    @property
    def schema(self) -> TableSchema:
        """The table under the type names that the model knows."""
        columns = tuple((name, known_type(kind)) for name, kind in self.columns)
        return TableSchema(self.name, columns, self.n_rows)


def known_type(kind: str) -> str:
    """The type name that the model was trained on."""
    if kind in INTEGERS:
        return "INTEGER"
    if kind.startswith(NUMBERS) and not kind.endswith("]"):
        return "DOUBLE"
    if kind.startswith(("STRUCT", "MAP", "UNION", "ENUM")):
        return kind.partition("(")[0]
    return "TIMESTAMP" if kind in TIMESTAMPS else kind


def context(tables: Sequence[Table]) -> str:
    """What the model reads of the tables before its first action."""
    limit = max(MIN_TABLE, MAX_CONTEXT // max(1, len(tables)))
    n_shown = MAX_CONTEXT // MIN_TABLE
    lines = [_table(table, limit) for table in tables[:n_shown]]
    if len(tables) > n_shown:
        names = ", ".join(table.name for table in tables[n_shown:])
        lines.append(cut(f"and {len(tables) - n_shown} more tables: {names}", MAX_NAMES))
    return "\n".join(lines)


def _table(table: Table, limit: int) -> str:
    columns = [f"{as_written(name)} {kind}" for name, kind in table.schema.columns]
    sample = [cut(cell, MAX_SAMPLE_CELL) for cell in table.sample or ()]
    n_shown = _n_fitting(columns, sample, limit)
    lines = [f"Table {table.name} ({table.n_rows} rows)", ", ".join(columns[:n_shown])]
    if n_shown < len(columns):
        lines[1] += f", and {len(columns) - n_shown} more columns"
    if sample:
        lines.append(f"sample: {SEPARATOR.join(sample[:n_shown])}")
    return "\n".join([*lines, *table.remarks])


def _n_fitting(columns: Sequence[str], sample: Sequence[str], limit: int) -> int:
    """How many leading columns fit `limit` characters with their sample cells; at least one."""
    n_characters = 0
    for position, column in enumerate(columns):
        n_characters += len(column) + 2 + (len(sample[position]) + 3 if sample else 0)
        if n_characters > limit and position:
            return position
    return len(columns)


def description(tables: Sequence[Table], keys: Mapping[str, Sequence[str]]) -> str:
    """Tables with their exact types, a sample row and the columns that tell rows apart."""
    blocks = []
    for table in tables:
        lines = [f"Table {table.name} ({table.n_rows} rows)"]
        for position, (name, kind) in enumerate(table.columns):
            cell = (
                ""
                if table.sample is None
                else f", for example {cut(table.sample[position], MAX_SAMPLE_CELL)}"
            )
            mark = ", different in every row" if name in keys.get(table.name, ()) else ""
            lines.append(f"  {as_written(name)} {kind}{cell}{mark}")
        lines += [f"  {remark}" for remark in table.remarks]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)
