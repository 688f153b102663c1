"""Weights in the form that decodes fastest on a CPU, with projections of one input fused.

A decode step reads every weight once, so half as many bytes are faster where the processor can unpack them on
the way: fp16 weights with fp32 arithmetic through FBGEMM (any x86 with AVX2). With AVX-512's bf16 the products of
32 rows are faster in bf16, but every small operation between them is slower: a whole pass of the embedded model
took 57 ms against 33 for one row, 63 against 51 for 8, 115 against 126 for 32. So bf16 is for processors with AMX
(not measured here), and there the output head, the largest matrix of a small model, stays with FBGEMM, which took a
quarter of bf16's time for one row. The model's code stays as it is; only its `nn.Linear`s change. No int4: it is
exact for weights that came out of a 4-bit file, and changes what a model says once an adapter is merged into them
(docs/benchmarks.md).
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel

Precision = Literal["exact", "fp16", "fp16 head"]
FUSABLE: tuple[tuple[str, ...], ...] = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))

Product = Callable[[Tensor], Tensor]


class Projections:
    """Linear layers that read the same input, as one product."""

    def __init__(self, layers: Sequence[nn.Linear], precision: Precision) -> None:
        self._sizes = [layer.out_features for layer in layers]
        self._product = pack(*_joined(layers), precision)
        self._input: Tensor | None = None
        self._parts: tuple[Tensor, ...] = ()

    def part(self, x: Tensor, index: int) -> Tensor:
        """What layer `index` makes of `x`; all layers' outputs are computed when the first is asked for."""
        if x is not self._input:
            self._parts = torch.split(self._product(x), self._sizes, -1)
            self._input = x
        part = self._parts[index]
        if index == len(self._sizes) - 1:
            self._input, self._parts = None, ()
        return part


class Projection(nn.Module):
    """Takes the place of one `nn.Linear`."""

    def __init__(self, projections: Projections, index: int) -> None:
        super().__init__()
        self._projections = projections
        self._index = index

    def forward(self, x: Tensor) -> Tensor:
        return self._projections.part(x, self._index)


def speed_up(model: PreTrainedModel, precision: Precision) -> None:
    """Replace the linear layers of `model` in place by packed and fused ones, its output head included.

    Side by side, for packing lets go of the interpreter: it is a quarter of the time to the first token.
    """
    groups = [(module, names) for module in model.modules() for names in _groups(module)]

    def packed(group: tuple[nn.Module, tuple[str, ...]]) -> Projections:
        module, names = group
        layers = [getattr(module, name) for name in names]
        return Projections(layers, _of_layer(precision, is_head=module is model))

    with warnings.catch_warnings(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        warnings.simplefilter("ignore")  # saturation at fp16's largest number
        for (module, names), projections in zip(groups, pool.map(packed, groups), strict=True):
            for index, name in enumerate(names):
                setattr(module, name, Projection(projections, index))


def _groups(module: nn.Module) -> list[tuple[str, ...]]:
    """The names of a module's linear layers, those that read the same input together."""
    children = [name for name, child in module.named_children() if isinstance(child, nn.Linear)]
    groups = [names for names in FUSABLE if all(name in children for name in names)]
    fused = {name for names in groups for name in names}
    return groups + [(name,) for name in children if name not in fused]


def _of_layer(precision: Precision, *, is_head: bool) -> Precision:
    if precision == "fp16 head":
        return "fp16" if is_head else "exact"
    return precision


def pack(weight: Tensor, bias: Tensor | None, precision: Precision) -> Product:
    """The product with `weight` [outputs, inputs] in a precision."""
    if precision == "exact":
        return lambda x: functional.linear(x, weight, bias)
    packed = torch.ops.quantized.linear_prepack_fp16(weight.float(), None if bias is None else bias.float())
    product = torch.ops.quantized.linear_dynamic_fp16
    return lambda x: product(x.float(), packed)  # fp32 out, whatever comes in


def for_this_processor() -> tuple[torch.dtype, Precision]:
    """What decodes fastest on this CPU without being wrong: bf16 with AMX, else fp16 weights and fp32 arithmetic.

    By capability and not by stopwatch, so that the same host gives the same answers whatever else it is doing.
    """
    has_fbgemm = "fbgemm" in torch.backends.quantized.supported_engines
    if _has("_is_amx_tile_supported"):
        return torch.bfloat16, "fp16 head" if has_fbgemm else "exact"
    return torch.float32, "fp16" if has_fbgemm else "exact"


def _has(instructions: str) -> bool:
    return bool(getattr(torch.cpu, instructions, lambda: False)())


def _joined(layers: Sequence[nn.Linear]) -> tuple[Tensor, Tensor | None]:
    weights: list[Tensor] = [layer.weight.detach() for layer in layers]
    biases: list[Tensor | None] = [layer.bias for layer in layers]
    if len(layers) == 1:
        return weights[0], None if biases[0] is None else biases[0].detach()
    if all(bias is None for bias in biases):
        return torch.cat(weights), None
    whole = [w.new_zeros(len(w)) if b is None else b.detach() for w, b in zip(weights, biases, strict=True)]
    return torch.cat(weights), torch.cat(whole)
