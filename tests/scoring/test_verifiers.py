"""What the judges that need no model make of a step and of an answer."""

import pytest

from agent_runtime.scoring.ranking import is_sound
from agent_runtime.scoring.verifiers.answer_kind import AnswerKind, asked_kind, is_of_kind
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.coverage import unread
from agent_runtime.types import (
    Check,
    FinalAnswer,
    Node,
    Observation,
    Plan,
    Prompt,
    Step,
    TableSchema,
    Verdict,
)
from agent_runtime_training.tasks import generate
from agent_runtime_training.tasks.example import Split

TABLE = TableSchema("t", (("payer", "VARCHAR"), ("payee", "VARCHAR"), ("x", "DOUBLE")), 2)
PROMPT = Prompt("How much did Acme pay to O'Hara?", tables=(TABLE,), mentions=("Acme", "O'Hara"))


def queried(text: str, brought: str, outcome: str = "ok") -> Node:
    observation = Observation("sql", brought, brought, outcome)  # type: ignore[arg-type]
    return Node(1, 0, 1, Step("", Check("sql", text)), observation, Verdict("confirmed"))


def answered(text: str) -> Node:
    return Node(2, 1, 2, FinalAnswer(text), state="answered")


@pytest.mark.parametrize(
    ("brought", "kind"),
    [
        ("total\n12", "confirmed"),
        ("n\n0", "confirmed"),
        ("payee | total\nAcme | NULL", "confirmed"),
        ("total\nNULL", "unchecked"),
        ("payee | total\n(0 rows)", "unchecked"),
    ],
)
async def test_a_query_that_brings_nothing_confirms_nothing(brought: str, kind: str):
    (verdict,) = await Checks().judge(PROMPT, [(queried("SELECT 1", brought),)])

    assert verdict.kind == kind


async def test_an_answer_whose_branch_looked_at_half_of_the_question_counts_half():
    path = (queried("SELECT SUM(x) FROM t WHERE payer = 'ACME'", "total\n12"), answered("12"))

    (verdict,) = await Coverage().judge(PROMPT, [path])

    assert verdict.score == 0.5
    assert verdict.evidence == 'no check looked at "O\'Hara", which the question names'
    assert not is_sound((path[0], path[1].judged(verdict, 1.0, "answered", "")))


async def test_an_answer_whose_branch_looked_at_everything_is_left_as_it_is():
    query = "SELECT SUM(x) FROM t WHERE payer = 'Acme' AND payee = 'O''Hara'"
    path = (queried(query, "total\n12"), answered("12"))

    assert await Coverage().judge(PROMPT, [path]) == [Verdict()]
    assert is_sound(path)


async def test_a_step_is_not_held_to_the_whole_question():
    path = (queried("SELECT SUM(x) FROM t WHERE payer = 'Acme'", "total\n12"),)

    (verdict,) = await Coverage().judge(PROMPT, [path])

    assert (verdict.kind, verdict.score) == ("confirmed", None)


def test_what_a_result_shows_has_been_looked_at_and_what_a_failed_check_asks_for_has_not():
    grouped = queried("SELECT payee, SUM(x) FROM t GROUP BY payee", "payee | total\nO'Hara | 12\nAcme | 3")
    failed = queried("SELECT y FROM t WHERE payer = 'Acme'", 'no column "y"', "error")
    planned = Node(1, 0, 1, Plan(("Look at Acme",)))

    assert unread(PROMPT, (grouped,)) == ()
    assert unread(PROMPT, (planned, failed)) == ("Acme", "O'Hara")


@pytest.mark.parametrize(
    ("calculation", "missed"),
    [
        ("(692 + 1086 - 13) * 42.5", ()),
        ("(692 + 1,086) * 42.5", ("13",)),
        ("(6921 + 1086 - 13) * 42.5", ("692",)),
    ],
)
def test_without_tables_the_numbers_of_the_question_are_what_has_to_be_looked_at(
    calculation: str, missed: tuple[str, ...]
):
    prompt = Prompt("Compute (692 + 1,086 - 13) * 42.5.")
    step = Node(1, 0, 1, Step("", Check("calc", calculation)), Observation("calc", "7", "7"))

    assert unread(prompt, (step, answered("7"))) == missed


def test_an_answer_without_any_check_has_nothing_to_be_held_to_but_cells():
    assert unread(Prompt("Add 2 and 3."), (answered("5"),)) == ()


@pytest.mark.parametrize(
    ("question", "kind", "fits", "does_not"),
    [
        (
            "How many entries have no age?",
            "count",
            ("5", "none", "12 entries"),
            ("Acme", "2024-05-01", "A -> B"),
        ),
        (
            "Hi! On which day did Acme pay first?",
            "day",
            ("2024-05-01", "1.5.2024", "May 3"),
            ("no", "Acme", "A -> B"),
        ),
        ("Who sent the most?", "party", ("Acme", "068529", "No. 5 Holding"), ("2024-05-01", "yes")),
        ("Which unit sold best?", "thing", ("silver", "3"), ("no",)),
        ("Judging by how many givers each one has, which taker leads?", "thing", ("Acme",), ("yes",)),
        ("Did Acme pay, and on which day?", "anything", ("yes: 2024-05-01", "no"), ()),
        ("Name the final recipient.", "anything", ("Acme", "no"), ()),
    ],
)
def test_the_first_asking_word_says_which_kind_of_answer_can_be_right(
    question: str, kind: str, fits: tuple[str, ...], does_not: tuple[str, ...]
):
    assert asked_kind(question) == kind
    assert [is_of_kind(answer, kind) for answer in fits] == [True] * len(fits)
    assert [is_of_kind(answer, kind) for answer in does_not] == [False] * len(does_not)


@pytest.mark.parametrize("family", ["flows", "tables", "arithmetic", "puzzles", "quick"])
@pytest.mark.parametrize("split", ["train", "heldout"])
def test_no_right_answer_of_the_generators_is_of_another_kind(family: str, split: Split):
    off = [
        one for one in generate(family, 60, 5, split) if not is_of_kind(one.answer, asked_kind(one.question))
    ]

    assert not off


async def test_an_answer_of_another_kind_counts_half_whatever_holds_it_up():
    path = (queried("SELECT payer FROM t WHERE payee = 'O''Hara'", "payer\nAcme"), answered("Acme"))

    (verdict,) = await AnswerKind(Coverage()).judge(PROMPT, [path])

    assert (verdict.score, verdict.evidence) == (0.5, "the question asks for a count")
    assert not is_sound((path[0], path[1].judged(verdict, 1.0, "answered", "")))
