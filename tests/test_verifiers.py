"""What the judges that need no model make of a step and of an answer."""

import pytest

from agent_runtime.decide import is_sound
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
from agent_runtime.verifiers.grounding import Grounding, unread
from agent_runtime.verifiers.tool_verdicts import ToolVerdicts

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
    (verdict,) = await ToolVerdicts().judge(PROMPT, [(queried("SELECT 1", brought),)])

    assert verdict.kind == kind


async def test_an_answer_whose_branch_looked_at_half_of_the_question_counts_half():
    path = (queried("SELECT SUM(x) FROM t WHERE payer = 'ACME'", "total\n12"), answered("12"))

    (verdict,) = await Grounding(ToolVerdicts()).judge(PROMPT, [path])

    assert verdict.score == 0.5
    assert verdict.evidence == 'no check looked at "O\'Hara", which the question names'
    assert not is_sound((path[0], path[1].judged(verdict, 1.0, "answered", "")))


async def test_an_answer_whose_branch_looked_at_everything_is_left_as_it_is():
    query = "SELECT SUM(x) FROM t WHERE payer = 'Acme' AND payee = 'O''Hara'"
    path = (queried(query, "total\n12"), answered("12"))

    assert await Grounding(ToolVerdicts()).judge(PROMPT, [path]) == [Verdict()]
    assert is_sound(path)


async def test_a_step_is_not_held_to_the_whole_question():
    path = (queried("SELECT SUM(x) FROM t WHERE payer = 'Acme'", "total\n12"),)

    (verdict,) = await Grounding(ToolVerdicts()).judge(PROMPT, [path])

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
