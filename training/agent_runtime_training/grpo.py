"""GRPO: groups of rollouts of one task, each better or worse than its group, move the policy.

Reference: Shao et al. 2024, DeepSeekMath, arXiv:2402.03300. Departures, each for a reason:

- Advantage is the reward less the group's mean, not divided by its standard deviation, and a rollout's loss is a
  sum over its tokens divided by a constant, not by its length: both divisions bias towards easy tasks and long
  wrong answers (Liu et al. 2025, Dr. GRPO, arXiv:2503.20783).
- No value of old weights is kept: each batch of rollouts is used once, so the clipped ratio is against the
  weights that the batch began with, recomputed in full precision, since the engine decodes in bf16 under a
  grammar and its numbers are those of another distribution.
- The penalty towards the reference (the adapter switched off) is off by default, as rewards here are verified.
- Tokens that the grammar forced are no decision of the policy and carry no loss; nor do results.
- A group whose rewards are all alike says nothing and is left out.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from agent_runtime.types import Malformed, Step
from agent_runtime_training.encoding import Packed, Sample, encode, pack
from agent_runtime_training.fitting import collate
from agent_runtime_training.recipe import Reinforcement
from agent_runtime_training.rollouts import Rollout, RolloutGroup, solves
from agent_runtime_training.tasks.example import Example
from agent_runtime_training.weights import Weights

RIGHT, CONFIRMED, WITHIN_BUDGET, WELL_FORMED = 1.0, 0.2, 0.1, 0.1


def reward(example: Example, rollout: Rollout, max_tokens: int) -> float:
    """Mostly whether the answer is right; a little for steps that held, the budget kept, and sound form.

    The small parts together stay below what a right answer brings, so that none of them is worth a wrong one.
    """
    steps = [node for node in rollout.path if isinstance(node.action, Step) and node.action.check is not None]
    held = sum(node.verdict.kind == "supported" for node in steps) / len(steps) if steps else 0.0
    is_answered = rollout.answer is not None
    is_well_formed = not any(isinstance(node.action, Malformed) for node in rollout.path)
    return (
        RIGHT * solves(example, rollout)
        + CONFIRMED * held
        + WITHIN_BUDGET * (is_answered and rollout.n_tokens <= max_tokens)
        + WELL_FORMED * is_well_formed
    )


@dataclass(frozen=True, slots=True)
class Scored:
    """A rollout as a sample with its advantage."""

    sample: Sample
    advantage: float


@dataclass(frozen=True, slots=True)
class Iteration:
    """What one iteration saw and did; the learning curve is a list of these."""

    number: int
    mean_reward: float
    share_right: float
    n_used_groups: int
    loss: float
    kl: float


def score_group(weights: Weights, group: RolloutGroup, max_tokens: int) -> list[Scored]:
    """The group's rollouts with their advantages; none where all rewards are alike."""
    rewards = [reward(group.example, rollout, max_tokens) for rollout in group.rollouts]
    if not rewards or max(rewards) - min(rewards) < 1e-6:
        return []
    mean = sum(rewards) / len(rewards)
    return [
        Scored(encode(group.prompt, rollout.path, weights.tokenizer), value - mean)
        for rollout, value in zip(group.rollouts, rewards, strict=True)
    ]


class Reinforcer:
    """Moves a policy by groups of rollouts; keeps the optimiser's state between iterations."""

    def __init__(self, weights: Weights, settings: Reinforcement, seed: int) -> None:
        self._weights = weights
        self._settings = settings
        self._rng = random.Random(seed)  # noqa: S311
        trained = [parameter for parameter in weights.model.parameters() if parameter.requires_grad]
        self._trained = trained
        self._adam = torch.optim.AdamW(
            trained, lr=settings.optimiser.learning_rate, weight_decay=settings.optimiser.weight_decay
        )
        self._number = 0

    def improve(self, groups: Sequence[RolloutGroup]) -> Iteration:
        """Move the policy once over the groups' rollouts, in batches of rows."""
        settings = self._settings
        self._number += 1
        scored = [score_group(self._weights, group, settings.max_tokens) for group in groups]
        batches = list(self._batches([one for group in scored for one in group]))
        before = [self._logprobs(rows).detach() for rows, _ in batches]
        self._weights.model.train()
        losses = [
            self._step(rows, advantages, old) for (rows, advantages), old in zip(batches, before, strict=True)
        ]
        self._weights.model.eval()
        rewards = [
            reward(group.example, one, settings.max_tokens) for group in groups for one in group.rollouts
        ]
        n_losses = max(1, len(losses))
        return Iteration(
            self._number,
            sum(rewards) / max(1, len(rewards)),
            sum(group.share_right for group in groups) / max(1, len(groups)),
            sum(bool(group) for group in scored),
            sum(loss for loss, _ in losses) / n_losses,
            sum(kl for _, kl in losses) / n_losses,
        )

    def _batches(self, scored: list[Scored]) -> Iterator[tuple[list[Packed], Tensor]]:
        """Rows with one advantage a learned token, in the order in which `_logprobs` gives them."""
        optimiser = self._settings.optimiser
        self._rng.shuffle(scored)
        advantage_of = {id(one.sample): one.advantage for one in scored}
        rows = list(pack((one.sample for one in scored), optimiser.row_tokens))
        for start in range(0, len(rows), optimiser.batch_rows):
            chosen = rows[start : start + optimiser.batch_rows]
            advantages = [
                advantage_of[id(sample)]
                for row in chosen
                for sample in row.samples
                for _ in range(sum(sample.is_own))
            ]
            yield chosen, torch.tensor(advantages, device=self._weights.device)

    def _logprobs(self, rows: list[Packed]) -> Tensor:
        """[N]: the log-probability of every learned token, row by row."""
        batch = collate(rows, self._weights.device)
        hidden = self._weights.hidden(batch.ids, batch.positions, batch.mask)
        is_learned = batch.targets != -100
        logits = self._weights.logits(hidden[is_learned]).float()
        return -functional.cross_entropy(logits, batch.targets[is_learned], reduction="none")

    def _step(self, rows: list[Packed], advantages: Tensor, old: Tensor) -> tuple[float, float]:
        """One optimiser step; its loss and its distance to the reference."""
        settings = self._settings
        now = self._logprobs(rows)
        ratio = torch.exp(now - old)
        clipped = ratio.clamp(1 - settings.clip, 1 + settings.clip)
        gain = torch.minimum(ratio * advantages, clipped * advantages)
        n_rollouts = sum(len(row.samples) for row in rows)
        loss = -gain.sum() / (n_rollouts * settings.max_tokens)
        kl = torch.zeros(())
        if settings.kl:
            gap = self._reference(rows) - now
            kl = (torch.exp(gap) - gap - 1).sum() / (n_rollouts * settings.max_tokens)
            loss = loss + settings.kl * kl
        self._adam.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._trained, settings.optimiser.max_grad_norm)
        self._adam.step()
        return loss.item(), kl.item()

    @torch.no_grad()
    def _reference(self, rows: list[Packed]) -> Tensor:
        """Log-probabilities with the adapter off (of the policy itself where there is none)."""
        model: Any = self._weights.model
        with model.disable_adapter() if self._weights.has_adapter else nullcontext():
            return self._logprobs(rows)
