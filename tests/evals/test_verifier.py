"""The measurement of verdicts: every form of a corpus is run, and what is counted is what came."""

from pathlib import Path

import duckdb
import pytest

from agent_runtime.models.scripted import ScriptedModel
from agent_runtime.types import Check, FinalAnswer, Request
from evals.derivations import Case, measured, wrapped
from evals.packs.items import Item
from evals.verifier import auc, cases, judged, read_lines, table

QUERIES = [
    "SELECT count(*) FROM t WHERE n > 1",
    "SELECT a.n FROM t AS a JOIN t AS b ON a.n = b.n + 1 ORDER BY a.n",
    "WITH big AS (SELECT n FROM t WHERE n > 1) SELECT big.n FROM big",
    "SELECT t.n, (SELECT max(u.n) FROM t AS u WHERE u.n < t.n) AS before FROM t ORDER BY t.n",
]
RIGHT = "SELECT max(n) FROM t"
ROWS = [
    {"item": "i", "query": RIGHT, "right": True, "mutation": None},
    {"item": "i", "query": "SELECT min(n) FROM t", "right": False, "mutation": "aggregate"},
    {"item": "i", "query": "SELECT sum(n) FROM t", "right": False, "mutation": "aggregate"},
]
SECONDS = [{"item": "i", "query": RIGHT, "second": "SELECT n FROM t ORDER BY n DESC LIMIT 1"}]
ITEM = Item("i", "sql", "What is the greatest n?", "3", "exact", files={"t.csv": "n,m\n1,5\n2,6\n3,7\n"})


@pytest.mark.parametrize("query", QUERIES)
def test_a_wrapped_query_brings_the_same_rows_under_other_aliases(query):
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT unnest([1, 2, 3]) AS n")

        assert connection.execute(wrapped(query)).fetchall() == connection.execute(query).fetchall()
        assert wrapped(query).startswith("WITH derived AS (")
        assert "same_0" in wrapped(query)


def test_each_row_of_a_corpus_is_run_in_every_form():
    found = {(case.mutation, case.form) for case in cases(ROWS, SECONDS)}

    assert found == {
        (None, "alone"), (None, "second, branches"), (None, "second, steps"), ("aggregate", "alone"),
        ("aggregate", "twice, branches"), ("aggregate", "twice, steps"),
        ("aggregate", "beside, branches"), ("aggregate", "beside, steps"),
    }  # fmt: skip


def test_a_mutant_is_never_beside_itself():
    for case in cases(ROWS[:2], []):
        assert not case.form.startswith("beside")


def test_a_sample_takes_its_neighbours_from_the_whole_corpus():
    forms = {case.form for case in cases(ROWS[1:2], [], corpus=ROWS)}

    assert "beside, steps" in forms


def test_the_area_under_the_curve_counts_pairs_in_order():
    assert auc([0.9, 0.8], [0.1, 0.2]) == 1.0
    assert auc([0.1], [0.9]) == 0.0
    assert auc([0.5, 0.9], [0.5, 0.1]) == 0.875
    assert auc([], [0.5]) is None


async def test_the_checks_of_two_branches_and_of_two_steps_are_carried_out(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first, second = Check("sql", RIGHT), Check("sql", SECONDS[0]["second"])
    forms = {"alone": ((first,),), "branches": ((first,), (second,)), "steps": ((first, second),)}

    outcomes = await measured({"i": ITEM}, [Case("i", form, None, checks) for form, checks in forms.items()])

    runs = {one.case.form: one for one in outcomes}
    assert [one.error for one in outcomes] == ["", "", ""]
    for form, one in runs.items():
        assert one.answer is not None
        assert one.answer.candidate == "3"
        assert one.answer.usage.tool_calls == len([check for branch in forms[form] for check in branch])


async def test_a_judge_that_tells_right_from_wrong_has_an_area_of_one(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    judge = ScriptedModel(lambda request: FinalAnswer("unused"), judge=_likes_the_greatest)

    outcomes = await measured({"i": ITEM}, cases(ROWS, [], ["alone"]), judge)

    assert "judge by step_score: AUC 1.000, mean 0.90 and 0.60" in judged(outcomes)


async def test_a_judge_that_declines_has_no_area(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    judge = ScriptedModel(lambda request: FinalAnswer("unused"))

    outcomes = await measured({"i": ITEM}, cases(ROWS, [], ["alone"]), judge)

    assert "judge by step_score: no scores, the model declined" in judged(outcomes)


def _likes_the_greatest(request: Request) -> float:
    return 0.9 if any("max(" in str(node.action) for node in request.path) else 0.6


async def test_a_table_counts_verdicts_by_form_and_mutation(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    outcomes = await measured({"i": ITEM}, cases(ROWS, SECONDS))

    lines = {tuple(line.split()[:2]): line for line in table(outcomes).splitlines()}
    assert lines["alone", "right"].split()[2] == "1"
    assert lines["beside,", "branches"].split()[2:4] == ["all", "2"]


def test_the_second_derivations_are_other_queries_for_queries_of_their_own():
    seconds = read_lines(Path(__file__).parents[2] / "evals" / "second_derivations.jsonl")

    assert len(seconds) >= 40
    assert len({(one["item"], one["query"]) for one in seconds}) == len(seconds)
    assert all(one["second"] != one["query"] for one in seconds)
