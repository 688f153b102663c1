"""The one loop that moves weights: rows in, a loss out, AdamW with a cosine learning rate. SFT and the judge use it.

Packed samples never see each other: each row has a block-diagonal causal mask and positions that start anew.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from agent_runtime_training.encoding import Packed
from agent_runtime_training.recipe import Optimiser
from agent_runtime_training.weights import Weights


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as tensors: ids, positions [B, T], mask [B, 1, T, T]; what the loss needs besides."""

    ids: Tensor
    positions: Tensor
    mask: Tensor
    targets: Tensor  # [B, T]: the next token where it is to be learned, else -100
    judged: Tensor  # [N, 2]: row and place of each labelled step end
    labels: Tensor  # [N]: P(good) wanted there


@dataclass(frozen=True, slots=True)
class Progress:
    """One optimiser step, as reported and logged."""

    step: int
    n_steps: int
    loss: float
    n_tokens: int
    seconds: float


def collate(rows: Sequence[Packed], device: torch.device) -> Batch:
    """Pad rows to the longest one; padding belongs to no sample, sees itself alone and is never learned."""
    length = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    positions, owners = torch.zeros_like(ids), torch.full_like(ids, -1)
    targets = torch.full_like(ids, -100)
    judged: list[tuple[int, int]] = []
    labels: list[float] = []
    for at, row in enumerate(rows):
        n = len(row.ids)
        ids[at, :n] = torch.tensor(row.ids)
        positions[at, :n] = torch.tensor(row.positions)
        owners[at, :n] = torch.tensor(row.owners)
        own = torch.tensor(row.is_own[1:])
        targets[at, : n - 1] = torch.where(own, ids[at, 1:n], -100)
        for place, label in row.judged:
            judged.append((at, place))
            labels.append(label)
    tensors = (
        ids,
        positions,
        visible(owners),
        targets,
        torch.tensor(judged).reshape(-1, 2),
        torch.tensor(labels),
    )
    return Batch(*(tensor.to(device) for tensor in tensors))


def visible(owners: Tensor) -> Tensor:
    """[B, 1, T, T]: a token sees those before it in its own sample, and itself."""
    same = owners[:, None, :, None] == owners[:, None, None, :]
    padding = (owners == -1)[:, None, :, None]
    causal = torch.ones(owners.shape[1], owners.shape[1], dtype=torch.bool).tril()
    return (same & causal & ~padding) | torch.eye(owners.shape[1], dtype=torch.bool)


def action_loss(weights: Weights, batch: Batch, hidden: Tensor) -> Tensor:
    """Mean cross-entropy over the tokens to be learned; logits are computed at those positions only."""
    is_learned = batch.targets != -100
    if not is_learned.any():
        return hidden.sum() * 0.0
    return functional.cross_entropy(weights.logits(hidden[is_learned]).float(), batch.targets[is_learned])


Loss = Callable[[Weights, Batch, Tensor], Tensor]


def fit(
    weights: Weights,
    rows: Sequence[Packed],
    optimiser: Optimiser,
    loss: Loss,
    seed: int,
    report: Callable[[Progress], None] = lambda progress: None,
) -> list[float]:
    """Move the trainable weights over the rows; the loss of every step."""
    n_steps = steps_of(len(rows), optimiser)
    trained = [parameter for parameter in weights.model.parameters() if parameter.requires_grad]
    adam = torch.optim.AdamW(trained, lr=optimiser.learning_rate, weight_decay=optimiser.weight_decay)
    rate = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: cosine(step, n_steps, optimiser.warmup))
    losses: list[float] = []
    n_tokens, started = 0, time.monotonic()
    weights.model.train()
    for step, chosen in enumerate(batches(rows, optimiser.batch_rows, n_steps, seed), start=1):
        batch = collate(chosen, weights.device)
        with torch.autocast(weights.device.type, torch.bfloat16, enabled=weights.device.type == "cuda"):
            value = loss(weights, batch, weights.hidden(batch.ids, batch.positions, batch.mask))
        adam.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, optimiser.max_grad_norm)
        adam.step()
        rate.step()
        losses.append(value.item())
        n_tokens += sum(len(row.ids) for row in chosen)
        report(Progress(step, n_steps, losses[-1], n_tokens, time.monotonic() - started))
    weights.model.eval()
    return losses


def steps_of(n_rows: int, optimiser: Optimiser) -> int:
    """How many optimiser steps the epochs take, within the limit set."""
    n_steps = max(1, math.ceil(n_rows * optimiser.epochs / optimiser.batch_rows))
    return min(n_steps, optimiser.max_steps or n_steps)


def batches(rows: Sequence[Packed], size: int, n_steps: int, seed: int) -> Iterator[list[Packed]]:
    """`n_steps` batches: every row once in a random order, then again in another one."""
    rng = random.Random(seed)  # noqa: S311
    waiting: list[Packed] = []
    for _ in range(n_steps):
        while len(waiting) < size:
            order = list(rows)
            rng.shuffle(order)
            waiting += order
        yield waiting[:size]
        waiting = waiting[size:]


def cosine(step: int, n_steps: int, warmup: float) -> float:
    """The factor of the learning rate: up in a straight line, then down along a cosine to a tenth."""
    n_warmup = max(1, round(n_steps * warmup))
    if step < n_warmup:
        return (step + 1) / n_warmup
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - n_warmup) / max(1, n_steps - n_warmup)))
