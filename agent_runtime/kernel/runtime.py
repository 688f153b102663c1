"""From a question to an answer: opens the trace and the budget, lets the strategy search, decides, closes."""

import math
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from anyio.to_thread import run_sync

from agent_runtime.concurrency import gather
from agent_runtime.config import RunConfig, runs_folder
from agent_runtime.errors import AgentRuntimeError, BudgetExceeded, InputError
from agent_runtime.kernel.dispatch import Dispatcher
from agent_runtime.kernel.loop import ReasoningLoop
from agent_runtime.limits.budget import Meter, usage_by_strategy
from agent_runtime.limits.energy import EnergyCounter, unknown_energy
from agent_runtime.protocols import Model, PreparedTool, Strategy, Tool, ToolContext, Verifier
from agent_runtime.scoring.calibration import Calibration
from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.events import Event, RunFinished, RunStarted
from agent_runtime.trace.reader import Trace, read
from agent_runtime.trace.recorder import Recorder
from agent_runtime.trace.replay import RecordedModel, recorded_checks
from agent_runtime.trace.resume import ResumeState, resume
from agent_runtime.trace.tables import require_unchanged, table_files
from agent_runtime.types import (
    Answer,
    Candidate,
    Check,
    ModelCard,
    Node,
    Observation,
    Prompt,
    StopReason,
    Task,
    ToolForm,
    ToolSpec,
    Usage,
)

MAX_QUESTION_CHARACTERS = 200_000  # far beyond any context; what a model cannot read is refused by the model
TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a runtime is made of. `strategy_name` is recorded with each run; `energy` gives a device's counter.

    `verifier` makes the verifier of a run from the model that speaks in it, which is a recording when a run is
    resumed or decided anew.
    """

    model: Model
    tools: Mapping[str, Tool]
    verifier: Callable[[Model], Verifier]
    strategy: Strategy
    strategy_name: str
    n_branches: int | None = None  # the branch budget of a run that is given none
    energy: Callable[[str], EnergyCounter] = unknown_energy
    calibration: Callable[[ModelCard], Calibration | None] = lambda card: None


class Runtime:
    """Solves tasks, several at once if asked to; they share the model, and nothing else.

    Made by `open_runtime`, which owns the parts and closes them.
    """

    def __init__(self, parts: Parts, config: RunConfig, group: TaskGroup) -> None:
        self._parts = parts
        self._config = config
        self._group = group
        self._running: dict[str, anyio.CancelScope] = {}

    def new_task(
        self,
        question: str,
        tables: tuple[Path, ...] = (),
        *,
        context: str = "",
        folder: Path | None = None,
        command: tuple[str, ...] = (),
    ) -> Task:
        """A task with an id of its own."""
        return Task(new_task_id(), question, tuple(Path(table) for table in tables), context, folder, command)

    async def solve(self, task: Task | str) -> Answer:
        """Think about the task until it is answered or its budget is spent.

        Raises:
            InputError: The question or a table cannot be used.
            ModelError: The model failed.
            SandboxError: The sandbox failed.
        """
        return await self._run(self._as_task(task), lambda event: None)

    async def stream(self, task: Task | str) -> AsyncIterator[Event]:
        """Like `solve`, as events while they happen; the last is `RunFinished`. Leaving the loop ends the run."""
        task = self._as_task(task)
        async for event in self._events(task.id, lambda show: self._run(task, show)):
            yield event

    async def resume(self, path: Path) -> AsyncIterator[Event]:
        """Go on with the run of a trace, as events: the recorded ones again, then new ones, appended to the trace.

        The same tree grows on, and what was spent stays spent. A run that had ended by itself only ends again.

        Raises:
            InputError: The trace cannot be resumed.
        """
        trace = read(path)
        state = resume(trace)
        async for event in self._events(state.started.task.id, lambda show: self._go_on(trace, state, show)):
            yield event

    async def redecide(self, path: Path) -> Answer:
        """What this runtime's strategy, verifier and limits make of a recorded run, with no model or tool call.

        Raises:
            InputError: The trace does not say how its run began.
        """
        trace = read(path)
        model = RecordedModel(trace)
        assert trace.started is not None
        task, prompt = trace.started.task, trace.started.prompt
        dispatcher = Dispatcher({}, task, recorded=recorded_checks(trace))
        meter = self._meter(unknown_energy(""))
        card = trace.started.model
        return await self._think(task.id, prompt, model, card, dispatcher, lambda event: None, path, meter)

    async def _events(
        self, task_id: str, work: Callable[[Callable[[Event], None]], Awaitable[Answer]]
    ) -> AsyncIterator[Event]:
        send, receive = anyio.create_memory_object_stream[Event](math.inf)
        failures: list[AgentRuntimeError] = []

        async def produce() -> None:
            with send:
                try:
                    await work(send.send_nowait)
                except AgentRuntimeError as error:
                    failures.append(error)

        self._group.start_soon(produce)
        try:
            with receive:
                async for event in receive:
                    yield event
            if failures:
                raise failures[0]
        finally:
            self.interrupt(task_id)

    def interrupt(self, task_id: str | None = None) -> None:
        """End a run (None: all runs) now, with the best answer so far and a complete trace."""
        for running_id, scope in self._running.items():
            if task_id in (None, running_id):
                scope.cancel()

    # --- one run

    async def _run(self, task: Task, show: Callable[[Event], None]) -> Answer:
        if not task.question.strip():
            raise InputError("the question is empty; ask one, for example: 'How much did Acme Ltd send?'")
        if len(task.question) > MAX_QUESTION_CHARACTERS:
            raise InputError(f"the question has more than {MAX_QUESTION_CHARACTERS:,} characters")
        path = self._config.trace or runs_folder() / f"{task.id}.jsonl"
        if await anyio.Path(
            path
        ).exists():  # the recorder would refuse it too, but only after the model is loaded
            raise InputError(f"{str(path)!r} is there already; name another file for the trace, or resume it")
        async with self._prepared(task) as prompt:
            card = await self._parts.model.card()
            with Recorder(path, self._config.secrets()) as recorder:
                emit = _recorded_and_shown(recorder.record, show)
                config = self._config.model_dump(mode="json", exclude={"trace"})
                name, seed = self._parts.strategy_name, self._config.seed
                created = datetime.now(UTC).isoformat(timespec="seconds")
                tables = await run_sync(table_files, task.tables)
                emit(RunStarted(task, prompt, card, name, seed, config, created=created, tables=tables))
                dispatcher = Dispatcher(self._parts.tools, task, self._config.check_seconds)
                meter = self._meter(self._parts.energy(card.device))
                model = self._parts.model
                return await self._think(task.id, prompt, model, card, dispatcher, emit, path, meter)

    async def _go_on(self, trace: Trace, state: ResumeState, show: Callable[[Event], None]) -> Answer:
        """Run again over the record; only what it does not hold is asked of the model and the tools."""
        task, prompt = state.started.task, state.started.prompt
        if state.answer is not None:
            for event in trace.events:
                show(event)
            return state.answer
        await run_sync(require_unchanged, state.started.tables)
        if state.started.tables:  # wherever the run goes on, they lie where they lay
            task = replace(task, tables=tuple(table.path for table in state.started.tables))
        async with self._prepared(task):
            with Recorder(trace.path, self._config.secrets(), after=trace) as recorder:
                card = await self._parts.model.card()

                def record(event: Event) -> None:
                    if not state.is_recorded(event):
                        recorder.record(event)

                emit = _recorded_and_shown(record, show)
                emit(state.started)
                model = RecordedModel(trace, live=self._parts.model)
                known = {**self._unknown_outcomes(state), **state.checks}
                dispatcher = Dispatcher(self._parts.tools, task, self._config.check_seconds, recorded=known)
                meter = self._meter(self._parts.energy(card.device), state.usage.joules, state.seconds)
                path = trace.path
                return await self._think(task.id, prompt, model, card, dispatcher, emit, path, meter)

    def _meter(self, read_joules: EnergyCounter, joules: float | None = None, seconds: float = 0.0) -> Meter:
        """The meter of a run that has taken `joules` and `seconds` already; the record brings back all else."""
        budget = self._config.budget
        if budget.branches is None:
            budget = replace(budget, branches=self._parts.n_branches)
        already = Usage(joules=joules)
        return Meter(budget, self._config.prices, read_joules, already=already, already_seconds=seconds)

    def _unknown_outcomes(self, state: ResumeState) -> dict[Check, Observation]:
        """Checks that may have had their effect before the run stopped and must not have it twice."""
        text = "unknown outcome: it may have run before the interruption and is not run again"
        return {
            started.check: Observation(started.check.tool, text, f"error: {text}", "error")
            for started in state.unknown
            if not getattr(self._parts.tools.get(started.check.tool), "is_idempotent", True)
        }

    async def _think(
        self,
        task_id: str,
        prompt: Prompt,
        model: Model,
        card: ModelCard,
        dispatcher: Dispatcher,
        emit: Callable[[Event], None],
        path: Path,
        meter: Meter,
    ) -> Answer:
        """Search until the strategy is content, the budget is spent, or somebody interrupts."""
        parts = self._parts
        graph = SearchGraph()
        graph.add(Node(0, None, 0, seed=self._config.seed))
        verifier, name, calibration = parts.verifier(model), parts.strategy_name, parts.calibration(card)
        loop = ReasoningLoop(prompt, model, dispatcher, verifier, graph, meter, emit, name, calibration)
        ended: StopReason | None = None
        scope = anyio.CancelScope()
        self._running[task_id] = scope
        try:
            with scope, anyio.CancelScope(deadline=anyio.current_time() + meter.seconds_left) as deadline:
                await parts.strategy.search(loop)
            if scope.cancelled_caught:
                ended = "interrupted"
            elif deadline.cancelled_caught:
                meter.exhausted = "seconds"
        except BudgetExceeded:
            pass  # the meter has noted it
        except AgentRuntimeError:
            emit(RunFinished(replace(self._decide(loop, "failed"), trace=path)))
            raise
        finally:
            self._running.pop(task_id, None)
        answer = replace(self._decide(loop, ended), trace=path)
        emit(RunFinished(answer))
        return answer

    def _decide(self, loop: ReasoningLoop, ended: StopReason | None) -> Answer:
        """The best supported answer in the graph, or what is missing to have one."""
        graph = loop.graph
        n_failed = sum(node.state == "dead_end" for node in graph)
        best = next(iter(loop.candidates(n_failed=n_failed)), None)
        missing = self._missing(best)
        is_sure = not missing
        reason = ended or _stop_reason(loop.meter.exhausted, is_sure)
        kept = {node.id for node in graph.path(best.node_id)} if best else set()
        wasted = sum(node.usage.n_tokens for node in loop.sampled if node.id not in kept)
        usage = replace(loop.meter.total(), wasted_tokens=wasted)
        bills = usage_by_strategy(loop.sampled, usage, kept)
        if best is None:
            return Answer(None, 0.0, "unchecked", (), usage, reason, missing=missing, usage_by_strategy=bills)
        return Answer(
            best.text if is_sure else None,
            best.confidence,
            best.verdict if is_sure or best.verdict != "confirmed" else "supported",
            best.evidence,
            usage,
            reason,
            candidate=best.text,
            missing=missing,
            node_id=best.node_id,
            usage_by_strategy=bills,
            grounds=best.grounds,
            objections=best.objections,
            value=best.value,
            is_calibrated=loop.calibration is not None,
            notes=loop.prompt.doubts,
            vote_share=best.vote_share,
        )

    def _missing(self, best: Candidate | None) -> str:
        """What keeps the best answer from being given; empty where nothing does."""
        if best is None:
            return "no branch reached an answer"
        reasons = [objection.text for objection in best.objections]
        if not best.evidence:
            reasons.append("no result of a check supports it")
        elif best.verdict == "supported" and self._config.require == "confirmed":
            reasons.append("no second derivation came to it")
        if best.confidence < self._config.min_confidence:
            reasons.append(f"confidence {best.confidence:.2f} is below {self._config.min_confidence:g}")
        return "; ".join(reasons)

    # --- what a run needs around it

    @asynccontextmanager
    async def _prepared(self, task: Task) -> AsyncIterator[Prompt]:
        """The prompt of a task while the tools hold what the task brings for them; the model is loaded meanwhile."""
        tools = self._parts.tools.values()
        loaders = {tool.name: tool for tool in tools if isinstance(tool, PreparedTool)}

        async def prepare() -> list[tuple[str, ToolContext]]:
            return [(name, await tool.prepare(task)) for name, tool in loaders.items()]

        async def load() -> list[tuple[str, ToolContext]]:
            await self._parts.model.card()
            return []

        try:
            prepared = dict(chain(*await gather([prepare, load])))
            contexts = [ToolContext(task.context), *prepared.values()]
            yield Prompt(
                task.question,
                "\n".join(context.text for context in contexts if context.text),
                _offered(tools, prepared),
                tuple(table for context in contexts for table in context.tables),
                tuple(function for context in contexts for function in context.functions),
                tuple(mention for context in contexts for mention in context.mentions),
                tuple(doubt for context in contexts for doubt in context.doubts),
            )
        finally:
            with anyio.CancelScope(shield=True):
                for loader in loaders.values():
                    await loader.release(task)

    def _as_task(self, task: Task | str) -> Task:
        task = self.new_task(task) if isinstance(task, str) else task
        if not TASK_ID.fullmatch(task.id):
            raise InputError(f"task id {task.id!r}: use 1 to 64 letters, digits, '_' or '-'")
        if task.id in self._running:
            raise InputError(f"task {task.id!r} is running already; give each task an id of its own")
        return task


def _offered(tools: Iterable[Tool], prepared: Mapping[str, ToolContext]) -> tuple[ToolSpec, ...]:
    """What a model is told of the tools that have something to work on."""
    specs = []
    for tool in tools:
        context = prepared.get(tool.name, ToolContext())
        form: ToolForm = getattr(tool, "form", ToolForm())
        if context.guide:
            form = replace(form, guide=context.guide)
        if context.is_offered:
            grammars = (context.grammar, context.closed_grammar)
            specs.append(ToolSpec(tool.name, tool.description, form, *grammars))
    return tuple(specs)


def _recorded_and_shown(
    record: Callable[[Event], None], show: Callable[[Event], None]
) -> Callable[[Event], None]:
    """What is shown has been recorded first: nothing that a caller has seen is lost."""

    def emit(event: Event) -> None:
        record(event)
        show(event)

    return emit


def _stop_reason(exhausted: str | None, is_sure: bool) -> StopReason:
    """Why the search ended; a limit on branches cut it short only where it kept an answer from being found."""
    if exhausted is not None and not (exhausted == "branches" and is_sure):
        return "budget"
    return "answered" if is_sure else "not_established"


def new_task_id() -> str:
    """An id that sorts by time and is unique in practice: date, time, four random bytes."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:8]}"
