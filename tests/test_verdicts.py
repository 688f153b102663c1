"""Wrong derivations through the whole runtime: a scripted model writes one check and quotes what comes back."""

from pathlib import Path

import pytest

from agent_runtime import Observation, RunConfig, Task, ToolError, open_runtime
from agent_runtime.models.scripted import ScriptedModel
from agent_runtime.types import Action, Answer, Check, FinalAnswer, Plan, Request, Step

INSPECTIONS = "boro,score\nManhattan,3\nManhattan,4\nManhattan,9\nBrooklyn,7\n"
SAMPLES = "sample,status\n1,GERMLINE\n2,GERMLINE\n3,Germline\n4,Germline\n5,somatic\n"
PAYMENTS = (
    'payer,payee,amount\n"North | South Ltd",Oak Ltd,100\n"North | South Ltd",Elm Ltd,50\nOak Ltd,Elm Ltd,7\n'
)


def quoting(*checks: Check):
    """A script that carries out each check in a branch of its own, and answers with the rows that came back."""
    begun: list[Plan] = []

    def script(request: Request) -> Action:
        if not request.path:
            begun.append(Plan((f"Ask, way {len(begun)}",)))
            return begun[-1]
        if len(request.path) == 1:
            assert isinstance(request.path[0].action, Plan)
            return Step("Ask.", checks[begun.index(request.path[0].action) % len(checks)])
        seen = request.path[-1].observation
        assert seen is not None
        if seen.table is not None:
            return FinalAnswer("; ".join(str(cell) for row in seen.table.rows for cell in row))
        return FinalAnswer(seen.text)

    return script


async def answer(
    tmp_path, question: str, csv: str, *checks: Check, score: float | None = None, tools=()
) -> Answer:
    tables: tuple[Path, ...] = ()
    if csv:
        (tmp_path / "t.csv").write_text(csv)
        tables = (tmp_path / "t.csv",)
    strategy = f"vote:{len(checks)}" if len(checks) > 1 else "chain"
    config = RunConfig.load({"strategy": strategy, "planner": "none", "trace": tmp_path / "run.jsonl"})
    model = ScriptedModel(quoting(*checks), None if score is None else lambda _: score)
    async with open_runtime(config, model=model, tools=tools) as runtime:
        return await runtime.solve(runtime.new_task(question, tables))


def sql(query: str) -> Check:
    return Check("sql", query)


async def test_a_text_that_no_cell_holds_refutes_the_query_and_names_the_nearest(tmp_path):
    query = sql("SELECT COUNT(*) FROM t WHERE boro = 'MANHATTAN'")

    found = await answer(tmp_path, "How many inspections were there in MANHATTAN?", INSPECTIONS, query)

    assert (found.text, found.verdict) == (None, "refuted")
    assert any("'Manhattan' (3 rows)" in one.text for one in found.objections)


async def test_cells_that_differ_in_case_alone_are_an_objection(tmp_path):
    query = sql("SELECT COUNT(*) FROM t WHERE status = 'GERMLINE'")

    found = await answer(tmp_path, "How many samples have the status germline?", SAMPLES, query)

    assert (found.text, found.verdict) == (None, "unchecked")
    assert any("Germline" in one.text for one in found.objections)


async def test_what_a_judge_finds_beside_the_question_is_not_established(tmp_path):
    query = sql("SELECT COUNT(*) FROM t WHERE boro = 'Brooklyn'")

    found = await answer(
        tmp_path, "What is the average temperature in Brooklyn?", INSPECTIONS, query, score=0.05
    )

    assert (found.text, found.verdict) == (None, "unchecked")


async def test_a_cell_with_a_bar_in_it_is_one_cell(tmp_path):
    query = sql("SELECT payer, SUM(amount) FROM t WHERE payer = 'North | South Ltd' GROUP BY payer")

    found = await answer(tmp_path, 'How much did "North | South Ltd" pay in total?', PAYMENTS, query)

    assert found.text == "North | South Ltd; 150"


async def test_two_forms_of_query_confirm_and_one_form_twice_does_not(tmp_path):
    where = sql("SELECT COUNT(*) FROM t WHERE boro = 'Manhattan'")
    renamed = sql("WITH s AS (SELECT * FROM t) SELECT COUNT(*) AS n FROM s AS x WHERE x.boro = 'Manhattan'")
    cases = sql("SELECT SUM(CASE WHEN boro = 'Manhattan' THEN 1 ELSE 0 END) FROM t")
    question = "How many inspections were there in Manhattan?"

    (tmp_path / "same").mkdir()
    same = await answer(tmp_path / "same", question, INSPECTIONS, where, renamed)
    two = await answer(tmp_path, question, INSPECTIONS, where, cases)

    assert (same.text, same.verdict) == ("3", "supported")
    assert (two.text, two.verdict) == ("3", "confirmed")


async def test_a_number_that_comes_from_nowhere_answers_no_question(tmp_path):
    found = await answer(tmp_path, "What is the capital of France?", "", Check("calc", "1200 * 4"))

    assert (found.text, found.verdict) == (None, "unchecked")


class Foods:
    name = "foods"
    description = "grams of protein in an article"

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        raise ToolError(f"no article {text!r}")


@pytest.mark.parametrize("score", [None, 0.95])
async def test_what_a_tool_refuses_is_never_the_answer(tmp_path, score):
    check = Check("foods", "nuts")

    found = await answer(tmp_path, "How much protein is in nuts?", "", check, score=score, tools=[Foods()])

    assert found.text is None
