"""The base tables of an SQLite file. Views can do anything, and stay out; virtual tables do, too.

SQLite lets any cell hold anything, so its cells are read as text is, the declared type being a hint at dates alone.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from agent_runtime_tools.table_names import TableError, quoted
from agent_runtime_tools.tables.containers import Plain
from agent_runtime_tools.tables.encoding import as_western
from agent_runtime_tools.tables.spool import spool_rows, spooled_reader
from agent_runtime_tools.tables.staged import Staged, stage
from agent_runtime_tools.tables.types import Doubt

HIDDEN_COLUMN = 1  # of a virtual table; 2 and 3 are generated ones, which SELECT * shows


def stage_sqlite(database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path) -> Iterator[Staged]:
    """Stage the tables one after the other. Beside a journal a copy is read, so that nothing of the user's changes.

    Raises:
        TableError: It is no readable SQLite file.
    """
    path = plain.path
    journals = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    journals = [journal for journal in journals if journal.exists() and journal.stat().st_size]
    for file in [path, *journals] if journals else []:
        shutil.copyfile(file, folder / file.name)
    uri = f"{folder.joinpath(path.name).as_uri()}" if journals else f"{path.as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as source:
            yield from _tables(source, database, plain, folder)
    except sqlite3.Error as error:
        raise TableError(f"{plain.name!r} is no readable SQLite file: {error}") from None


def _tables(
    source: sqlite3.Connection, database: duckdb.DuckDBPyConnection, plain: Plain, folder: Path
) -> Iterator[Staged]:
    source.execute("PRAGMA trusted_schema = OFF")
    named = source.execute(
        "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY rowid"
    ).fetchall()
    views = [name for name, kind in named if kind == "view"]
    for number, (name, _) in enumerate(row for row in named if row[1] == "table"):
        note = f"views are left out: {', '.join(views)}" if views and not number else ""
        yield _stage_table(source, database, plain, folder, name, note)


def _stage_table(
    source: sqlite3.Connection,
    database: duckdb.DuckDBPyConnection,
    plain: Plain,
    folder: Path,
    name: str,
    note: str,
) -> Staged:
    info = source.execute("SELECT name, type, hidden FROM pragma_table_xinfo(?)", [name]).fetchall()
    columns = [(column, kind.upper()) for column, kind, hidden in info if hidden != HIDDEN_COLUMN]
    strays: list[bytes] = []

    def decode(data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            strays.append(data[:40])
            return as_western(data)

    source.text_factory = decode
    listed = ", ".join(quoted(column) for column, _ in columns)
    rows = source.execute(f"SELECT {listed} FROM {quoted(name)}")
    spool = folder / "spool.csv"
    spooled = spool_rows(rows, spool, len(columns), keeps_empty=True)
    source.text_factory = str
    n_rows = stage(database, spooled_reader(len(columns)), [str(spool)], len(columns))
    spool.unlink()
    text = (
        f"{len(strays)} texts are not UTF-8 and are read as cp1252, the first as {as_western(strays[0])!r}"
        if strays
        else ""
    )
    return Staged(
        name=name,
        names=tuple(column for column, _ in columns),
        n_rows=n_rows,
        numeric=spooled.numeric,
        dated=frozenset(i for i, (_, kind) in enumerate(columns) if "DATE" in kind or "TIME" in kind),
        doubts=(Doubt("", text),) if text else (),
        notes=(note,) if note else (),
        container=" in ".join(filter(None, ["SQLite", plain.container])),
        header="declared",
    )
