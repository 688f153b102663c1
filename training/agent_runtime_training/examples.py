"""Where samples come from: generators, GSM8K's training set, and the runtime's own recorded runs.

Of a recorded run the surviving path is learned (dead ends cut away), and only where its answer is verified: every
check on the path held, or a person said so. What is drawn is deterministic under the recipe's seed.
"""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

from agent_runtime.dialogue.prompt_format import Tokenizer
from agent_runtime.trace.reader import Trace
from agent_runtime.trace.surviving import surviving_path, traces_of
from agent_runtime_training.encoding import Sample, encode
from agent_runtime_training.recipe import Data
from agent_runtime_training.tasks import generate
from agent_runtime_training.tasks.example import Example
from agent_runtime_training.tasks.gsm8k import read_gsm8k

CHUNK = 250  # examples that one worker draws at a time


def examples_of(data: Data, seed: int) -> Iterator[Example]:
    """The generated examples of a recipe, then GSM8K's as often as it says."""
    jobs = [
        (family, n, seed, start)
        for family, total in sorted(data.examples.items())
        for start, n in _chunks(total)
    ]
    if data.workers == 1:
        yield from chain.from_iterable(map(_draw, jobs))
    else:
        # `spawn`: torch and DuckDB hold threads, which a fork would break.
        with ProcessPoolExecutor(data.workers, multiprocessing.get_context("spawn")) as pool:
            yield from chain.from_iterable(pool.map(_draw, jobs))
    for _ in range(data.gsm8k_passes if data.gsm8k else 0):
        assert data.gsm8k is not None
        yield from read_gsm8k(data.gsm8k, data.gsm8k_sha256)


def _chunks(total: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, CHUNK):
        yield start, min(CHUNK, total - start)


def _draw(job: tuple[str, int, int, int]) -> list[Example]:
    family, n, seed, start = job
    return list(generate(family, n, seed * 1_000_003 + start))


# --- recorded runs


def samples_of_runs(places: Iterable[Path], tokenizer: Tokenizer) -> Iterator[Sample]:
    """The recorded runs that have a verified answer, encoded."""
    for trace in traces_of(places):
        sample = surviving_sample(trace, tokenizer)
        if sample is not None:
            yield sample


def surviving_sample(trace: Trace, tokenizer: Tokenizer) -> Sample | None:
    """The verified path of a run as a sample; steps on it that failed are read but not learned."""
    path = surviving_path(trace)
    if path is None or trace.started is None:
        return None
    failed = {node.id for node in path if node.verdict.kind == "refuted"}
    return encode(trace.started.prompt, path, tokenizer, failed)
