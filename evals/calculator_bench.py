"""Calculator latency: plain arithmetic, a warm check in its worker, the same check in a pebble pool, and a cold start.

    python -m evals.calculator_bench [--runs 2000]

Both sides do the same work on the same program in the same run, interleaved: ours in our worker pool, the peer's in a
pebble `ProcessPool` of one worker with a time limit. The overshoot line is how long after its limit a bomb was gone.
"""

import argparse
import contextlib
import os
import statistics
import sys
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

import anyio

from agent_runtime.errors import ToolTimeout
from agent_runtime.types import Task
from agent_runtime_tools.calculator import Calculator
from agent_runtime_tools.expression import parse
from evals.timing import milliseconds, timed, timed_sync

if TYPE_CHECKING:
    from pebble import ProcessPool

TASK = Task("bench", "")
PLAIN = "(3+4)*5 - 6/2"
CHECK = "sqrt(2)*sqrt(8) = 4"
BOMB = "integrate(exp(sin(x)*cos(x**2)), x)"
LIMIT = 2.0


def peer_check(text: str) -> str:
    """What our worker does with the same line, for the peer's pool to run."""
    from agent_runtime_tools.symbolic import evaluate

    return str(evaluate(parse(text)).text)


def in_process(text: str) -> None:
    """No isolation at all: the floor."""
    peer_check(text)


def report(name: str, samples: list[float]) -> None:
    low, middle, high = (milliseconds(samples, p) for p in (0.0, 0.5, 0.95))
    print(f"{name:52} {low:9.3f} {middle:9.3f} {high:9.3f} {1 / statistics.fmean(samples):10.0f}")


async def bench(n_runs: int) -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"{'milliseconds':52} {'min':>9} {'p50':>9} {'p95':>9} {'runs/s':>10}")
    calculator = Calculator(size=1)
    cold = await timed(lambda: calculator.run(CHECK, TASK, LIMIT))
    await anyio.sleep(3)  # the spare worker has started by then
    report(f"plain arithmetic, in process: {PLAIN}", await plain(calculator, n_runs))
    ours, peers, floor = await against_peer(calculator, n_runs)
    report(f"check in a warm worker: {CHECK}", ours)
    report("the same in process, nothing to kill", floor)
    if peers:
        report("the same in a pebble pool, with its time limit", peers)
        print(f"pebble / ours at p50: {milliseconds(peers, 0.5) / milliseconds(ours, 0.5):.2f}")
    else:
        print("pebble is not installed: pip install pebble")
    for n in (4, 16):
        print(
            f"checks per second at concurrency {n}, 1 worker: {await throughput(calculator, n, n_runs):.0f}"
        )
    await calculator.aclose()
    print(f"first check of all, worker cold: {cold * 1e3:.0f} ms")
    print(f"a bomb with a limit of {LIMIT:g} s was gone after {await overshoot():.3f} s")


async def plain(calculator: Calculator, n_runs: int) -> list[float]:
    return [await timed(lambda: calculator.run(PLAIN, TASK, LIMIT)) for _ in range(n_runs)]


async def against_peer(calculator: Calculator, n_runs: int) -> tuple[list[float], list[float], list[float]]:
    ours, peers, floor = [], [], []
    pool = peer_pool()
    if pool is not None:
        pool.schedule(peer_check, args=(CHECK,)).result()
    in_process(CHECK)
    for _ in range(n_runs):
        ours.append(await timed(lambda: calculator.run(CHECK, TASK, LIMIT)))
        floor.append(timed_sync(lambda: in_process(CHECK)))
        if pool is not None:
            peers.append(timed_sync(lambda: result(pool.schedule(peer_check, args=(CHECK,), timeout=LIMIT))))
    if pool is not None:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()
    return ours, peers, floor


def peer_pool() -> "ProcessPool | None":
    try:
        from pebble import ProcessPool
    except ImportError:
        return None
    return ProcessPool(max_workers=1)


def result(future: "Future[str]") -> str:
    return future.result()


async def throughput(calculator: Calculator, n: int, n_runs: int) -> float:
    async def client() -> None:
        for _ in range(n_runs // n):
            await calculator.run(CHECK, TASK, LIMIT)

    started = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(n):
            group.start_soon(client)
    return (n_runs // n) * n / (time.perf_counter() - started)


async def overshoot() -> float:
    """The time from asking until the bomb's process is gone; its start-up is no part of it."""
    calculator = Calculator(size=1)
    await calculator.run(CHECK, TASK, 60)
    started = time.perf_counter()
    with contextlib.suppress(ToolTimeout):
        await calculator.run(BOMB, TASK, LIMIT)
    seconds = time.perf_counter() - started
    await calculator.aclose()
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    anyio.run(bench, parser.parse_args().runs)
