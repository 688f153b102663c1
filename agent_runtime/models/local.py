"""A model in this process: the embedded one, or any causal language model that transformers loads.

Every open branch of every run decodes in one engine, which keeps the keys and values of what it has seen: the
ids sent again with each request cost a look-up, not a forward pass.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync

from agent_runtime.dialogue.prompt_format import Segment, joined, segments
from agent_runtime.dialogue.thinking import MARK_TOKENS
from agent_runtime.engine.types import Job, Output, Scored
from agent_runtime.errors import InputError
from agent_runtime.types import Completion, Judgement, ModelCard, Request, Usage

if TYPE_CHECKING:
    from agent_runtime.models.loading import Loaded

# A question that leaves less room than this for plan, steps and answer is refused at once.
MIN_ROOM_TOKENS = 128
MAX_SCORED_TOKENS = 64  # of a text whose likelihood is asked for


class LocalModel:
    """Loads its weights when it is first asked, once, in a thread."""

    def __init__(self, spec: str) -> None:
        """`spec` is `embedded`, `embedded:GGUF-FILE` or `hf:NAME-or-folder`."""
        self._spec = spec
        self._loaded: Loaded | None = None
        self._lock = anyio.Lock()

    @classmethod
    def from_spec(cls, spec: str) -> "LocalModel":
        return cls(spec)

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Sample one action for each request, in one batch.

        Raises:
            ConfigError: The model cannot be found or used.
            ModelError: The weights cannot be loaded, or decoding failed.
            InputError: A question with its tables is too long for the model.
        """
        loaded = await self._load()
        started = time.perf_counter()
        parts = [segments(loaded.prompt_format, request) for request in requests]
        jobs = {
            index: job
            for index, (request, part) in enumerate(zip(requests, parts, strict=True))
            if (job := _job(loaded, request, part)) is not None
        }
        outputs = dict(zip(jobs, await loaded.engine.generate(list(jobs.values())), strict=True))
        cost = _share(started, [output.seconds for output in outputs.values()], len(requests))
        return [
            _completion(loaded, request, parts[index], outputs.get(index), cost)
            for index, request in enumerate(requests)
        ]

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """P(<good>) against P(<bad>) after each path.

        No score where the weights were not trained to judge, and none for a path that has outgrown the context.
        """
        loaded = await self._load()
        if not loaded.is_judge:
            return [Judgement()] * len(requests)
        started = time.perf_counter()
        limit = loaded.card.context_tokens
        read = [joined(segments(loaded.prompt_format, request)) for request in requests]
        fitting = [index for index, ids in enumerate(read) if len(ids) <= limit]
        verdicts = (loaded.tokenizer.role_id("good"), loaded.tokenizer.role_id("bad"))
        scores = await loaded.engine.score([read[index] for index in fitting], verdicts)
        cost = _share(started, [scored.seconds for scored in scores], len(fitting))
        found = dict(zip(fitting, (_judgement(scored, cost) for scored in scores), strict=True))
        return [found.get(index, Judgement()) for index in range(len(requests))]

    async def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[float], Usage]:
        """The log-likelihood of each text after its context, in one batch: of (context, text) pairs.

        Raises:
            ModelError: Computing failed.
        """
        loaded = await self._load()
        started = time.perf_counter()
        encode = loaded.tokenizer.encode_data
        room = loaded.card.context_tokens - MAX_SCORED_TOKENS - 1
        ids = [(encode(context)[:room], encode(text)[:MAX_SCORED_TOKENS]) for context, text in pairs]
        score = import_module("agent_runtime.models.likelihood").log_likelihoods
        values, n_tokens = await score(loaded.engine, ids)
        return values, Usage(judge_tokens=n_tokens, model_seconds=time.perf_counter() - started)

    async def card(self) -> ModelCard:
        return (await self._load()).card

    async def aclose(self) -> None:
        """Stop the engine and let go of weights, keys and values."""
        loaded, self._loaded = self._loaded, None
        if loaded is not None:
            await loaded.engine.aclose()

    async def _load(self) -> "Loaded":
        async with self._lock:
            if self._loaded is None:
                self._loaded = await run_sync(_load, self._spec)
        return self._loaded


def _load(spec: str) -> "Loaded":
    loaded: Loaded = import_module("agent_runtime.models.loading").load(spec)  # imports torch
    return loaded


def _share(started: float, seconds: Sequence[float], n: int) -> Usage:
    """What each of `n` requests has of a batch's time: computing, and waiting for the engine to take the batch in."""
    wall = time.perf_counter() - started
    computing = min(wall, max(seconds, default=wall))
    n = max(1, n)
    return Usage(model_seconds=computing / n, waiting_seconds=(wall - computing) / n)


def _judgement(scored: Scored, cost: Usage) -> Judgement:
    good, bad = scored.logprobs
    usage = replace(cost, judge_tokens=scored.n_prefilled)
    return Judgement(1 / (1 + math.exp(min(bad - good, 700.0))), usage)


def _job(loaded: "Loaded", request: Request, parts: Sequence[Segment]) -> Job | None:
    """What to decode; None when the branch has filled the model's context."""
    n_head = len(parts[0].ids)
    limit = loaded.card.context_tokens
    if n_head > limit - MIN_ROOM_TOKENS:
        raise InputError(
            f"the question with its tables takes {n_head} tokens, the model reads {limit} with its own words: "
            "ask a shorter question, or give fewer or narrower tables"
        )
    ids = joined(parts)
    room = limit - len(ids)
    if room < 1:
        return None
    form = loaded.prompt_format
    request = _within(request, room)
    return Job(
        ids,
        max(1, min(request.max_tokens + form.n_thinking(request), room)),
        request.sampling,
        request.seed,
        form.stop_ids,
        form.grammar(request),
    )


def _within(request: Request, room: int) -> Request:
    """The request with as much thinking as leaves the action its own tokens in what is left of the context."""
    think_tokens = max(0, min(request.think_tokens, room - request.max_tokens - MARK_TOKENS))
    return request if think_tokens == request.think_tokens else replace(request, think_tokens=think_tokens)


def _completion(
    loaded: "Loaded", request: Request, parts: Sequence[Segment], output: Output | None, cost: Usage
) -> Completion:
    """`cost` is the completion's share of the seconds."""
    if output is None:
        return Completion((), is_cut=True, usage=cost)
    ids = loaded.prompt_format.kept(output.ids)
    usage = cost + _usage(parts, output)
    spans = loaded.prompt_format.read(ids, request)
    return Completion(spans, ids, output.logprobs[: len(ids)], output.is_cut, usage)


def _usage(parts: Sequence[Segment], output: Output) -> Usage:
    """Tokens by role. Only what was computed counts; what the model wrote was counted when it wrote it."""
    computed = {"prompt": 0, "written": 0, "forced": 0}
    left = output.n_prefilled
    for part in reversed(parts):
        n_computed = min(left, len(part.ids))
        computed[part.kind] += n_computed
        left -= n_computed
    return Usage(
        prompt_tokens=computed["prompt"],
        think_tokens=len(output.ids) - output.n_forced,
        forced_tokens=computed["forced"] + output.n_forced,
    )
