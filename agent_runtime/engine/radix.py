"""The tree of what has been read: token ids to the slots that hold their keys and values.

A segment is an immutable run of tokens in consecutive slots of one cache, and a branch is a pointer to its last
segment. So a fork is a new pointer, a backtrack lets go of one, and both cost the same at any length; splitting a
segment where two branches part is arithmetic on slots, nothing is copied. The design is SGLang's radix cache
with page size 1 (Zheng et al. 2023, arXiv:2312.07104). Nothing is dropped by hand: a dead branch is not looked
up again, so it is the first to be evicted when room is needed. No tensors here.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

Ids = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Segment:
    """Tokens at slots `start ...`, seen after `parent`; the first `n_ready` of them are computed."""

    ids: Ids
    start: int
    position: int  # of the first token in its sequence
    parent: "Segment | None" = None
    children: dict[int, "Segment"] = field(default_factory=dict)
    n_ready: int = 0
    ref_count: int = 0  # decoding branches that end here, plus children that are in use
    used_at: int = 0

    @property
    def is_ready(self) -> bool:
        return self.n_ready == len(self.ids)

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.position + len(self.ids)

    def path(self) -> Iterator["Segment"]:
        """This segment and those before it, the root (which holds no tokens) left out."""
        segment: Segment | None = self
        while segment is not None and segment.parent is not None:
            yield segment
            segment = segment.parent


class Extents:
    """Free runs of slots. Many may serve one request, so that holes never cost capacity."""

    def __init__(self, n_slots: int) -> None:
        self._starts = [0]
        self._lengths = [n_slots]
        self.n_free = n_slots

    def take(self, n: int, after: int | None = None) -> list[tuple[int, int]]:
        """Take `n <= n_free` slots as (start, length) runs: at slot `after` where that is free, else with room to grow.

        A branch that goes on where its last segment ended is one run of keys to attention, however many steps it took.
        """
        assert n <= self.n_free
        runs = []
        while n:
            i = self._run_at(after)
            if i is None:
                i = max(range(len(self._starts)), key=lambda i: self._lengths[i])
                if self._lengths[i] > 2 * n:  # the middle of the largest hole: both neighbours can grow
                    i = self._cut(i, self._lengths[i] // 2)
            taken = min(n, self._lengths[i])
            runs.append((self._starts[i], taken))
            self._starts[i] += taken
            self._lengths[i] -= taken
            if not self._lengths[i]:
                del self._starts[i], self._lengths[i]
            self.n_free -= taken
            n -= taken
            after = None
        return runs

    def _run_at(self, slot: int | None) -> int | None:
        if slot is None:
            return None
        i = bisect_left(self._starts, slot)
        return i if i < len(self._starts) and self._starts[i] == slot else None

    def _cut(self, i: int, at: int) -> int:
        """Part run `i` in two; the index of the second."""
        self._starts.insert(i + 1, self._starts[i] + at)
        self._lengths.insert(i + 1, self._lengths[i] - at)
        self._lengths[i] = at
        return i + 1

    def give(self, start: int, length: int) -> None:
        """Hand a run back; neighbours become one run again."""
        i = bisect_left(self._starts, start)
        self.n_free += length
        if i < len(self._starts) and start + length == self._starts[i]:
            length += self._lengths[i]
            del self._starts[i], self._lengths[i]
        if i and self._starts[i - 1] + self._lengths[i - 1] == start:
            self._lengths[i - 1] += length
        else:
            self._starts.insert(i, start)
            self._lengths.insert(i, length)


class RadixTree:
    """Segments by token ids, least recently used leaves leave first."""

    def __init__(self, n_slots: int) -> None:
        self.root = Segment((), 0, 0)
        self._extents = Extents(n_slots)
        self._clock = 0
        self.n_slots = n_slots
        self.n_referenced = 0  # tokens that decoding branches hold; everything else can be evicted

    @property
    def n_free(self) -> int:
        return self._extents.n_free

    def match(self, ids: Ids, after: Segment | None = None) -> tuple[Segment, int]:
        """The segment that ends at the longest known prefix of `ids` behind `after`, and that prefix's length.

        A segment known only in part is split there, so that the answer is always the end of one.
        """
        self._clock += 1
        segment, at = after or self.root, 0
        while at < len(ids) and (child := segment.children.get(ids[at])) is not None:
            child.used_at = self._clock
            n = _common(child.ids, ids, at)
            at += n
            if n < len(child.ids):
                return self._split(child, n), at
            segment = child
        return segment, at

    def insert(self, parent: Segment, ids: Ids) -> Segment:
        """Append `ids` (at least one, whose first no child of `parent` begins with); returns their last segment."""
        self._clock += 1
        at = 0
        behind = parent.start + len(parent.ids) if parent.ids else None
        for start, length in self._extents.take(len(ids), behind):
            part = ids[at : at + length]
            segment = Segment(part, start, parent.end, parent, used_at=self._clock)
            parent.children[part[0]] = segment
            parent = segment
            at += length
        return parent

    def acquire(self, segment: Segment) -> None:
        """Fork: a branch ends at `segment`. It and all before it stay until `release`."""
        while segment.parent is not None:
            segment.ref_count += 1
            if segment.ref_count > 1:
                return
            self.n_referenced += len(segment.ids)
            segment = segment.parent

    def release(self, segment: Segment) -> None:
        """Backtrack, or the branch's end: it no longer needs `segment`."""
        while segment.parent is not None:
            segment.ref_count -= 1
            if segment.ref_count:
                return
            self.n_referenced -= len(segment.ids)
            segment = segment.parent

    def make_room(self, n: int) -> bool:
        """Evict least recently used leaves until `n` slots are free; False if that cannot be."""
        while self.n_free < n:
            leaf = min(self._idle_leaves(), key=lambda segment: segment.used_at, default=None)
            if leaf is None:
                return False
            self._remove(leaf)
        return True

    def segments(self) -> Iterator[Segment]:
        """All segments, parents first."""
        stack = list(self.root.children.values())
        while stack:
            segment = stack.pop()
            yield segment
            stack.extend(segment.children.values())

    def clear(self) -> None:
        """Forget everything that no branch holds."""
        self.make_room(self.n_slots)

    def _idle_leaves(self) -> Iterator[Segment]:
        return (segment for segment in self.segments() if not segment.children and not segment.ref_count)

    def _split(self, lower: Segment, n: int) -> Segment:
        """Cut after `n` tokens. The object stays the lower half, so pointers to its end stay right."""
        parent = lower.parent
        assert parent is not None
        upper = Segment(
            ids=lower.ids[:n],
            start=lower.start,
            position=lower.position,
            parent=parent,
            children={lower.ids[n]: lower},
            n_ready=min(n, lower.n_ready),
            ref_count=min(lower.ref_count, 1),
            used_at=lower.used_at,
        )
        parent.children[upper.ids[0]] = upper
        lower.ids, lower.start, lower.position = lower.ids[n:], lower.start + n, lower.position + n
        lower.n_ready = max(0, lower.n_ready - n)
        lower.parent = upper
        return upper

    def _remove(self, leaf: Segment) -> None:
        assert leaf.parent is not None
        del leaf.parent.children[leaf.ids[0]]
        self._extents.give(leaf.start, len(leaf.ids))


def _common(part: Ids, ids: Ids, at: int) -> int:
    """How many tokens of `part` agree with `ids[at:]`."""
    there = ids[at : at + len(part)]
    if there == part:
        return len(part)
    return next((i for i, (a, b) in enumerate(zip(part, there, strict=False)) if a != b), len(there))
