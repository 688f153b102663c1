from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain, repeat
from pathlib import Path

import anyio
import pytest

from agent_runtime.assembly import open_runtime
from agent_runtime.config import RunConfig
from agent_runtime.errors import InputError, ModelError
from agent_runtime.kernel.runtime import Parts, Runtime
from agent_runtime.limits.energy import EnergyCounter
from agent_runtime.limits.presets import ALLOTMENTS
from agent_runtime.models.scripted import Script, ScriptedModel, branches, completion
from agent_runtime.protocols import Model, Strategy, ToolContext
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined
from agent_runtime.scoring.verifiers.judge import Judge
from agent_runtime.search.auto import Auto
from agent_runtime.search.chain import Chain
from agent_runtime.search.vote import Vote
from agent_runtime.trace.events import RunFinished, RunStarted
from agent_runtime.trace.reader import read
from agent_runtime.types import Action, Backtrack, Completion, ModelCard, Observation, Request, Step, Task
from tests.fakes import PLAN, Adder, answer, step

GOOD: list[Action] = [PLAN, step("2+3"), answer("5")]


class Loader(Adder):
    """A tool that brings context and remembers whether it was let go."""

    def __init__(self) -> None:
        super().__init__()
        self.released: list[str] = []

    async def prepare(self, task: Task) -> ToolContext:
        return ToolContext(f"context of {task.id}")

    async def release(self, task: Task) -> None:
        self.released.append(task.id)


@asynccontextmanager
async def runtime(
    model: Model | Script,
    tmp_path: Path,
    strategy: Strategy | None = None,
    tool: Adder | None = None,
    read_joules: EnergyCounter = lambda: None,
    **settings: object,
) -> AsyncIterator[Runtime]:
    tool = tool or Adder()
    model = ScriptedModel(model) if callable(model) else model
    parts = Parts(
        model,
        {tool.name: tool},
        lambda speaker: Combined(Checks(), Judge(speaker)),
        strategy or Chain(),
        "chain",
        energy=lambda device: read_joules,
    )
    given = {"trace": tmp_path / "run.jsonl", "min_confidence": 0.4, **settings}
    config = RunConfig.load(given)
    async with anyio.create_task_group() as group:
        yield Runtime(parts, config, group)


async def test_a_question_becomes_an_answer_with_its_evidence(tmp_path):
    async with runtime(branches(GOOD), tmp_path) as rt:
        found = await rt.solve("How much is 2+3?")

    assert (found.text, found.verdict, found.stop_reason) == ("5", "supported", "answered")
    assert [evidence.input for evidence in found.evidence] == ["2+3"]
    assert found.usage.tool_calls == 1
    assert found.usage.n_tokens > 0


async def test_the_bill_says_what_each_strategy_spent(tmp_path):
    stages = Auto({"chain": Chain(), "vote": Vote(2)})
    async with runtime(branches([PLAN, step("oops"), step("oops")], GOOD), tmp_path, stages) as rt:
        found = await rt.solve("How much is 2+3?")

    trace = read(tmp_path / "run.jsonl")
    spent = {name: (bill.n_tokens, bill.tool_calls) for name, bill in found.usage_by_strategy.items()}
    nodes = {name: [node for node in trace.graph() if node.strategy == name] for name in spent}
    assert list(spent) == ["chain", "vote"]
    assert spent == {
        name: (sum(node.usage.n_tokens for node in of_it), sum(node.usage.tool_calls for node in of_it))
        for name, of_it in nodes.items()
    }
    assert found.usage_by_strategy["chain"].wasted_tokens == spent["chain"][0] > 0
    assert sum(n_tokens for n_tokens, _ in spent.values()) == found.usage.n_tokens
    assert trace.finished is not None
    assert trace.finished.answer.usage_by_strategy == found.usage_by_strategy


async def test_a_strategy_that_is_alone_has_the_whole_bill(tmp_path):
    async with runtime(branches(GOOD), tmp_path) as rt:
        found = await rt.solve("How much is 2+3?")

    assert found.usage_by_strategy == {"chain": found.usage}


async def test_what_was_under_way_when_a_run_was_interrupted_is_on_the_bill_of_its_strategy(tmp_path):
    class Interrupting(Adder):
        async def run(self, text: str, task: Task, seconds: float) -> Observation:
            rt.interrupt()
            await anyio.sleep_forever()
            raise AssertionError

    stages = Auto({"chain": Chain(), "vote": Vote(2)})
    async with runtime(branches(GOOD), tmp_path, stages, Interrupting()) as rt:
        found = await rt.solve("How much is 2+3?")

    n_planned = completion(PLAN).usage.n_tokens
    assert found.stop_reason == "interrupted"
    assert found.usage_by_strategy["chain"].think_tokens == found.usage.think_tokens
    assert found.usage.wasted_tokens == found.usage.n_tokens > n_planned


async def test_the_model_is_loaded_while_the_tools_take_in_the_tables(tmp_path):
    is_preparing = anyio.Event()

    class Slow(Loader):
        async def prepare(self, task: Task) -> ToolContext:
            is_preparing.set()
            await is_loading.wait()
            return await super().prepare(task)

    class Large(ScriptedModel):
        async def card(self) -> ModelCard:
            is_loading.set()
            await is_preparing.wait()
            return await super().card()

    is_loading = anyio.Event()
    async with runtime(Large(branches(GOOD)), tmp_path, tool=Slow()) as rt:
        with anyio.fail_after(10):
            found = await rt.solve("How much is 2+3?")

    assert found.text == "5"


async def test_the_whole_run_is_in_the_trace(tmp_path):
    async with runtime(branches(GOOD), tmp_path) as rt:
        found = await rt.solve("How much is 2+3?")

    trace = read(tmp_path / "run.jsonl")
    assert isinstance(trace.events[0], RunStarted)
    assert trace.events[-1] == RunFinished(found)


async def test_streaming_gives_the_same_events_as_the_trace(tmp_path):
    async with runtime(branches(GOOD), tmp_path) as rt:
        events = [event async for event in rt.stream("How much is 2+3?")]

    assert tuple(events) == tuple(read(tmp_path / "run.jsonl").events)


async def test_leaving_the_stream_ends_the_run_with_a_complete_trace(tmp_path):
    def script(request: Request) -> object:
        return step(f"{len(request.path)}+1") if request.path else PLAN

    async with runtime(script, tmp_path) as rt:  # type: ignore[arg-type]
        stream = rt.stream("Count.")
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]

    finished = read(tmp_path / "run.jsonl").events[-1]
    assert isinstance(finished, RunFinished)


async def test_an_interrupt_keeps_the_best_answer_so_far(tmp_path):
    class HangsLater(ScriptedModel):
        async def generate(self, requests: Sequence[Request]) -> list[Completion]:
            if len(self.requests) >= 3:
                rt.interrupt()
                await anyio.sleep_forever()
            return await super().generate(requests)

    class TwoChains:
        async def search(self, tree):
            await Chain().search(tree)
            await Chain().search(tree)

    async with runtime(HangsLater(branches(GOOD)), tmp_path, TwoChains()) as rt:
        found = await rt.solve("How much?")

    assert (found.text, found.stop_reason) == ("5", "interrupted")
    assert read(tmp_path / "run.jsonl").events[-1] == RunFinished(found)


async def test_a_run_out_of_seconds_ends_with_stop_reason_budget(tmp_path):
    class Hangs(ScriptedModel):
        async def generate(self, requests: Sequence[Request]) -> list[Completion]:
            await anyio.sleep_forever()
            return []

    async with runtime(Hangs(branches(GOOD)), tmp_path, max_seconds=0.01) as rt:
        found = await rt.solve("How much?")

    assert (found.text, found.stop_reason) == (None, "budget")


async def test_a_run_out_of_tokens_under_a_parallel_strategy_is_no_exception(tmp_path):
    async with runtime(branches(GOOD), tmp_path, Vote(4), max_tokens=60) as rt:
        found = await rt.solve("How much?")

    assert found.stop_reason == "budget"


async def test_a_failing_model_ends_the_trace_and_leaves_as_itself(tmp_path):
    class Fails(ScriptedModel):
        async def generate(self, requests: Sequence[Request]) -> list[Completion]:
            raise ModelError("the device is gone")

    async with runtime(Fails(branches(GOOD)), tmp_path) as rt:
        with pytest.raises(ModelError, match="device is gone"):
            await rt.solve("How much?")

    finished = read(tmp_path / "run.jsonl").events[-1]
    assert isinstance(finished, RunFinished)
    assert finished.answer.stop_reason == "failed"


async def test_a_failing_model_leaves_the_stream_as_itself(tmp_path):
    class Fails(ScriptedModel):
        async def generate(self, requests: Sequence[Request]) -> list[Completion]:
            raise ModelError("the device is gone")

    async with runtime(Fails(branches(GOOD)), tmp_path) as rt:
        with pytest.raises(ModelError, match="device is gone"):
            async for _ in rt.stream("How much?"):
                pass


async def test_a_looping_model_ends_without_an_answer_and_says_what_is_missing(tmp_path):
    async with runtime(branches([PLAN, step("x"), step("x", "Again")]), tmp_path) as rt:
        found = await rt.solve("How much?")

    assert (found.text, found.stop_reason) == (None, "not_established")
    assert "no branch reached an answer" in found.missing


async def test_an_answer_below_the_confidence_asked_for_is_only_a_candidate(tmp_path):
    async with runtime(branches([PLAN, step("1+1"), answer("77")]), tmp_path, min_confidence=0.9) as rt:
        found = await rt.solve("How much?")

    assert found.text is None
    assert found.candidate == "77"
    assert "0.9" in found.missing


@pytest.mark.parametrize("question", ["", "  \n"])
async def test_an_empty_question_is_refused_before_anything_starts(question, tmp_path):
    async with runtime(branches(GOOD), tmp_path) as rt:
        with pytest.raises(InputError, match="empty"):
            await rt.solve(question)

    assert not (tmp_path / "run.jsonl").exists()


async def test_a_task_id_that_could_leave_the_folder_is_refused(tmp_path):
    async with runtime(branches(GOOD), tmp_path) as rt:
        with pytest.raises(InputError, match="task id"):
            await rt.solve(Task("../../etc/x", "How much?"))


async def test_what_a_tool_loads_is_in_the_prompt_and_is_let_go(tmp_path):
    tool = Loader()
    model = ScriptedModel(branches(GOOD))

    async with runtime(model, tmp_path, tool=tool) as rt:
        await rt.solve(Task("case-1", "How much?", context="Given: 2 and 3."))

    assert model.requests[0].prompt.context == "Given: 2 and 3.\ncontext of case-1"
    assert tool.released == ["case-1"]


async def test_tokens_on_branches_that_did_not_carry_the_answer_are_wasted(tmp_path):
    async with runtime(branches(GOOD, [PLAN, step("9+9"), answer("18")]), tmp_path, Vote(2)) as rt:
        found = await rt.solve("How much?")

    assert 0 < found.usage.wasted_tokens < found.usage.n_tokens


def restless(request: Request) -> Action:
    """Never answers, never says the same twice; each branch gives up after a few steps."""
    if len(request.path) == 4:
        return Backtrack(f"lost at {request.seed}")
    return Step(f"Look at {request.seed}.")


async def n_branches_of(path: Path, **settings: object) -> int:
    config = RunConfig.load({"trace": path, **settings})
    async with open_runtime(config, model=ScriptedModel(restless)) as rt:
        await rt.solve("How much?")
    graph = read(path).graph()
    return sum(not graph.children(node.id) for node in graph)


@pytest.mark.parametrize(("think", "n_opened"), [("quick", 1), ("standard", 4), ("deep", 34)])
async def test_a_thinking_time_opens_no_more_branches_than_it_is_allotted(think, n_opened, tmp_path):
    """Where no branch answers, there is nothing to derive a second time."""
    n_branches = await n_branches_of(tmp_path / "run.jsonl", think=think)

    assert n_branches == n_opened <= ALLOTMENTS[think].branches


async def test_auto_leaves_it_at_a_pass_and_a_vote_where_nobody_finds_anything(tmp_path):
    assert await n_branches_of(tmp_path / "run.jsonl", think="auto") == 1 + 4


async def test_an_explicit_branch_budget_takes_the_place_of_the_allotted_one(tmp_path):
    assert await n_branches_of(tmp_path / "few.jsonl", think="deep", max_branches=3) == 3
    assert await n_branches_of(tmp_path / "more.jsonl", think="deep", max_branches=40) == 40


async def test_a_strategy_named_by_hand_has_no_allotted_branch_budget(tmp_path):
    assert await n_branches_of(tmp_path / "run.jsonl", strategy="best_first") > ALLOTMENTS["auto"].branches


async def test_the_energy_on_the_bill_is_that_of_the_device_the_model_is_on(tmp_path):
    class OnTheCard(ScriptedModel):
        async def card(self) -> ModelCard:
            return ModelCard("scripted", "cuda:1", 1000)

    joules = {"cuda:1": chain([5.0], repeat(9.0))}
    parts = Parts(
        OnTheCard(branches(GOOD)), {"calc": Adder()}, lambda _: Checks(), Chain(), "chain",
        energy=lambda device: lambda: next(joules[device]),
    )  # fmt: skip

    async with anyio.create_task_group() as group:
        rt = Runtime(parts, RunConfig.load({"trace": tmp_path / "run.jsonl"}), group)
        found = await rt.solve("How much?")

    assert found.usage.joules == 4.0
