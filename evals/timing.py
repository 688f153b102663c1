"""What every benchmark of a tool does with a stopwatch."""

import time
from collections.abc import Awaitable, Callable


def milliseconds(samples: list[float], p: float) -> float:
    """The `p`-quantile of seconds, in milliseconds."""
    return sorted(samples)[min(int(len(samples) * p), len(samples) - 1)] * 1e3


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Wall seconds of one awaited call."""
    started = time.perf_counter()
    await call()
    return time.perf_counter() - started


def timed_sync(call: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
