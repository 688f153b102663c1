"""The `sql` tool: the user's tables in DuckDB, read by one statement at a time, in processes that can be killed.

Each task has workers of its own. The first one loads the task's files into a private DuckDB file and locks it;
more are started when checks of several branches overlap, and after a kill, and open that file read-only. Each
worker carries out one check at a time: a check that must be killed takes no other one with it, and the memory
limit is that of one check. A check ends at its limit by `SIGKILL`: DuckDB honours its own interrupt up to 12 s late.

Not covered: what the worker's limits do not bound (see `database_worker`), and the meaning of a query.
"""

import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from pydantic import TypeAdapter

from agent_runtime.dialogue import results
from agent_runtime.errors import InputError, SandboxError, ToolError, ToolTimeout
from agent_runtime.protocols import ToolContext
from agent_runtime.types import (
    Demonstration,
    Observation,
    ResultTable,
    TableFunction,
    TableSchema,
    Task,
    ToolForm,
)
from agent_runtime_tools.cells import MAX_TEXT
from agent_runtime_tools.closed_sql_grammar import closed_sql_grammar
from agent_runtime_tools.private_file import PrivateFolder
from agent_runtime_tools.reviewing import Ask, notes, other_readings, reviewed
from agent_runtime_tools.schema_text import MAX_CONTEXT, Table, context, description
from agent_runtime_tools.serving import Message
from agent_runtime_tools.sql_grammar import sql_grammar
from agent_runtime_tools.tables.remarks import misordered, remarks
from agent_runtime_tools.tables.types import Reading
from agent_runtime_tools.worker import MAX_CALLS, Worker

PROGRAM = Path(__file__).with_name("database_worker.py")
OPEN_SECONDS = 30.0  # opening takes 20 ms; a machine under load has taken seconds
PROFILE_SECONDS = 30.0
REVIEW_SECONDS = 2.0  # 10 ms as a rule; a million different texts take half a second
_READINGS = TypeAdapter(list[Reading])
DESCRIBE = re.compile(r"\s*DESCRIBE\s*;?\s*", re.IGNORECASE)
TABLE_MACRO = re.compile(r"\s*CREATE\s+MACRO\s+(\w+)\s*\(([^)]*)\)\s*AS\s+TABLE\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """What loading a file and carrying out a check may take."""

    load_seconds: float = 900.0  # 2 GB of CSV took 250 s on two busy cores
    load_memory_bytes: int = 2**30
    memory_bytes: int = 2**29
    n_rows: int = 200  # in the exact text; the brief one has 10
    n_workers: int = 2  # for one task; DuckDB uses two threads in each


Macros = Sequence[str] | Callable[[tuple[TableSchema, ...]], Sequence[str]]


@dataclass(slots=True)
class _Loaded:
    """The tables of one task, the path that workers open them by, and the workers that have."""

    tables: tuple[Table, ...]
    functions: tuple[TableFunction, ...]
    mentions: tuple[str, ...]
    readings: tuple[Reading, ...]
    file: str
    folder: PrivateFolder
    slots: anyio.Semaphore
    idle: list[Worker] = field(default_factory=list)
    busy: set[Worker] = field(default_factory=set)
    is_released: bool = False


class Database:
    """Meets `Tool` and `PreparedTool`.

    `macros` are SQL definitions that checks may call beside DuckDB's own, or a function that makes them for a
    task's tables. `guide` tells a chat model of them, where a task's tables have them.
    """

    name = "sql"
    description = (
        "one DuckDB SELECT statement over the tables; its rows come back. DESCRIBE alone shows "
        "types, samples, and which columns tell the rows apart"
    )
    form = ToolForm(
        guide="Texts stand exactly as the cells have them; ILIKE finds how one is written. Do not round.",
        demonstrations=(
            Demonstration(
                "How many orders came from Ohio?",
                "Count its orders.",
                "SELECT COUNT(*) FROM orders WHERE state = 'Ohio'",
                "17",
                "17",
            ),
        ),
        max_tokens=400,
    )

    def __init__(
        self,
        macros: Macros = (),
        limits: DatabaseLimits | None = None,
        *,
        guide: str = "",
        read: Sequence[str] = (),
    ) -> None:
        self._macros = macros
        self._guide = guide
        self._read = tuple(read)  # FILE.COLUMN=READING: see `tables.settings`
        self._limits = limits or DatabaseLimits()
        self._tasks: dict[str, _Loaded] = {}
        self._is_closed = False
        self._spare: Worker | None = None  # started, with nothing loaded: the next task finds it warm

    # --- a task's tables

    async def prepare(self, task: Task) -> ToolContext:
        """Load the task's tables; what the model reads about them, and their schemas.

        Raises:
            InputError: A file cannot be used; one line says what would be right.
            SandboxError: The worker program does not start.
        """
        await self.release(task)
        if not task.tables:
            return ToolContext(is_offered=False)
        loaded = self._tasks[task.id] = await self._load(task)
        schemas = tuple(table.schema for table in loaded.tables)
        return ToolContext(
            context(loaded.tables),
            schemas,
            loaded.functions,
            loaded.mentions,
            tuple(f"{one.table}: {doubt.text}" for one in loaded.readings for doubt in one.doubts),
            grammar=sql_grammar(schemas, loaded.functions),
            closed_grammar=closed_sql_grammar(
                schemas, [replace(one, columns=()) for one in loaded.functions]
            ),
            guide=self._guide if loaded.functions else "",
        )

    async def release(self, task: Task) -> None:
        """Kill the task's workers and free its tables."""
        loaded = self._tasks.pop(task.id, None)
        if loaded is None:
            return
        loaded.is_released = True
        with anyio.CancelScope(shield=True):
            for worker in loaded.idle:
                await worker.kill()
            for worker in list(loaded.busy):
                await worker.stop()
            loaded.folder.remove()

    async def aclose(self) -> None:
        """Release every task; no process and no file is left, and nothing can be loaded any more."""
        self._is_closed = True
        for task_id in list(self._tasks):
            await self.release(Task(task_id, ""))
        if self._spare is not None:
            await self._spare.kill()
            self._spare = None

    async def _load(self, task: Task) -> _Loaded:
        folder = PrivateFolder()
        worker = self._take_spare()
        try:
            readings: list[Reading] = []
            for path in task.tables:
                readings += await self._load_file(worker, path, folder.path, task.tables)
            tables, functions, mentions = await self._finish(worker, folder.path, task.question, readings)
            file = folder.adopt(folder.path / "tables.duckdb")
        except BaseException:
            with anyio.CancelScope(shield=True):
                await worker.kill()
                folder.remove()
            raise
        slots = anyio.Semaphore(self._limits.n_workers)
        return _Loaded(tables, functions, mentions, tuple(readings), file, folder, slots, idle=[worker])

    async def _load_file(
        self, worker: Worker, path: Path, folder: Path, paths: Sequence[Path]
    ) -> list[Reading]:
        limits = self._limits
        memory = _mebibytes(limits.load_memory_bytes)
        request: Message = {"do": "load", "path": _absolute(path), "folder": str(folder), "memory": memory}
        request |= {"read": self._read, "paths": [_absolute(each) for each in paths]}
        try:
            reply = await worker.call(request, limits.load_seconds)
        except ToolTimeout:
            raise InputError(
                f"{path.name!r} takes more than {limits.load_seconds:g} s to load: keep the rows that are needed"
            ) from None
        except ToolError as error:
            raise InputError(f"{path.name!r} cannot be loaded, it may be damaged: {error}") from None
        if "error" in reply:
            raise InputError(str(reply["error"]))
        return _READINGS.validate_python(reply["readings"])

    async def _finish(
        self, worker: Worker, folder: Path, question: str, readings: Sequence[Reading]
    ) -> tuple[tuple[Table, ...], tuple[TableFunction, ...], tuple[str, ...]]:
        memory = _mebibytes(self._limits.memory_bytes)
        try:
            macros = await self._macros_for(worker)
            heads = [head for macro in macros if (head := TABLE_MACRO.match(macro))]
            calls = [_call(*head.groups()) for head in heads]
            defined = {"folder": str(folder), "macros": macros, "calls": calls}
            request: Message = {"do": "finish", "memory": memory, "question": question} | defined
            request["misordered"] = misordered(readings)
            reply = await worker.call(request, self._limits.load_seconds)
        except ToolError as error:
            raise InputError(f"the tables cannot be made ready: {error}") from None
        if "error" in reply:
            raise InputError(str(reply["error"]))
        found = zip(heads, reply["columns"], strict=True)
        functions = tuple(_function(head[1], head[2], columns) for head, columns in found)
        said = {reading.table: remarks(reading) for reading in readings}
        tables = tuple(_table(table, said.get(table["name"], ())) for table in reply["tables"])
        return tables, functions, tuple(reply["mentions"])

    async def _macros_for(self, worker: Worker) -> list[str]:
        if not callable(self._macros):
            return list(self._macros)
        reply = await worker.call({"do": "tables"}, self._limits.load_seconds)
        return list(self._macros(tuple(_table(table).schema for table in reply["tables"])))

    # --- checks

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Carry out one statement; waiting for a free worker does not count against `seconds`.

        Raises:
            ToolError: The statement is refused or wrong; the near names are in the message.
            ToolTimeout: It was killed at its limit.
            SandboxError: A worker does not start, or cannot open the tables.
        """
        if DESCRIBE.fullmatch(text):
            return await self._observe_tables(task, seconds)
        started = time.monotonic()
        request = {"do": "query", "text": text, "rows": self._limits.n_rows, "counted": results.COUNTED_ROWS}
        async with self._at_work(self._of(task)) as ask:
            started_work = time.monotonic()
            reply = await ask(request, seconds)
            if "error" in reply:
                raise ToolError(str(reply["error"]))
            table = _result(reply)
            left = min(seconds - (time.monotonic() - started_work), REVIEW_SECONDS)
            shape, remarks = await reviewed(ask, str(reply.get("read_as", text)), table, left)
        remarks = (*other_readings(reply), *remarks)
        written = results.texts(table, remarks, notes(reply))
        return Observation(
            tool=self.name,
            text=written.text,
            brief=written.brief,
            seconds=time.monotonic() - started,
            is_truncated=reply["is_cut"] or table.n_rows != len(table.rows),
            table=table,
            remarks=remarks,
            shape=shape,
        )

    async def describe(self, task: Task, seconds: float = PROFILE_SECONDS) -> str:
        """The tables at length: exact types, number of rows, a sample row, the columns that tell rows apart.

        Raises:
            ToolError: The task has no tables, or they are too big to be looked through in time.
        """
        loaded = self._of(task)
        reply = await self._call(loaded, {"do": "profile"}, seconds)
        return description(loaded.tables, reply["keys"])

    def readings(self, task: Task) -> tuple[Reading, ...]:
        """How each table of the task was read; empty where it has none."""
        loaded = self._tasks.get(task.id)
        return loaded.readings if loaded else ()

    async def _observe_tables(self, task: Task, seconds: float) -> Observation:
        started = time.monotonic()
        described = await self.describe(task, seconds)
        text, brief = results.cut(described, MAX_TEXT), results.cut(described, MAX_CONTEXT)
        took = time.monotonic() - started
        return Observation(self.name, text, brief, seconds=took, is_truncated=text != described)

    def _of(self, task: Task) -> _Loaded:
        try:
            return self._tasks[task.id]
        except KeyError:
            raise ToolError("there are no tables to query: no table file came with the question") from None

    async def _call(self, loaded: _Loaded, request: Message, seconds: float) -> Message:
        async with self._at_work(loaded) as ask:
            return await ask(request, seconds)

    @asynccontextmanager
    async def _at_work(self, loaded: _Loaded) -> AsyncIterator[Ask]:
        """A worker that has the tables open and answers nobody else meanwhile."""
        async with loaded.slots:
            worker = self._take(loaded)
            loaded.busy.add(worker)
            try:
                if not worker.n_calls:
                    await self._open(worker, loaded)
                yield lambda request, seconds: worker.call(request, seconds, is_alone=len(loaded.busy) == 1)
            finally:
                loaded.busy.discard(worker)
                await self._put_back(worker, loaded)

    async def _open(self, worker: Worker, loaded: _Loaded) -> None:
        memory = _mebibytes(self._limits.memory_bytes)
        try:
            request: Message = {"do": "open", "file": loaded.file, "memory": memory}
            request["misordered"] = misordered(loaded.readings)
            await worker.call(request, OPEN_SECONDS)
        except ToolError as error:
            raise SandboxError(f"a new worker cannot open the tables: {error}") from None

    async def _put_back(self, worker: Worker, loaded: _Loaded) -> None:
        if worker.is_alive and not loaded.is_released and worker.n_calls < MAX_CALLS:
            loaded.idle.append(worker)
            return
        await worker.kill()
        self._warm_up()

    def _take(self, loaded: _Loaded) -> Worker:
        """A worker that has the tables open, if there is one that nothing outside has killed."""
        while loaded.idle:
            worker = loaded.idle.pop()
            if worker.is_alive:
                return worker
            worker.close()
        return self._take_spare()

    def _take_spare(self) -> Worker:
        """A worker that has nothing loaded; another one starts in its place."""
        self._warm_up()
        worker, self._spare = self._spare, None
        if worker is None:
            raise SandboxError("the sql tool is closed: open a new one")
        self._warm_up()
        return worker

    def _warm_up(self) -> None:
        if not self._is_closed and (self._spare is None or not self._spare.is_alive):
            self._spare = Worker(self.name, PROGRAM)


def _table(table: Message, said: tuple[str, ...] = ()) -> Table:
    columns = tuple((name, kind) for name, kind in table["columns"])
    sample = table["sample"]
    if sample is not None:
        sample = tuple(results.shown(cell, kind) for cell, (_, kind) in zip(sample, columns, strict=True))
    return Table(table["name"], columns, table["n_rows"], sample, said)


def _result(reply: Message) -> ResultTable:
    columns = tuple((str(name), str(kind)) for name, kind in reply["columns"])
    return ResultTable(columns, tuple(map(tuple, reply["rows"])), reply["n_rows"])


def _function(name: str, parameters: str, columns: Sequence[str]) -> TableFunction:
    return TableFunction(name, tuple(re.findall(r"(\w+)\s*:=", parameters)), tuple(columns))


def _call(name: str, parameters: str) -> str:
    """A call of a macro with nothing in every parameter that has no default: enough to tell its columns."""
    n_needed = sum(":=" not in part for part in parameters.split(",") if part.strip())
    return f"{name}({', '.join(['NULL'] * n_needed)})"


def _absolute(path: Path) -> str:
    """The worker's folder is another one."""
    return str(path.absolute())


def _mebibytes(n_bytes: int) -> str:
    return f"{n_bytes >> 20}MiB"
