"""Planners before a strategy: whose action is whose, what is tried next, and when the model's turn comes."""

from collections.abc import Sequence

import pytest

from agent_runtime.assembly import build_planners, open_runtime
from agent_runtime.config import RunConfig
from agent_runtime.errors import ConfigError, ModelError
from agent_runtime.limits.budget import Budget
from agent_runtime.models.absent import AbsentModel
from agent_runtime.protocols import Expander
from agent_runtime.search.chain import Chain
from agent_runtime.search.planned import Planned
from agent_runtime.types import Action, Node, Prompt, Request
from tests.fakes import PLAN, Run, answer, step

OWN = step("1 + 2", "By rule.")
NEXT = step("2 + 2", "By the next rule.")
WRONG = step("no sum", "By a rule that errs.")


class Rules:
    """Plans, tries `steps` best first, and answers `text` after each of those that are in `telling`."""

    name = "rules"

    def __init__(self, steps: Sequence[Action] = (OWN,), telling: Sequence[Action] = (OWN,)) -> None:
        self._steps = steps
        self._telling = telling

    def propose(self, prompt: Prompt, path: Sequence[Node]) -> Sequence[Action]:
        if not path:
            return (PLAN,)
        if len(path) == 1:
            return self._steps
        return (answer("3"),) if path[-1].action in self._telling else ()


def write(request: Request) -> Action:
    said: list[Action] = [PLAN, step("0 + 3"), answer("3")]
    return said[len(request.path)]


def written(run: Run) -> list[tuple[str, str, str]]:
    return [(node.origin, node.planner, node.strategy) for node in run.graph if node.action is not None]


async def test_the_planner_comes_first_and_the_model_derives_it_again():
    run = Run(write)

    await Planned([Rules()], Chain(), inner_name="chain").search(run.loop)

    assert written(run) == [("planner", "rules", "rules")] * 3 + [("model", "", "chain")] * 3
    assert [node.state for node in run.loop.answers] == ["answered", "answered"]
    assert run.adder.inputs == ["1 + 2", "0 + 3"]


async def test_an_answer_that_is_enough_spares_the_model():
    run = Run(write)

    def is_enough(tree: Expander) -> bool:
        return bool(tree.answers)

    await Planned([Rules()], Chain(), is_enough=is_enough).search(run.loop)

    assert run.model.requests == []
    assert len(run.loop.answers) == 1


@pytest.mark.parametrize("first", [WRONG, NEXT])
async def test_where_a_branch_brings_no_answer_the_next_action_is_tried(first: Action):
    run = Run(write)

    await Planned([Rules((first, OWN))], None).search(run.loop)

    (found,) = run.loop.answers
    assert [node.action for node in run.loop.path(found)] == [PLAN, OWN, answer("3")]
    given_up = next(node for node in run.graph if node.action == first)
    assert (given_up.state, given_up.reason) == ("dead_end", "planner rules goes no further")


async def test_a_planner_that_has_nothing_to_say_leaves_no_trace():
    class Silent(Rules):
        def propose(self, prompt: Prompt, path: Sequence[Node]) -> Sequence[Action]:
            return ()

    run = Run(write)

    await Planned([Silent()], Chain(), inner_name="chain").search(run.loop)

    assert written(run) == [("model", "", "chain")] * 3


async def test_a_model_writes_the_same_with_a_planner_as_without():
    alone, beside = Run(write), Run(write)

    await Chain().search(alone.loop)
    await Planned([Rules()], Chain()).search(beside.loop)

    asked = [[(one.seed, one.index) for one in run.model.requests] for run in (alone, beside)]
    assert asked[0] == asked[1]


async def test_planners_keep_to_the_branch_budget_and_leave_the_model_its_own():
    run = Run(write, Budget(branches=1))

    await Planned([Rules((NEXT, OWN))], Chain()).search(run.loop)

    assert [run.loop.path(node)[0].origin for node in run.loop.answers] == ["model"]
    assert all(node.action != OWN for node in run.graph)  # it would have been a second branch
    assert run.meter.exhausted == "branches"


@pytest.mark.parametrize(("name", "found"), [("none", []), ("flow", ["flow"]), ("auto", ["flow"])])
def test_a_planner_is_named_in_the_settings(name: str, found: list[str]):
    assert [planner.name for planner in build_planners(name)] == found


def test_an_unknown_planner_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="unknown planner 'rules'; there are: auto, none, flow"):
        build_planners("rules")


async def test_without_a_model_and_without_a_planner_a_run_does_not_begin():
    with pytest.raises(ConfigError, match="nobody proposes anything"):
        async with open_runtime(RunConfig.load({"model": "none", "planner": "none"})):
            pass


async def test_an_absent_model_is_never_asked_and_says_so_where_it_is():
    card = await AbsentModel().card()

    assert (card.name, card.device) == ("none", "none")
    with pytest.raises(ModelError, match="no model in this run"):
        await AbsentModel().generate([])
