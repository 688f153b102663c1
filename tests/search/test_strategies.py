from dataclasses import replace

import pytest

from agent_runtime.assembly import build_strategy
from agent_runtime.errors import BudgetExceeded, ConfigError
from agent_runtime.limits.budget import Budget
from agent_runtime.models.scripted import Script, branches, completion
from agent_runtime.search.auto import Auto
from agent_runtime.search.beam import Beam
from agent_runtime.search.best_first import BestFirst
from agent_runtime.search.chain import Chain
from agent_runtime.search.corroborate import Corroborated
from agent_runtime.search.diverse import DiverseTrees
from agent_runtime.search.mcts import MonteCarlo
from agent_runtime.search.vote import Vote, leader_wins
from agent_runtime.types import Action, Backtrack, Completion, Plan, Request
from tests.fakes import PLAN, Run, answer, step

GOOD: list[Action] = [PLAN, step("2+3"), answer("5")]
OTHER: list[Action] = [PLAN, step("4+4"), answer("8")]
LOOPING: list[Action] = [PLAN, step("oops"), step("oops", "Once more.")]


def unsure(*trajectories: list[Action]) -> Script:
    """The trajectories, each token at a log-probability of -1."""
    script = branches(*trajectories)

    def written(request: Request) -> Completion:
        action = script(request)
        assert not isinstance(action, Completion)
        whole = completion(action)
        return replace(whole, logprobs=(-1.0,) * len(whole.logprobs))

    return written


async def test_vote_decodes_all_open_branches_in_one_batch_a_round():
    run = Run(branches(GOOD))

    await Vote(3).search(run.loop)

    assert len(run.graph.answers()) == 3
    assert len(run.graph) == 1 + 9


async def test_a_backtrack_goes_on_in_the_stream_under_a_chain():
    run = Run(branches([PLAN, step("1+1"), Backtrack("wrong way"), step("2+3"), answer("5")]))

    await Chain().search(run.loop)

    assert len(run.graph.answers()) == 1


async def test_best_first_leaves_a_branch_that_gave_up_and_takes_another():
    run = Run(branches([PLAN, Backtrack("no idea")], GOOD), score=0.95)

    await BestFirst(n_plans=2).search(run.loop)

    assert [node.action for node in run.graph.answers()] == [answer("5")]
    assert "backtracked: no idea" in {node.reason for node in run.graph}


async def test_best_first_stops_at_the_first_answer_whose_checks_hold_and_whose_judge_is_content():
    run = Run(branches(GOOD), score=0.95)

    await BestFirst(n_plans=3).search(run.loop)

    assert len(run.graph.answers()) == 1
    assert all(node.state != "open" for node in run.graph.frontier())


async def test_best_first_goes_on_behind_an_answer_that_its_checks_do_not_hold_up():
    guess: list[Action] = [Plan(("Guess",)), step("2+3"), answer("77")]
    run = Run(branches(guess, GOOD), score=0.95)

    await BestFirst(n_plans=2, n_parallel=1).search(run.loop)

    assert [node.action for node in run.graph.answers()][:2] == [answer("77"), answer("5")]
    assert run.loop.candidates()[0].text == "5"


async def test_best_first_goes_on_behind_a_clean_answer_that_nobody_judged():
    again: list[Action] = [PLAN, step("4+1", "Again."), answer("5")]
    run = Run(branches(GOOD, again))

    await BestFirst(n_plans=1, n_parallel=1).search(run.loop)

    assert [node.action for node in run.graph.answers()] == [answer("5")] * 2


async def test_best_first_first_follows_the_likeliest_actions_and_samples_where_it_comes_back():
    guess: list[Action] = [PLAN, step("2+3"), answer("77")]
    run = Run(branches(guess, GOOD))

    await BestFirst(n_plans=1, n_parallel=1).search(run.loop)

    greedy = [request.index for request in run.model.requests if request.sampling.temperature == 0]
    warm = [request.index for request in run.model.requests if request.sampling.temperature > 0]
    assert set(greedy) == {0}
    assert warm
    assert 0 not in warm


async def test_best_first_comes_to_an_end_without_a_budget_where_every_answer_is_another():
    def never_the_same(request: Request) -> Action:
        return answer(str(request.path[-1].id)) if len(request.path) == 3 else step(f"1+{request.index}")

    run = Run(never_the_same)

    await BestFirst(n_rounds=20).search(run.loop)

    assert 20 <= len(run.graph) <= 4 + 2 * 20 + 1


async def test_best_first_comes_to_an_end_when_every_branch_loops():
    run = Run(branches(LOOPING))

    await BestFirst().search(run.loop)

    assert run.graph.answers() == []
    assert run.adder.inputs == ["oops"]


async def test_auto_derives_a_sure_greedy_answer_a_second_time_and_is_content():
    run = Run(branches(GOOD), score=0.95)

    await Auto({"chain": Chain(), "vote": Vote(4)}).search(run.loop)

    assert [node.strategy for node in run.graph.answers()] == ["chain", "corroborate"]


async def test_the_branch_that_looks_for_a_second_derivation_is_told_what_was_tried():
    run = Run(branches(GOOD), score=0.95)

    await Corroborated(Chain(), n_tries=1).search(run.loop)

    first, *_, last = run.model.requests
    assert first.notes == ()
    assert "2+3" in last.notes[0]


async def test_no_second_derivation_is_looked_for_where_there_is_no_first():
    run = Run(branches(LOOPING))

    await Corroborated(Chain()).search(run.loop)

    assert {node.strategy for node in run.graph if node.action} == {""}


async def test_auto_goes_on_where_the_greedy_pass_failed():
    run = Run(branches(LOOPING, GOOD))

    await Auto({"chain": Chain(), "vote": Vote(2)}).search(run.loop)

    assert run.graph.answers()


UNCHECKED: list[Action] = [PLAN, answer("9")]


@pytest.mark.parametrize(
    ("second", "stages"),
    [
        ((GOOD, OTHER), {"chain", "vote", "again"}),
        ((UNCHECKED, UNCHECKED), {"chain", "vote"}),
        ((LOOPING, LOOPING), {"chain", "vote"}),
    ],
    ids=["sound answers that differ", "answers that nothing holds up", "no answer"],
)
async def test_auto_takes_a_third_stage_only_to_settle_a_contradiction(
    second: tuple[list[Action], list[Action]], stages: set[str]
):
    run = Run(branches(LOOPING, *second, GOOD, GOOD))

    await Auto({"chain": Chain(), "vote": Vote(2), "again": Vote(2)}).search(run.loop)

    assert {node.strategy for node in run.graph if node.action} == stages


async def test_a_spent_budget_leaves_a_parallel_search_as_itself():
    run = Run(branches(GOOD), Budget(tokens=40))

    with pytest.raises(BudgetExceeded):
        await Vote(4).search(run.loop)


@pytest.mark.parametrize(
    "strategy",
    [BestFirst(), Beam(), DiverseTrees(), MonteCarlo(), Vote(4), Auto({"chain": Chain(), "beam": Beam()})],
)
async def test_every_strategy_finds_the_answer_behind_looping_branches(strategy):
    run = Run(branches(LOOPING, GOOD, LOOPING))

    await strategy.search(run.loop)

    assert answer("5") in [node.action for node in run.graph.answers()]


@pytest.mark.parametrize("strategy", [BestFirst(), Beam(), DiverseTrees(), MonteCarlo(), Vote(4)])
async def test_every_strategy_ends_when_all_branches_loop_and_leaves_nothing_open(strategy):
    run = Run(branches(LOOPING))

    await strategy.search(run.loop)

    assert run.graph.answers() == []
    assert run.graph.frontier() == []


@pytest.mark.parametrize("strategy", [BestFirst(), Beam(), DiverseTrees(), MonteCarlo(), Vote(8)])
async def test_every_strategy_grows_the_same_tree_again(strategy):
    runs = [Run(branches(GOOD, LOOPING, [PLAN, step("4+4"), answer("8")])) for _ in range(2)]

    for run in runs:
        await strategy.search(run.loop)

    assert runs[0].actions() == runs[1].actions()


async def test_siblings_that_say_the_same_are_pruned():
    run = Run(branches(GOOD))

    await Beam(n_beams=3).search(run.loop)

    assert [node.state for node in run.graph.children(0)].count("pruned") == 2


async def test_a_vote_stops_when_the_leader_cannot_be_caught():
    run = Run(branches(GOOD))

    await Vote(16, wave=4).search(run.loop)

    assert len(run.graph.answers()) == 4


LONG: list[Action] = [PLAN, *[step(f"{n}+9", f"Look at {n}.") for n in range(6)], answer("5")]


async def test_a_vote_of_four_ends_at_three_to_none_and_leaves_the_fourth_where_it_is():
    run = Run(branches(GOOD, GOOD, GOOD, LONG))

    await Vote(4).search(run.loop)

    assert len(run.graph.answers()) == 3
    assert len(run.model.requests) == 4 * len(GOOD)
    assert [node.reason for node in run.graph if node.state == "pruned"] == ["the vote is decided"]


async def test_a_vote_of_four_goes_on_at_two_to_none_and_at_three_to_one():
    for first in ([GOOD, GOOD, LONG, LONG], [GOOD, GOOD, OTHER, LONG]):
        run = Run(branches(*first))

        await Vote(4).search(run.loop)

        assert len(run.graph.answers()) == 4


async def test_votes_that_nothing_holds_up_end_no_vote_early():
    guess: list[Action] = [PLAN, step("2+3"), answer("77")]
    run = Run(branches(guess, guess, guess, LONG))

    await Vote(4).search(run.loop)

    assert len(run.graph.answers()) == 4


@pytest.mark.parametrize(
    ("name", "n_opened"), [("vote:1", 1), ("vote:6", 6), ("beam:3", 3), ("diverse:2", 2)]
)
async def test_the_number_behind_a_strategys_name_is_its_width(name, n_opened):
    run = Run(branches(LOOPING))

    await build_strategy(name).search(run.loop)

    assert len(run.graph.children(0)) == n_opened


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vote:x", "how many chains, from 1 to"),
        ("vote:0", "how many chains, from 1 to"),
        ("vote:-4", "how many chains, from 1 to"),
        ("vote:", "how many chains, from 1 to"),
        ("vote:1000000", "how many chains, from 1 to"),
        ("chain:4", "chain takes no number"),
        ("votes:4", "unknown strategy 'votes:4'"),
    ],
)
def test_a_strategy_that_is_none_is_refused_in_words(name, said):
    with pytest.raises(ConfigError, match=said):
        build_strategy(name)


def test_the_leaders_chance_is_the_beta_posterior():
    assert leader_wins(0, 0) == 0.5
    assert leader_wins(4, 0) == 1 - 0.5**5
    assert leader_wins(3, 2) < leader_wins(3, 1)
