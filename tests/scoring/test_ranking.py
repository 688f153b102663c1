from dataclasses import replace

import pytest

from agent_runtime.scoring.ranking import rank, read, weight
from agent_runtime.types import Candidate, Node, Objection, Verdict
from tests.scoring.branches import answered, asked, renumbered
from tests.scoring.test_derivations import CASES, WHERE

Branch = tuple[Node, ...]


def said(
    text: str, cell: int = 3, first: int = 1, shape: tuple[str, ...] = WHERE, query: str = "q"
) -> Branch:
    return (asked(f"{query} {cell}", (cell,), node_id=first, shape=shape), answered(text, first + 1))


def ranked(*branches: Branch, n_failed: int = 0) -> list[Candidate]:
    return rank([read(branch, "How many?") for branch in branches], n_failed)


def objected(branch: Branch, *, is_refuting: bool = False) -> Branch:
    objection = Objection("literal", "no 'X' in boro", is_refuting=is_refuting)
    verdict = Verdict("refuted" if is_refuting else "unchecked", objections=(objection,))
    return (replace(branch[0], verdict=verdict), branch[1])


def scored(branch: Branch, *scores: float) -> Branch:
    judged = [replace(node.verdict, score=score) for node, score in zip(branch, scores, strict=True)]
    return tuple(replace(node, verdict=verdict) for node, verdict in zip(branch, judged, strict=True))


def test_an_answer_that_one_check_shows_is_supported_and_says_by_which():
    (best,) = ranked(said("3"))

    assert (best.verdict, best.grounds) == ("supported", ("read off the result of sql: q 3",))
    assert best.value is not None


def test_an_answer_that_two_independent_derivations_came_to_is_confirmed():
    (best,) = ranked(said("3"), said("3", first=10, shape=CASES, query="case"))

    assert best.verdict == "confirmed"
    assert best.confidence > ranked(said("3"))[0].confidence
    assert len(best.grounds) == 2


def test_votes_of_one_derivation_never_confirm():
    branches = [renumbered(said("3"), 10 * n) for n in range(1, 9)]

    (best,) = ranked(*branches)

    assert (best.verdict, best.n_votes) == ("supported", 8)


def test_an_answer_that_no_result_shows_is_unchecked_whatever_its_votes():
    (best,) = ranked(*[renumbered(said("42", cell=1), 10 * n) for n in range(1, 9)])

    assert (best.verdict, best.n_votes) == ("unchecked", 8)


@pytest.mark.parametrize(("is_refuting", "verdict"), [(False, "unchecked"), (True, "refuted")])
def test_an_objection_to_the_check_that_carries_an_answer_stands_against_the_answer(is_refuting, verdict):
    (best,) = ranked(objected(said("3"), is_refuting=is_refuting))

    assert (best.verdict, [one.text for one in best.objections]) == (verdict, ["no 'X' in boro"])
    assert best.confidence < ranked(said("3"))[0].confidence


def test_a_derivation_that_an_objection_stands_against_confirms_nothing():
    (best,) = ranked(said("3"), objected(said("3", first=10, shape=CASES, query="case")))

    assert best.verdict == "supported"


def test_two_confirmed_answers_contradict_each_other_and_neither_is():
    branches = [
        said(text, cell, first, shape, query)
        for text, cell, first in (("3", 3, 1), ("4", 4, 50))
        for shape, query, first in ((WHERE, "w", first), (CASES, "c", first + 10))
    ]

    assert [one.verdict for one in ranked(*branches)] == ["supported", "supported"]


def test_equal_answers_in_other_clothes_vote_together():
    best, other = ranked(said("1,200", 1200), said("1200.00", 1200, 10), said("7", 7, 20))

    assert (best.n_votes, other.n_votes) == (2, 1)
    assert best.confidence > other.confidence


def test_a_supported_answer_outweighs_an_unsupported_one():
    best, _ = ranked(said("9", 1), said("3", 3, 10))

    assert best.text == "3"


def test_one_chain_that_nobody_judged_is_little_more_than_even_and_a_judge_decides():
    (alone,) = ranked(said("3"))
    (judged,) = ranked(scored(said("3"), 0.95, 0.95))
    (doubted,) = ranked(scored(said("3"), 0.5, 0.5))

    assert doubted.confidence < 0.5 < alone.confidence < 0.6 < judged.confidence


def test_an_answer_of_a_planner_counts_as_judged():
    planned = (said("3")[0], replace(said("3")[1], origin="planner", planner="flow"))

    assert ranked(planned)[0].confidence == pytest.approx(ranked(scored(said("3"), 1.0, 1.0))[0].confidence)


def test_failed_branches_lower_the_confidence():
    assert ranked(said("3"), n_failed=3)[0].confidence < ranked(said("3"))[0].confidence


def test_process_rewards_decide_between_branches_that_checks_hold_up_alike():
    first, second = said("3"), said("4", 4, 10)

    assert ranked(first, second)[0].text == "3"
    assert ranked(scored(first, 0.3, 0.2), scored(second, 0.9, 0.8))[0].text == "4"


def test_one_branch_that_a_judge_trusts_outvotes_two_that_it_does_not():
    weak = [scored(renumbered(said("3"), 10 * n), 0.3, 0.2) for n in (1, 2)]
    strong = scored(said("4", 4, 90), 0.9, 0.9)

    assert ranked(*weak, strong)[0].text == "4"


def test_no_score_takes_a_vote_away():
    assert weight(read(scored(said("3"), 0.0, 0.0), "")) > 0
