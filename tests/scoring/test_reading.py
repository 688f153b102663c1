import pytest

from agent_runtime.scoring.reading import holders
from agent_runtime.types import Check, Node, Observation, Step
from tests.scoring.branches import answered, asked, computed

QUESTION = "Follow the money out of Acme and name the last recipient."


def is_held(text: str, *steps: Node, question: str = QUESTION) -> bool:
    return bool(holders((*steps, answered(text)), question))


@pytest.mark.parametrize(
    ("said", "cell"),
    [
        ("$1,200", 1200),
        ("1200.00", 1200),
        ("36968.1", 36968.100000000006),
        ("0.0841", "0.0841"),
        ("12.35", 12.3456),
        ("30 percent", 30),
        ("The total is 30.", 30),
        ("2024-01-05", "2024-01-05"),
        ("true", True),
        ("yes", True),
        ("North | South Ltd", "North | South Ltd"),
        ("Acme, Inc.", "Acme, Inc."),
        ("birch ltd", "Birch Ltd"),
    ],
)
def test_an_answer_is_read_off_the_one_value_that_came_back(said, cell):
    assert is_held(said, asked("q", (cell,)))


@pytest.mark.parametrize(
    ("said", "cell"),
    [
        ("0.08", 0.0841),
        ("13", 12.6),
        ("31", 30),
        ("no", True),
        ("Birch", "Birch Ltd"),
        ("12", "12 Oak Street"),
    ],
)
def test_what_the_result_does_not_say_is_not_read_off_it(said, cell):
    assert not is_held(said, asked("q", (cell, 7)))


def test_a_list_is_read_off_the_rows_whatever_stands_between_its_items():
    rows = asked("q", ("Birch, Sons & Co",), ("Cedar Ltd",))

    assert is_held("Birch, Sons & Co, Cedar Ltd", rows)
    assert is_held("Birch, Sons & Co and Cedar Ltd", rows)
    assert not is_held("Birch, Sons & Co, Dune Ltd", rows)


def test_rows_of_several_columns_are_read_whole():
    rows = asked("q", ("Alder", 36968.1), ("Heather", 36946.6))

    assert is_held("Alder | 36968.1; Heather | 36946.6", rows)
    assert not is_held("Alder | 36968.1; Heather | 36946.7", rows)


def test_a_chain_starts_at_a_name_of_the_question_and_goes_on_through_results():
    hops = (asked("a", ("Borealis", 12)), asked("b", ("Corvid", 11), node_id=2))

    assert is_held("Acme -> Borealis -> Corvid", *hops)
    assert not is_held("Acme -> Borealis -> Dune", *hops)


def test_names_of_the_question_alone_are_no_answer():
    question = "How much did Acorn Ltd transfer to Birch Ltd?"
    looked_up = asked("q", ("name", "Acorn Ltd"), ("name", "Birch Ltd"), is_lookup=True)

    assert not is_held("Acorn Ltd -> Birch Ltd", looked_up, question=question)
    assert not is_held("Acorn Ltd -> Birch Ltd", asked("q", (200,)), question=question)


@pytest.mark.parametrize(
    ("expression", "is_it"),
    [("(5 * 6) - (10 - 4)", True), ("8 / (3 - 8 / 3)", True), ("5 * 6", False)],
    ids=["its value was seen", "a fraction within", "another value"],
)
def test_an_expression_is_held_up_by_the_check_that_shows_its_value(expression, is_it):
    assert is_held(expression, computed("30 - 6", 24)) is is_it


def test_free_text_of_a_program_is_read_by_its_lines_and_numbers():
    printed = Observation("python", "days: 30\nlast: Oak Ltd\n", "days: 30")
    step = Node(1, 0, 1, Step("Run.", Check("python", "...")), printed)

    assert is_held("30", step)
    assert is_held("Oak Ltd", step)
    assert not is_held("31", step)
