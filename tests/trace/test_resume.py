"""A run that was killed anywhere goes on to the answer it would have had, and pays for nothing twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent_runtime.errors import InputError
from agent_runtime.kernel.dispatch import Dispatcher
from agent_runtime.protocols import Strategy
from agent_runtime.search.best_first import BestFirst
from agent_runtime.search.vote import Vote
from agent_runtime.trace.events import ActionSampled, CheckStarted, Event, NodeAdded, RunFinished
from agent_runtime.trace.reader import read
from agent_runtime.trace.recorder import Recorder
from agent_runtime.trace.replay import RecordedModel, recorded_checks
from agent_runtime.trace.resume import resume
from agent_runtime.types import Action, Backtrack, Node, Request, Usage
from tests.fakes import PLAN, TASK, Run, answer, step
from tests.trace.runs import COST, a_run, started, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.jsonl"


def moody(request: Request) -> Action:
    """A model that goes wrong on some seeds: a failing check, a step back, now and then the answer."""
    if not request.path:
        return PLAN
    options: list[Action] = [
        step(f"{request.seed % 3}+{len(request.path)}"),
        step(f"oops {request.seed % 5}"),
        answer("2") if len(request.path) > 2 else step("1+1"),
        Backtrack("lost") if len(request.path) > 3 else step("40+2"),
    ]
    return options[request.seed % len(options)]


async def run_recorded(strategy: Strategy) -> Run:
    run = Run(moody)
    await strategy.search(run.loop)
    return run


def shape(nodes: list[Node]) -> list[tuple[object, ...]]:
    return [(node.id, node.parent_id, node.action, node.verdict, node.state, node.seed) for node in nodes]


@pytest.mark.parametrize(
    "strategy", [lambda: BestFirst(n_rounds=24), lambda: Vote(3)], ids=["best_first", "vote"]
)
async def test_killed_after_any_event_the_tree_grows_as_if_it_had_not_been(
    tmp_path: Path, strategy: Callable[[], Strategy]
):
    whole = await run_recorded(strategy())
    events: list[Event] = [started(), *whole.events]

    for n_events in range(1, len(events) + 1):
        trace = read(write(tmp_path / f"{n_events}.jsonl", events[:n_events]))
        again = Run(moody)
        again.loop.model = RecordedModel(trace, live=again.model)
        again.loop.dispatcher = Dispatcher({"calc": again.adder}, TASK, recorded=recorded_checks(trace))
        await strategy().search(again.loop)

        assert shape(list(again.graph)) == shape(list(whole.graph))
        state = resume(trace)
        n_new = sum(not state.is_recorded(event) for event in again.events)
        assert n_new == len(events) - n_events
        n_sampled = sum(isinstance(event, ActionSampled) for event in trace.events)
        assert len(again.model.requests) == len(whole.model.requests) - n_sampled


async def test_what_is_appended_after_a_kill_completes_the_trace(path: Path):
    whole = await run_recorded(BestFirst())
    events: list[Event] = [started(), *whole.events]
    write(path, events[:7])

    trace = read(path)
    state = resume(trace)
    with Recorder(path, after=trace) as recorder:
        for event in events:
            if not state.is_recorded(event):
                recorder.record(event)

    assert list(read(path).events) == events


def test_what_was_spent_stays_spent(path: Path):
    events = a_run()
    cut = next(n for n, event in enumerate(events) if isinstance(event, NodeAdded) and event.node.id == 4)

    state = resume(read(write(path, events[:cut])))

    assert state.usage == sum([COST] * 4, Usage()) + Usage(tool_calls=2, tool_seconds=0.5)


def test_a_sampled_action_without_its_node_is_pending_and_its_check_unknown(path: Path):
    events = a_run()
    cut = next(n for n, event in enumerate(events) if isinstance(event, NodeAdded) and event.node.id == 4)

    state = resume(read(write(path, events[:cut])))

    assert [event.node_id for event in state.pending] == [4]
    assert state.unknown == tuple(event for event in events[cut - 1 : cut] if isinstance(event, CheckStarted))


def test_a_finished_run_is_not_resumed_but_answered(path: Path):
    state = resume(read(write(path, a_run())))
    finished = a_run()[-1]

    assert isinstance(finished, RunFinished)
    assert state.answer == finished.answer


def test_a_run_that_had_not_begun_is_refused(path: Path):
    path.touch()

    with pytest.raises(InputError, match="had not begun"):
        resume(read(path))


def test_a_trace_with_a_hole_is_refused_by_the_line(path: Path):
    write(path, a_run())
    path.write_bytes(path.read_bytes().replace(b"Look at amnt", b"Look at amount", 1))

    with pytest.raises(InputError, match="line 4 is damaged"):
        resume(read(path))
