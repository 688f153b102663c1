"""Many runs leave nothing behind: no container, process, file, open descriptor or memory. `make soak`, outside CI.

Every tenth run is a new trust domain, every twentieth is killed at its limit, every fiftieth is cancelled by its
caller. `make soak` runs it under Docker and under bubblewrap. Prints what there was before and after; exits with 1 when
something is left.
Run: `python -m evals.soak_sandbox [--runs 1000] [--sandbox docker|bubblewrap]`.
"""

import argparse
import ctypes
import gc
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import anyio

from agent_runtime.types import SandboxJob
from agent_runtime_sandboxes import BubblewrapSandbox, DockerSandbox
from agent_runtime_sandboxes.engine import connect

GOOD = SandboxJob(code="import os; open('/tmp/x', 'w').write('x' * 1000); print(len(os.listdir('/tmp')))")
SPAWNER = SandboxJob(code="import os, time\nif os.fork() == 0:\n os.setsid(); time.sleep(99)\nprint(1)")
ENDLESS = SandboxJob(code="while True: pass", seconds=0.2)
PR_SET_CHILD_SUBREAPER = 36  # prctl.h
MAX_GROWTH_BYTES = 20 * 2**20
Sandbox = DockerSandbox | BubblewrapSandbox


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--sandbox", choices=("docker", "bubblewrap"), default="docker")
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return anyio.run(soak, arguments.sandbox, arguments.runs)


async def soak(kind: str, runs: int) -> int:
    async def round_of(n_runs: int) -> None:
        sandbox: Sandbox = DockerSandbox() if kind == "docker" else BubblewrapSandbox()
        for number in range(n_runs):
            await one(sandbox, number)
        await sandbox.aclose()

    await round_of(60)  # threads, caches and imports come once
    before = census(kind)
    started = time.monotonic()
    await round_of(runs)
    print(f"{kind}: {runs} runs in {time.monotonic() - started:.0f} s")
    after = census(kind)
    for name, value in after.items():
        print(f"{name}: {before[name]} before, {value} after {runs} runs")
    is_clean = all(after[name] <= before[name] for name in before if name != "memory_bytes")
    is_clean &= after["memory_bytes"] - before["memory_bytes"] < MAX_GROWTH_BYTES
    print("nothing is left" if is_clean else "SOMETHING IS LEFT")
    return 0 if is_clean else 1


async def one(sandbox: Sandbox, number: int) -> None:
    scope = f"scope-{number // 10}"
    if number % 50 == 49:
        with anyio.move_on_after(0.1):
            await sandbox.run(SandboxJob(code="import time; time.sleep(99)", seconds=99.0), scope)
    elif number % 20 == 19:
        execution = await sandbox.run(ENDLESS, scope)
        assert execution.is_timeout, execution
    else:
        execution = await sandbox.run(SPAWNER if number % 3 == 0 else GOOD, scope)
        assert execution.stdout == "1\n", execution
    if number % 10 == 9:
        await sandbox.release(scope)


def census(kind: str) -> dict[str, int]:
    """What of ours is there: containers, processes, temporary files, descriptors, memory."""
    gc.collect()
    return {
        "containers": containers() if kind == "docker" else 0,
        "processes": n_processes(),
        "temporary_files": sum(1 for _ in Path(tempfile.gettempdir()).glob("agent-runtime-*")),
        "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "memory_bytes": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
    }


def n_processes() -> int:
    """How many processes run below this one; those that outlive their parent too, for we adopt them."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return sum(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" for pid in pids)


def containers() -> int:
    """How many containers of this process the engine has, stopped ones too."""
    with closing(connect()) as api:
        found = api.containers(all=True, filters={"label": "rt.sandbox=1"})
    return sum(of["Labels"].get("rt.owner", "").startswith(f"{os.getpid()}:") for of in found)


if __name__ == "__main__":
    sys.exit(main())
