import json
from dataclasses import replace

import pytest

from agent_runtime.errors import ConfigError, InputError
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime.types import Node, Prompt, Step
from agent_runtime_training.encoding import Sample, encode
from agent_runtime_training.process_reward import (
    PackScore,
    best_threshold,
    calibrate,
    judge_samples,
    prefixes,
    score_pack,
    train_judge,
)
from agent_runtime_training.recipe import Judge, Optimiser


def labelled(tokenizer: LocalTokenizer) -> list[Sample]:
    """Steps whose first letter tells whether they are good."""
    samples = []
    for word, label in (("good", 1.0), ("bad", 0.0)):
        for tail in "xyz":
            path = (Node(0, None, 0), Node(1, 0, 1, Step(f"{word} {tail}")))
            samples.append(replace(encode(Prompt("q"), path, tokenizer), labels=(label,)))
    return samples


def test_the_judge_learns_to_tell_good_steps_from_bad_ones(tiny, tokenizer):
    samples = labelled(tokenizer)
    judge = Judge(
        optimiser=Optimiser(learning_rate=1e-2, max_steps=40, epochs=40, batch_rows=4, row_tokens=512)
    )

    train_judge(tiny, samples, judge, 0)

    scored = judge_samples(tiny, samples)
    good = [score for score, label in scored if label == 1]
    bad = [score for score, label in scored if label == 0]
    assert sum(good) / len(good) > sum(bad) / len(bad) + 0.2
    assert tiny.is_judge


def test_without_labels_there_is_nothing_to_learn(tiny):
    with pytest.raises(ConfigError, match="no labelled step"):
        train_judge(tiny, [], Judge(), 0)


def test_a_judge_that_keeps_its_word_has_no_calibration_error():
    honest = [(0.8, 1.0)] * 4 + [(0.8, 0.0)]
    boastful = [(0.99, 0.0)] * 5

    assert calibrate(honest).expected_error == pytest.approx(0)
    assert calibrate(boastful).expected_error == pytest.approx(0.99)
    assert calibrate(boastful).brier > calibrate(honest).brier


def test_the_threshold_is_the_one_with_the_most_right_verdicts():
    assert 0.6 < best_threshold([(0.9, 1.0), (0.8, 1.0), (0.6, 0.0), (0.2, 0.0)]) <= 0.8


def test_f1_is_the_harmonic_mean_of_the_two_groups():
    assert PackScore(10, 10, 0.5, 1.0).f1 == pytest.approx(2 / 3)
    assert PackScore(10, 10, 0.0, 0.0).f1 == 0


async def test_a_pack_is_scored_by_the_first_step_below_the_threshold(tmp_path):
    items = [
        {"problem": "p", "steps": ["good", "bad", "bad"], "answer": 1},
        {"problem": "p", "steps": ["good", "good"], "answer": -1},
        {"problem": "p", "steps": ["bad"], "answer": -1},
    ]
    path = tmp_path / "prm.jsonl"
    path.write_text("\n".join(map(json.dumps, items)))

    async def judge(prompt, paths):
        return [1.0 if nodes[-1].action.thought == "good" else 0.0 for nodes in paths]

    found = await score_pack(path, judge, 0.5)

    assert (found.wrong_accuracy, found.right_accuracy) == (1.0, 0.5)


async def test_a_model_that_is_no_judge_is_told_so(tmp_path):
    path = tmp_path / "prm.jsonl"
    path.write_text(json.dumps({"problem": "p", "steps": ["s"], "answer": -1}))

    async def decline(prompt, paths):
        return [None for _ in paths]

    with pytest.raises(ConfigError, match="no judge"):
        await score_pack(path, decline, 0.5)


async def test_a_pack_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({"question": "q", "answer": 1}))

    async def judge(prompt, paths):
        return [1.0 for _ in paths]

    with pytest.raises(InputError, match="no pack of judged steps"):
        await score_pack(path, judge, 0.5)


def test_each_prefix_of_a_solution_ends_in_its_step():
    paths = prefixes(["one", "two"])

    assert [path[-1].action.thought for path in paths] == ["one", "two"]  # type: ignore[union-attr]
    assert [len(path) for path in paths] == [2, 3]
