import json
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from agent_runtime.engine.engine import Engine
from agent_runtime.engine.types import Job
from agent_runtime.models.embedded.weights import embedded_folder
from agent_runtime.types import Sampling
from tests.engine.conftest import EXACT

SUBJECTS = (
    "rivers",
    "primes",
    "a loan",
    "bridges",
    "the moon",
    "sorting",
    "maps",
    "bees",
    "a ledger",
    "tides",
)
FORMS = (
    "What is known about {}?",
    "Write one line on {}:",
    "A list of three words on {} and nothing else:",
    "def about_{}(x):",
    "Yesterday somebody asked me at length about {}, and I",
)
PROMPTS = [form.format(subject) for form in FORMS for subject in SUBJECTS]
N_NEW = 12
WARM = Sampling(temperature=1.0)


def embedded() -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    folder = embedded_folder(lambda *_: None)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **settings)  # type: ignore[no-untyped-call]
    model: PreTrainedModel = LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    )
    return model, tokenizer


def greedy_batch(model: PreTrainedModel, prompts: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """What `generate` writes after each prompt, all in one batch, padded on the left."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    generate = cast("Callable[..., torch.Tensor]", model.generate)
    settings: dict[str, Any] = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    out = generate(ids, attention_mask=mask, max_new_tokens=N_NEW, **settings)
    return [tuple(row[width:].tolist()) for row in out]


@pytest.mark.weights
@pytest.mark.slow
async def test_the_embedded_model_answers_50_prompts_as_with_generate():
    model, tokenizer = embedded()
    prompts = [tuple(tokenizer(text)["input_ids"]) for text in PROMPTS]
    expected = greedy_batch(model, prompts)
    engine = Engine(model, tokenizer, **EXACT, max_kv_tokens=4096, max_branches=64, threads=1)

    outputs = await engine.generate([Job(ids, N_NEW) for ids in prompts])
    await engine.aclose()

    assert len(prompts) == 50
    assert [output.ids for output in outputs] == expected
    assert len(set(expected)) > 40


async def decoded(engine: Engine, jobs: list[Job]) -> list[tuple[int, ...]]:
    """What the jobs write in one batch, nothing known before."""
    await engine.flush()
    return [output.ids for output in await engine.generate(jobs)]


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("choice", [EXACT, {}], ids=["fp32", "shipped"])
async def test_a_seed_gives_the_same_tokens(choice: dict[str, Any]):
    """With fp32 arithmetic in any batch. In bf16 rounding hangs on the rows beside it: in the same batch."""
    model, tokenizer = embedded()
    engine = Engine(model, tokenizer, **choice, max_kv_tokens=4096, max_branches=64, threads=1)
    prompts = [tuple(tokenizer(text)["input_ids"]) for text in PROMPTS[::7]]
    jobs = [Job(ids, N_NEW, WARM, seed=seed) for seed, ids in enumerate(prompts)]
    crowd = [Job(ids[:-1], 3 + n, WARM, seed=99 + n) for n, ids in enumerate(prompts)]

    among = (await decoded(engine, [*crowd, *jobs]))[len(crowd) :]
    if engine._network.dtype == torch.float32:
        again = [(await decoded(engine, [job]))[0] for job in jobs]
    else:
        again = (await decoded(engine, [*crowd, *jobs]))[len(crowd) :]
    await engine.aclose()

    assert again == among
