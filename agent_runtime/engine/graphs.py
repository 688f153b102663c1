"""A decode pass as one CUDA graph: without it a small model spends its time on launching kernels.

A graph needs fixed shapes. So a pass is padded to a bucket of rows, each row's token in its own place, and to a
bucket of keys that stand for all segments before the tails: they are gathered, and a mask says which row sees
which. That is wasteful where many branches share nothing, so such passes, and passes with prompt chunks or
several forced tokens, run without a graph. Drawing tokens is not part of it: the grammars' masks come from the
host in between. Written for CUDA, exercised here on the CPU except for the capture itself: not measured.
"""

# N rows, P prefix keys, W keys of a row

import logging
import math
from collections.abc import Callable, Sequence

import torch

from agent_runtime.engine.attention import Layout, Prefix, Tails
from agent_runtime.engine.network import Network
from agent_runtime.engine.plan import Feed
from agent_runtime.engine.pool import Pool
from agent_runtime.engine.radix import Segment

MIN_KEYS = 512
MAX_KEYS = 8192  # beyond, attending to gathered keys costs more than launching kernels
log = logging.getLogger(__name__)


class PaddedPass:
    """The static inputs of one bucket."""

    def __init__(self, pool: Pool, n_rows: int, n_keys: int) -> None:
        self._pool = pool
        device, dtype = pool.kv.device, pool.kv.dtype
        self.ids = torch.zeros(n_rows, dtype=torch.long, device=device)
        self.positions = torch.zeros(n_rows, dtype=torch.long, device=device)
        self.slots = torch.zeros(n_rows, dtype=torch.long, device=device)
        self.prefix_slots = torch.zeros(n_keys, dtype=torch.long, device=device)
        self.prefix_mask = torch.zeros(n_rows, n_keys, dtype=dtype, device=device)
        self.tail_mask = torch.zeros(n_rows, 1, 1, pool.window, dtype=dtype, device=device)
        keys, values = pool.rows[:, :, :n_rows].transpose(3, 4).unbind(1)
        self.layout = Layout(
            pool.kv,
            self.slots,
            (),
            (),
            Tails(keys, values, self.tail_mask, 1),
            Prefix(self.prefix_slots, self.prefix_mask),
        )

    def set(self, feeds: Sequence[Feed], segments: Sequence[Segment]) -> None:
        """Write who is in the pass, on the host, then copy it over. Empty rows see one key and write nowhere."""
        n_rows, n_keys = self.prefix_mask.shape
        numbers = torch.zeros(3, n_rows, dtype=torch.long)  # ids, positions, slots
        numbers[2] = self._pool.scratch_slot
        prefix_mask = torch.full((n_rows, n_keys), -math.inf)
        last_key = torch.zeros(n_rows, dtype=torch.long)
        prefix_mask[:, 0] = 0
        starts: dict[Segment, int] = {}
        slots: list[int] = []
        for segment in segments:
            starts[segment] = len(slots)
            slots += range(segment.start, segment.start + len(segment.ids))
        for feed in feeds:
            lane, row = feed.lane, feed.lane.row
            assert row is not None
            slot = self._pool.row_slot(row) + lane.n_row
            numbers[:, row] = torch.tensor([lane.pending[0], lane.leaf.end + lane.n_row, slot])
            last_key[row] = lane.n_row
            prefix_mask[row, 0] = -math.inf
            for segment in lane.leaf.path():
                prefix_mask[row, starts[segment] : starts[segment] + len(segment.ids)] = 0
        hidden = torch.arange(self._pool.window) > last_key[:, None]
        for target, source in zip((self.ids, self.positions, self.slots), numbers, strict=True):
            target.copy_(source)
        self.prefix_slots.copy_(torch.tensor(slots + [0] * (n_keys - len(slots))))
        self.prefix_mask.copy_(prefix_mask)
        self.tail_mask.copy_(torch.zeros(hidden.shape).masked_fill_(hidden, -math.inf)[:, None, None])

    def compute(self, network: Network) -> None:
        """The pass itself; everything it reads and writes stays where it is."""
        hidden = network.forward(self.ids, self.positions, self.layout)
        self._pool.hidden.index_copy_(0, self.slots, hidden)


Bucket = tuple[int, int]  # rows, keys
Captured = tuple[PaddedPass, Callable[[], None]]


class Graphs:
    """Captured passes by bucket. Where a capture fails, decoding goes on without graphs.

    One that runs out of memory gives up its own bucket only.
    """

    def __init__(self, network: Network, pool: Pool) -> None:
        self._network = network
        self._pool = pool
        self._captured: dict[Bucket, Captured] = {}
        self._too_large: set[Bucket] = set()
        self.is_on = pool.kv.is_cuda

    def run(self, feeds: Sequence[Feed]) -> bool:
        """Compute one token of every feed; False if this pass has to run without a graph."""
        if not self.is_on or any(feed.n > 1 for feed in feeds):
            return False
        segments = list({segment: None for feed in feeds for segment in feed.lane.leaf.path()})
        n_keys = sum(len(segment.ids) for segment in segments)
        if n_keys > MAX_KEYS:
            return False
        n_rows = 1 + max(feed.lane.row or 0 for feed in feeds)
        bucket = min(_power_of_two(n_rows), self._pool.n_rows), max(MIN_KEYS, _power_of_two(n_keys))
        captured = self._captured.get(bucket) or self._try_capture(bucket)
        if captured is None:
            return False
        padded, replay = captured
        padded.set(feeds, segments)
        replay()
        return True

    def _try_capture(self, bucket: Bucket) -> Captured | None:
        """The pass of a bucket, kept from here on; None where decoding has to go on without it."""
        if bucket in self._too_large:
            return None
        try:
            self._captured[bucket] = self._capture(PaddedPass(self._pool, *bucket))
        except torch.OutOfMemoryError:  # the same pass without a graph may well fit
            log.warning("no memory for a CUDA graph of %d rows and %d keys: going on without it", *bucket)
            self._too_large.add(bucket)
        except RuntimeError:
            log.warning("CUDA graphs are off: a decode pass could not be captured", exc_info=True)
            self.is_on = False
        if bucket not in self._captured and self._pool.kv.is_cuda:
            torch.cuda.empty_cache()  # what the attempt took
        return self._captured.get(bucket)

    def _capture(self, padded: PaddedPass) -> Captured:
        padded.set((), ())
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # lets libraries allocate their workspaces before the capture
            for _ in range(2):
                padded.compute(self._network)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            padded.compute(self._network)
        return padded, graph.replay


def _power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()
