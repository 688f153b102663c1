"""`print(1 + 1)` in a sandbox: ours against a cold `docker run`, `docker exec`, llm-sandbox and smolagents, in one run.

Prints p50, p95 and min in milliseconds, runs per second at 1, 4 and 16 callers, and the ratio to `docker run`. Ours is
measured warm (a check in a container that its trust domain already has), at checkout (the first check of a new
domain, a container waiting) and drained (each check a new domain, no container waiting).
Run: `python -m evals.sandbox_bench [--runs 200]`.
"""

import argparse
import importlib
import os
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import anyio

from agent_runtime.types import SandboxJob
from agent_runtime_sandboxes import BubblewrapSandbox, DockerSandbox, ProcessSandbox
from agent_runtime_sandboxes.images import recipe_tag

CODE = "print(1+1)"
JOB = SandboxJob(code=CODE)
HARDENED = (
    *(
        "--network=none",
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--pids-limit=64",
    ),
    *(
        "--memory=256m",
        "--memory-swap=256m",
        "--cpus=1",
        "--user=65534:65534",
        "--log-driver=none",
        "--tmpfs=/tmp",
    ),
)
Call = Callable[[], Awaitable[object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    runs = parser.parse_args().runs
    print(
        f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {CODE}; {runs} runs (cold rows: fewer)\n"
    )
    print("| way | p50 ms | p95 | min | runs/s at 1 / 4 / 16 |\n|---|---|---|---|---|")
    warm = anyio.run(ours, runs)
    cold = anyio.run(docker_cli, max(10, runs // 10))
    anyio.run(peers, max(10, runs // 10))
    print(f"\nwarm container against docker run: {cold / warm:.0f}x by p50")


async def ours(runs: int) -> float:
    """The rows of this project; p50 of a warm check under Docker, in milliseconds."""
    p50 = 0.0
    for name, make in (
        ("docker", DockerSandbox),
        ("bubblewrap", BubblewrapSandbox),
        ("process", ProcessSandbox),
    ):
        sandbox = make(n_warm=2, max_cells=16)
        for number in range(16):
            await sandbox.run(JOB, f"warm-{number}")
        row = await measure(
            f"ours, {name}, warm", [partial(sandbox.run, JOB, f"warm-{n}") for n in range(16)], runs
        )
        p50 = p50 or row
        for number in range(16):
            await sandbox.release(f"warm-{number}")
        if not isinstance(sandbox, ProcessSandbox):
            await first_checks(name, sandbox)
        await sandbox.aclose()
    return p50


async def first_checks(name: str, sandbox: DockerSandbox | BubblewrapSandbox) -> None:
    """The first check of a new domain: with a sandbox waiting, and at the rate at which sandboxes can be made."""
    waiting: list[float] = []
    for number in range(10):
        await anyio.sleep(3.0 if name == "docker" else 1.0)  # let the pool fill
        waiting.append(await timed(partial(sandbox.run, JOB, f"first-{number}")))
        await sandbox.release(f"first-{number}")
    report(f"ours, {name}, first check of a domain, pool full", waiting, "")
    drained, started = [], time.perf_counter()
    for number in range(20):
        drained.append(await timed(partial(sandbox.run, JOB, f"drained-{number}")))
        await sandbox.release(f"drained-{number}")
    report(
        f"ours, {name}, new domain each time, pool drained",
        drained,
        f"{20 / (time.perf_counter() - started):.1f}",
    )


async def docker_cli(runs: int) -> float:
    """The docker command: cold run, plain and hardened, and exec into a running container."""
    image = recipe_tag()

    async def run(*arguments: str) -> None:
        done = await anyio.run_process(["docker", *arguments], stdin=subprocess.DEVNULL)
        assert done.stdout == b"2\n"

    cold = partial(run, "run", "--rm", "--network=none", image, "python3", "-c", CODE)
    p50 = await measure("docker run, network none", [cold] * 16, runs)
    hard = partial(run, "run", "--rm", *HARDENED, image, "python3", "-I", "-S", "-c", CODE)
    await measure("docker run, hardened, python3 -I -S", [hard] * 16, runs)
    started = await anyio.run_process(
        ["docker", "run", "-d", "--rm", "--network=none", image, "sleep", "600"]
    )
    container = started.stdout.decode().strip()
    try:
        await measure("docker exec", [partial(run, "exec", container, "python3", "-c", CODE)] * 16, runs)
    finally:
        await anyio.run_process(["docker", "rm", "-f", container])
    return p50


async def peers(runs: int) -> None:
    """Other people's sandboxes, where they are installed and run here."""
    for name, measure_peer in (("llm-sandbox", llm_sandbox), ("smolagents", smolagents)):
        try:
            await anyio.to_thread.run_sync(measure_peer, runs)
        except Exception as error:
            why = (str(error) or type(error).__name__).strip().splitlines()[-1]
            print(f"| {name} | not measured: {why[:90]} | | | |")


def llm_sandbox(runs: int) -> None:
    """One warm session, `skip_environment_setup`: without it a session needs pip and a network."""
    module = importlib.import_module("llm_sandbox")
    session = module.SandboxSession(
        lang="python",
        image=_with_command(),
        keep_template=True,
        skip_environment_setup=True,
        runtime_configs={},
    )
    session.open()
    try:
        seconds = []
        for _ in range(runs):
            started = time.perf_counter()
            result = session.run(CODE)
            seconds.append(time.perf_counter() - started)
            if result.stdout.strip() != "2":
                raise RuntimeError(f"printed {result.stdout!r} {result.stderr!r}")
        report("llm-sandbox, one warm session", seconds, f"{1 / statistics.mean(seconds):.1f} / - / -")
    finally:
        with suppress(Exception):
            session.close()


def _with_command() -> str:
    """Our image with a command that waits: the session starts the image's own."""
    image = "sandbox-bench:peer"
    container = subprocess.check_output(["docker", "create", recipe_tag(), "true"], text=True).strip()
    subprocess.check_output(["docker", "commit", "--change", 'CMD ["sleep", "600"]', container, image])
    subprocess.check_output(["docker", "rm", container])
    return image


def smolagents(runs: int) -> None:
    """Its Docker executor needs an image with a Jupyter kernel gateway, which it builds from a registry."""
    module = importlib.import_module("smolagents.remote_executors")
    logger = importlib.import_module("smolagents.monitoring").AgentLogger()
    executor = module.DockerExecutor([], logger)
    try:
        seconds = []
        for _ in range(runs):
            started = time.perf_counter()
            executor(CODE)
            seconds.append(time.perf_counter() - started)
        report("smolagents DockerExecutor, warm", seconds, f"{1 / statistics.mean(seconds):.1f} / - / -")
    finally:
        executor.cleanup()


async def measure(name: str, calls: list[Call], runs: int) -> float:
    """Time one caller after another, then 1, 4 and 16 at once; p50 in milliseconds."""
    seconds = [await timed(calls[0]) for _ in range(runs)]
    rates = [await rate(calls[:n_callers], runs) for n_callers in (1, 4, 16)]
    report(name, seconds, " / ".join(f"{value:.0f}" if value >= 10 else f"{value:.1f}" for value in rates))
    return statistics.median(seconds) * 1e3


async def rate(calls: list[Call], runs: int) -> float:
    each = max(1, runs // len(calls))

    async def caller(call: Call) -> None:
        for _ in range(each):
            await call()

    started = time.perf_counter()
    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(caller, call)
    return each * len(calls) / (time.perf_counter() - started)


async def timed(call: Call) -> float:
    started = time.perf_counter()
    await call()
    return time.perf_counter() - started


def report(name: str, seconds: list[float], rates: str) -> None:
    milliseconds = sorted(value * 1e3 for value in seconds)
    p95 = milliseconds[min(len(milliseconds) - 1, int(0.95 * len(milliseconds)))]
    print(
        f"| {name} | {statistics.median(milliseconds):.1f} | {p95:.1f} | {milliseconds[0]:.1f} | {rates} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
