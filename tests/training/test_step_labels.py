"""Labelled steps as samples."""

import random

import pytest

from agent_runtime.trace.feedback import add_review
from agent_runtime.trace.reader import read
from agent_runtime.types import Step
from agent_runtime_training.examples import surviving_sample
from agent_runtime_training.step_labels import labelled_samples, spoil
from agent_runtime_training.tasks import FAMILIES
from agent_runtime_training.tasks.teacher import evaluate
from tests.trace.branches import record


@pytest.fixture
def trace(tmp_path):
    return record(tmp_path / "run.jsonl")


def test_a_step_shared_by_branches_is_labelled_once(trace, tokenizer):
    samples = labelled_samples(read(trace), tokenizer, lambda text: text == "2")

    assert sorted(label for sample in samples for label in sample.labels if label is not None) == [0.0, 0.5]
    assert not any(any(sample.is_own) for sample in samples)


def test_a_spoiled_calculation_holds_but_computes_something_else():
    example = next(FAMILIES["arithmetic"].generate(1, 4, "train"))
    spoiled = spoil(example, random.Random(1))
    assert spoiled is not None
    last, original = spoiled.turns[-1], example.turns[len(spoiled.turns) - 1]
    assert isinstance(last.action, Step)
    assert isinstance(original.action, Step)
    assert last.action.check is not None
    assert original.action.check is not None

    assert last.is_mistake
    assert last.observation is not None
    assert last.observation.outcome == "ok"
    assert evaluate(last.action.check.input) != evaluate(original.action.check.input)


def test_an_answer_with_a_thumb_down_is_not_learned(trace, tokenizer):
    add_review(trace, 4, is_up=False)

    assert surviving_sample(read(trace), tokenizer) is None
