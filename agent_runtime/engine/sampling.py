"""From logits to tokens: filters, and random numbers that depend on (seed, position, token) alone.

Noise is a hash, not a stream, so a branch draws the same numbers whatever else is in the batch. Gumbel-max over
the few best candidates, because a full-vocabulary `multinomial` took half of a step; the rest of the vocabulary
is one further outcome, opened only when it is drawn, so the distribution stays exact. An inverse CDF would be
cheaper still, but it turns rounding differences between batch sizes into other tokens far more often.
"""

# M rows, V vocabulary, K candidates

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agent_runtime.types import Sampling

N_CANDIDATES = 128  # holds all but ~1 % of the mass of a trained model at temperature 1; exact at any value
_WORD = 0xFFFFFFFF
_TAIL_TOKEN = -1  # hashed where the draw is between candidates and the rest, not between tokens


@dataclass(frozen=True, slots=True)
class Draw:
    """How one row is sampled; `position` is that of the token to be drawn."""

    sampling: Sampling
    seed: int
    position: int


def sample(logits: Tensor, draws: Sequence[Draw], allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Draw one token a row.

    `logits` [M, V] fp32; `allowed` [M, V] bool, what the grammar lets pass (at least one a row). Returns tokens
    [M] and their log-probabilities [M] under the untouched logits.
    """
    masked = logits if allowed is None else logits.masked_fill(~allowed, -math.inf)
    is_greedy = all(draw.sampling.temperature == 0 for draw in draws)
    tokens = masked.argmax(-1) if is_greedy else _sample_rows(masked, draws)
    picked = logits.gather(-1, tokens[:, None]).squeeze(-1)
    return tokens, picked - logits.logsumexp(-1)


def _sample_rows(logits: Tensor, draws: Sequence[Draw]) -> Tensor:
    device = logits.device
    keys = torch.tensor([_key(draw.seed, draw.position) for draw in draws], device=device)
    setting = torch.tensor(
        [[d.sampling.temperature, d.sampling.top_p, d.sampling.top_k, d.sampling.min_p] for d in draws],
        device=device,
    )
    greedy = setting[:, 0] == 0
    scaled = logits / torch.where(greedy, 1.0, setting[:, 0])[:, None]
    total = scaled.logsumexp(-1)
    best, order = scaled.topk(min(N_CANDIDATES, logits.shape[-1]), sorted=True)
    kept = _filter(best, total, setting)
    tokens = _gumbel_max(best.masked_fill(~kept, -math.inf), order, keys)
    tokens = torch.where(greedy, order[:, 0], tokens)
    wide = ~greedy & _reaches_beyond(best, total, setting, keys, logits.shape[-1])
    for row in wide.nonzero()[:, 0].tolist():  # rare: host work only where the tail was drawn
        tokens[row] = _sample_wide(scaled[row], total[row], setting[row], keys[row], order[row])
    return tokens


def _filter(best: Tensor, total: Tensor, setting: Tensor) -> Tensor:
    """Which of the sorted candidates [M, K] pass top-k, top-p and min-p, in transformers' order."""
    _, top_p, top_k, min_p = setting.unbind(-1)
    rank = torch.arange(best.shape[-1], device=best.device)
    in_top_k = (rank < top_k[:, None]) | (top_k[:, None] == 0)
    weights = (best - total[:, None]).exp() * in_top_k
    norm = torch.where(top_k > 0, weights.sum(-1), 1.0)[:, None]
    before = (weights / norm).cumsum(-1) - weights / norm
    in_top_p = (before < top_p[:, None]) | (top_p[:, None] >= 1)
    in_min_p = weights >= min_p[:, None] * weights[:, :1]
    return in_top_k & in_top_p & in_min_p & best.isfinite()


def _reaches_beyond(best: Tensor, total: Tensor, setting: Tensor, keys: Tensor, n_vocabulary: int) -> Tensor:
    """Rows [M] whose draw cannot be settled among the candidates."""
    k = best.shape[-1]
    if k == n_vocabulary:
        return torch.zeros_like(total, dtype=torch.bool)
    _, top_p, top_k, min_p = setting.unbind(-1)
    mass = (best - total[:, None]).exp().sum(-1)
    is_open = (top_k == 0) & (min_p == 0) & (top_p >= 1)
    tail = _uniform(keys, torch.full_like(keys, _TAIL_TOKEN)[:, None])[:, 0] < 1 - mass
    last_passes = _filter(best, total, setting)[:, -1] & ((top_k == 0) | (top_k > k))
    return torch.where(is_open, tail, last_passes)


def _sample_wide(scaled: Tensor, total: Tensor, setting: Tensor, key: Tensor, order: Tensor) -> Tensor:
    """Draw from the whole row [V]: among what is not a candidate if nothing filters, else among all that pass."""
    _, top_p, top_k, min_p = setting.tolist()
    if top_k == 0 and min_p == 0 and top_p >= 1:
        tokens = torch.arange(len(scaled), device=scaled.device)
        return _gumbel_max(scaled.index_fill(0, order, -math.inf)[None], tokens[None], key[None])[0]
    best, tokens = scaled.sort(descending=True)
    kept = _filter(best[None], total[None], setting[None])
    return _gumbel_max(best[None].masked_fill(~kept, -math.inf), tokens[None], key[None])[0]


def _gumbel_max(scores: Tensor, tokens: Tensor, keys: Tensor) -> Tensor:
    """The best of scores [M, K] plus Gumbel noise that belongs to (row's key, token)."""
    noise = -torch.log(-torch.log1p(-_uniform(keys, tokens)))
    return tokens.gather(-1, (scores + noise).argmax(-1, keepdim=True)).squeeze(-1)


def _uniform(keys: Tensor, tokens: Tensor) -> Tensor:
    """Uniform numbers in (0, 1] [M, K]: two rounds of lowbias32 (Wellons 2018) over token and key words."""
    x = _mix((tokens + (keys & _WORD)[:, None]) & _WORD)
    x = _mix((x ^ (keys >> 32 & _WORD)[:, None]) & _WORD)
    return (x.float() + 0.5) / 2**32  # finest near 0, where Gumbel noise has its long tail


def _mix(x: Tensor) -> Tensor:
    x = (x ^ x >> 16) * 0x7FEB352D & _WORD
    x = (x ^ x >> 15) * 0x846CA68B & _WORD
    return x ^ x >> 16


def _key(seed: int, position: int) -> int:
    """63 bits out of (seed, position): splitmix64 over each in turn."""
    return _splitmix(_splitmix(seed) ^ position) >> 1


def _splitmix(x: int) -> int:
    x = (x + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return x ^ x >> 31
