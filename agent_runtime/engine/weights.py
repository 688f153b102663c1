"""Weights in the form that decodes fastest on a CPU, with projections of one input fused.

A decode step reads every weight once, so half as many bytes are faster where the processor can unpack them on
the way: fp16 weights with fp32 arithmetic through FBGEMM (any x86 with AVX2). With AVX-512's bf16 the products of
32 rows are faster in bf16, but every small operation between them is slower: a whole pass of the embedded model
took 57 ms against 33 for one row, 63 against 51 for 8, 115 against 126 for 32. So bf16 is for processors with AMX
(not measured here), and there the output head, the largest matrix of a small model, stays with FBGEMM, which took a
quarter of bf16's time for one row. The model's code stays as it is; only its `nn.Linear`s change. No int4: it is
exact for weights that came out of a 4-bit file, and changes what a model says once an adapter is merged into them
(docs/benchmarks.md).

Needs torch alone: weights are packed while transformers is still being imported.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, overload

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Precision = Literal["exact", "fp16", "fp16 head"]
FUSABLE: tuple[tuple[str, ...], ...] = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))

Product = Callable[[Tensor], Tensor]
Packed = Mapping[
    tuple[str, ...], Product
]  # by the full names of the layers that a product takes the place of


class Projections:
    """Linear layers that read the same input, as one product."""

    def __init__(self, sizes: Sequence[int], product: Product) -> None:
        """`sizes` says how many outputs of `product` each layer has."""
        self._sizes = list(sizes)
        self._product = product
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


def speed_up(model: nn.Module, precision: Precision, packed: Packed | None = None) -> None:
    """Replace the linear layers of `model` in place by packed and fused ones, its output head included.

    What is not in `packed` already is packed side by side, for packing lets go of the interpreter.
    """
    groups = [(path, module, names) for path, module in model.named_modules() for names in _groups(module)]
    done = packed or {}

    def projections(group: tuple[str, nn.Module, tuple[str, ...]]) -> Projections:
        path, module, names = group
        layers: list[nn.Linear] = [getattr(module, name) for name in names]
        product = done.get(tuple(f"{path}.{name}".lstrip(".") for name in names)) or pack(
            *_joined([layer.weight.detach() for layer in layers], [layer.bias for layer in layers]),
            _of_layer(precision, is_head=module is model),
        )
        return Projections([layer.out_features for layer in layers], product)

    with warnings.catch_warnings(), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        warnings.simplefilter("ignore")  # saturation at fp16's largest number
        for (_, module, names), found in zip(groups, pool.map(projections, groups), strict=True):
            for index, name in enumerate(names):
                setattr(module, name, Projection(found, index))


def pack_ahead(weights: Mapping[str, Tensor], head: str) -> Iterator[tuple[tuple[str, ...], Product]]:
    """Yield what `speed_up` will need on this processor, from a file's tensors by name, before there is a model.

    Linear layers, without biases, are those called `*_proj`; `head` names the tensor of the output head, tied or not.
    """
    dtype, precision = for_this_processor()
    yield ("lm_head",), pack(_cast(weights[head], dtype), None, _of_layer(precision, is_head=True))
    for path, names in _projections(weights).items():
        for group in _together(names):
            # Joined by numpy, in this thread alone: torch would wake threads that then wait on a core others need.
            parts = [weights[f"{path}.{name}.weight"].numpy() for name in group]
            whole = torch.from_numpy(parts[0] if len(parts) == 1 else np.concatenate(parts))
            product = pack(_cast(whole, dtype), None, _of_layer(precision, is_head=False))
            yield tuple(f"{path}.{name}" for name in group), product


def _projections(names: Iterable[str]) -> dict[str, list[str]]:
    """The names of linear layers, by the module that they are in."""
    found: dict[str, list[str]] = {}
    for name in names:
        path, _, child = name.removesuffix(".weight").rpartition(".")
        if child.endswith("_proj"):
            found.setdefault(path, []).append(child)
    return found


def _groups(module: nn.Module) -> list[tuple[str, ...]]:
    """The names of a module's linear layers, those that read the same input together."""
    return _together([name for name, child in module.named_children() if isinstance(child, nn.Linear)])


def _together(names: Sequence[str]) -> list[tuple[str, ...]]:
    groups = [group for group in FUSABLE if all(name in names for name in group)]
    fused = {name for group in groups for name in group}
    return groups + [(name,) for name in names if name not in fused]


def _of_layer(precision: Precision, *, is_head: bool) -> Precision:
    if precision == "fp16 head":
        return "fp16" if is_head else "exact"
    return precision


def pack(weight: Tensor, bias: Tensor | None, precision: Precision) -> Product:
    """The product with `weight` [outputs, inputs] in a precision."""
    if precision == "exact":
        return lambda x: functional.linear(x, weight, bias)
    packed = torch.ops.quantized.linear_prepack_fp16(_cast(weight, torch.float32), _cast(bias, torch.float32))
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


@overload
def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor: ...
@overload
def _cast(tensor: None, dtype: torch.dtype) -> None: ...
def _cast(tensor: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return tensor if tensor is None or tensor.dtype == dtype else tensor.to(dtype)


def _joined(weights: Sequence[Tensor], biases: Sequence[Tensor | None]) -> tuple[Tensor, Tensor | None]:
    if len(weights) == 1:
        return weights[0], None if biases[0] is None else biases[0].detach()
    if all(bias is None for bias in biases):
        return torch.cat(list(weights)), None
    whole = [w.new_zeros(len(w)) if b is None else b.detach() for w, b in zip(weights, biases, strict=True)]
    return torch.cat(list(weights)), torch.cat(whole)
