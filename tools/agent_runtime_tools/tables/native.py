"""Parquet and DuckDB files: they have types of their own, which are kept."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from agent_runtime_tools.table_names import literal, quoted
from agent_runtime_tools.tables.containers import Plain
from agent_runtime_tools.tables.spool import plainly_named
from agent_runtime_tools.tables.staged import Staged, stage_typed


def stage_parquet(database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path) -> Staged:
    """Stage one Parquet file."""
    return _staged(
        database, plain, plain.stem, "read_parquet(?)", [str(plainly_named(plain.path, folder))], "Parquet"
    )


def stage_duckdb(database: duckdb.DuckDBPyConnection, plain: Plain) -> Iterator[Staged]:
    """Stage the base tables of a DuckDB file: a view can name any file of the machine."""
    database.execute(f"ATTACH {literal(str(plain.path))} AS source_file (READ_ONLY)")
    tables = database.execute(
        "SELECT schema_name, table_name FROM duckdb_tables()"
        " WHERE database_name = 'source_file' AND NOT internal ORDER BY table_oid"
    ).fetchall()
    for schema, table in tables:
        relation = f"source_file.{quoted(schema)}.{quoted(table)}"
        yield _staged(database, plain, table, relation, [], "DuckDB")
    database.execute("DETACH source_file")


def _staged(
    database: duckdb.DuckDBPyConnection,
    plain: Plain,
    name: str,
    reader: str,
    parameters: list[str],
    kind: str,
) -> Staged:
    names, kinds, n_rows = stage_typed(database, reader, parameters)
    return Staged(
        name=name,
        names=tuple(names),
        n_rows=n_rows,
        typed=frozenset(range(len(kinds))),
        container=" in ".join(filter(None, [kind, plain.container])),
        header="declared",
    )
