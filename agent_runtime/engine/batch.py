"""One forward pass: the tokens of all branches in one row, ordered so that each segment's readers are neighbours.

Prompt chunks and decoding branches share the pass, so the weights are read once for both.
"""

# M packed tokens, R rows, Q tokens a row, L keys

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from agent_runtime.engine.attention import Chunk, Layout, Seen, Tails
from agent_runtime.engine.kv_cache import KVCache
from agent_runtime.engine.radix import Segment
from agent_runtime.engine.requests import RunningRequest


@dataclass(frozen=True, slots=True)
class PrefillChunk:
    """Compute the next `n` tokens of `segment`."""

    segment: Segment
    n: int


@dataclass(frozen=True, slots=True)
class DecodeStep:
    """Compute the first `n` pending tokens of `request`."""

    request: RunningRequest
    n: int


@dataclass(frozen=True, slots=True)
class Batch:
    """The input of one forward pass: ids and positions [M], and who attends to what."""

    ids: Tensor
    positions: Tensor
    layout: Layout


def build_batch(prefill: Sequence[PrefillChunk], decode: Sequence[DecodeStep], cache: KVCache) -> Batch:
    """Pack the tokens of `prefill` and `decode` into one pass over `cache`."""
    packing = _Packing(cache)
    parts: list[PrefillChunk | DecodeStep] = [*prefill, *decode]
    for part in sorted(parts, key=_tree_order):
        if isinstance(part, PrefillChunk):
            packing.add_chunk(part)
        else:
            packing.add_step(part)
    return packing.batch()


@dataclass(eq=False, slots=True)
class _Packing:
    """A batch while it is built."""

    cache: KVCache
    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    spans: dict[Segment, list[int]] = field(
        default_factory=dict
    )  # first and last packed token below a segment
    chunks: list[Chunk] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    tails: list[tuple[DecodeStep, int]] = field(default_factory=list)

    def add_chunk(self, part: PrefillChunk) -> None:
        segment, done, first = part.segment, part.segment.n_ready, len(self.ids)
        start = segment.start + done
        self.chunks.append(Chunk(first, first + part.n))
        if done:
            self.seen.append(Seen(first, first + part.n, segment.start, start))
        above = list(segment.path())[1:]
        self._add(segment.ids[done : done + part.n], start, segment.position + done, above)

    def add_step(self, part: DecodeStep) -> None:
        request = part.request
        assert request.row is not None
        self.tails.append((part, len(self.ids)))
        start = self.cache.row_slot(request.row) + request.n_row
        above = request.leaf.path()
        self._add(request.pending[: part.n], start, request.leaf.end + request.n_row, above)

    def _add(self, ids: Sequence[int], start: int, position: int, above: Iterable[Segment]) -> None:
        first = len(self.ids)
        self.ids += ids
        self.slots += range(start, start + len(ids))
        self.positions += range(position, position + len(ids))
        for segment in above:
            self.spans.setdefault(segment, [first, 0])[1] = first + len(ids)

    def batch(self) -> Batch:
        device = self.cache.kv.device
        layout = Layout(
            self.cache.kv,
            torch.tensor(self.slots, device=device),
            [*self.seen, *_merged(self.spans)],
            self.chunks,
            _tails(self.tails, len(self.ids), self.cache) if self.tails else None,
        )
        return Batch(
            torch.tensor(self.ids, device=device), torch.tensor(self.positions, device=device), layout
        )


def _merged(spans: dict[Segment, list[int]]) -> list[Seen]:
    """What every segment is read by; neighbours in the cache with the same readers become one."""
    merged: list[Seen] = []
    for segment, (first, last) in sorted(spans.items(), key=lambda item: (*item[1], item[0].start)):
        stop = segment.start + len(segment.ids)
        if merged and (merged[-1].first, merged[-1].last, merged[-1].stop) == (first, last, segment.start):
            merged[-1] = Seen(first, last, merged[-1].start, stop)
        else:
            merged.append(Seen(first, last, segment.start, stop))
    return merged


def _tree_order(part: PrefillChunk | DecodeStep) -> list[int]:
    """Sorts parts depth first: a segment's own chunk, then everything below it side by side."""
    leaf = part.segment if isinstance(part, PrefillChunk) else part.request.leaf
    return [segment.start for segment in leaf.path()][::-1]


def _tails(decode: Sequence[tuple[DecodeStep, int]], n_tokens: int, cache: KVCache) -> Tails:
    n_rows = 1 + max(step.request.row or 0 for step, _ in decode)
    n_queries = max(step.n for step, _ in decode)
    n_keys = max(step.request.n_row + step.n for step, _ in decode)
    device = cache.kv.device
    keys, values = cache.rows[:, :, :n_rows, :n_keys].transpose(3, 4).unbind(1)
    last_key = torch.zeros(n_rows, n_queries, dtype=torch.long)  # padding sees key 0: it must see something
    gather = torch.zeros(n_rows, n_queries, dtype=torch.long)
    tokens: list[int] = []
    padded: list[int] = []
    for step, first in decode:
        row = step.request.row or 0
        last_key[row, : step.n] = torch.arange(step.request.n_row, step.request.n_row + step.n)
        gather[row, : step.n] = torch.arange(first, first + step.n)
        tokens += range(first, first + step.n)
        padded += range(row * n_queries, row * n_queries + step.n)
    hidden_keys = torch.arange(n_keys) > last_key[..., None]
    mask = torch.zeros(hidden_keys.shape, dtype=cache.kv.dtype).masked_fill_(hidden_keys, -math.inf)
    if n_queries > 1:  # every head of a group is a query of its own
        mask = mask.repeat_interleave(cache.n_groups, 1)
    mask = mask[:, None].to(device)
    if n_queries == 1 and tokens == list(range(n_rows)) == padded and n_tokens == n_rows:
        return Tails(keys=keys, values=values, mask=mask, n_queries=1)
    return Tails(
        keys=keys,
        values=values,
        mask=mask,
        n_queries=n_queries,
        gather=gather.flatten().to(device),
        tokens=torch.tensor(tokens, device=device),
        padded=torch.tensor(padded, device=device),
    )
