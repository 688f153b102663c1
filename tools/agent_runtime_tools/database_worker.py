"""The worker program of the database: loads files into a private DuckDB file, locks it, answers queries.

One process serves one task. The tables are written to a file, which is then opened read-only: a worker that was
killed is replaced by one that opens the same file in milliseconds, and data larger than memory stays on disk.
From that moment on the process cannot write a file at all (`RLIMIT_FSIZE` 0). A query runs in a read-only
transaction that is always rolled back, so nothing of it reaches the next one.

Not covered: a crafted data file that takes over the loader gets a process with limits, not a sandbox.
"""

import contextlib
import dataclasses
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import duckdb

from agent_runtime_tools.cells import Cell, cell, is_lossy, kept, kind_of, written_out
from agent_runtime_tools.dialects import readings
from agent_runtime_tools.keyword_names import quote_names
from agent_runtime_tools.mentions import mention_query, mentioned
from agent_runtime_tools.query_errors import explain
from agent_runtime_tools.review.review import read, remarks_on, shape_of
from agent_runtime_tools.review.tree import QueryTree
from agent_runtime_tools.serving import Limits, Message, serve
from agent_runtime_tools.sql_gate import Gate, Refused
from agent_runtime_tools.table_names import TableError, keywords, quoted
from agent_runtime_tools.tables.loading import load_file
from agent_runtime_tools.tables.settings import FileSettings, parse_settings

ADDRESS_BYTES = 5 * 2**29  # 2.5 GB: DuckDB's own memory limit does not bind its string functions
LOADED_BYTES = 2**36  # of the private file, and of what sorting spills while it is made
COMPRESSED_BYTES = (
    2**28
)  # of a user's file: compressing doubles the time to load, and pays where memory is short
THREADS = 2
FETCHED_ROWS = 2_048
SEARCHED_ROWS = 1_000_000

Settings = dict[str, str | bool | int | float | list[str]]

LOADING: Settings = {
    "threads": THREADS,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
}
# of the gate's questions: one row each, so that a second thread only costs
PARSING: Settings = {"threads": 1, "memory_limit": "128MiB"}
# in this order, the lock last; the ones that some version does not know are passed over
LOCKS = (
    "SET max_expression_depth = 200",
    "SET enable_external_file_cache = false",
    "SET pivot_limit = 500",
    "SET python_enable_replacements = false",
    "SET python_scan_all_frames = false",
    "SET allow_persistent_secrets = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
REQUIRED = frozenset({LOCKS[0], *LOCKS[-2:]})


def _lock(database: duckdb.DuckDBPyConnection) -> None:
    for statement in LOCKS:
        try:
            database.execute(statement)
        except duckdb.Error:
            if statement in REQUIRED:
                raise


class Session:
    """The tables of one task: first `load` and `finish`, or `open`; then any number of queries."""

    def __init__(self) -> None:
        self._database: duckdb.DuckDBPyConnection | None = None
        self._parser: duckdb.DuckDBPyConnection | None = None  # for the gate: it sees no table
        self._transaction: tuple[duckdb.Statement, duckdb.Statement] | None = None  # its begin and its end
        self._names: list[str] = []
        self._aliases: dict[str, str] = {}
        self._tables: dict[str, tuple[str, ...]] = {}
        self._gate = Gate({})
        self._kinds: dict[str, list[tuple[str, str]]] = {}
        self._last: tuple[str, QueryTree | None] = "", None  # read once, for its shape and its review
        self._keyword_names: frozenset[str] = frozenset()  # of tables and columns

    def handle(self, request: Message) -> Message:
        try:
            match request["do"]:
                case "load":
                    return self._load(request)
                case "tables":
                    return {"tables": self._describe()}
                case "finish":
                    columns = self._define(request["macros"], request["calls"])
                    self._name_aliases()
                    opened = self._finish(Path(request["folder"]), request["memory"])
                    self._gate.misordered = request["misordered"]
                    mentions = self._mentions(opened["tables"], request["question"])
                    return opened | {"columns": columns, "mentions": mentions}
                case "open":
                    opened = self._open(request["file"], request["memory"])
                    self._gate.misordered = request["misordered"]
                    return opened
                case "query":
                    return self._query(request["text"], request["rows"], request["counted"])
                case "shape":
                    return {"shape": shape_of(self._read(request["text"]))}
                case "review":
                    return {"remarks": self._review(request)}
                case _:
                    return self._profile()
        except (TableError, Refused) as refusal:
            return {"error": str(refusal)}

    @property
    def database(self) -> duckdb.DuckDBPyConnection:
        assert self._database is not None, "load or open first"
        return self._database

    # --- making the file

    def _load(self, request: Message) -> Message:
        path, folder = Path(request["path"]), Path(request["folder"])
        if self._database is None:
            settings = LOADING | {"memory_limit": request["memory"], "temp_directory": str(folder / "spill")}
            self._database = duckdb.connect(str(folder / "tables.duckdb"), config=settings)
            self._database.execute("SET python_enable_replacements = false")
        with contextlib.suppress(OSError):  # what is wrong with the file is said by `load_file`
            method = "auto" if path.stat().st_size > COMPRESSED_BYTES else "uncompressed"
            self._database.execute(f"SET force_compression = '{method}'")
        settled = parse_settings(request["read"], [Path(each) for each in request["paths"]])
        taken = {name.lower() for name in self._names}
        readings = load_file(self._database, path, folder, taken, settled.get(path, FileSettings()))
        self._names += [reading.table for reading in readings]
        self._aliases |= {reading.table: reading.alias for reading in readings if reading.alias}
        return {"readings": [dataclasses.asdict(reading) for reading in readings]}

    def _name_aliases(self) -> None:
        """A table is found by the name that its file gives it, too, in quotes."""
        taken = {name.lower() for name in self._names}
        for table, alias in self._aliases.items():
            if alias.lower() not in taken and "\0" not in alias:
                taken.add(alias.lower())
                self.database.execute(f"CREATE VIEW {quoted(alias)} AS FROM {quoted(table)}")

    def _define(self, macros: Sequence[str], calls: Sequence[str]) -> list[list[str]]:
        """Create the macros; the columns that each of `calls` returns, none where that hangs on what it is given."""
        try:
            for macro in macros:
                self.database.execute(macro)
        except duckdb.Error as error:
            raise TableError(f"a macro does not fit the tables: {explain(error, {}, '')}") from None
        columns: list[list[str]] = []
        for call in calls:
            columns.append([])
            with contextlib.suppress(duckdb.Error):
                columns[-1] += [
                    str(row[0]) for row in self.database.execute(f"DESCRIBE FROM {call}").fetchall()
                ]
        return columns

    def _finish(self, folder: Path, memory: str) -> Message:
        self.database.close()
        return self._open(str(folder / "tables.duckdb"), memory)

    # --- locked

    def _open(self, file: str, memory: str) -> Message:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        settings = LOADING | {"memory_limit": memory, "temp_directory": ""}
        self._database = duckdb.connect(file, read_only=True, config=settings)
        tables = self._describe()
        self._tables = {table["name"]: tuple(name for name, _ in table["columns"]) for table in tables}
        self._kinds = {table["name"]: table["columns"] for table in tables}
        self._gate = Gate(
            self._tables,
            macros=self._column("SELECT function_name FROM duckdb_functions() WHERE NOT internal"),
            catalog=next(iter(self._column("SELECT current_database()"))),
            hidden=self._column("SELECT view_name FROM duckdb_views() WHERE internal"),
            aliases=self._column("SELECT view_name FROM duckdb_views() WHERE NOT internal"),
        )
        columns = (column.lower() for names in self._tables.values() for column in names)
        self._keyword_names = keywords() & {*columns, *self._gate.aliases}
        begin, end = self._database.extract_statements("BEGIN TRANSACTION READ ONLY; ROLLBACK")
        self._transaction = begin, end
        self._parser = duckdb.connect(config=settings | PARSING)
        self._parser.execute("PRAGMA disable_optimizer")
        _lock(self._parser)
        _lock(self._database)
        return {"tables": tables}

    def _column(self, statement: str) -> frozenset[str]:
        return frozenset(str(row[0]).lower() for row in self.database.execute(statement).fetchall())

    def _describe(self) -> list[Message]:
        """Every table in the order of loading: columns with types, number of rows, one row as a sample."""
        tables = []
        names = self.database.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
        for name in self._names or [row[0] for row in names]:
            columns = self.database.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
                [name],
            ).fetchall()
            sample = self.database.execute(f"SELECT * FROM {quoted(name)} LIMIT 1").fetchone()  # noqa: S608 - quoted
            count = self.database.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()  # noqa: S608
            tables.append(
                {
                    "name": name,
                    "columns": columns,
                    "n_rows": count[0] if count else 0,
                    "sample": sample if sample is None else _sample(sample, columns),
                }
            )
        return tables

    def _mentions(self, tables: Sequence[Message], question: str) -> list[str]:
        """The text cells that the question names; tables of more than `SEARCHED_ROWS` rows are not searched."""
        values: set[str] = set()
        names: set[str] = set()
        for table in tables:
            names |= {table["name"], *(name for name, _ in table["columns"])}
            columns = [name for name, kind in table["columns"] if kind == "VARCHAR"]
            for column in columns if table["n_rows"] <= SEARCHED_ROWS else ():
                statement = mention_query(quoted(table["name"]), quoted(column))
                values |= {row[0] for row in self.database.execute(statement, [question]).fetchall()}
        return mentioned(values, question, names)

    def _query(self, text: str, n_kept: int, n_counted: int) -> Message:
        try:
            return self._run(text, n_kept, n_counted)
        except (duckdb.FatalException, duckdb.InternalException):
            raise  # the engine's state is unknown: this process ends
        except (duckdb.Error, Refused) as error:
            refusal = str(error) if isinstance(error, Refused) else explain(error, self._tables, text)
            if isinstance(error, duckdb.OutOfMemoryException):
                return {"error": refusal}
            return self._translated(text, n_kept, n_counted) or {"error": refusal}

    def _translated(self, text: str, n_kept: int, n_counted: int) -> Message | None:
        """The result of what a refused query means in another dialect; None where it means nothing, or too much."""
        found: dict[str, Message] = {}
        for reading in readings(text):
            try:
                reply = self._run(reading.query, n_kept, n_counted)
            except (duckdb.FatalException, duckdb.InternalException):
                raise
            except (duckdb.Error, Refused):
                continue
            if all(reply["rows"] != other["rows"] for other in found.values()):
                found[reading.dialect] = reply | {"read_as": reading.query, "dialect": reading.dialect}
        if not found:
            return None
        first, *others = found.values()
        return first | {"other_readings": [f"{one['dialect']}: {one['read_as']}" for one in others]}

    def _run(self, text: str, n_kept: int, n_counted: int) -> Message:
        assert self._parser is not None, "open first"
        statement = self._check(self._parser, text)
        with self._reading() as database:
            return self._result(database.execute(statement), text, n_kept, n_counted)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The database in a transaction of which nothing is left."""
        assert self._transaction is not None, "open first"
        begin, end = self._transaction
        self.database.execute(begin)
        try:
            yield self.database
        finally:
            self.database.execute(end)

    def _result(self, cursor: duckdb.DuckDBPyConnection, text: str, n_kept: int, n_counted: int) -> Message:
        """The first rows as cells, and how many there are; None where counting them would take too long."""
        names = [column[0] for column in cursor.description or ()]
        kinds = [kind_of(column[1]) for column in cursor.description or ()]
        rows: list[Sequence[object]] = list(cursor.fetchmany(n_kept + 1))
        n_found: int | None = len(rows)
        while n_found is not None and n_found > n_kept and (more := len(cursor.fetchmany(FETCHED_ROWS))):
            n_found = n_found + more if n_found + more <= n_counted else None
        if any(are_lossy := is_lossy(kinds, rows)):
            rows = self._written_out(text, are_lossy, n_kept)
        cells, is_cut = kept(rows[:n_kept], kinds)
        columns = list(zip(names, kinds, strict=True))
        return {"columns": columns, "rows": cells, "n_rows": n_found, "is_cut": is_cut}

    def _written_out(self, text: str, are_lossy: Sequence[bool], n_kept: int) -> list[Sequence[object]]:
        """The same rows once more, with what Python would change as DuckDB writes it."""
        assert self._parser is not None
        statement = self._check(self._parser, written_out(text, are_lossy))
        return list(self.database.execute(statement).fetchmany(n_kept))

    def _read(self, text: str) -> QueryTree | None:
        if self._last[0] != text:
            self._last = text, read(text, self._kinds)
        return self._last[1]

    def _review(self, request: Message) -> list[tuple[str, str, bool]]:
        query = self._read(request["text"])
        with self._reading() as database:
            return remarks_on(
                query,
                lambda statement: database.execute(statement).fetchall(),
                request["n_rows"],
                request["is_null"],
                request["zeros"],
            )

    def _check(self, parser: duckdb.DuckDBPyConnection, text: str) -> duckdb.Statement:
        """Pass the statement; one that names a column `left` without quotes gets them."""
        try:
            return self._gate.check(parser, text)
        except Refused:
            if not self._keyword_names or (mended := quote_names(text, self._keyword_names)) == text:
                raise
            with contextlib.suppress(Refused):
                return self._gate.check(parser, mended)
            raise

    def _profile(self) -> Message:
        """For each table the columns whose values are all there and all different: what rows can be named by."""
        keys = {}
        for table, columns in self._tables.items():
            counts = ", ".join(
                f"count({quoted(column)}), count(DISTINCT {quoted(column)})" for column in columns
            )
            row = self.database.execute(f"SELECT count(*), {counts} FROM {quoted(table)}").fetchone()  # noqa: S608
            assert row is not None
            keys[table] = [
                column for i, column in enumerate(columns) if row[0] == row[1 + 2 * i] == row[2 + 2 * i]
            ]
        return {"keys": keys}


def _sample(row: Sequence[object], columns: Sequence[Sequence[str]]) -> list[Cell]:
    return [cell(value, kind) for value, (_, kind) in zip(row, columns, strict=True)]


if __name__ == "__main__":
    serve(
        Session().handle,
        Limits(ADDRESS_BYTES, file_bytes=LOADED_BYTES, open_files=128, cpus=THREADS, can_fork=True),
    )
