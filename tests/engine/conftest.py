from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from agent_runtime.engine.engine import Engine
from tests.engine.words import tokenizer

N_VOCABULARY = 320
SIZES: dict[str, Any] = {
    "vocab_size": N_VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 1024,
    "initializer_range": 0.2,  # large enough that random weights have opinions
}


EXACT: dict[str, Any] = {"dtype": torch.float32, "precision": "exact"}


def build(kind: str) -> PreTrainedModel:
    torch.manual_seed(7)
    return (
        LlamaForCausalLM(LlamaConfig(**SIZES)) if kind == "llama" else Qwen3ForCausalLM(Qwen3Config(**SIZES))
    )


def greedy(model: PreTrainedModel, ids: tuple[int, ...], n: int) -> tuple[int, ...]:
    generate = cast("Callable[..., torch.Tensor]", model.generate)
    out = generate(torch.tensor([ids]), max_new_tokens=n, do_sample=False, eos_token_id=None, pad_token_id=0)
    return tuple(out[0, len(ids) :].tolist())


@pytest.fixture(scope="session", params=["llama", "qwen3"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def plain(kind: str) -> PreTrainedModel:
    """The model without the engine: what transformers itself computes."""
    return build(kind)


@pytest.fixture
async def engine(kind: str) -> AsyncIterator[Engine]:
    engine = Engine(build(kind), tokenizer(), **EXACT, max_kv_tokens=8192, max_branches=32, threads=1)
    yield engine
    await engine.aclose()


@pytest.fixture
async def small() -> AsyncIterator[Callable[..., Engine]]:
    """Engines with little memory or few rows; closed after the test."""
    engines: list[Engine] = []

    def start(**settings: int) -> Engine:
        engines.append(Engine(build("llama"), tokenizer(), **EXACT, threads=1, **settings))  # type: ignore[arg-type]
        return engines[-1]

    yield start
    for engine in engines:
        await engine.aclose()
