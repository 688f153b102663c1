from agent_runtime.scoring.derivations import derivations, independent_pair
from agent_runtime.types import Node
from tests.scoring.branches import answered, asked, computed, renumbered

WHERE = ("aggregate", "scan:t", "where")
CASES = ("aggregate", "case", "scan:t")


def are_two(*branches: tuple[Node, ...]) -> bool:
    return (
        independent_pair([one for branch in branches for one in derivations(branch, "How many?")]) is not None
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
