"""The verified teacher: every check it writes is really run, and its result goes into the trace as it came.

SQL runs in an in-memory DuckDB of this process and Python in a limited subprocess: both are here for speed and
run our own generated programs only, never a model's (that is what the runtime's tools and sandboxes are for).
"""

import ast
import operator
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from agent_runtime.types import Action, Backtrack, Check, Execution, FinalAnswer, Observation, Plan, Step
from agent_runtime_training.tasks.example import Row, TableData, Turn
from agent_runtime_training.tasks.rendering import (
    apply_edit,
    observe,
    render_error,
    render_number,
    render_rows,
)

PROGRAM_SECONDS = 10.0
PROGRAM_MEMORY_BYTES = 512 * 2**20
SANDBOX_FOLDER = "/work/run"  # where the sandbox keeps a task's files, as tracebacks name it


class TeacherError(Exception):
    """The teacher's trace went another way than its generator meant: a bug in the generator."""


class Rejected(Exception):
    """The task drawn has no single answer (a tie, two paths); the generator draws another."""


class Teacher:
    """Collects the turns of one trace while it carries out their checks."""

    def __init__(
        self,
        tables: Sequence[TableData] = (),
        files: Sequence[tuple[str, str]] = (),
        command: Sequence[str] = (),
    ) -> None:
        self.turns: list[Turn] = []
        self.files = dict(files)
        self.command = tuple(command)
        self._tables = {table.name: tuple(name for name, _ in table.columns) for table in tables}
        load(tables)

    def plan(self, *items: str) -> None:
        """Write the plan, numbered."""
        self._add(Plan(tuple(items)))

    def step(self, thought: str) -> None:
        """Take a step that needs no check."""
        self._add(Step(thought))

    def backtrack(self, reason: str) -> None:
        """Give the last line of thought up."""
        self._add(Backtrack(reason))

    def answer(self, text: str) -> None:
        """End the trace."""
        self._add(FinalAnswer(text))

    def sql(self, thought: str, query: str) -> list[Row]:
        """Run a query that must succeed; its rows."""
        try:
            columns, rows = run_sql(query)
        except duckdb.Error as error:
            raise TeacherError(f"{query!r}: {error}") from error
        self._add(Step(thought, Check("sql", query)), Observation("sql", *render_rows(columns, rows)))
        return rows

    def wrong_sql(self, thought: str, query: str) -> str:
        """Run a query that must fail; the error as the model reads it."""
        try:
            run_sql(query)
        except duckdb.Error as error:
            text, brief = render_error(error, self._tables, query)
            observation = Observation("sql", text, brief, "error")
            self._add(Step(thought, Check("sql", query)), observation, is_mistake=True)
            return brief
        raise TeacherError(f"{query!r} was meant to fail")

    def calc(self, thought: str, expression: str) -> str:
        """Compute an expression; the result as the model reads it."""
        value = evaluate(expression)
        brief = render_number(value)
        self._add(Step(thought, Check("calc", expression)), Observation("calc", str(value), brief))
        return brief

    def python(self, thought: str, code: str) -> str:
        """Run a program; what it printed, or its traceback."""
        observation = observe("python", run_command(("python", "-c", code), self.files), PROGRAM_SECONDS)
        self._add(Step(thought, Check("python", code)), observation)
        return observation.text.strip()

    def edit(self, thought: str, text: str) -> bool:
        """Apply `FILE:FIRST-LAST` and rerun the failing command; True when it passes now.

        The program is as it was before every edit: one edit, one hypothesis.
        """
        execution = run_command(self.command, apply_edit(self.files, text))
        observation = observe("edit", execution, PROGRAM_SECONDS)
        self._add(Step(thought, Check("edit", text)), observation)
        return observation.outcome == "ok"

    def mark_mistake(self) -> None:
        """Mark the last turn: the trace goes on, but nobody learns to write this."""
        last = self.turns[-1]
        self.turns[-1] = Turn(last.action, last.observation, is_mistake=True)

    def _add(self, action: Action, observation: Observation | None = None, is_mistake: bool = False) -> None:
        self.turns.append(Turn(action, observation, is_mistake))


# --- SQL


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": 1})


def load(tables: Sequence[TableData]) -> None:
    """Replace what the teacher's database holds by `tables`."""
    connection = _database()
    for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        connection.execute(f"DROP TABLE {quote(name)}")
    for table in tables:
        columns = ", ".join(f"{quote(name)} {kind}" for name, kind in table.columns)
        connection.execute(f"CREATE TABLE {quote(table.name)} ({columns})")
        if table.rows:
            row = "(" + ", ".join("?" * len(table.columns)) + ")"
            values = ", ".join([row] * len(table.rows))
            cells = [cell for cells in table.rows for cell in cells]
            connection.execute(f"INSERT INTO {quote(table.name)} VALUES {values}", cells)


def write_parquet(table: TableData, path: Path) -> None:
    """Write a table to a Parquet file, which keeps its types as they are."""
    load([table])
    _database().execute(f"COPY {quote(table.name)} TO '{path}' (FORMAT parquet)")


def run_sql(query: str) -> tuple[list[str], list[Row]]:
    """Column names and rows of one query."""
    cursor = _database().execute(query)
    return [column[0] for column in cursor.description or ()], cursor.fetchall()


def quote(name: str) -> str:
    """An identifier that stands for itself, whatever it is made of."""
    return '"' + name.replace('"', '""') + '"'


# --- arithmetic

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def evaluate(expression: str) -> Fraction:
    """The exact value of an arithmetic expression.

    Raises:
        TeacherError: It is no arithmetic expression, or divides by zero.
    """
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError, ValueError) as error:
        raise TeacherError(f"{expression!r}: {error}") from error


def _value(node: ast.AST) -> Fraction:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return Fraction(str(node.value))
    if isinstance(node, ast.BinOp):
        return Fraction(_OPERATORS[type(node.op)](_value(node.left), _value(node.right)))
    if isinstance(node, ast.UnaryOp):
        return Fraction(_OPERATORS[type(node.op)](_value(node.operand)))
    raise ValueError(f"{type(node).__name__} is no arithmetic")


# --- programs

# A shell sets the limits: `preexec_fn` is unsafe, and warned of, in a process with threads.
_LIMITED = (
    "/bin/sh",
    "-c",
    f'ulimit -t {PROGRAM_SECONDS:g}; ulimit -v {PROGRAM_MEMORY_BYTES // 1024}; exec "$@"',
    "sh",
)


def run_command(command: Sequence[str], files: Mapping[str, str]) -> Execution:
    """Run a command in a fresh folder with `files`, under limits of time and memory."""
    argv = [*_LIMITED, *(sys.executable if part == "python" else part for part in command)]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        try:
            done = subprocess.run(  # noqa: S603 - our own generated programs
                argv,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=PROGRAM_SECONDS,
                env={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Execution(-9, "", "", is_timeout=True)
    stdout, stderr = (text.replace(folder, SANDBOX_FOLDER) for text in (done.stdout, done.stderr))
    return Execution(done.returncode, stdout, stderr)
