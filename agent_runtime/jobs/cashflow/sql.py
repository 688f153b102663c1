"""Texts and names as SQL, and rows out of it: what comes from a user's file enters a statement through here only."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # who only builds SQL need not load DuckDB
    import duckdb


def quote(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def first_row(
    con: "duckdb.DuckDBPyConnection", query: str, values: Sequence[object] = ()
) -> tuple[Any, ...] | None:
    """The first row of a query; the result is read to its end, for an open one blocks the connection."""
    rows = con.execute(query, list(values)).fetchall()
    return rows[0] if rows else None


def only_row(con: "duckdb.DuckDBPyConnection", query: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
    """The one row of a query that always has one, an aggregate say."""
    row = first_row(con, query, values)
    assert row is not None
    return row
