"""The process reward: P(<good>) where a step ends, learned on top of the policy without losing it.

At the token that closes a step, the logits of `<good>` and `<bad>` alone are a two-way choice; its cross-entropy
against the step's label is the loss, beside a share of the action loss. Reference: Lightman et al. 2023,
arXiv:2305.20050; one model for policy and judge, so that judging costs one token position and no second model.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from agent_runtime.errors import ConfigError, InputError
from agent_runtime.protocols import Model
from agent_runtime.types import Node, Prompt, Request, Step
from agent_runtime_training.encoding import Sample, pack
from agent_runtime_training.fitting import Batch, Progress, action_loss, collate, fit
from agent_runtime_training.recipe import Judge
from agent_runtime_training.sft import shuffled
from agent_runtime_training.weights import Weights


def train_judge(
    weights: Weights,
    samples: Iterable[Sample],
    judge: Judge,
    seed: int,
    report: Callable[[Progress], None] = lambda progress: None,
) -> list[float]:
    """Learn the labels of steps; the loss of every optimiser step.

    Raises:
        ConfigError: No sample with a label fits a row.
    """
    rows = [row for row in pack(shuffled(samples, seed), judge.optimiser.row_tokens) if row.judged]
    if not rows:
        raise ConfigError("there is no labelled step to learn from")

    def loss(weights: Weights, batch: Batch, hidden: Tensor) -> Tensor:
        verdict = verdict_loss(weights, batch, hidden)
        return verdict + judge.policy_weight * action_loss(weights, batch, hidden)

    losses = fit(weights, rows, judge.optimiser, loss, seed, report)
    weights.is_judge = True
    return losses


def goodness(weights: Weights, batch: Batch, hidden: Tensor) -> Tensor:
    """[N]: logit of good against bad at every labelled step end."""
    at = hidden[batch.judged[:, 0], batch.judged[:, 1]]
    pair = [weights.tokenizer.role_id("good"), weights.tokenizer.role_id("bad")]
    logits = weights.logits(at).float()[:, pair]
    return logits[:, 0] - logits[:, 1]


def verdict_loss(weights: Weights, batch: Batch, hidden: Tensor) -> Tensor:
    """Cross-entropy between P(good) and the labels, which may be soft."""
    if not len(batch.labels):
        return hidden.sum() * 0.0
    return functional.binary_cross_entropy_with_logits(goodness(weights, batch, hidden), batch.labels)


@torch.no_grad()
def judge_samples(
    weights: Weights, samples: Sequence[Sample], row_tokens: int = 2048
) -> list[tuple[float, float]]:
    """(P(good), label) of every labelled step, in order."""
    found: list[tuple[float, float]] = []
    weights.model.eval()
    for row in pack(samples, row_tokens):
        batch = collate([row], weights.device)
        if len(batch.labels):
            hidden = weights.hidden(batch.ids, batch.positions, batch.mask)
            scores = torch.sigmoid(goodness(weights, batch, hidden)).tolist()
            found += list(zip(scores, batch.labels.tolist(), strict=True))
    return found


# --- how good is the judge


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far P(good) can be taken at its word: mean squared error, and mean gap over ten bins."""

    brier: float
    expected_error: float
    n: int


def calibrate(scored: Sequence[tuple[float, float]], n_bins: int = 10) -> Calibration:
    """Brier score and expected calibration error (Guo et al. 2017, arXiv:1706.04599) of (score, label) pairs."""
    if not scored:
        return Calibration(0.0, 0.0, 0)
    bins: dict[int, list[tuple[float, float]]] = {}
    for score, label in scored:
        bins.setdefault(min(n_bins - 1, int(score * n_bins)), []).append((score, label))
    gaps = [
        abs(sum(score for score, _ in members) - sum(label for _, label in members))
        for members in bins.values()
    ]
    brier = sum((score - label) ** 2 for score, label in scored) / len(scored)
    return Calibration(brier, sum(gaps) / len(scored), len(scored))


def best_threshold(scored: Sequence[tuple[float, float]]) -> float:
    """The threshold on P(good) with the most right verdicts, found on steps of ours, never on a pack."""
    candidates = [at / 20 for at in range(1, 20)]
    return max(
        candidates,
        key=lambda at: (sum((score >= at) == (label >= 0.5) for score, label in scored), -abs(at - 0.5)),
    )


@dataclass(frozen=True, slots=True)
class PackScore:
    """First-wrong-step results as the packs define them: F1 is the harmonic mean of the two groups' accuracies."""

    n_wrong: int
    n_right: int
    wrong_accuracy: float
    right_accuracy: float

    @property
    def f1(self) -> float:
        total = self.wrong_accuracy + self.right_accuracy
        return 2 * self.wrong_accuracy * self.right_accuracy / total if total else 0.0


ScoreSteps = Callable[[Prompt, Sequence[tuple[Node, ...]]], Awaitable[Sequence[float | None]]]


def judge_with(model: Model) -> ScoreSteps:
    """A model's own process reward, all prefixes of a solution in one batch."""

    async def score(prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> Sequence[float | None]:
        return [one.score for one in await model.judge([Request(prompt, path) for path in paths])]

    return score


async def score_pack(path: Path, score_steps: ScoreSteps, threshold: float) -> PackScore:
    """Find the first wrong step of every item of a `prm_*` pack with a judge.

    Raises:
        InputError: The file is no such pack.
        ConfigError: The model is no judge.
    """
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for line in _lines(path):
        item = json.loads(line)
        if "steps" not in item:
            raise InputError(f"{str(path)!r} is no pack of judged steps: an item has no 'steps'")
        scores = await score_steps(Prompt(item["problem"]), prefixes(item["steps"]))
        if any(score is None for score in scores):
            raise ConfigError("this model is no judge of steps; train one with the stage 'judge'")
        found = next((at for at, score in enumerate(scores) if score is not None and score < threshold), -1)
        hits[item["answer"] == -1].append(found == item["answer"])
    rates = {group: sum(found) / len(found) if found else 0.0 for group, found in hits.items()}
    return PackScore(len(hits[False]), len(hits[True]), rates[False], rates[True])


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except OSError as error:
        raise InputError(f"cannot read the pack {str(path)!r}: {error.strerror}") from None


def prefixes(steps: Sequence[str]) -> list[tuple[Node, ...]]:
    """A solution's steps as paths, one for each step with all those before it."""
    nodes = [Node(0, None, 0)]
    nodes += [Node(at, at - 1, at, Step(text)) for at, text in enumerate(steps, start=1)]
    return [tuple(nodes[: at + 1]) for at in range(1, len(nodes))]
