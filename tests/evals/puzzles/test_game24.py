"""The Game of 24: the guided search finds an answer, stops there, and makes far fewer nodes than a blind one."""

import pytest

from evals.game24 import DepthFirst, guided, is_valid, play
from evals.packs.items import Item

EASY, HARD = "2, 3, 4, 6", "3, 3, 8, 8"  # the second has one way alone: 8 / (3 - 8 / 3)


def puzzle(numbers: str) -> Item:
    question = f"Use the numbers {numbers} exactly once each, with + - * / and parentheses, to make 24."
    return Item("puzzle", "game24", question, answer="", checker="exact")


@pytest.mark.parametrize("numbers", [EASY, HARD])
async def test_the_guided_search_solves_a_puzzle_with_fewer_nodes_than_a_blind_one(numbers):
    is_solved, n_nodes = await play(puzzle(numbers), guided(), is_blind=False, n_nodes=2_000)
    is_solved_blindly, n_blind = await play(puzzle(numbers), DepthFirst(), is_blind=True, n_nodes=None)

    assert is_solved
    assert is_solved_blindly
    assert n_nodes < n_blind


async def test_the_guided_search_stops_at_an_answer_that_a_check_holds_up():
    _, n_nodes = await play(puzzle(EASY), guided(), is_blind=False, n_nodes=2_000)

    assert n_nodes < 20  # a plan, three moves, the answer, and what little was tried beside them


async def test_a_puzzle_without_a_solution_ends_with_its_budget_of_branches():
    is_solved, n_nodes = await play(puzzle("1, 1, 1, 1"), guided(), is_blind=False, n_nodes=50)

    assert not is_solved
    assert n_nodes <= 50 * 5  # a branch is a plan, three moves and its end at the most


@pytest.mark.parametrize("answer", ["(2 + 3) * 4", "2 * 3 * 4 * 1", "2 + 3 + 4 + 6"])
def test_an_answer_with_other_numbers_or_another_value_is_not_valid(answer):
    assert not is_valid(puzzle(EASY).question, answer)
