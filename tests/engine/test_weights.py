import pytest
import torch
from torch import nn

from agent_runtime.engine.engine import Engine
from agent_runtime.engine.types import Job
from agent_runtime.engine.weights import Precision, for_this_processor, pack, pack_ahead, speed_up
from tests.engine.conftest import build
from tests.engine.words import prompt, tokenizer

TOLERANCE: dict[Precision, float] = {"exact": 0, "fp16": 2e-3}  # relative; fp16 has 11 bits of mantissa


@pytest.mark.parametrize("precision", ["exact", "fp16"])
@pytest.mark.parametrize("n_rows", [1, 7, 40])
@pytest.mark.parametrize("has_bias", [False, True])
def test_a_packed_product_is_the_product(precision: Precision, n_rows: int, has_bias: bool):
    layer = nn.Linear(128, 64, bias=has_bias)
    x = torch.randn(n_rows, 128)

    with torch.inference_mode():
        expected = layer(x)
        product = pack(layer.weight.detach(), layer.bias.detach() if has_bias else None, precision)

        assert (product(x) - expected).norm() <= TOLERANCE[precision] * expected.norm()


def test_fused_projections_leave_the_models_logits_as_they_are(kind: str):
    plain, fused = build(kind), build(kind)
    ids = torch.tensor([prompt(1, 20)])

    speed_up(fused, "exact")

    with torch.inference_mode():
        assert torch.allclose(fused.forward(ids).logits, plain.forward(ids).logits, atol=1e-5)


def test_the_default_precision_is_the_same_every_time():
    chosen = {for_this_processor() for _ in range(3)}

    assert len(chosen) == 1
    assert chosen <= {
        (torch.bfloat16, "fp16 head"), (torch.bfloat16, "exact"), (torch.float32, "fp16"), (torch.float32, "exact"),
    }  # fmt: skip


def test_with_an_fp16_head_the_layers_stay_as_they_are_and_the_logits_are_fp32(kind: str):
    plain, mixed = build(kind), build(kind)
    for model in (plain, mixed):
        nn.Module.to(model, torch.bfloat16)
    ids = torch.tensor([prompt(1, 20)])

    speed_up(mixed, "fp16 head")

    with torch.inference_mode():
        expected = plain.forward(ids, output_hidden_states=True)
        found = mixed.forward(ids, output_hidden_states=True)
    assert torch.allclose(found.hidden_states[-1], expected.hidden_states[-1], atol=1e-2)
    assert found.logits.dtype == torch.float32
    assert torch.allclose(found.logits, expected.logits.float(), atol=2e-2)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_what_was_packed_ahead_of_the_model_is_what_the_model_would_pack(share: float):
    dtype, precision = for_this_processor()
    models = [nn.Module.to(build("llama"), dtype) for _ in range(2)]
    ids = torch.tensor([prompt(1, 20)])
    ahead = list(pack_ahead(build("llama").state_dict(), "lm_head.weight"))

    speed_up(models[0], precision)
    speed_up(models[1], precision, dict(ahead[: round(share * len(ahead))]))

    with torch.inference_mode():
        expected, found = (model.forward(ids).logits for model in models)
    assert torch.equal(found, expected)


def test_packing_ahead_finds_every_linear_layer_of_a_llama():
    model = build("llama")
    linear = {path for path, module in model.named_modules() if isinstance(module, nn.Linear)}

    packed = dict(pack_ahead(model.state_dict(), "lm_head.weight"))

    assert {name for names in packed for name in names} == linear


async def test_smaller_weights_decode_through_the_engine(kind: str):
    engine = Engine(build(kind), tokenizer(), dtype=torch.float32, precision="fp16", max_kv_tokens=500)

    (output,) = await engine.generate([Job(prompt(1, 30), 5)])
    await engine.aclose()

    assert len(output.ids) == 5
