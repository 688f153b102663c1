"""Who decodes in the next pass: admission, prompt chunks, rows, and what happens to a lane's tokens.

Branches join and leave between passes. A branch is admitted when everything it may ever need fits, so no branch
that runs can run out of memory; what does not fit waits its turn, what can never fit is refused.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice

from agent_runtime.engine.lanes import Call, Lane
from agent_runtime.engine.masks import Grammars
from agent_runtime.engine.plan import Feed, Fill
from agent_runtime.engine.pool import Pool
from agent_runtime.engine.radix import RadixTree, Segment
from agent_runtime.errors import ModelError

# A pass: enough to use the processor fully, little enough not to stall decoding branches.
PREFILL_TOKENS = 512
GROW_AFTER = 64  # good passes before a larger one is tried: if it fails too, one pass in 64 was for nothing


class Scheduler:
    """The lanes that decode and the branches that wait for a place."""

    def __init__(self, pool: Pool, tree: RadixTree, grammars: Grammars, context_tokens: int) -> None:
        self._pool = pool
        self._tree = tree
        self._grammars = grammars
        self._context_tokens = context_tokens
        self._free_rows = list(range(pool.n_rows))
        self._waiting: deque[tuple[Call, int]] = deque()
        self.lanes: list[Lane] = []
        self._full_pass = self._pass_tokens = max(PREFILL_TOKENS, pool.n_rows)
        self._n_good_passes = 0  # since passes last became smaller or larger

    @property
    def is_idle(self) -> bool:
        return not self.lanes and not self._waiting

    @property
    def n_available(self) -> int:
        """Slots that a new branch may claim, counting what can be evicted."""
        return self._tree.n_slots - self._tree.n_locked - sum(lane.n_reserved for lane in self.lanes)

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
        for call in {lane.call for lane in self.lanes} | {call for call, _ in self._waiting}:
            call.fail(error)
        self.admit()

    def admit(self) -> None:
        """Drop the lanes of calls that are over; let waiting branches in, in order, as long as they fit."""
        for lane in [lane for lane in self.lanes if lane.call.is_cancelled or lane.call.is_over]:
            self._leave(lane)
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
        for lane in self.lanes:
            if lane.n_row == self._pool.window:
                self.seal(lane)

    def fills(self) -> list[Fill]:
        """The prompt chunks of the next pass, parents first, in the order of the lanes."""
        room = self._pass_tokens
        fills: dict[Segment, Fill] = {}
        for lane in self.lanes:
            for segment in reversed([s for s in lane.leaf.path() if not s.is_ready]):
                if segment not in fills:
                    n = min(room, len(segment.ids) - segment.n_ready)
                    if not n:
                        return list(fills.values())
                    fills[segment] = Fill(segment, n)
                    room -= n
                if fills[segment].n + segment.n_ready < len(segment.ids):
                    break
        return list(fills.values())

    def feeds(self, fills: list[Fill]) -> list[Feed]:
        """The decoding branches of the next pass: those whose whole path is ready once `fills` are computed."""
        done = {fill.segment for fill in fills if fill.segment.n_ready + fill.n == len(fill.segment.ids)}
        feeds = []
        for lane in self.lanes:
            if lane.pending and all(s.is_ready or s in done for s in lane.leaf.path()):
                feeds.append(Feed(lane, min(len(lane.pending), self._pool.window - lane.n_row)))
        return feeds[: self._pass_tokens]

    def computed(self, fills: list[Fill], feeds: list[Feed]) -> None:
        """Take note that a pass is done."""
        for fill in fills:
            fill.segment.n_ready += fill.n
        for feed in feeds:
            feed.lane.n_row += feed.n
            del feed.lane.pending[: feed.n]

    def askers(self) -> list[tuple[Lane, int]]:
        """Lanes whose next token can be drawn, each with the slot of the hidden state to draw it from."""
        return list(islice(self._askers(), self._pass_tokens))

    def _askers(self) -> Iterator[tuple[Lane, int]]:
        for lane in self.lanes:
            if not lane.pending and lane.is_ready:
                if lane.n_row:
                    assert lane.row is not None
                    yield lane, self._pool.row_slot(lane.row) + lane.n_row - 1
                else:
                    yield lane, lane.leaf.start + len(lane.leaf.ids) - 1

    def finish(self, lane: Lane) -> None:
        """The branch has written its last token: keep its computed tail for those who come back to it."""
        if lane.n_row:
            self.seal(lane)
        self._leave(lane)
        lane.call.settle(lane.index, lane.output())

    def leave_scored(self, lane: Lane, logprobs: tuple[float, ...]) -> None:
        """The branch was only to be scored."""
        self._leave(lane)
        lane.call.settle(lane.index, lane.scored(logprobs))

    def seal(self, lane: Lane) -> None:
        """Move the tail in the lane's row into segments; a sibling's equal tokens are not stored twice."""
        assert lane.row is not None
        ids = tuple(lane.ids[lane.n_sealed : lane.n_sealed + lane.n_row])
        base = lane.leaf
        leaf, n_known = self._tree.match(ids, base)
        self._tree.acquire(leaf)
        if n_known < len(ids):
            self._tree.make_room(len(ids) - n_known)
            known, leaf = leaf, self._tree.insert(leaf, ids[n_known:])
            self._tree.acquire(leaf)
            self._tree.release(known)
        source = self._pool.row_slot(lane.row)
        for segment in leaf.path():
            if segment is base:
                break
            if not segment.is_ready:
                self._pool.move(source + segment.position - base.end, segment.start, len(segment.ids))
                segment.n_ready = len(segment.ids)
        self._tree.release(base)
        lane.leaf = leaf
        lane.n_sealed += lane.n_row
        lane.n_row = 0

    def _enter(self, call: Call, index: int) -> bool:
        """Make branch `index` of `call` a lane; False if it has to wait for others to leave.

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
            if self.lanes:
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
        lane = Lane(call, index, job, leaf, None, max_tokens, n_missing)
        self.lanes.append(lane)
        if not is_scored:
            self._free_rows.sort(reverse=True)
            lane.row = self._free_rows.pop()
            self._pool.clean_rows(lane.row + 1)
            self._start_grammar(lane)
        return True

    def _start_grammar(self, lane: Lane) -> None:
        if lane.job.grammar is not None:
            lane.matcher = self._grammars.matcher(lane.job.grammar)
            if lane.write_forced():
                self.finish(lane)

    def _leave(self, lane: Lane) -> None:
        self.lanes.remove(lane)
        self._tree.release(lane.leaf)
        if lane.row is not None:
            self._free_rows.append(lane.row)
