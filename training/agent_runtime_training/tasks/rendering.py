"""Results as the runtime's own tools show them, so that training text is the text met at run time.

The one module of the training side that knows the tools' package: it uses their renderers, never their processes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb

from agent_runtime.dialogue import results
from agent_runtime.dialogue.results import shown
from agent_runtime.kernel.dispatch import MAX_BRIEF_ERROR
from agent_runtime.types import Execution, Observation, ResultTable, TableSchema
from agent_runtime_tools import code, query_errors, schema_text
from agent_runtime_tools.cells import cell as as_cell
from agent_runtime_tools.table_names import as_written

identifier = as_written

KINDS = {str: "VARCHAR", float: "DOUBLE", Decimal: "DECIMAL"}


def render_number(value: int | float | Decimal | Fraction) -> str:
    """A number as the calculator shows it: two decimals at most, no trailing zeros."""
    return results.two_decimals_number(Fraction(str(value)) if isinstance(value, float) else Fraction(value))


def render_cell(cell: Any) -> str:  # noqa: ANN401 - a cell of any column type
    """One cell of a result or of a sample row, as the database shows it."""
    return (
        render_number(cell)
        if isinstance(cell, Fraction)
        else results.two_decimals_cell(as_cell(cell), _kind(cell))
    )


def render_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[str, str]:
    """A query's result: exact for the record, brief for the model."""
    kinds = [
        next((_kind(row[place]) for row in rows if row[place] is not None), "")
        for place in range(len(columns))
    ]
    cells = tuple(tuple(as_cell(cell) for cell in row) for row in rows)
    table = ResultTable(tuple(zip(columns, kinds, strict=True)), cells, len(rows))
    return results.exact(table), results.two_decimals_table(table)


def _kind(cell: Any) -> str:  # noqa: ANN401 - a cell of any column type
    """The column type that a Python value came from, as far as it changes how it is shown."""
    if isinstance(cell, list) and cell:
        return f"{_kind(cell[0])}[]"
    return next((kind for known, kind in KINDS.items() if isinstance(cell, known)), "")


def render_error(error: duckdb.Error, tables: Mapping[str, tuple[str, ...]], query: str) -> tuple[str, str]:
    """A query's error, in full and as the model reads it."""
    message = query_errors.explain(error, tables, query)
    return message, f"error: {message.splitlines()[0][:MAX_BRIEF_ERROR]}"


def render_context(name: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> str:
    """What the model reads of a table: its first row is the sample."""
    pairs = zip(rows[0], columns, strict=True) if rows else ()
    written = [shown(cell, kind) if isinstance(cell, str) else render_cell(cell) for cell, (_, kind) in pairs]
    sample = tuple(written) if rows else None
    return schema_text.context([schema_text.Table(name, tuple(columns), len(rows), sample)])


def known_schema(name: str, columns: Sequence[tuple[str, str]], n_rows: int) -> TableSchema:
    """A table as the grammar knows it: DuckDB's types under the names that the model knows."""
    return schema_text.Table(name, tuple(columns), n_rows, None).schema


def observe(tool: str, execution: Execution, seconds: float) -> Observation:
    """What a program did, as the `python` and `edit` tools show it."""
    return code.observe(tool, execution, seconds)


def apply_edit(files: Mapping[str, str], text: str) -> dict[str, str]:
    """The files after an edit, `FILE:FIRST-LAST` and the lines that replace these."""
    edited = code.apply_edit(text, {name: content.encode() for name, content in files.items()})
    return {name: content.decode() for name, content in edited.items()}


def csv_cell(cell: Any) -> Any:  # noqa: ANN401 - a cell of any column type
    """A cell as a CSV file has it; an empty field is a null."""
    if cell is None:
        return ""
    return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell
