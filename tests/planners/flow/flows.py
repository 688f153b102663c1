"""A small flow in a database of its own: the `sql` tool that brings values, and the prompt that a question gets."""

from pathlib import Path

import duckdb

from agent_runtime.errors import ToolError
from agent_runtime.jobs.cashflow.macros import flow_macros
from agent_runtime.protocols import ToolContext
from agent_runtime.types import Observation, Prompt, ResultTable, TableSchema, Task, ToolSpec

ROWS = """sender,receiver,amount,day
A Ltd,B Ltd,100,1
B Ltd,C Ltd,90,2
C Ltd,D Ltd,80,2
C Ltd,D Ltd,70,3
D Ltd,A Ltd,60,4
A Ltd,X Ltd,10,1
X Ltd,D Ltd,9,2
"""
# Dated, and with a name that a split at bars would cut in two.
DATED = """payer,payee,amount,date
Acorn Ltd,Birch Ltd,120,2024-01-01
Acorn Ltd,Cedar Ltd,50,2024-01-02
Birch Ltd,Oak Ltd,90,2024-01-03
Cedar Ltd,Oak Ltd,45,2024-01-04
Oak Ltd,Acorn Ltd,30,2024-01-06
Acorn Ltd,Birch Ltd,80,2024-02-01
North | South Ltd,Oak Ltd,100.5,2024-02-02
North | South Ltd,"Elm, Inc.",49.5,2024-02-03
"""


class Flows:
    """Answers queries over one CSV file with its macros."""

    name = "sql"
    description = "one read-only query"

    def __init__(self, path: Path) -> None:
        self._database = duckdb.connect()
        self._database.execute(f"CREATE TABLE {path.stem} AS FROM read_csv('{path}')")
        found = self._database.execute(f"DESCRIBE {path.stem}").fetchall()
        (n_rows,) = self._database.execute(f"SELECT count(*) FROM {path.stem}").fetchone() or (0,)
        self.schema = TableSchema(path.stem, tuple((row[0], row[1]) for row in found), n_rows)
        for macro in flow_macros((self.schema,)):
            self._database.execute(macro)

    async def prepare(self, task: Task) -> ToolContext:
        return ToolContext(tables=(self.schema,))

    async def release(self, task: Task) -> None: ...

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        return self.observe(text)

    def observe(self, query: str) -> Observation:
        try:
            result = self._database.execute(query)
        except duckdb.Error as error:
            raise ToolError(str(error)) from None
        columns = tuple((str(column[0]), str(column[1])) for column in result.description or ())
        rows = tuple(
            tuple(cell if isinstance(cell, int | float | str | None) else str(cell) for cell in row)
            for row in result.fetchall()
        )
        lines = [" | ".join(name for name, _ in columns), *(" | ".join(map(str, row)) for row in rows)]
        text = "\n".join(lines)
        return Observation("sql", text, text, table=ResultTable(columns, rows, len(rows)))

    def prompt(self, question: str) -> Prompt:
        return Prompt(question, tools=(ToolSpec("sql", self.description),), tables=(self.schema,))
