import json

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from agent_runtime.engine.engine import Engine
from agent_runtime.engine.types import Job
from agent_runtime.models.embedded.weights import embedded_folder
from tests.engine.conftest import EXACT, greedy

QUESTIONS = [
    "What is 17 x 24?",
    "Who paid Acme?",
    "A list of three colours:",
    "def add(a, b):",
    "The capital of France is",
]


@pytest.mark.weights
@pytest.mark.slow
async def test_the_embedded_model_answers_as_with_generate():
    folder = embedded_folder(lambda *_: None)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **settings)  # type: ignore[no-untyped-call]
    model: PreTrainedModel = LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    )
    prompts = [tuple(tokenizer(question)["input_ids"]) for question in QUESTIONS]
    expected = [greedy(model, ids, 8) for ids in prompts]
    engine = Engine(model, tokenizer, **EXACT, max_kv_tokens=2048, threads=1)

    outputs = await engine.generate([Job(ids, 8) for ids in prompts])
    await engine.aclose()

    assert [output.ids for output in outputs] == expected
