"""Solve a pack in three columns side by side: the tools alone, the model alone, the model with tools and search."""

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_runtime.concurrency import gather
from agent_runtime.errors import AgentRuntimeError
from agent_runtime.jobs.packs.floor import floor_answer
from agent_runtime.jobs.packs.items import Item
from agent_runtime.jobs.packs.scoring import is_right
from agent_runtime.protocols import Sandbox
from agent_runtime.runtime import Runtime
from agent_runtime.types import Answer, Usage

N_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Result:
    """One item's outcome in one column. `error` tells that the runtime failed on it, which is a defect."""

    item: Item
    answer: Any
    is_right: bool
    confidence: float = 0.0
    usage: Usage = Usage()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """All results of one way to answer."""

    name: str
    results: tuple[Result, ...]
    seconds: float = 0.0

    @property
    def n_right(self) -> int:
        """How many answers are right."""
        return sum(result.is_right for result in self.results)

    @property
    def usage(self) -> Usage:
        """The bill of the whole column."""
        return sum((result.usage for result in self.results), Usage())


def sample(items: Sequence[Item], n: int | None, seed: int) -> list[Item]:
    """A seeded sample in the pack's order; everything when `n` is None or large."""
    if n is None or n >= len(items):
        return list(items)
    kept = sorted(random.Random(seed).sample(range(len(items)), n))  # noqa: S311  # no secret
    return [items[index] for index in kept]


async def floor_column(items: Sequence[Item], sandbox: Sandbox) -> Column:
    """The tools without a model."""
    results = []
    for item in items:
        answer = floor_answer(item)
        results.append(Result(item, answer, await is_right(item, answer, sandbox)))
    return Column("tools alone", tuple(results))


async def runtime_column(name: str, runtime: Runtime, items: Sequence[Item], sandbox: Sandbox) -> Column:
    """Every item through the runtime, several at once; a failure on one item is noted and the rest goes on."""
    with tempfile.TemporaryDirectory(prefix="pack-") as folder:

        async def solve(index: int, item: Item) -> Result:
            place = Path(folder) / str(index)
            place.mkdir()
            task = item.place(place, runtime.new_task(item.question).id)
            try:
                answer: Answer = await runtime.solve(task)
            except AgentRuntimeError as error:
                return Result(item, None, is_right=False, error=f"{type(error).__name__}: {error}")
            text = answer.text if answer.text is not None else answer.candidate
            right = await is_right(item, text, sandbox)
            return Result(item, text, right, answer.confidence, answer.usage)

        started = time.monotonic()
        calls = [lambda index=index, item=item: solve(index, item) for index, item in enumerate(items)]
        results = tuple(await gather(calls, N_AT_ONCE))
        return Column(name, results, time.monotonic() - started)
