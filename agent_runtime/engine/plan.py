"""One forward pass: the tokens of all branches in one row, ordered so that each segment's readers are neighbours.

Prompt chunks and decoding branches share the pass, so the weights are read once for both.
"""

# M packed tokens, R rows, Q tokens a row, L keys

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agent_runtime.engine.attention import Chunk, Layout, Seen, Tails
from agent_runtime.engine.lanes import Lane
from agent_runtime.engine.pool import Pool
from agent_runtime.engine.radix import Segment


@dataclass(frozen=True, slots=True)
class Fill:
    """Compute the next `n` tokens of `segment`."""

    segment: Segment
    n: int


@dataclass(frozen=True, slots=True)
class Feed:
    """Compute the first `n` pending tokens of `lane`."""

    lane: Lane
    n: int


@dataclass(frozen=True, slots=True)
class Pass:
    """The input of one forward pass: ids and positions [M], and who attends to what."""

    ids: Tensor
    positions: Tensor
    layout: Layout


def lay_out(fills: Sequence[Fill], feeds: Sequence[Feed], pool: Pool) -> Pass:
    """Pack the tokens of `fills` and `feeds` into one pass over `pool`."""
    ids: list[int] = []
    positions: list[int] = []
    slots: list[int] = []
    spans: dict[Segment, list[int]] = {}  # segment -> first and last packed token below it
    chunks: list[Chunk] = []
    seen: list[Seen] = []
    tails: list[tuple[Feed, int]] = []
    parts: list[Fill | Feed] = [*fills, *feeds]
    for part in sorted(parts, key=_tree_order):
        first = len(ids)
        if isinstance(part, Fill):
            segment, done = part.segment, part.segment.n_ready
            ids += segment.ids[done : done + part.n]
            start, position = segment.start + done, segment.position + done
            chunks.append(Chunk(first, first + part.n))
            if done:
                seen.append(Seen(first, first + part.n, segment.start, start))
            above = list(segment.path())[1:]
        else:
            lane = part.lane
            assert lane.row is not None
            ids += lane.pending[: part.n]
            start, position = pool.row_slot(lane.row) + lane.n_row, lane.leaf.end + lane.n_row
            tails.append((part, first))
            above = list(lane.leaf.path())
        positions += range(position, position + part.n)
        slots += range(start, start + part.n)
        for segment in above:
            spans.setdefault(segment, [first, 0])[1] = first + part.n
    seen += _merged(spans)
    device = pool.kv.device
    layout = Layout(
        pool.kv,
        torch.tensor(slots, device=device),
        seen,
        chunks,
        _tails(tails, len(ids), pool) if tails else None,
    )
    return Pass(torch.tensor(ids, device=device), torch.tensor(positions, device=device), layout)


def _merged(spans: dict[Segment, list[int]]) -> list[Seen]:
    """What every segment is read by; neighbours in the pool with the same readers become one."""
    merged: list[Seen] = []
    for segment, (first, last) in sorted(spans.items(), key=lambda item: (*item[1], item[0].start)):
        stop = segment.start + len(segment.ids)
        if merged and (merged[-1].first, merged[-1].last, merged[-1].stop) == (first, last, segment.start):
            merged[-1] = Seen(first, last, merged[-1].start, stop)
        else:
            merged.append(Seen(first, last, segment.start, stop))
    return merged


def _tree_order(part: Fill | Feed) -> list[int]:
    """Sorts parts depth first: a segment's own chunk, then everything below it side by side."""
    leaf = part.segment if isinstance(part, Fill) else part.lane.leaf
    return [segment.start for segment in leaf.path()][::-1]


def _tails(feeds: Sequence[tuple[Feed, int]], n_tokens: int, pool: Pool) -> Tails:
    n_rows = 1 + max(feed.lane.row or 0 for feed, _ in feeds)
    n_queries = max(feed.n for feed, _ in feeds)
    n_keys = max(feed.lane.n_row + feed.n for feed, _ in feeds)
    device = pool.kv.device
    keys, values = pool.rows[:, :, :n_rows, :n_keys].transpose(3, 4).unbind(1)
    last_key = torch.zeros(n_rows, n_queries, dtype=torch.long)  # padding sees key 0: it must see something
    gather = torch.zeros(n_rows, n_queries, dtype=torch.long)
    tokens: list[int] = []
    padded: list[int] = []
    for feed, first in feeds:
        row = feed.lane.row or 0
        last_key[row, : feed.n] = torch.arange(feed.lane.n_row, feed.lane.n_row + feed.n)
        gather[row, : feed.n] = torch.arange(first, first + feed.n)
        tokens += range(first, first + feed.n)
        padded += range(row * n_queries, row * n_queries + feed.n)
    hidden_keys = torch.arange(n_keys) > last_key[..., None]
    mask = torch.zeros(hidden_keys.shape, dtype=pool.kv.dtype).masked_fill_(hidden_keys, -math.inf)
    if n_queries > 1:  # every head of a group is a query of its own
        mask = mask.repeat_interleave(pool.n_groups, 1)
    mask = mask[:, None].to(device)
    if n_queries == 1 and tokens == list(range(n_rows)) == padded and n_tokens == n_rows:
        return Tails(keys, values, mask, 1)
    return Tails(
        keys,
        values,
        mask,
        n_queries,
        gather.flatten().to(device),
        torch.tensor(tokens, device=device),
        torch.tensor(padded, device=device),
    )
