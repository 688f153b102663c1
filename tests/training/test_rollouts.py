"""Rollouts by the runtime itself: trees whose steps the oracle labels by how their continuations end."""

from pathlib import Path

from agent_runtime.assembly import open_runtime
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime.types import Action, Check, FinalAnswer, Plan, Sampling, Step
from agent_runtime_training.rollouts import Draw, draw_labels
from agent_runtime_training.tasks.example import Example

TASK = Example("x", "toy", "sum", "train", "What is 1 + 2?", "3", (), "toy")
PLAN = Plan(("Add",))
ADD, TWICE = Step("Add.", Check("calc", "1 + 2")), Step("Twice.", Check("calc", "1 + 1"))
CHECK = Step("Look again.", Check("calc", "2 + 1"))
RIGHT, WRONG = FinalAnswer("3"), FinalAnswer("2")


async def labels(
    tmp_path: Path, tokenizer: LocalTokenizer, *trajectories: list[Action], n: int
) -> list[float]:
    model = ScriptedModel(branches(*trajectories))
    draw = Draw(n, Sampling(temperature=1.0), 400, seed=0)
    samples = await draw_labels([TASK], model, open_runtime, draw, tmp_path, tokenizer)
    return sorted(label for sample in samples for label in sample.labels if label is not None)


async def test_a_step_is_labelled_by_the_share_of_its_continuations_that_the_oracle_calls_right(
    tmp_path, tokenizer
):
    """The tree forks behind the plan and behind each first step: two continuations a step."""
    trajectories: list[list[Action]] = [
        [PLAN, ADD, RIGHT],
        [PLAN, TWICE, WRONG],
        [PLAN, ADD, WRONG],
        [PLAN, TWICE, WRONG],
    ]

    found = await labels(tmp_path, tokenizer, *trajectories, n=4)

    assert found == [0.0, 0.5]


async def test_one_continuation_says_nothing_about_a_step(tmp_path, tokenizer):
    assert await labels(tmp_path, tokenizer, [PLAN, ADD, CHECK, RIGHT], n=2) == []
