"""Fixed derivations through the runtime: a scripted model writes given checks and quotes what the first one brought.

Many runs go side by side through one runtime. What a run is to write travels with it as a context variable, because the
model and the strategy are shared by all. The tables of an item are loaded once for all its runs.
"""

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import sqlglot
from sqlglot import exp

from agent_runtime.concurrency import gather
from agent_runtime.config import RunConfig
from agent_runtime.kernel.runtime import Runtime
from agent_runtime.models.scripted import completion
from agent_runtime.protocols import Expander, Model, Strategy, ToolContext
from agent_runtime.search.chain import Chain
from agent_runtime.search.vote import Vote
from agent_runtime.types import (
    Action,
    Answer,
    Check,
    Completion,
    FinalAnswer,
    Judgement,
    ModelCard,
    Observation,
    Plan,
    Request,
    Step,
    Task,
)
from agent_runtime_tools.database import Database
from evals.mutations import DIALECT
from evals.packs.items import Item

N_QUOTED = 8  # rows in an answer
N_AT_ONCE = 8


@dataclass(slots=True)
class Script:
    """The checks of each branch of one run, and what the judge said of it (last step, answer)."""

    branches: tuple[tuple[Check, ...], ...]
    step_score: float | None = None
    answer_score: float | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One derivation to be run, alone or with others: `form` says how, `mutation` is None for the right one."""

    item: str
    form: str
    mutation: str | None
    branches: tuple[tuple[Check, ...], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case; `error` is a failure of the runtime itself."""

    case: Case
    answer: Answer | None
    step_score: float | None = None
    answer_score: float | None = None
    error: str = ""


_SCRIPT: ContextVar[Script] = ContextVar("script")


class ScriptWriter:
    """A model that writes the script of the run that asks; `judge_model`, where given, judges."""

    def __init__(self, judge_model: Model | None = None) -> None:
        self._judge_model = judge_model

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        script = _SCRIPT.get()
        return [completion(_next(script, request)) for request in requests]

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        if self._judge_model is None:
            return [Judgement() for _ in requests]
        found = await self._judge_model.judge(requests)
        script = _SCRIPT.get()
        for request, judgement in zip(requests, found, strict=True):
            if isinstance(request.path[-1].action, FinalAnswer):
                script.answer_score = judgement.score
            else:
                script.step_score = judgement.score
        return found

    async def card(self) -> ModelCard:
        return ModelCard("scripted derivations", device="none", context_tokens=1_000_000)

    async def aclose(self) -> None:
        """Nothing is held; the judge belongs to the caller."""


def _next(script: Script, request: Request) -> Action:
    if not request.path:
        which = request.index % len(script.branches)
        return Plan((f"Derive it in way {which + 1}", "Report the result"))
    plan = request.path[0].action
    assert isinstance(plan, Plan)
    checks = script.branches[int(plan.items[0].rpartition(" ")[2]) - 1]
    done = [node.observation for node in request.path if node.observation is not None]
    if len(done) < len(checks):
        return Step(f"Check {len(done) + 1}.", checks[len(done)])
    return FinalAnswer(quoted(done[0]))


def quoted(observation: Observation) -> str:
    """The first rows of a result as an answer."""
    lines = observation.text.strip().splitlines()
    return "; ".join(lines[1 : N_QUOTED + 1] if len(lines) > 1 else lines) or "none"


class AsScripted:
    """A strategy with as many branches as the script of the run has."""

    async def search(self, tree: Expander) -> None:
        n = len(_SCRIPT.get().branches)
        strategy: Strategy = Chain() if n == 1 else Vote(n, wave=n)
        await strategy.search(tree)


class SharedTables:
    """The `sql` tool over tables that many tasks share: they are loaded at the first, and kept until `forget`."""

    def __init__(self) -> None:
        self._inner = Database()
        self._loaded: dict[tuple[Path, ...], tuple[Task, ToolContext]] = {}
        self._lock = anyio.Lock()
        self._brought: dict[tuple[str, str], Observation] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # its name, description, form and whatever else the runtime reads

    async def prepare(self, task: Task) -> ToolContext:
        if not task.tables:
            return await self._inner.prepare(task)
        async with self._lock:
            if task.tables not in self._loaded:
                self._loaded[task.tables] = (task, await self._inner.prepare(task))
            return self._loaded[task.tables][1]

    async def release(self, task: Task) -> None:
        """Nothing yet: the next task has the same tables."""

    async def forget(self, tables: tuple[Path, ...]) -> None:
        task, _ = self._loaded.pop(tables, (None, None))
        if task is not None:
            await self._inner.release(task)

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        first = self._loaded[task.tables][0] if task.tables else task
        key = (first.id, text)
        if key not in self._brought:
            self._brought[key] = await self._inner.run(text, first, seconds)
        return self._brought[key]

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass(slots=True)
class Bench:
    """An open runtime with what its runs share."""

    runtime: Runtime
    tables: SharedTables
    folder: Path
    _ids: "count[int]" = field(default_factory=count)

    async def run(self, items: dict[str, Item], cases: Sequence[Case]) -> list[Outcome]:
        """All cases, item by item; the outcomes in no order."""
        outcomes: list[Outcome] = []
        for item_id in dict.fromkeys(case.item for case in cases):
            place = self.folder / str(next(self._ids))
            place.mkdir()
            task = asked(items[item_id].place(place, "tables"))
            calls = [_call(self._one, case, task) for case in cases if case.item == item_id]
            outcomes += await gather(calls, N_AT_ONCE)
            await self.tables.forget(task.tables)
        return outcomes

    async def _one(self, case: Case, task: Task) -> Outcome:
        script = Script(case.branches)
        token = _SCRIPT.set(script)
        try:
            answer = await self.runtime.solve(self.runtime.new_task(task.question, task.tables))
        except Exception as error:  # whatever it is: the other cases are measured all the same
            return Outcome(case, None, error=f"{type(error).__name__}: {error}")
        finally:
            _SCRIPT.reset(token)
        return Outcome(case, answer, script.step_score, script.answer_score)


def _call(
    run: Callable[[Case, Task], Awaitable[Outcome]], case: Case, task: Task
) -> Callable[[], Awaitable[Outcome]]:
    return lambda: run(case, task)


def asked(task: Task) -> Task:
    """A task without what a pack says about the form of the answer."""
    return Task(task.id, task.question.partition("\nToday is")[0], task.tables)


async def measured(
    items: dict[str, Item], cases: Sequence[Case], judge: Model | None = None
) -> list[Outcome]:
    """Run the cases through a runtime of their own."""
    from agent_runtime.assembly import open_runtime  # what it brings is slow to import

    tables = SharedTables()
    with tempfile.TemporaryDirectory(prefix="derivations-") as folder:
        try:
            async with open_runtime(
                RunConfig(min_confidence=0.0),
                model=ScriptWriter(judge),
                tools=(tables,),
                strategy=AsScripted(),
            ) as runtime:
                return await Bench(runtime, tables, Path(folder)).run(items, cases)
        finally:
            await tables.aclose()


def wrapped(query: str) -> str:
    """The same derivation in other clothes: every table under another alias, the whole inside a CTE."""
    tree = sqlglot.parse_one(query, dialect=DIALECT)
    names: dict[str, str] = {}
    for table in list(tree.find_all(exp.Table)):
        other = names.setdefault(table.alias_or_name.lower(), f"same_{len(names)}")
        table.set("alias", exp.TableAlias(this=exp.to_identifier(other)))
    for column in tree.find_all(exp.Column):
        if column.table.lower() in names:
            column.set("table", exp.to_identifier(names[column.table.lower()]))
    return f"WITH derived AS ({tree.sql(DIALECT)}) SELECT * FROM derived AS result_of_it"
