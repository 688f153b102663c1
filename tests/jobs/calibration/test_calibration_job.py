import pytest

from agent_runtime.assembly import open_runtime
from agent_runtime.config import RunConfig
from agent_runtime.errors import InputError
from agent_runtime.jobs.calibration.job import Case, Item, cases_of, fit, read_items
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.types import Judgement, Plan
from tests.fakes import answer, step


def test_the_shipped_items_have_a_question_an_answer_and_their_tables():
    items = read_items()

    assert len(items) >= 40
    assert all(item.question and item.answer for item in items)


def test_a_map_says_more_of_what_was_right_more_often():
    sure = [Case((2.0, 1.0, 0.0), index % 10 != 0, "confirmed") for index in range(40)]
    unsure = [Case((-1.0, 0.0, 0.0), index % 4 == 0, "supported") for index in range(40)]

    fitted = fit([one for pair in zip(sure, unsure, strict=True) for one in pair], "m")

    high = fitted.probability(0.88, is_confirmed=True, mean_logprob=None)
    low = fitted.probability(0.27, is_confirmed=False, mean_logprob=None)
    assert high > 0.7 > 0.5 > low


def test_too_few_answers_fit_nothing():
    with pytest.raises(InputError, match="too few"):
        fit([Case((0.0, 0.0, 0.0), True, "supported")] * 3, "m")


async def test_each_item_is_asked_by_each_strategy_and_held_against_its_answer(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    script = branches([Plan(("Add",)), step("2+3"), answer("5")])
    model = ScriptedModel(script, lambda _: Judgement(0.9))
    items = [Item("What is 2+3?", "5", {}), Item("What is 2+3, doubled?", "10", {})]

    found = await cases_of(
        items, lambda config: open_runtime(config, model=model), RunConfig(), lambda line: None
    )

    assert [case.is_right for case in found] == [True, False] * 2
