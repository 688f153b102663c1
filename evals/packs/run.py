"""Solve a pack in columns side by side: a blind guess, planners alone, the model alone, with tools, with planners."""

import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_runtime.concurrency import gather
from agent_runtime.kernel.runtime import Runtime
from agent_runtime.protocols import Sandbox
from agent_runtime.scoring import intervals
from agent_runtime.types import Usage
from evals.packs.floor import floor_answer
from evals.packs.items import Item
from evals.packs.repairs import Repairs
from evals.packs.scoring import is_right

N_AT_ONCE = 8
FLOOR = "blind guess"


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
    kept = sorted(random.Random(seed).sample(range(len(items)), n))  # no secret
    return [items[index] for index in kept]


async def floor_column(items: Sequence[Item], sandbox: Sandbox, repairs: Repairs | None = None) -> Column:
    """What costs nothing: the first edit in source order that passes, else a guess from the item's words."""

    async def answer(item: Item, place: Path) -> Result:
        if repairs is not None and item.is_program:
            text = (await repairs.of(item)).blind
            return Result(item, text, await is_right(item, text, sandbox))
        text = floor_answer(item)
        return Result(item, text, await is_right(item, text, sandbox))

    return await _column(FLOOR, items, answer)


async def runtime_column(
    name: str, runtime: Runtime, items: Sequence[Item], sandbox: Sandbox, repairs: Repairs | None = None
) -> Column:
    """Every item through the runtime, programs through the debugging job where `repairs` is given."""

    async def answer(item: Item, place: Path) -> Result:
        if repairs is not None and item.is_program:
            repair = await repairs.of(item)
            is_fixed = await is_right(item, repair.text, sandbox)
            return Result(item, repair.text, is_fixed, repair.confidence, repair.usage)
        found = await runtime.solve(item.place(place, runtime.new_task(item.question).id))
        text = found.text if found.text is not None else found.candidate
        return Result(item, text, await is_right(item, text, sandbox), found.confidence, found.usage)

    return await _column(name, items, answer)


async def _column(
    name: str, items: Sequence[Item], answer: Callable[[Item, Path], Awaitable[Result]]
) -> Column:
    """All items, several at once; a failure on one is noted as what it is, a defect, and the rest goes on."""
    with tempfile.TemporaryDirectory(prefix="pack-") as folder:

        async def one(index: int, item: Item) -> Result:
            place = Path(folder) / str(index)
            place.mkdir()
            try:
                return await answer(item, place)
            except Exception as error:  # whatever it is: the other items are measured all the same
                return Result(item, None, is_right=False, error=f"{type(error).__name__}: {error}")

        started = time.monotonic()
        calls = [lambda index=index, item=item: one(index, item) for index, item in enumerate(items)]
        results = tuple(await gather(calls, N_AT_ONCE))
        return Column(name, results, time.monotonic() - started)


def reliability(results: Sequence[Result]) -> list[tuple[str, int, float, float]]:
    """How often answers of a stated confidence are right: (band, answers, mean confidence, share right)."""
    return intervals.reliability((result.confidence, result.is_right) for result in results)
