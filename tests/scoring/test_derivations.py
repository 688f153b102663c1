import pytest

from agent_runtime.scoring.derivations import independent_pair
from agent_runtime.scoring.ranking import read
from agent_runtime.types import CONSTANT, UNREAD, Node
from tests.scoring.branches import answered, asked, computed, renumbered

WHERE = ("aggregate", "scan:t", "where")
CASES = ("aggregate", "case", "scan:t")


def are_two(*branches: tuple[Node, ...]) -> bool:
    return (
        independent_pair([one for branch in branches for one in read(branch, "How many?").derivations])
        is not None
    )


def test_the_same_query_twice_is_one_derivation():
    one = (asked("SELECT 3", (3,), shape=WHERE), answered("3"))

    assert not are_two(one, renumbered(one, 20))


def test_the_same_structure_with_another_literal_is_the_same_derivation():
    one = (asked("... = 'a'", (3,), shape=WHERE), answered("3"))
    other = (asked("... = 'b'", (3,), node_id=20, shape=WHERE), answered("3", 21))

    assert not are_two(one, other)


def test_another_form_of_query_is_a_second_derivation():
    one = (asked("WHERE", (3,), shape=WHERE), answered("3"))
    other = (asked("CASE", (3,), node_id=20, shape=CASES), answered("3", 21))

    assert are_two(one, other)
    assert are_two((one[0], other[0], answered("3", 30)))


def test_a_calculation_over_a_result_is_no_second_derivation_of_it():
    query = asked("SELECT sum(x)", (3412,), shape=WHERE)
    again = computed("3412 * 1", 3412, node_id=2, shape=("multiply",))

    assert not are_two((query, again, answered("3412")))


def test_a_calculation_from_the_question_alone_is_a_second_derivation():
    query = asked("SELECT sum(x)", (3412,), shape=WHERE)
    other = (computed("3000 + 412", 3412, node_id=20, shape=("add",)), answered("3412", 21))

    assert are_two((query, answered("3412")), other)


def test_without_a_known_structure_one_tool_gives_one_derivation():
    one = (computed("1 + 2", 3), answered("3"))
    other = (computed("2 + 1", 3, node_id=20), answered("3", 21))

    assert not are_two(one, other)


def test_a_structure_that_nobody_could_read_is_independent_of_nothing_by_the_same_tool():
    known = (asked("WHERE", (3,), shape=WHERE), answered("3"))
    unread = (asked("???", (3,), node_id=20, shape=UNREAD), answered("3", 21))
    nothing_said = (asked("??", (3,), node_id=30), answered("3", 31))

    assert not are_two(known, unread)
    assert not are_two(known, nothing_said)


@pytest.mark.parametrize(
    "restated",
    [
        asked("SELECT 3", (3,), node_id=20, shape=CONSTANT),
        computed("3", 3, node_id=20, shape=CONSTANT),
    ],
    ids=["a constant query", "a number alone"],
)
def test_what_derives_nothing_confirms_nothing(restated):
    known = (asked("WHERE", (3,), shape=WHERE), answered("3"))

    assert not are_two(known, (restated, answered("3", 21)))


@pytest.mark.parametrize(
    "restated",
    [
        computed("3412 * 1", 3412, node_id=20, shape=("*",)),
        asked("SELECT 3412 + 0 FROM t WHERE x", (3412,), node_id=20, shape=("arithmetic", "scan:t")),
    ],
)
def test_a_check_that_states_the_answer_itself_confirms_nothing(restated):
    known = (asked("SELECT sum(x)", (3412,), shape=WHERE), answered("3,412"))

    assert not are_two(known, (restated, answered("3412", 21)))
