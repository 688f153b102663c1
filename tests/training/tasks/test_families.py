import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.dialogue.parsing import parse
from agent_runtime.types import FinalAnswer, Plan, Step
from agent_runtime_training.tasks import FAMILIES, generate
from agent_runtime_training.tasks.checking import is_right
from agent_runtime_training.tasks.example import Example, Split
from agent_runtime_training.tasks.teacher import load, run_sql

SPLITS: tuple[Split, ...] = ("train", "heldout")
SLOW_FAMILIES = {"puzzles", "debugging"}
some_examples = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _example(family: str, seed: int, split: Split) -> Example:
    return next(generate(family, 1, seed, split))


def queries(example: Example) -> list[tuple[str, bool]]:
    """Each SQL check of a trace, and whether it failed in it."""
    return [
        (turn.action.check.input, turn.observation.outcome == "ok")
        for turn in example.turns
        if isinstance(turn.action, Step)
        and turn.action.check is not None
        and turn.action.check.tool == "sql"
        and turn.observation is not None
    ]


families = st.sampled_from(sorted(set(FAMILIES) - SLOW_FAMILIES))


@some_examples
@given(family=families, seed=st.integers(0, 10**9), split=st.sampled_from(SPLITS))
def test_a_trace_begins_with_a_plan_or_an_answer_and_ends_in_the_oracles_answer(family, seed, split):
    example = _example(family, seed, split)

    assert isinstance(example.turns[0].action, Plan | FinalAnswer | Step)
    last = example.turns[-1].action
    assert isinstance(last, FinalAnswer)
    assert is_right(last.text, example.answer)


@some_examples
@given(family=families, seed=st.integers(0, 10**9), split=st.sampled_from(SPLITS))
def test_the_same_arguments_give_the_same_example(family, seed, split):
    assert _example(family, seed, split) == _example(family, seed, split)


@some_examples
@given(family=families, seed=st.integers(0, 10**9), split=st.sampled_from(SPLITS))
def test_every_action_survives_the_wire(family, seed, split):
    from agent_runtime.dialogue.parsing import render

    for turn in _example(family, seed, split).turns:
        assert parse(render(turn.action)) == turn.action


@some_examples
@given(family=st.sampled_from(["flows", "tables"]), seed=st.integers(0, 10**9), split=st.sampled_from(SPLITS))
def test_every_query_of_a_trace_runs_as_the_trace_says(family, seed, split):
    import duckdb

    example = _example(family, seed, split)
    load(example.tables)

    for query, succeeded in queries(example):
        try:
            run_sql(query)
        except duckdb.Error:
            assert not succeeded
        else:
            assert succeeded


@pytest.mark.parametrize("family", ["flows", "tables"])
def test_some_traces_recover_from_a_failed_query(family):
    examples = list(generate(family, 40, 5))

    recovered = [example for example in examples if any(turn.is_mistake for turn in example.turns)]
    assert 2 <= len(recovered) <= 20


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - SLOW_FAMILIES))
def test_every_kind_of_a_family_can_be_drawn_in_both_splits(family):
    for kind in FAMILIES[family].builders:
        for split in SPLITS:
            example = FAMILIES[family].example(kind, 1, split)
            assert (example.kind, example.split) == (kind, split)


def test_examples_do_not_depend_on_how_many_are_drawn():
    assert list(generate("flows", 3, 9)) == list(generate("flows", 5, 9))[:3]
