"""The branch engine: many branches of one prefix decode in one batch.

Any number of callers, tasks of other event loops too, hand in branches; one thread runs them all. A branch that
waits for its tool is not here: its keys and values lie in the cache, and it costs nothing until it comes back.
See docs/adr/0005-branch-engine.md for what was written and what was taken.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import torch
from anyio.to_thread import run_sync
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from agent_runtime.engine.batch import build_batch
from agent_runtime.engine.graphs import Graphs
from agent_runtime.engine.kv_cache import KVCache
from agent_runtime.engine.masks import Grammars, unpack
from agent_runtime.engine.network import open_network, shape_of
from agent_runtime.engine.radix import RadixTree
from agent_runtime.engine.requests import Call, Flush, RunningRequest
from agent_runtime.engine.sampling import Draw, sample
from agent_runtime.engine.scheduler import Scheduler
from agent_runtime.engine.types import Capacity, Job, Output, Scored
from agent_runtime.engine.weights import Precision, for_this_processor
from agent_runtime.errors import InputError, ModelError

MAX_BRANCHES = 256  # that decode at once; more wait
WINDOW = 128  # tokens a branch writes before they move into a segment
KV_TOKENS = 65_536
MIN_KV_TOKENS = 2048
MIN_SHARED = (
    6  # tokens of a pass that more than one thread is worth: below, waking them costs more than they save
)
KV_SHARE = 0.5
log = logging.getLogger(__name__)


class Engine:
    """Decodes branches of one model. Close it with `aclose`."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        precision: Precision | None = None,
        max_kv_tokens: int | None = None,
        max_branches: int = MAX_BRANCHES,
        threads: int | None = None,
    ) -> None:
        """Take `model` over, which must be on `device`; the keys and values of `max_kv_tokens` tokens are kept.

        None for `dtype` and `precision` takes what the processor is best at; "exact" leaves the
        weights as they are.

        Raises:
            ConfigError: The model's architecture is not one that the engine can run.
        """
        self._threads = threads or torch.get_num_threads()
        self._network = open_network(model, dtype, precision)
        dtype = self._network.dtype
        shape = self._network.shape
        self._bytes_per_token = shape.bytes_per_token(dtype)
        n_slots = max_kv_tokens or _kv_tokens(device, self._bytes_per_token)
        self._cache = KVCache(shape, n_slots, max_branches, WINDOW, dtype=dtype, device=torch.device(device))
        self._tree = RadixTree(n_slots)
        grammars = Grammars(tokenizer, self._network.n_vocabulary)
        self._n_mask_words = grammars.n_words
        self._scheduler = Scheduler(self._cache, self._tree, grammars, self._network.context_tokens)
        self._graphs = Graphs(self._network, self._cache)
        self._inbox: queue.SimpleQueue[Call | Flush | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_closed = False
        self.n_computed = 0  # tokens that went through the model, ever
        self.n_passes = 0

    @property
    def context_tokens(self) -> int:
        """How many tokens a branch can hold, prompt and output together."""
        return self._network.context_tokens

    async def generate(self, jobs: Sequence[Job]) -> list[Output]:
        """Decode every job; the outputs in their order. Cancelling drops the jobs before the next pass.

        Raises:
            InputError: A job's ids do not fit the model's context or vocabulary.
            ConfigError: A grammar does not compile.
            ModelError: The memory cannot hold a job, decoding failed, or the engine is closed.
        """
        results = await self._run(jobs, None)
        return [result for result in results if isinstance(result, Output)]

    async def score(self, contexts: Sequence[tuple[int, ...]], candidates: tuple[int, ...]) -> list[Scored]:
        """Log-probabilities of each candidate id at the position after each context, and what they took.

        Raises:
            InputError: A context does not fit the model's context or vocabulary.
            ModelError: The memory cannot hold a context, computing failed, or the engine is closed.
        """
        self._check_ids(candidates)
        results = await self._run([Job(ids, 0) for ids in contexts], candidates)
        return [result for result in results if isinstance(result, Scored)]

    def capacity(self) -> Capacity:
        """How much room there is right now."""
        scheduler = self._scheduler
        return Capacity(
            self._tree.n_slots, scheduler.n_available, self._bytes_per_token, scheduler.n_free_rows
        )

    async def flush(self) -> None:
        """Forget everything that no running branch holds, and wait until that is done."""
        done = threading.Event()
        self._start()
        self._inbox.put(Flush(done))
        await run_sync(done.wait)

    async def aclose(self) -> None:
        """Stop the thread; calls that still wait fail with `ModelError`."""
        with self._starting:
            self._is_closed = True
        self._inbox.put(None)
        if self._thread is not None:
            await run_sync(self._thread.join)

    async def _run(self, jobs: Sequence[Job], candidates: tuple[int, ...] | None) -> list[Output | Scored]:
        for job in jobs:
            self._check_job(job, is_scored=candidates is not None)
        if not jobs:
            return []
        over = anyio.Event()
        call = Call(tuple(jobs), _waker(over), candidates)
        self._start()
        self._inbox.put(call)
        try:
            await over.wait()
        finally:
            call.is_cancelled = True
        if call.error is not None:
            raise call.error
        return [call.results[index] for index in range(len(jobs))]

    def _check_job(self, job: Job, *, is_scored: bool) -> None:
        self._check_ids(job.ids)
        if len(job.ids) >= self.context_tokens + is_scored:
            raise InputError(
                f"{len(job.ids)} tokens leave no room: the model reads {self.context_tokens} at most"
            )
        if not is_scored and job.max_tokens < 1:
            raise InputError(f"max_tokens must be at least 1, not {job.max_tokens}")

    def _check_ids(self, ids: tuple[int, ...]) -> None:
        if not ids or min(ids) < 0 or max(ids) >= self._network.n_vocabulary:
            raise InputError(
                f"token ids must be one or more numbers from 0 to {self._network.n_vocabulary - 1}"
            )

    # --- the engine thread

    def _start(self) -> None:
        with self._starting:
            if self._is_closed:
                raise ModelError("the engine is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="branch-engine", daemon=True)
                self._thread.start()

    @torch.inference_mode()
    def _work(self) -> None:
        while self._receive():
            try:
                self._scheduler.admit()
                self._step()
                self._scheduler.grow()
            except torch.OutOfMemoryError as error:
                self._recover(error)
            except Exception as error:  # the thread outlives a failed pass
                self._fail(error)
        self._scheduler.abandon(ModelError("the engine is closed"))

    def _recover(self, error: torch.OutOfMemoryError) -> None:
        """Go on with smaller passes; a pass that failed has changed nothing."""
        if self._cache.kv.is_cuda:
            torch.cuda.empty_cache()
        if self._scheduler.shrink():
            log.warning("out of memory: going on with smaller batches")
        else:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        failure = ModelError(f"decoding failed: {error}")
        failure.__cause__ = error
        self._scheduler.abandon(failure)

    def _receive(self) -> bool:
        """Take in what callers want; blocks only while nothing decodes. False: stop."""
        while True:
            try:
                message = self._inbox.get(block=self._scheduler.is_idle)
            except queue.Empty:
                return True
            match message:
                case Call():
                    self._scheduler.enqueue(message)
                case Flush():
                    self._tree.clear()
                    message.done.set()
                case None:
                    return False

    def _step(self) -> None:
        """One pass: compute what is pending, then draw the next token of every branch that can."""
        self._scheduler.seal_full_rows()
        prefill = self._scheduler.prefill_chunks()
        decode = self._scheduler.decode_steps(prefill)
        n_tokens = sum(chunk.n for chunk in prefill) + sum(step.n for step in decode)
        torch.set_num_threads(1 if n_tokens < MIN_SHARED else self._threads)
        if prefill or decode:
            if prefill or not self._graphs.run(decode):
                batch = build_batch(prefill, decode, self._cache)
                hidden = self._network.forward(batch.ids, batch.positions, batch.layout)
                self._cache.hidden.index_copy_(0, batch.layout.slots, hidden)
            self._scheduler.computed(prefill, decode)
            self.n_computed += n_tokens
            self.n_passes += 1
        ready = self._scheduler.ready_to_sample()
        if ready:
            slots = torch.tensor([slot for _, slot in ready], device=self._cache.hidden.device)
            self._sample([request for request, _ in ready], self._network.logits(self._cache.hidden[slots]))

    def _sample(self, requests: list[RunningRequest], logits: Tensor) -> None:
        scored = [i for i, request in enumerate(requests) if request.call.candidates is not None]
        if scored:
            logprobs = logits[scored].log_softmax(-1)
            for row, i in zip(logprobs, scored, strict=True):
                candidates = list(requests[i].call.candidates or ())
                self._scheduler.leave_scored(requests[i], tuple(row[candidates].tolist()))
        sampled = [i for i, request in enumerate(requests) if request.call.candidates is None]
        if not sampled:
            return
        if scored:
            logits, requests = logits[sampled], [requests[i] for i in sampled]
        draws = [Draw(request.job.sampling, request.job.seed, request.position) for request in requests]
        tokens, logprobs = sample(logits, draws, self._allowed(requests))
        for request, token, logprob in zip(requests, tokens.tolist(), logprobs.tolist(), strict=True):
            if request.write(token, logprob):
                self._scheduler.finish(request)

    def _allowed(self, requests: list[RunningRequest]) -> Tensor | None:
        """The grammars' masks [M, V]; None where no request has one."""
        if all(request.matcher is None for request in requests):
            return None
        bits = torch.full((len(requests), self._n_mask_words), -1, dtype=torch.int32)
        for request, row in zip(requests, bits, strict=True):
            if request.matcher is not None:
                request.matcher.fill(row)
        return unpack(bits.to(self._cache.kv.device), self._network.n_vocabulary)


def capacity_for(config: PretrainedConfig, device: str) -> Capacity:
    """The room that an engine will have on this machine for a model of this configuration, before one is opened."""
    dtype = torch.bfloat16 if torch.device(device).type == "cuda" else for_this_processor()[0]
    bytes_per_token = shape_of(config).bytes_per_token(dtype)
    n_tokens = _kv_tokens(device, bytes_per_token)
    return Capacity(n_tokens, n_tokens, bytes_per_token, MAX_BRANCHES)


def _kv_tokens(device: str, bytes_per_token: int) -> int:
    """How many tokens' keys and values to keep: KV_TOKENS, or what KV_SHARE of the free memory holds."""
    if torch.device(device).type == "cuda":
        free_bytes, _ = torch.cuda.mem_get_info(device)
    else:
        free_bytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(MIN_KV_TOKENS, min(KV_TOKENS, int(KV_SHARE * free_bytes / bytes_per_token)))


def _waker(event: anyio.Event) -> Callable[[], None]:
    """A function that sets `event` from any thread without waiting for its event loop."""
    loop: Any = anyio.lowlevel.current_token().native_token
    schedule = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon  # asyncio, trio

    def wake() -> None:
        with suppress(RuntimeError):  # the caller's loop is closed: nobody waits any more
            schedule(event.set)

    return wake
