"""Who decodes in the next pass: admission, prompt chunks, rows, and what happens to their tokens.

Branches join and leave between passes. A branch is admitted when everything it may ever need fits, so no branch
that runs can run out of memory; what does not fit waits its turn, what can never fit is refused.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from agent_runtime.engine.batch import DecodeStep, PrefillChunk
from agent_runtime.engine.kv_cache import KVCache
from agent_runtime.engine.masks import Grammars
from agent_runtime.engine.radix import RadixTree, Segment
from agent_runtime.engine.requests import Call, RunningRequest
from agent_runtime.errors import ModelError

# A pass: enough to use the processor fully, little enough not to stall decoding branches.
PREFILL_TOKENS = 512
GROW_AFTER = 64  # good passes before a larger one is tried: if it fails too, one pass in 64 was for nothing


class Scheduler:
    """The running requests and the branches that wait for a place."""

    def __init__(self, cache: KVCache, tree: RadixTree, grammars: Grammars, context_tokens: int) -> None:
        self._cache = cache
        self._tree = tree
        self._grammars = grammars
        self._context_tokens = context_tokens
        self._free_rows = list(range(cache.n_rows))
        self._waiting: deque[tuple[Call, int]] = deque()
        self.requests: list[RunningRequest] = []
        self._full_pass = self._pass_tokens = max(PREFILL_TOKENS, cache.n_rows)
        self._n_good_passes = 0  # since passes last became smaller or larger

    @property
    def is_idle(self) -> bool:
        return not self.requests and not self._waiting

    @property
    def n_available(self) -> int:
        """Slots that a new branch may claim, counting what can be evicted."""
        return (
            self._tree.n_slots
            - self._tree.n_referenced
            - sum(request.n_reserved for request in self.requests)
        )

    @property
    def n_free_rows(self) -> int:
        """How many branches more can decode at once."""
        return len(self._free_rows)

    def shrink(self) -> bool:
        """Make passes half as large; False if they cannot be smaller, and what comes next starts at full size."""
        can_shrink = self._pass_tokens > 1
        self._pass_tokens = self._pass_tokens // 2 if can_shrink else self._full_pass
        self._n_good_passes = 0
        return can_shrink

    def grow(self) -> None:
        """Take note that a pass went well; after some of them passes become larger again."""
        self._n_good_passes += 1
        if self._n_good_passes >= GROW_AFTER:
            self._pass_tokens = min(self._full_pass, 2 * self._pass_tokens)
            self._n_good_passes = 0

    def enqueue(self, call: Call) -> None:
        self._waiting.extend((call, index) for index in range(len(call.jobs)))

    def abandon(self, error: Exception) -> None:
        """Fail every branch, running or waiting."""
        for call in {request.call for request in self.requests} | {call for call, _ in self._waiting}:
            call.fail(error)
        self.admit()

    def admit(self) -> None:
        """Drop the requests of calls that are over; let waiting branches in, in order, as long as they fit."""
        for request in [
            request for request in self.requests if request.call.is_cancelled or request.call.is_over
        ]:
            self._leave(request)
        while self._waiting:
            call, index = self._waiting[0]
            if not (call.is_cancelled or call.is_over):
                try:
                    if not self._enter(call, index):
                        return
                except Exception as error:  # what is wrong with one call must not stop the others
                    call.fail(error)
            self._waiting.popleft()

    def seal_full_rows(self) -> None:
        for request in self.requests:
            if request.n_row == self._cache.window:
                self.seal(request)

    def prefill_chunks(self) -> list[PrefillChunk]:
        """The prompt chunks of the next pass, parents first, in the order of the requests."""
        room = self._pass_tokens
        prefill: dict[Segment, PrefillChunk] = {}
        for request in self.requests:
            for segment in reversed([s for s in request.leaf.path() if not s.is_ready]):
                if segment not in prefill:
                    n = min(room, len(segment.ids) - segment.n_ready)
                    if not n:
                        return list(prefill.values())
                    prefill[segment] = PrefillChunk(segment, n)
                    room -= n
                if prefill[segment].n + segment.n_ready < len(segment.ids):
                    break
        return list(prefill.values())

    def decode_steps(self, prefill: list[PrefillChunk]) -> list[DecodeStep]:
        """The decoding branches of the next pass: those whose whole path is ready once `prefill` is computed."""
        done = {
            chunk.segment for chunk in prefill if chunk.segment.n_ready + chunk.n == len(chunk.segment.ids)
        }
        decode = []
        for request in self.requests:
            if request.pending and all(s.is_ready or s in done for s in request.leaf.path()):
                decode.append(
                    DecodeStep(request, min(len(request.pending), self._cache.window - request.n_row))
                )
        return decode[: self._pass_tokens]

    def computed(self, prefill: list[PrefillChunk], decode: list[DecodeStep]) -> None:
        """Take note that a pass is done."""
        for chunk in prefill:
            chunk.segment.n_ready += chunk.n
        for step in decode:
            step.request.n_row += step.n
            del step.request.pending[: step.n]

    def ready_to_sample(self) -> list[tuple[RunningRequest, int]]:
        """Requests whose next token can be drawn, each with the slot of the hidden state to draw it from."""
        return list(islice(self._ready_to_sample(), self._pass_tokens))

    def _ready_to_sample(self) -> Iterator[tuple[RunningRequest, int]]:
        for request in self.requests:
            if not request.pending and request.is_ready:
                if request.n_row:
                    assert request.row is not None
                    yield request, self._cache.row_slot(request.row) + request.n_row - 1
                else:
                    yield request, request.leaf.start + len(request.leaf.ids) - 1

    def finish(self, request: RunningRequest) -> None:
        """The branch has written its last token: keep its computed tail for those who come back to it."""
        if request.n_row:
            self.seal(request)
        self._leave(request)
        request.call.settle(request.index, request.output())

    def leave_scored(self, request: RunningRequest, logprobs: tuple[float, ...]) -> None:
        """The branch was only to be scored."""
        self._leave(request)
        request.call.settle(request.index, request.scored(logprobs))

    def seal(self, request: RunningRequest) -> None:
        """Move the tail in the request's row into segments; a sibling's equal tokens are not stored twice."""
        assert request.row is not None
        ids = tuple(request.ids[request.n_sealed : request.n_sealed + request.n_row])
        base = request.leaf
        leaf, n_known = self._tree.match(ids, base)
        self._tree.acquire(leaf)
        if n_known < len(ids):
            self._tree.make_room(len(ids) - n_known)
            known, leaf = leaf, self._tree.insert(leaf, ids[n_known:])
            self._tree.acquire(leaf)
            self._tree.release(known)
        source = self._cache.row_slot(request.row)
        for segment in leaf.path():
            if segment is base:
                break
            if not segment.is_ready:
                self._cache.move(source + segment.position - base.end, segment.start, len(segment.ids))
                segment.n_ready = len(segment.ids)
        self._tree.release(base)
        request.leaf = leaf
        request.n_sealed += request.n_row
        request.n_row = 0

    def _enter(self, call: Call, index: int) -> bool:
        """Make branch `index` of `call` a running request; False if it has to wait for others to leave.

        Raises:
            ModelError: It can never fit.
            ConfigError: Its grammar does not compile.
        """
        job = call.jobs[index]
        is_scored = call.candidates is not None
        max_tokens = 0 if is_scored else min(job.max_tokens, self._context_tokens - len(job.ids))
        if not is_scored and not self._free_rows:
            return False
        leaf, n_known = self._tree.match(job.ids)
        self._tree.acquire(leaf)
        n_missing = len(job.ids) - n_known
        if n_missing + max_tokens > self.n_available:
            self._tree.release(leaf)
            if self.requests:
                return False
            raise ModelError(
                f"a branch of {len(job.ids)} + {max_tokens} tokens does not fit: the engine holds the keys and values "
                f"of {self._tree.n_slots} tokens; raise max_kv_tokens or ask for fewer"
            )
        if n_missing:
            self._tree.make_room(n_missing)
            known, leaf = leaf, self._tree.insert(leaf, job.ids[n_known:])
            self._tree.acquire(leaf)
            self._tree.release(known)
        request = RunningRequest(
            call=call, index=index, job=job, leaf=leaf, row=None, max_tokens=max_tokens, n_prefilled=n_missing
        )
        self.requests.append(request)
        if not is_scored:
            self._free_rows.sort(reverse=True)
            request.row = self._free_rows.pop()
            self._cache.clean_rows(request.row + 1)
            self._start_grammar(request)
        return True

    def _start_grammar(self, request: RunningRequest) -> None:
        if request.job.grammar is not None:
            request.matcher = self._grammars.matcher(request.job.grammar)
            if request.write_forced():
                self.finish(request)

    def _leave(self, request: RunningRequest) -> None:
        self.requests.remove(request)
        self._tree.release(request.leaf)
        if request.row is not None:
            self._free_rows.append(request.row)
