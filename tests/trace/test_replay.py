"""A recorded run is decided anew without a model and without tools."""

from pathlib import Path

import pytest

from agent_runtime.errors import InputError
from agent_runtime.kernel.dispatch import Dispatcher
from agent_runtime.search.best_first import BestFirst
from agent_runtime.search.chain import Chain
from agent_runtime.search.vote import Vote
from agent_runtime.trace.reader import Trace, read
from agent_runtime.trace.replay import NOT_RECORDED, RecordedModel, recorded_checks
from agent_runtime.types import Backtrack, Judgement, Malformed, Prompt, Request
from tests.fakes import TASK, Run, step
from tests.trace.runs import a_run, grown, started, write
from tests.trace.test_resume import moody, run_recorded


@pytest.fixture
async def trace(tmp_path: Path) -> Trace:
    whole = await run_recorded(Vote(3))
    return read(write(tmp_path / "run.jsonl", [started(), *whole.events]))


def replayed(trace: Trace) -> Run:
    run = Run(moody)
    run.loop.model = RecordedModel(trace)
    run.loop.dispatcher = Dispatcher({}, TASK, recorded=recorded_checks(trace))
    return run


async def test_the_same_strategy_comes_to_the_same_tree(trace: Trace):
    run = replayed(trace)

    await Vote(3).search(run.loop)

    assert run.actions() == [node.action for node in trace.graph()]
    assert (run.model.requests, run.adder.inputs) == ([], [])


async def test_another_strategy_walks_what_is_recorded(trace: Trace):
    run = replayed(trace)

    await Chain().search(run.loop)

    recorded = [node.action for node in trace.graph()]
    assert len(run.actions()) > 1
    assert all(action in recorded for action in run.actions())


async def test_a_branch_ends_where_nothing_is_recorded(trace: Trace):
    run = replayed(trace)

    await BestFirst(n_plans=9).search(run.loop)

    assert Backtrack(NOT_RECORDED) in run.actions()
    assert run.loop.answers


async def test_a_malformed_action_is_said_again(tmp_path: Path):
    malformed = Malformed("<result>12", "<result> is not for the model to write")
    trace = read(write(tmp_path / "run.jsonl", [started(), *grown(1, 0, 1, malformed, state="dead_end")]))
    run = replayed(trace)

    await Chain().search(run.loop)

    assert isinstance(run.actions()[1], Malformed)
    assert len(run.graph) == 2


async def test_no_judgement_is_made_up_where_none_was_recorded(tmp_path: Path):
    trace = read(write(tmp_path / "run.jsonl", a_run()))
    path = trace.graph().path(2)

    assert await RecordedModel(trace).judge([Request(Prompt("?"), path)]) == [Judgement()]


async def test_the_card_is_the_recorded_models(trace: Trace):
    assert (await RecordedModel(trace).card()).name == "scripted"


def test_a_trace_without_a_beginning_is_refused(tmp_path: Path):
    (tmp_path / "run.jsonl").touch()

    with pytest.raises(InputError):
        RecordedModel(read(tmp_path / "run.jsonl"))


def test_a_check_brings_what_it_brought_first(tmp_path: Path):
    twice = [started(), *grown(1, 0, 1, step("1+1"), "2"), *grown(2, 0, 1, step("1+1"), "3")]

    (observation,) = recorded_checks(read(write(tmp_path / "run.jsonl", twice))).values()

    assert observation.text == "2"
