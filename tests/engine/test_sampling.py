import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from agent_runtime.engine.sampling import N_CANDIDATES, Draw, sample
from agent_runtime.types import Sampling


def frequencies(logits: torch.Tensor, sampling: Sampling, n: int = 20_000) -> torch.Tensor:
    tokens, _ = sample(logits.expand(n, -1), [Draw(sampling, seed, 3) for seed in range(n)])
    return torch.bincount(tokens, minlength=logits.shape[-1]) / n


def reference(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """The distribution that transformers' own filters leave."""
    ids = torch.LongTensor()
    scores = TemperatureLogitsWarper(sampling.temperature)(ids, logits[None])
    if sampling.top_k:
        scores = TopKLogitsWarper(sampling.top_k)(ids, scores)
    if sampling.top_p < 1:
        scores = TopPLogitsWarper(sampling.top_p)(ids, scores)
    if sampling.min_p:
        scores = MinPLogitsWarper(sampling.min_p)(ids, scores)
    return torch.as_tensor(scores[0].softmax(-1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.0),
        Sampling(temperature=0.7, top_p=0.8),
        Sampling(temperature=2.0, top_p=0.95),
        Sampling(temperature=1.0, top_k=7),
        Sampling(temperature=1.5, top_k=300),
        Sampling(temperature=1.0, min_p=0.1),
        Sampling(temperature=1.3, top_k=40, top_p=0.9, min_p=0.02),
    ],
    ids=str,
)
@pytest.mark.parametrize("n_vocabulary", [50, 3 * N_CANDIDATES])
def test_the_draws_follow_the_distribution_of_transformers_filters(sampling: Sampling, n_vocabulary: int):
    logits = torch.randn(n_vocabulary, generator=torch.Generator().manual_seed(1)) * 2

    found, expected = frequencies(logits, sampling), reference(logits, sampling)

    assert (found[expected == 0] == 0).all()
    assert (found - expected).abs().sum() / 2 < 2.5 * math.sqrt(n_vocabulary / 20_000 / (2 * math.pi))


def test_temperature_zero_is_greedy_beside_rows_that_sample():
    logits = torch.randn(4, 500)
    draws = [Draw(Sampling(temperature=t), 1, 1) for t in (0, 1, 0, 1)]

    tokens, _ = sample(logits, draws)

    assert tokens[[0, 2]].tolist() == logits.argmax(-1)[[0, 2]].tolist()


@given(st.integers(0, 2**64), st.integers(0, 10_000), st.integers(0, 5))
def test_a_draw_depends_on_seed_and_position_alone(seed: int, position: int, at: int):
    logits = torch.randn(6, 400, generator=torch.Generator().manual_seed(0))
    row = logits[at]
    draws = [Draw(Sampling(temperature=1.0), i, i) for i in range(6)]
    draws[at] = Draw(Sampling(temperature=1.0), seed, position)

    together, _ = sample(logits, draws)
    alone, _ = sample(row[None], [draws[at]])

    assert together[at] == alone[0]


def test_only_allowed_tokens_are_drawn():
    logits = torch.randn(50, 400)
    allowed = torch.zeros(50, 400, dtype=torch.bool)
    allowed[:, 399] = True

    tokens, logprobs = sample(logits, [Draw(Sampling(temperature=1.0), i, 0) for i in range(50)], allowed)

    assert set(tokens.tolist()) == {399}
    assert torch.allclose(logprobs, logits.log_softmax(-1)[:, 399])
