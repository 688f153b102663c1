import json
import random

import pytest

from agent_runtime.errors import InputError
from agent_runtime_training.tasks.arithmetic import draw_numbers, template_builder
from agent_runtime_training.tasks.draft import verify
from agent_runtime_training.tasks.gsm8k import read_gsm8k, rewrite
from agent_runtime_training.tasks.teacher import Rejected, TeacherError, evaluate
from agent_runtime_training.tasks.word_problems import HELDOUT, TRAIN
from agent_runtime_training.tasks.wording import word


@pytest.mark.parametrize(
    ("split", "index"),
    [("train", i) for i in range(len(TRAIN))] + [("heldout", i) for i in range(len(HELDOUT))],
)
def test_the_steps_of_a_template_come_to_what_its_formula_says(split, index):
    rng, n_right = random.Random(index), 0
    text = (TRAIN if split == "train" else HELDOUT)[index].text
    for _ in range(60):
        try:
            draft = template_builder(split, index)(rng, split)
        except Rejected:
            continue
        verify("template", draft)
        assert "{" not in word(text, rng, draft.fields)
        n_right += 1

    assert n_right >= 5


def test_numbers_may_follow_from_earlier_ones():
    numbers = draw_numbers("n=3:3 k=4|4 t=n*k+1", random.Random(0))

    assert numbers["t"] == 13


@pytest.mark.parametrize("text", ["__import__('os')", "1 / 0", "a + 1", "f(2)", ""])
def test_the_teachers_calculator_takes_arithmetic_only(text):
    with pytest.raises(TeacherError):
        evaluate(text)


def test_a_gsm8k_solution_becomes_checked_steps():
    example = rewrite("x", "How many?", "He has 2*3=<<2*3=6>>6 cups.\nThen 6+1=<<6+1=7>>7.\n#### 7")

    assert example is not None
    assert [turn.observation.brief for turn in example.turns if turn.observation] == ["6", "7"]


@pytest.mark.parametrize(
    "solution",
    [
        "He has 2*3=<<2*3=7>>7.\n#### 7",
        "He has six.\n#### 6",
        "He has 2*3=<<2*3=6>>6.\n#### 9",
        "It is <<x*3=6>>6.\n#### 6",
    ],
)
def test_a_gsm8k_solution_that_does_not_compute_is_left_out(solution):
    assert rewrite("x", "How many?", solution) is None


def test_a_file_with_another_hash_is_refused(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps({"question": "q", "answer": "#### 1"}))

    with pytest.raises(InputError, match="SHA-256"):
        list(read_gsm8k(path, "0" * 64))
