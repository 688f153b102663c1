"""A call of the engine, and a running request: one of its branches while it decodes."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from agent_runtime.engine.masks import Matcher
from agent_runtime.engine.radix import Segment
from agent_runtime.engine.types import Job, Output, Scored


@dataclass(eq=False, slots=True)
class Call:
    """Branches that one caller waits for together. `notify` wakes the caller, from any thread."""

    jobs: tuple[Job, ...]
    notify: Callable[[], None]
    candidates: tuple[int, ...] | None = None  # None: generate; else score these at the next position
    results: dict[int, Output | Scored] = field(default_factory=dict)
    error: Exception | None = None
    is_cancelled: bool = False
    is_over: bool = False

    def settle(self, index: int, result: Output | Scored) -> None:
        self.results[index] = result
        if len(self.results) == len(self.jobs):
            self._end()

    def fail(self, error: Exception) -> None:
        self.error = self.error or error
        self._end()

    def _end(self) -> None:
        if not self.is_over:
            self.is_over = True
            self.notify()


@dataclass(frozen=True, slots=True)
class Flush:
    """Forget everything that no branch holds; `done` is set afterwards."""

    done: threading.Event


@dataclass(eq=False, slots=True, kw_only=True)
class RunningRequest:
    """One branch. Its tokens are the path to `leaf`, then `n_row` in its row, then `pending` to be computed."""

    call: Call
    index: int
    job: Job
    leaf: Segment
    row: int | None
    max_tokens: int
    n_prefilled: int
    matcher: Matcher | None = None
    pending: list[int] = field(default_factory=list)
    n_row: int = 0
    n_sealed: int = 0  # tokens of `ids` that moved into segments
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    n_forced: int = 0
    is_cut: bool = False
    started_at: float = field(default_factory=time.perf_counter)

    @property
    def is_ready(self) -> bool:
        return all(segment.is_ready for segment in self.leaf.path())

    @property
    def n_reserved(self) -> int:
        """Slots that this branch may still need for what it writes."""
        return self.max_tokens - self.n_sealed

    @property
    def position(self) -> int:
        """Of the next token to be sampled."""
        return len(self.job.ids) + len(self.ids)

    def write(self, token: int, logprob: float) -> bool:
        """Append a sampled token and what the grammar forces after it; True if the branch ends here."""
        if self.matcher is not None:
            self.matcher.accept(token)
        return self._append(token, logprob) or self.write_forced()

    def write_forced(self) -> bool:
        """Append what the grammar forces next; True if the branch ends there."""
        if self.matcher is None:
            return False
        for token in self.matcher.forced():
            self.n_forced += 1
            if self._append(token, 0.0):
                return True
        return self.matcher.is_done

    def _append(self, token: int, logprob: float) -> bool:
        self.ids.append(token)
        self.pending.append(token)
        self.logprobs.append(logprob)
        if token in self.job.stop_ids:
            return True
        self.is_cut = len(self.ids) >= self.max_tokens
        return self.is_cut

    def output(self) -> Output:
        is_complete = self.matcher is not None and self.matcher.is_done
        return Output(
            ids=tuple(self.ids),
            logprobs=tuple(self.logprobs),
            is_cut=self.is_cut and not is_complete,
            n_prefilled=self.n_prefilled,
            n_reused=len(self.job.ids) - self.n_prefilled,
            n_forced=self.n_forced,
            seconds=time.perf_counter() - self.started_at,
        )

    def scored(self, logprobs: tuple[float, ...]) -> Scored:
        return Scored(logprobs, self.n_prefilled, time.perf_counter() - self.started_at)
