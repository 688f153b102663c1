"""Attention over a tree of branches: each shared segment is read once for all branches below it.

The transformers model stays as it is; this function takes its attention's place through `AttentionInterface`.
Parts (own tail, own prompt chunk, every segment before it) are computed apart and merged exactly by their
log-sum-exp (Hydragen, Juravsky et al. 2024, arXiv:2402.05099). Full causal attention only: a sliding window or
soft-capped scores are refused when the engine starts.
"""

# M packed tokens, H heads, K kv heads, G = H / K, D head width, R rows, Q tokens a row, L keys

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

NAME = "agent_runtime_branch"


@dataclass(frozen=True, slots=True)
class Seen:
    """Packed tokens `first:last` attend to all keys in slots `start:stop`."""

    first: int
    last: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Packed tokens `first:last` are consecutive tokens of one segment and attend causally to each other."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails:
    """Tokens of decoding branches, each attending to its own row.

    `gather` [R * Q] finds each padded query's packed token; `tokens` and `padded` [n] say where the results of
    real queries go and come from. All three are None when row r's only token is packed token r.
    """

    keys: Tensor  # [layer, R, K, L, D]
    values: Tensor
    mask: Tensor  # [R, 1, Q * G or 1, L], 0 or -inf
    n_queries: int  # Q
    gather: Tensor | None = None
    tokens: Tensor | None = None
    padded: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """All segments at once, for passes of one shape: keys in `slots` [P], `mask` [M, P] is 0 or -inf."""

    slots: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """Who attends to what in one forward pass; the same for every layer."""

    kv: Tensor  # [layer, 2, slot, K, D]
    slots: Tensor  # [M] where the new tokens' keys and values go
    seen: Sequence[Seen]
    chunks: Sequence[Chunk]
    tails: Tails | None
    prefix: Prefix | None = None


def register() -> None:
    """Make the function known to transformers under `NAME`."""
    AttentionInterface.register(NAME, branch_attention)


def branch_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    branches: Layout,
    **_: object,
) -> tuple[Tensor, None]:
    """Attention of one layer: query [1, H, M, D], key and value [1, K, M, D]; returns [1, M, H, D]."""
    layer = module.layer_idx
    assert isinstance(layer, int)
    keys, values = branches.kv[layer].unbind(0)
    keys.index_copy_(0, branches.slots, key[0].transpose(0, 1))
    values.index_copy_(0, branches.slots, value[0].transpose(0, 1))
    n_heads, n_tokens, width = query.shape[1:]
    n_kv = key.shape[1]
    grouped = query[0].view(n_kv, n_heads // n_kv, n_tokens, width).permute(2, 0, 1, 3)  # [M, K, G, D]
    out, lse = _own_parts(grouped, key, value, layer, branches, scaling)
    if branches.prefix is not None:
        slots, mask = branches.prefix.slots, branches.prefix.mask.repeat_interleave(n_heads // n_kv, 0)
        folded = grouped.transpose(0, 1).flatten(1, 2)[None]
        gathered = [x[slots].transpose(0, 1)[None] for x in (keys, values)]
        _merge(out, lse, *attend(folded, gathered[0], gathered[1], scaling, mask[None, None]))
    for seen in branches.seen:
        part = slice(seen.first, seen.last)
        there = slice(seen.start, seen.stop)
        folded = grouped[part].transpose(0, 1).flatten(1, 2)[None]  # [1, K, n * G, D]
        more, more_lse = attend(
            folded, keys[there].transpose(0, 1)[None], values[there].transpose(0, 1)[None], scaling
        )
        _merge(out[part], lse[part], more, more_lse)
    return out.to(query.dtype).view(1, n_tokens, n_heads, width), None


def _own_parts(
    grouped: Tensor, key: Tensor, value: Tensor, layer: int, branches: Layout, scaling: float
) -> tuple[Tensor, Tensor]:
    """Each token's attention to its own row or chunk: out [M, K, G, D] and log-sum-exp [M, K, G], in fp32."""
    tails = branches.tails
    if tails is not None and tails.gather is None:
        out, lse = attend(grouped, tails.keys[layer], tails.values[layer], scaling, tails.mask)
        return out.float().contiguous(), lse.contiguous()
    out = torch.empty(grouped.shape, dtype=torch.float32, device=grouped.device)
    lse = torch.empty(grouped.shape[:-1], dtype=torch.float32, device=grouped.device)
    if tails is not None:
        _attend_rows(grouped, tails, layer, scaling, out, lse)
    for chunk in branches.chunks:
        own = slice(chunk.first, chunk.last)
        heads = grouped[own].flatten(1, 2).transpose(0, 1)[None]  # [1, H, n, D]
        n_groups = grouped.shape[2]
        result, result_lse = attend(
            heads,
            key[:, :, own].repeat_interleave(n_groups, 1),
            value[:, :, own].repeat_interleave(n_groups, 1),
            scaling,
            is_causal=True,
        )
        out[own] = result[0].transpose(0, 1).reshape(out[own].shape).float()
        lse[own] = result_lse[0].transpose(0, 1).reshape(lse[own].shape)
    return out, lse


def _attend_rows(grouped: Tensor, tails: Tails, layer: int, scaling: float, out: Tensor, lse: Tensor) -> None:
    """Attention of decoding branches to their rows, where rows and packed tokens are not one to one."""
    n_queries = tails.n_queries
    assert tails.gather is not None
    _, n_kv, n_groups, width = grouped.shape
    padded = grouped[tails.gather].view(-1, n_queries, n_kv, n_groups, width)
    folded = padded.transpose(1, 2).flatten(2, 3)  # [R, K, Q * G, D]
    result, result_lse = attend(folded, tails.keys[layer], tails.values[layer], scaling, tails.mask)
    by_query = result.view(-1, n_kv, n_queries, n_groups, width).transpose(1, 2).flatten(0, 1)
    lse_by_query = result_lse.view(-1, n_kv, n_queries, n_groups).transpose(1, 2).flatten(0, 1)
    out[tails.tokens] = by_query[tails.padded].float()
    lse[tails.tokens] = lse_by_query[tails.padded]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float,
    mask: Tensor | None = None,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """Plain attention [B, heads, queries, D] that also returns the log-sum-exp of the scores, in fp32."""
    if query.device.type == "cpu":
        return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(  # type: ignore[no-any-return]
            query, key, value, 0.0, is_causal, attn_mask=mask, scale=scaling
        )
    return attend_plainly(query, key, value, scaling, mask, is_causal)


def attend_plainly(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float,
    mask: Tensor | None = None,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor]:
    """`attend` in elementary operations: runs on every device and inside a CUDA graph."""
    scores = (query @ key.transpose(-1, -2)).float() * scaling
    if mask is not None:
        scores = scores + mask
    if is_causal:
        n = scores.shape[-1]
        future = torch.ones(n, n, dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(future, -math.inf)
    lse = scores.logsumexp(-1)
    return (scores - lse[..., None]).exp().to(value.dtype) @ value, lse


def _merge(out: Tensor, lse: Tensor, more: Tensor, more_lse: Tensor) -> None:
    """Add a part [1, K, n * G, D] to out [n, K, G, D] and lse [n, K, G] in place."""
    n, n_kv, n_groups, width = out.shape
    more = more.view(n_kv, n, n_groups, width).transpose(0, 1).to(out.dtype)
    more_lse = more_lse.view(n_kv, n, n_groups).transpose(0, 1)
    out.lerp_(more, torch.sigmoid(more_lse - lse)[..., None])
    torch.logaddexp(lse, more_lse, out=lse)
