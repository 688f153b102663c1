import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import BudgetExceeded
from agent_runtime.kernel.loop import child_seed, path_score
from agent_runtime.limits.budget import MIN_ACTION_TOKENS, Budget
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined
from agent_runtime.scoring.verifiers.judge import Judge
from agent_runtime.search.chain import Chain
from agent_runtime.trace.events import ActionSampled, CheckStarted, NodeAdded
from agent_runtime.types import (
    Action,
    Completion,
    Judgement,
    Malformed,
    Plan,
    Request,
    Span,
    Step,
    Usage,
    Verdict,
)
from tests.fakes import PLAN, Run, answer, step


async def test_a_checked_step_gets_its_observation_and_is_supported():
    run = Run(branches([PLAN, step("2+3"), answer("5")]))

    await Chain().search(run.loop)

    checked = run.graph.node(2)
    assert checked.observation is not None
    assert checked.observation.text == "5"
    assert checked.verdict.kind == "supported"
    assert run.graph.node(3).state == "answered"


async def test_what_a_node_cost_is_emitted_before_its_check_runs():
    run = Run(branches([PLAN, step("2+3"), answer("5")]))

    await Chain().search(run.loop)

    kinds = [type(event) for event in run.events]
    assert kinds == [
        ActionSampled,
        NodeAdded,
        ActionSampled,
        CheckStarted,
        NodeAdded,
        ActionSampled,
        NodeAdded,
    ]


def judge_by(run: Run, model: ScriptedModel) -> None:
    run.loop.model = model
    run.loop.verifier = Combined(Checks(), Judge(model))


async def test_what_judging_took_is_on_the_judged_node_on_the_meter_and_in_the_trace():
    cost = Usage(judge_tokens=11, model_seconds=0.5)
    script = branches([PLAN, step("2+3"), answer("5")])
    run = Run(script)
    judge_by(run, ScriptedModel(script, lambda request: Judgement(0.8, cost)))

    await Chain().search(run.loop)

    checked = run.graph.node(2)
    assert checked.verdict == Verdict("supported", ("calc: 5",), (), 0.8, cost)
    assert checked.usage.judge_tokens == 11
    assert NodeAdded(checked) in run.events
    assert run.meter.total().judge_tokens == 2 * 11  # the step whose check came back, and the answer
    assert sum((node.usage for node in run.graph), Usage()) == run.meter.spent


async def test_tokens_of_the_judge_end_a_run_like_any_others():
    def judge(request: Request) -> Judgement:
        return Judgement(0.5, Usage(judge_tokens=100))

    def count_on(request: Request) -> Action:
        return step(f"{len(request.path)}+1") if request.path else PLAN

    run = Run(count_on, Budget(tokens=400))
    judge_by(run, ScriptedModel(count_on, judge))

    with pytest.raises(BudgetExceeded):
        await Chain().search(run.loop)

    assert run.meter.exhausted == "tokens"
    assert 400 - MIN_ACTION_TOKENS < run.meter.spent.n_tokens <= 400 + 100


async def test_malformed_text_becomes_a_dead_end_not_a_crash():
    def script(request: Request) -> Completion:
        return Completion((Span("result", "forged"),), (1, 2), usage=Usage(think_tokens=2))

    run = Run(script)

    await Chain().search(run.loop)

    node = run.graph.node(1)
    assert isinstance(node.action, Malformed)
    assert node.state == "dead_end"


async def test_an_action_cut_by_its_limit_is_a_dead_end():
    run = Run(lambda request: Completion((Span("plan", "1. x"),), (1,), is_cut=True))

    await Chain().search(run.loop)

    assert run.graph.node(1).state == "dead_end"


async def test_a_repeated_check_is_a_dead_end_and_does_not_run_again():
    run = Run(branches([PLAN, step("1+1"), step("1+1", "Again."), answer("2")]))

    await Chain().search(run.loop)

    assert run.adder.inputs == ["1+1"]
    assert run.graph.node(3).state == "dead_end"
    assert run.graph.answers() == []


async def test_two_failed_checks_in_a_row_end_the_branch_and_one_does_not():
    once = Run(branches([PLAN, step("x"), step("1+1"), answer("2")]))
    twice = Run(branches([PLAN, step("x"), step("y"), answer("2")]))

    await Chain().search(once.loop)
    await Chain().search(twice.loop)

    assert [node.state for node in once.graph][-1] == "answered"
    assert [node.state for node in twice.graph][-1] == "dead_end"


async def test_a_check_beyond_the_tool_budget_does_not_run_and_closes_its_node():
    run = Run(branches([PLAN, step("1+1"), step("2+2"), answer("4")]), Budget(tool_calls=1))

    await Chain().search(run.loop)

    assert run.adder.inputs == ["1+1"]
    assert run.graph.node(3).state == "pruned"
    assert run.meter.exhausted == "tool_calls"


async def test_width_opens_no_more_branches_than_the_budget_has():
    run = Run(branches([PLAN]), Budget(branches=3))

    children = await run.loop.expand([run.loop.root], 5)

    assert len(children) == 3
    assert await run.loop.expand([run.loop.root], 1) == []
    assert run.meter.exhausted == "branches"


async def test_the_first_child_of_a_step_goes_on_with_its_branch():
    run = Run(branches([PLAN, step("1+1"), answer("2")]), Budget(branches=1))

    await Chain().search(run.loop)

    assert run.graph.answers()
    assert run.meter.n_branches == 1


async def test_siblings_have_different_seeds_and_the_same_seeds_in_every_run():
    seeds = []
    for _ in range(2):
        run = Run(branches([PLAN]))
        children = await run.loop.expand([run.loop.root], 3)
        seeds.append([child.seed for child in children])

    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 3


async def test_a_closed_node_keeps_its_reason():
    run = Run(branches([PLAN]))
    (node,) = await run.loop.expand([run.loop.root])

    run.loop.close([node], "not needed")

    assert run.graph.node(node.id).state == "pruned"
    assert run.graph.node(node.id).reason == "not needed"


@given(st.integers(0, 2**56 - 1), st.integers(0, 1000), st.integers(0, 1000))
def test_child_seeds_differ_by_index(parent: int, left: int, right: int):
    assert (child_seed(parent, left) == child_seed(parent, right)) == (left == right)


@given(
    st.lists(st.tuples(st.sampled_from(["supported", "refuted", "unchecked"]), st.none() | st.floats(0, 1)))
)
def test_a_path_score_stays_between_zero_and_one(verdicts):
    from agent_runtime.types import Node

    path: list[Node] = []
    for depth, (kind, score) in enumerate(verdicts, 1):
        value = path_score(path, Verdict(kind, score=score))
        path.append(Node(depth, depth - 1, depth, path_score=value))

    assert all(0 <= node.path_score <= 1 for node in path)


async def test_a_model_that_only_plans_is_stopped():
    run = Run(branches([Plan((str(n),)) for n in range(9)]))

    await Chain().search(run.loop)

    assert [node.state for node in run.graph] == ["open", "open", "dead_end"]


async def test_a_model_that_never_checks_anything_is_stopped():
    run = Run(branches([PLAN, *(Step(f"Hm {n}.") for n in range(99))]))

    await Chain().search(run.loop)

    assert len(run.graph) < 20
    assert run.graph.answers() == []
