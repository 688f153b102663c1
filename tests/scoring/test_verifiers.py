from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined, merged
from agent_runtime.scoring.verifiers.coverage import Coverage
from agent_runtime.scoring.verifiers.emptiness import Emptiness
from agent_runtime.scoring.verifiers.judge import Judge
from agent_runtime.scoring.verifiers.remarks import Remarks
from agent_runtime.types import (
    Judgement,
    Node,
    Objection,
    Prompt,
    Remark,
    Request,
    Step,
    TableSchema,
    Usage,
    Verdict,
)
from tests.scoring.branches import answered, asked, computed

SALES = (TableSchema("sales", (("customer", "VARCHAR"), ("amount", "DOUBLE")), 9),)


def prompt(question: str, *mentions: str, tables: tuple[TableSchema, ...] = SALES) -> Prompt:
    return Prompt(question, tables=tables, mentions=mentions)


async def objections(verifier, path, question: Prompt | None = None) -> list[str]:
    (verdict,) = await verifier.judge(question or Prompt("How many?"), [path])
    return [one.text for one in verdict.objections]


async def test_a_check_that_failed_refutes_its_step_and_one_that_held_supports_it():
    held = asked("q", (3,))
    assert held.observation is not None
    failed = replace(held, observation=replace(held.observation, outcome="error"))

    verdicts = await Checks().judge(Prompt(""), [(held,), (failed,), (answered("3"),)])

    assert [verdict.kind for verdict in verdicts] == ["supported", "refuted", "unchecked"]


async def test_what_a_tool_noticed_about_its_own_check_is_an_objection():
    node = asked("q", (0,))
    assert node.observation is not None
    remark = Remark("literal", "no 'MANHATTAN' in boro", is_refuting=True)
    node = replace(node, observation=replace(node.observation, remarks=(remark,)))

    (verdict,) = await Combined(Checks(), Remarks()).judge(Prompt(""), [(node,)])

    assert verdict.kind == "refuted"
    assert verdict.objections == (Objection("literal", "no 'MANHATTAN' in boro", is_refuting=True),)


@pytest.mark.parametrize("rows", [(), ((None,),), ((None, None), (None, None))])
async def test_nothing_that_came_back_settles_nothing(rows):
    (verdict,) = await Combined(Checks(), Emptiness()).judge(Prompt(""), [(asked("q", *rows),)])

    assert verdict.kind == "unchecked"
    assert verdict.objections


async def test_a_row_with_a_value_is_not_empty():
    assert not await objections(Emptiness(), (asked("q", (None, 0)),))


@pytest.mark.parametrize(
    ("question", "mentions", "query"),
    [
        ("Who are the top 5 customers?", (), "SELECT customer FROM sales LIMIT 1"),
        ("What did 'Acme' pay?", ("Acme",), "SELECT sum(amount) FROM sales"),
        ("How much was paid on 2024-03-05?", (), "SELECT sum(amount) FROM sales"),
        ("What is 12% of 250?", (), "12 * 10"),
        ("How many cost more than 1.2k?", (), "SELECT count(*) FROM sales WHERE amount > 120"),
    ],
)
async def test_what_the_question_names_and_no_check_looked_at_is_an_objection(question, mentions, query):
    path = (asked(query, (7,)), answered("7"))

    (said,) = await objections(Coverage(), path, prompt(question, *mentions))

    assert "which the question names" in said


@pytest.mark.parametrize(
    ("question", "mentions", "query"),
    [
        ("Who are the top 5 customers?", (), "SELECT customer FROM sales LIMIT 5"),
        ("What did 'O'Hara' pay?", ("O'Hara",), "SELECT sum(amount) FROM sales WHERE customer = 'O''Hara'"),
        ("How much was paid on 2024-03-05?", (), "SELECT ... WHERE day = DATE '2024-03-05'"),
        ("How much in 2024?", (), "SELECT ... WHERE day >= '2024-01-01'"),
        ("What is 12% of 250?", (), "0.12 * 250"),
        ("How many cost more than 1.2k?", (), "SELECT count(*) FROM sales WHERE amount > 1200"),
        ("What is the total of 3pointplay?", (), "SELECT sum(x) FROM t"),
        ("How many Tape 5 m were sold?", ("Tape 5 m",), "... WHERE product = 'Tape 5 m'"),
    ],
)
async def test_what_a_check_looked_at_is_covered_however_it_is_written(question, mentions, query):
    path = (asked(query, (7,)), answered("7"))

    assert await objections(Coverage(), path, prompt(question, *mentions)) == []


async def test_a_look_up_covers_nothing():
    path = (asked("... 'Acme'", ("Acme",), is_lookup=True), asked("q", (7,), node_id=2), answered("7"))

    assert await objections(Coverage(), path, prompt("What did 'Acme' pay?", "Acme"))


async def test_a_calculation_that_starts_from_no_number_of_the_question_is_made_up():
    question = prompt("What is the capital of France?", tables=())

    assert await objections(Coverage(), (computed("1200 * 4", 4800), answered("4800")), question)
    assert not await objections(
        Coverage(), (computed("60 / 4", 15), answered("15")), prompt("A quarter of 60?", tables=())
    )


class Opinion:
    """A model that judges by rule."""

    def __init__(self, score: float | None) -> None:
        self.score = score
        self.asked: list[Request] = []

    async def judge(self, requests):
        self.asked += requests
        return [Judgement(self.score, Usage(judge_tokens=1)) for _ in requests]


async def test_the_judge_is_asked_about_checks_that_came_back_and_answers_alone():
    model = Opinion(0.9)
    thought = Node(1, 0, 1, Step("Think."))

    verdicts = await Judge(model).judge(Prompt(""), [(thought,), (asked("q", (3,)),), (answered("3"),)])  # type: ignore[arg-type]

    assert [verdict.score for verdict in verdicts] == [None, 0.9, 0.9]
    assert len(model.asked) == 2


@pytest.mark.parametrize(("score", "n"), [(0.05, 1), (0.6, 0), (None, 0)])
async def test_a_judge_objects_where_it_finds_a_step_more_wrong_than_right_by_far(score, n):
    assert len(await objections(Judge(Opinion(score)), (asked("q", (3,)),))) == n  # type: ignore[arg-type]


KINDS = ("refuted", "unchecked", "supported", "confirmed")
VERDICTS = st.builds(
    Verdict,
    st.sampled_from(("unchecked", "supported")),
    objections=st.lists(
        st.builds(Objection, st.just("v"), st.text(max_size=3), st.booleans()), max_size=2
    ).map(tuple),
)


@given(st.lists(VERDICTS, min_size=1, max_size=4), VERDICTS)
def test_a_verdict_never_rises_when_an_objection_is_added(verdicts, more):
    added = replace(more, kind="unchecked", objections=(*more.objections, Objection("x", "no")))

    assert KINDS.index(merged([*verdicts, added]).kind) <= KINDS.index(merged(verdicts).kind)
