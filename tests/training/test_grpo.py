import pytest
import torch

from agent_runtime.types import (
    Action,
    Check,
    FinalAnswer,
    Malformed,
    Node,
    Observation,
    Plan,
    Prompt,
    Step,
    Verdict,
)
from agent_runtime_training.grpo import Reinforcer, reward, score_group
from agent_runtime_training.recipe import Optimiser, Reinforcement
from agent_runtime_training.rollouts import Rollout, RolloutGroup
from agent_runtime_training.tasks.example import Example
from agent_runtime_training.weights import Weights

TASK = Example("x", "toy", "letter", "train", "Say a.", "a", (), "toy")
SETTINGS = Reinforcement(
    group=8, max_tokens=8, optimiser=Optimiser(learning_rate=2e-2, row_tokens=4096, batch_rows=8)
)


def rollout(
    *actions: Action, verdict: Verdict = Verdict(), observation: Observation | None = None
) -> Rollout:
    return Rollout(
        tuple(
            Node(at, at - 1, at, action, observation if isinstance(action, Step) else None, verdict)
            for at, action in enumerate(actions, start=1)
        )
    )


CHECKED = Step("Compute.", Check("calc", "1"))
HELD = Verdict("supported")


def test_a_right_answer_is_worth_more_than_everything_else_together():
    wrong_but_neat = rollout(Plan(("p",)), CHECKED, FinalAnswer("b"), verdict=HELD)
    right_but_poor = rollout(Malformed("?", "no"), CHECKED, FinalAnswer("a"), verdict=Verdict("refuted"))

    assert reward(TASK, right_but_poor, 0) > reward(TASK, wrong_but_neat, 100)


def test_steps_that_held_bring_a_little():
    held = rollout(CHECKED, FinalAnswer("b"), verdict=HELD)
    refuted = rollout(CHECKED, FinalAnswer("b"), verdict=Verdict("refuted"))

    assert reward(TASK, held, 100) > reward(TASK, refuted, 100)


def test_a_repair_is_right_when_an_edit_really_passed_whatever_the_answer_says():
    task = Example(
        "x", "debugging", "one_line", "train", "Fix.", "p.py:1 x", (), "t", command=("python", "t.py")
    )
    edited = Step("Try.", Check("edit", "p.py:1-1\nx"))

    passed = rollout(edited, FinalAnswer("done"), observation=Observation("edit", "", ""))
    failed = rollout(edited, FinalAnswer("p.py:1 x"), observation=Observation("edit", "E", "E", "false"))

    assert reward(task, passed, 100) > 1 > reward(task, failed, 100)


def test_a_group_whose_rewards_are_alike_says_nothing(tiny):
    group = RolloutGroup(TASK, Prompt("Say a."), (rollout(FinalAnswer("a")), rollout(FinalAnswer("a"))))

    assert score_group(tiny, group, 8) == []


def test_advantages_of_a_group_sum_to_zero(tiny):
    answers = [rollout(FinalAnswer(text)) for text in "abca"]

    scored = score_group(tiny, RolloutGroup(TASK, Prompt("Say a."), tuple(answers)), 8)

    assert sum(one.advantage for one in scored) == pytest.approx(0)
    assert [one.advantage > 0 for one in scored] == [True, False, False, True]


def sample_letters(weights: Weights, n: int, generator: torch.Generator) -> list[str]:
    """Answers of one letter out of four, as the policy likes them now."""
    from agent_runtime.dialogue.role_tokens import RoleTokens

    tokenizer = weights.tokenizer
    head = [*RoleTokens(tokenizer).head_of(Prompt("Say a.")), tokenizer.role_id("answer")]
    ids = torch.tensor([head])
    mask = torch.ones(len(head), len(head), dtype=torch.bool).tril()[None, None]
    with torch.no_grad():
        hidden = weights.hidden(ids, torch.arange(len(head))[None], mask)
        letters = [tokenizer.encode_data(letter)[0] for letter in "abcd"]
        chances = torch.softmax(weights.logits(hidden[:, -1])[0, letters], dim=0)
    drawn = torch.multinomial(chances, n, replacement=True, generator=generator)
    return ["abcd"[at] for at in drawn.tolist()]


def test_reward_goes_up_on_a_toy_task(tiny):
    reinforcer = Reinforcer(tiny, SETTINGS, seed=0)
    generator = torch.Generator().manual_seed(0)
    curve = []
    for _ in range(12):
        letters = sample_letters(tiny, 8, generator)
        group = RolloutGroup(
            TASK, Prompt("Say a."), tuple(rollout(FinalAnswer(letter)) for letter in letters)
        )
        curve.append(reinforcer.improve([group]).share_right)

    assert sum(curve[-4:]) / 4 > sum(curve[:3]) / 3 + 0.3


def test_an_iteration_without_a_difference_moves_nothing(tiny):
    before = tiny.embedding().detach().clone()
    group = RolloutGroup(TASK, Prompt("Say a."), (rollout(FinalAnswer("b")), rollout(FinalAnswer("c"))))

    found = Reinforcer(tiny, SETTINGS, seed=0).improve([group])

    assert found.n_used_groups == 0
    assert torch.equal(tiny.embedding(), before)


def test_the_penalty_keeps_the_policy_by_its_reference(adapted):
    settings = SETTINGS.model_copy(update={"kl": 0.5})
    group = RolloutGroup(TASK, Prompt("Say a."), tuple(rollout(FinalAnswer(letter)) for letter in "aabb"))
    reinforcer = Reinforcer(adapted, settings, seed=0)

    first, later = reinforcer.improve([group]), reinforcer.improve([group])

    assert first.kl == pytest.approx(0, abs=1e-6)
    assert later.kl > 0
