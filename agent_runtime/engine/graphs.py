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
from agent_runtime.engine.batch import DecodeStep
from agent_runtime.engine.kv_cache import KVCache
from agent_runtime.engine.network import Network
from agent_runtime.engine.radix import Segment

MIN_KEYS = 512
MAX_KEYS = 8192  # beyond, attending to gathered keys costs more than launching kernels
log = logging.getLogger(__name__)


class PaddedBatch:
    """The static inputs of one bucket."""

    def __init__(self, cache: KVCache, n_rows: int, n_keys: int) -> None:
        self._cache = cache
        device, dtype = cache.kv.device, cache.kv.dtype
        self.ids = torch.zeros(n_rows, dtype=torch.long, device=device)
        self.positions = torch.zeros(n_rows, dtype=torch.long, device=device)
        self.slots = torch.zeros(n_rows, dtype=torch.long, device=device)
        self.prefix_slots = torch.zeros(n_keys, dtype=torch.long, device=device)
        self.prefix_mask = torch.zeros(n_rows, n_keys, dtype=dtype, device=device)
        self.tail_mask = torch.zeros(n_rows, 1, 1, cache.window, dtype=dtype, device=device)
        keys, values = cache.rows[:, :, :n_rows].transpose(3, 4).unbind(1)
        self.layout = Layout(
            cache.kv,
            self.slots,
            (),
            (),
            Tails(keys=keys, values=values, mask=self.tail_mask, n_queries=1),
            Prefix(self.prefix_slots, self.prefix_mask),
        )

    def set(self, decode: Sequence[DecodeStep], segments: Sequence[Segment]) -> None:
        """Write who is in the pass, on the host, then copy it over. Empty rows see one key and write nowhere."""
        n_rows, n_keys = self.prefix_mask.shape
        numbers = torch.zeros(3, n_rows, dtype=torch.long)  # ids, positions, slots
        numbers[2] = self._cache.scratch_slot
        prefix_mask = torch.full((n_rows, n_keys), -math.inf)
        last_key = torch.zeros(n_rows, dtype=torch.long)
        prefix_mask[:, 0] = 0
        starts: dict[Segment, int] = {}
        slots: list[int] = []
        for segment in segments:
            starts[segment] = len(slots)
            slots += range(segment.start, segment.start + len(segment.ids))
        for step in decode:
            request, row = step.request, step.request.row
            assert row is not None
            slot = self._cache.row_slot(row) + request.n_row
            numbers[:, row] = torch.tensor([request.pending[0], request.leaf.end + request.n_row, slot])
            last_key[row] = request.n_row
            prefix_mask[row, 0] = -math.inf
            for segment in request.leaf.path():
                prefix_mask[row, starts[segment] : starts[segment] + len(segment.ids)] = 0
        hidden = torch.arange(self._cache.window) > last_key[:, None]
        for target, source in zip((self.ids, self.positions, self.slots), numbers, strict=True):
            target.copy_(source)
        self.prefix_slots.copy_(torch.tensor(slots + [0] * (n_keys - len(slots))))
        self.prefix_mask.copy_(prefix_mask)
        self.tail_mask.copy_(torch.zeros(hidden.shape).masked_fill_(hidden, -math.inf)[:, None, None])

    def compute(self, network: Network) -> None:
        """The pass itself; everything it reads and writes stays where it is."""
        hidden = network.forward(self.ids, self.positions, self.layout)
        self._cache.hidden.index_copy_(0, self.slots, hidden)


Bucket = tuple[int, int]  # rows, keys
Captured = tuple[PaddedBatch, Callable[[], None]]


class Graphs:
    """Captured passes by bucket. Where a capture fails, decoding goes on without graphs.

    One that runs out of memory gives up its own bucket only.
    """

    def __init__(self, network: Network, cache: KVCache) -> None:
        self._network = network
        self._cache = cache
        self._captured: dict[Bucket, Captured] = {}
        self._too_large: set[Bucket] = set()
        self.is_on = cache.kv.is_cuda

    def run(self, decode: Sequence[DecodeStep]) -> bool:
        """Compute one token of every request; False if this pass has to run without a graph."""
        if not self.is_on or any(step.n > 1 for step in decode):
            return False
        segments = list({segment: None for step in decode for segment in step.request.leaf.path()})
        n_keys = sum(len(segment.ids) for segment in segments)
        if n_keys > MAX_KEYS:
            return False
        n_rows = 1 + max(step.request.row or 0 for step in decode)
        bucket = min(_power_of_two(n_rows), self._cache.n_rows), max(MIN_KEYS, _power_of_two(n_keys))
        captured = self._captured.get(bucket) or self._try_capture(bucket)
        if captured is None:
            return False
        padded, replay = captured
        padded.set(decode, segments)
        replay()
        return True

    def _try_capture(self, bucket: Bucket) -> Captured | None:
        """The pass of a bucket, kept from here on; None where decoding has to go on without it."""
        if bucket in self._too_large:
            return None
        try:
            self._captured[bucket] = self._capture(PaddedBatch(self._cache, *bucket))
        except torch.OutOfMemoryError:  # the same pass without a graph may well fit
            log.warning("no memory for a CUDA graph of %d rows and %d keys: going on without it", *bucket)
            self._too_large.add(bucket)
        except RuntimeError:
            log.warning("CUDA graphs are off: a decode pass could not be captured", exc_info=True)
            self.is_on = False
        if bucket not in self._captured and self._cache.kv.is_cuda:
            torch.cuda.empty_cache()  # what the attempt took
        return self._captured.get(bucket)

    def _capture(self, padded: PaddedBatch) -> Captured:
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
