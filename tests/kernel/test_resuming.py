from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.assembly import open_runtime
from agent_runtime.cli.recorded import recorded_config
from agent_runtime.config import RunConfig
from agent_runtime.errors import InputError
from agent_runtime.kernel.runtime import Runtime
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.search.auto import Auto
from agent_runtime.search.best_first import BestFirst
from agent_runtime.search.chain import Chain
from agent_runtime.search.mcts import MonteCarlo
from agent_runtime.search.vote import Vote
from agent_runtime.trace.events import CheckStarted, NodeAdded, RunFinished
from agent_runtime.trace.reader import read
from agent_runtime.types import Action, Answer, Check, Judgement, Observation, Request, Step, Usage
from tests.fakes import PLAN, Adder, answer, step
from tests.kernel.test_runtime import runtime


def seeded(request: Request) -> Action:
    """A model whose words depend on the path and the branch's seed alone."""
    if not request.path:
        return PLAN
    if len(request.path) < 3:
        return step(["1+1", "2+2", "oops", "3+4"][request.seed % 4])
    return answer(["7", "8"][request.seed % 2])


def told(found: Answer) -> Answer:
    """An answer without what differs between any two runs: seconds, and where the trace lies."""
    bills = {strategy: timeless(spent) for strategy, spent in found.usage_by_strategy.items()}
    return replace(found, usage=timeless(found.usage), usage_by_strategy=bills, trace=None)


def timeless(usage: Usage) -> Usage:
    return replace(usage, own_seconds=0.0, tool_seconds=0.0, model_seconds=0.0)


async def last_answer(stream) -> Answer:
    events = [event async for event in stream]
    assert isinstance(events[-1], RunFinished)
    return events[-1].answer


def judged(request: Request) -> Judgement:
    """A judge whose view and cost depend on the step alone."""
    said = repr(request.path[-1].action)
    return Judgement(len(said) % 10 / 10, Usage(judge_tokens=len(said), model_seconds=0.25))


STAGES = Auto({"chain": Chain(), "vote": Vote(3)})


@pytest.mark.parametrize("judge", [None, judged])
@pytest.mark.parametrize(
    "strategy", [Chain(), Vote(3), BestFirst(n_rounds=12), MonteCarlo(n_rounds=6), STAGES]
)
async def test_a_run_killed_after_any_event_resumes_to_the_same_answer_tree_and_bill(
    strategy, judge, tmp_path
):
    model = ScriptedModel(seeded, judge)
    async with runtime(model, tmp_path, strategy) as rt:
        golden = await rt.solve("How much?")
    whole = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)
    golden_graph = read(tmp_path / "run.jsonl").graph()

    for n_lines in range(1, len(whole) + 1):
        cut = tmp_path / f"cut-{n_lines}.jsonl"
        cut.write_bytes(b"".join(whole[:n_lines]))
        async with runtime(model, tmp_path, strategy) as rt:
            resumed = await last_answer(rt.resume(cut))

        assert told(resumed) == told(golden)
        assert resumed.usage.model_seconds == pytest.approx(golden.usage.model_seconds)
        assert [node.action for node in read(cut).graph()] == [node.action for node in golden_graph]
    assert bool(golden.usage.judge_tokens) == bool(judge)
    assert len(golden.usage_by_strategy) == (3 if strategy is STAGES else 1)


async def test_resuming_asks_the_model_only_for_what_is_not_recorded(tmp_path):
    async with runtime(seeded, tmp_path, Vote(3)) as rt:
        await rt.solve("How much?")
    lines = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)
    n_nodes = sum(isinstance(event, NodeAdded) for event in read(tmp_path / "run.jsonl").events)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[: len(lines) // 2]))
    n_recorded = len({event.node_id for event in read(cut).events if event.kind == "sampled"})
    model = ScriptedModel(seeded)

    async with runtime(model, tmp_path, Vote(3)) as rt:
        await last_answer(rt.resume(cut))

    assert len(model.requests) == n_nodes - n_recorded


async def test_a_torn_last_line_is_cut_off_and_done_again(tmp_path):
    async with runtime(seeded, tmp_path, Vote(3)) as rt:
        golden = await rt.solve("How much?")
    whole = (tmp_path / "run.jsonl").read_bytes()
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(whole[: len(whole) * 2 // 3])

    async with runtime(seeded, tmp_path, Vote(3)) as rt:
        resumed = await last_answer(rt.resume(torn))

    assert told(resumed) == told(golden)
    assert read(torn).torn_tail == b""


async def test_a_spent_budget_stays_spent_when_a_run_is_resumed(tmp_path):
    async with runtime(seeded, tmp_path, Vote(3), max_tokens=120) as rt:
        golden = await rt.solve("How much?")
    lines = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:6]))

    async with runtime(seeded, tmp_path, Vote(3), max_tokens=120) as rt:
        resumed = await last_answer(rt.resume(cut))

    assert resumed.stop_reason == golden.stop_reason == "budget"
    assert resumed.usage.n_tokens == golden.usage.n_tokens


async def test_a_recorded_run_is_decided_anew_without_any_model_call(tmp_path):
    async with runtime(seeded, tmp_path, Vote(4)) as rt:
        golden = await rt.solve("How much?")
    model = ScriptedModel(seeded)

    async with runtime(model, tmp_path, Vote(4)) as rt:
        same = await rt.redecide(tmp_path / "run.jsonl")
    async with runtime(model, tmp_path, Chain()) as rt:
        other = await rt.redecide(tmp_path / "run.jsonl")

    assert model.requests == []
    assert same.text == golden.text
    assert other.usage.n_tokens < golden.usage.n_tokens
    assert other.usage != Usage()


async def test_a_check_that_must_not_run_twice_is_of_unknown_outcome_after_a_kill(tmp_path):
    class Sender(Adder):
        is_idempotent = False

    async with runtime(seeded, tmp_path, Chain(), Sender()) as rt:
        await rt.solve("How much?")
    lines = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)
    kinds = [event.kind for event in read(tmp_path / "run.jsonl").events]
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[: kinds.index("check_started") + 1]))
    sender = Sender()
    started = read(cut).events[-1]

    async with runtime(seeded, tmp_path, Chain(), sender) as rt:
        await last_answer(rt.resume(cut))

    assert isinstance(started, CheckStarted)
    assert started.check.input not in sender.inputs
    assert (
        "unknown outcome"
        in (read(cut).graph().node(started.node_id).observation or Observation("", "", "")).text
    )


class Metered(ScriptedModel):
    """Counts on for ever, at a joule an action."""

    def __init__(self) -> None:
        super().__init__(lambda request: step(f"{len(request.path)}+1") if request.path else PLAN)

    def joules(self) -> float:
        return 1_000.0 + len(self.requests)


async def test_joules_that_were_spent_stay_spent_and_end_a_resumed_run_where_they_would_have(tmp_path):
    model = Metered()
    async with runtime(model, tmp_path, read_joules=model.joules, max_joules=6) as rt:
        golden = await rt.solve("How much?")
    whole = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)

    for n_lines in range(1, len(whole) + 1):
        cut = tmp_path / f"cut-{n_lines}.jsonl"
        cut.write_bytes(b"".join(whole[:n_lines]))
        model = Metered()
        async with runtime(model, tmp_path, read_joules=model.joules, max_joules=6) as rt:
            resumed = await last_answer(rt.resume(cut))

        assert (resumed.stop_reason, resumed.usage.joules) == ("budget", 6)
    assert (golden.stop_reason, golden.usage.joules) == ("budget", 6)


@asynccontextmanager
async def asking_a_table(folder: Path) -> AsyncIterator[Runtime]:
    asked = Step("Add.", Check("sql", "SELECT sum(amount) AS total FROM paid"))
    model = ScriptedModel(branches([PLAN, asked, answer("7")]))
    async with open_runtime(RunConfig.load({"trace": folder / "run.jsonl"}), model=model) as rt:
        yield rt


@pytest.fixture
async def cut_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run over a table that is named relative to the folder it lies in, killed before its first check."""
    (tmp_path / "paid.csv").write_text("name,amount\nAcme,3\nNova,4\n")
    monkeypatch.chdir(tmp_path)
    async with asking_a_table(tmp_path) as rt:
        found = await rt.solve(rt.new_task("How much?", (Path("paid.csv"),)))
    lines = (tmp_path / "run.jsonl").read_bytes().splitlines(keepends=True)
    assert found.text == "7"
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:3]))
    return cut


async def test_a_run_goes_on_from_another_folder_over_the_same_tables(cut_run, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    async with asking_a_table(tmp_path) as rt:
        assert (await last_answer(rt.resume(cut_run))).text == "7"


async def test_a_run_does_not_go_on_over_a_table_that_has_changed_or_is_gone(cut_run, tmp_path):
    async with asking_a_table(tmp_path) as rt:
        (tmp_path / "paid.csv").write_text("name,amount\nAcme,3\nNova,5\n")
        with pytest.raises(InputError, match=r"paid\.csv' has changed"):
            await last_answer(rt.resume(cut_run))
        (tmp_path / "paid.csv").unlink()
        with pytest.raises(InputError, match=r"paid\.csv' is gone"):
            await last_answer(rt.resume(cut_run))


async def test_a_limit_that_a_run_was_started_without_does_not_come_from_the_environment(
    tmp_path, monkeypatch
):
    async with runtime(seeded, tmp_path) as rt:
        await rt.solve("How much?")
    monkeypatch.setenv("AGENT_RUNTIME_MAX_TOKENS", "9")
    monkeypatch.setenv("AGENT_RUNTIME_API_KEY", "of-today")

    config = recorded_config(tmp_path / "run.jsonl", {"think": "deep", "seed": None})

    assert (config.max_tokens, config.think, config.seed) == (None, "deep", 0)
    assert config.secrets() == ["of-today"]
