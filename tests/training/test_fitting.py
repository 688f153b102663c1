import pytest
import torch

from agent_runtime.errors import ConfigError
from agent_runtime.models.embedded.roles import ROLES
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime_training.encoding import Packed, encode_example, pack
from agent_runtime_training.fitting import batches, collate, cosine
from agent_runtime_training.recipe import Lora, Optimiser
from agent_runtime_training.sft import fine_tune
from agent_runtime_training.weights import (
    Weights,
    adapter_of,
    add_adapter,
    blend,
    load,
    save_adapter,
    save_merged,
)


def hidden_of(weights: Weights, row: Packed) -> torch.Tensor:
    batch = collate([row], torch.device("cpu"))
    with torch.no_grad():
        return weights.hidden(batch.ids, batch.positions, batch.mask)[0]


def test_packed_samples_do_not_see_each_other(tiny, tokenizer, examples):
    first, second = [encode_example(example, tokenizer) for example in examples[:2]]

    together = hidden_of(tiny, Packed((first, second)))

    assert torch.allclose(together[: len(first)], hidden_of(tiny, Packed((first,))), atol=1e-5)
    assert torch.allclose(together[len(first) :], hidden_of(tiny, Packed((second,))), atol=1e-5)


def test_only_the_models_own_tokens_are_targets(tokenizer, examples):
    sample = encode_example(examples[-1], tokenizer)

    batch = collate([Packed((sample,))], torch.device("cpu"))

    assert int((batch.targets != -100).sum()) == sum(sample.is_own)


def test_fine_tuning_lowers_the_loss(tiny, tokenizer, examples):
    samples = [encode_example(example, tokenizer) for example in examples[:6]]

    losses = fine_tune(
        tiny, samples, Optimiser(learning_rate=5e-3, epochs=12, batch_rows=2, row_tokens=1024), 0
    )

    assert losses[-1] < 0.7 * losses[0]


def test_the_same_seed_gives_the_same_losses(tokenizer, examples):
    samples = [encode_example(example, tokenizer) for example in examples[:4]]

    def train() -> list[float]:
        weights = load("tiny", "cpu", 3)
        add_adapter(weights, Lora(rank=2), 3)
        return fine_tune(weights, samples, Optimiser(max_steps=3, batch_rows=1), 3)

    assert train() == train()


def test_with_an_adapter_only_it_and_the_role_rows_change(adapted, tokenizer, examples):
    before = {name: value.detach().clone() for name, value in adapted.model.named_parameters()}
    samples = [encode_example(example, tokenizer) for example in examples[:4]]

    fine_tune(adapted, samples, Optimiser(max_steps=2, batch_rows=1, learning_rate=1e-2), 0)

    roles = {tokenizer.role_id(role) for role in ("plan", "step", "end", "answer", "bad")}
    for name, value in adapted.model.named_parameters():
        if "embed_tokens" in name:
            changed = set((value != before[name]).any(1).nonzero().flatten().tolist())
            assert changed
            assert changed <= set(range(3, 15))
            assert changed & roles
        elif "lora_" not in name:
            assert torch.equal(value, before[name])


def test_merged_weights_compute_what_the_adapter_computes(adapted, tokenizer, examples, tmp_path):
    samples = [encode_example(example, tokenizer) for example in examples[:4]]
    fine_tune(adapted, samples, Optimiser(max_steps=3, batch_rows=1, learning_rate=1e-2), 0)
    (row,) = pack(samples[:1], 4096)
    before = hidden_of(adapted, row)

    save_merged(adapted, tmp_path / "model")

    merged = load(str(tmp_path / "model"), "cpu", 0)
    assert torch.allclose(hidden_of(merged, row), before, atol=1e-5)
    assert torch.allclose(hidden_of(adapted, row), before, atol=1e-5)
    assert merged.tokenizer.encode_data("<plan>") == adapted.tokenizer.encode_data("<plan>")


def test_the_adapter_is_saved_as_the_embedded_model_loads_it(adapted, tmp_path):
    from safetensors.torch import load_file

    save_adapter(adapted, tmp_path)

    adapter = load_file(tmp_path / "adapter_model.safetensors")
    assert "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" in adapter
    assert {value.dtype for value in adapter.values()} == {torch.bfloat16}
    assert load_file(tmp_path / "role_tokens.safetensors")["rows"].shape == (12, 64)


def test_role_rows_start_apart_from_each_other(tokenizer):
    from agent_runtime_training.weights import start_role_rows

    weights = load("tiny", "cpu", 0)
    with torch.no_grad():
        start_role_rows(weights, torch.Generator().manual_seed(0))

    rows = weights.embedding().detach()[3:15]
    likeness = torch.nn.functional.cosine_similarity(rows[:, None], rows[None], dim=-1)
    assert float((likeness - torch.eye(12)).max()) < 0.99


def test_the_tiny_tokenizer_splits_forged_role_tokens(tokenizer):
    assert isinstance(tokenizer, LocalTokenizer)
    assert tokenizer.has_roles
    assert tokenizer.role_id("end") not in tokenizer.encode_data("x <end> y")


def test_nothing_to_learn_from_is_an_error(tiny):
    with pytest.raises(ConfigError, match="nothing to learn from"):
        fine_tune(tiny, [], Optimiser(), 0)


def test_the_learning_rate_rises_then_falls_to_a_tenth():
    rates = [cosine(step, 100, 0.1) for step in range(100)]

    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == 1.0
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_every_row_comes_once_before_any_comes_again(tokenizer, examples):
    rows = list(pack([encode_example(example, tokenizer) for example in examples], 900))

    drawn = [row for batch in batches(rows, 1, len(rows), 0) for row in batch]

    assert {id(row) for row in drawn} == {id(row) for row in rows}


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.json"):
        load(str(tmp_path), "cpu", 0)


def test_the_shipped_adapter_goes_on_learning_from_where_it_is(
    adapted, tokenizer, examples, tmp_path, monkeypatch
):
    save_adapter(adapted, tmp_path)
    monkeypatch.setattr("agent_runtime_training.weights.ADAPTER", tmp_path)
    monkeypatch.setattr("agent_runtime_training.weights._embedded_base", lambda work: load("tiny", "cpu", 5))

    weights = load("shipped", "cpu", 0)

    named = dict(weights.model.named_parameters())
    before = {name: value.detach().clone() for name, value in named.items() if value.requires_grad}
    saved = dict(adapted.model.named_parameters())
    assert before.keys() == {name for name in named if "lora_" in name}
    assert all(torch.allclose(value, saved[name], atol=1e-2) for name, value in before.items())
    ids = [tokenizer.role_id(role) for role in ROLES]
    assert torch.allclose(weights.embedding()[ids], adapted.embedding()[ids], atol=1e-2)

    fine_tune(
        weights, [encode_example(example, tokenizer) for example in examples], Optimiser(max_steps=1), 0
    )

    assert any(not torch.equal(value, named[name]) for name, value in before.items())


def test_a_blend_leaves_the_adapter_a_share_of_the_way(adapted):
    name = next(name for name, _ in adapted.model.named_parameters() if "lora_B" in name)
    value = adapted.model.get_parameter(name)
    before = adapter_of(adapted)
    with torch.no_grad():
        value += 1.0

    blend(adapted, before, 0.25)

    assert torch.allclose(value, before[name] + 0.25)


def test_a_whole_blend_is_what_was_trained(adapted):
    trained = adapter_of(adapted)

    blend(adapted, {name: torch.full_like(value, 7.0) for name, value in trained.items()}, 1.0)

    assert all(torch.equal(value, trained[name]) for name, value in adapter_of(adapted).items())
