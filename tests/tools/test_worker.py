"""Worker processes: what a call costs the process, and that nothing of it stays."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from agent_runtime.concurrency import gather
from agent_runtime.errors import SandboxError, ToolError, ToolTimeout
from agent_runtime_tools.worker import Worker, WorkerPool

PROGRAM = Path(__file__).with_name("worker_program.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool("echo", PROGRAM, size=2, spare=0)
    yield pool
    await pool.aclose()


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def ends_within(pid: int, seconds: float) -> bool:
    """Whether a process, not our child perhaps, ends in time: its pidfd turns readable."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([handle], [], [], seconds)
    os.close(handle)
    return bool(ready)


async def test_a_warm_worker_answers_again_and_again(pool):
    first = await pool.call({"do": "echo", "text": "é"}, 5)
    second = await pool.call({"do": "echo", "text": "b"}, 5)

    assert (first["said"], second["said"]) == ("é", "b")
    assert first["pid"] == second["pid"]


async def test_a_long_message_crosses_both_ways_whole(pool):
    text = "x" * 3_000_000

    replies = [(await pool.call({"do": "echo", "text": text}, 20))["said"] for _ in range(5)]

    assert replies == [text] * 5


async def test_a_call_over_its_limit_is_killed_even_where_c_code_keeps_the_lock(pool):
    pid = (await pool.call({"do": "echo", "text": ""}, 5))["pid"]

    with pytest.raises(ToolTimeout) as raised:
        await pool.call({"do": "spin"}, 0.2)

    assert raised.value.limit_seconds == 0.2
    assert is_gone(pid)


async def test_the_call_after_a_killed_one_works(pool):
    with pytest.raises(ToolTimeout):
        await pool.call({"do": "sleep"}, 0.1)

    assert (await pool.call({"do": "echo", "text": "next"}, 5))["said"] == "next"


async def test_a_cancelled_call_leaves_no_process(pool):
    pid = (await pool.call({"do": "echo", "text": ""}, 5))["pid"]

    with anyio.move_on_after(0.1):
        await pool.call({"do": "sleep"}, 60)

    assert is_gone(pid)


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        ("crash", "SIGSEGV"),
        ("eat", "out of memory"),
        ("recurse", "nested too deeply"),
        ("fail", "KeyError"),
        ("garble", "garbled"),
        ("reply_twice", "garbled"),
    ],
)
async def test_a_worker_that_dies_is_an_error_that_says_so_and_is_replaced(pool, act, cause):
    pid = (await pool.call({"do": "echo", "text": ""}, 5))["pid"]

    with pytest.raises(ToolError, match=cause):
        await pool.call({"do": act}, 5)

    assert is_gone(pid)
    assert (await pool.call({"do": "echo", "text": "alive"}, 5))["said"] == "alive"


async def test_what_a_program_prints_is_no_reply(pool):
    assert await pool.call({"do": "chatter"}, 5) == {"said": "quiet"}


async def test_a_worker_cannot_write_a_file(pool, tmp_path):
    await pool.call({"do": "write", "path": str(tmp_path / "planted")}, 5)

    assert (tmp_path / "planted").stat().st_size == 0


async def test_many_callers_share_a_bounded_number_of_workers(pool):
    pids: set[int] = set()

    async def call(n: int) -> str:
        reply = await pool.call({"do": "echo", "text": str(n)}, 20)
        pids.update(pool.pids)
        return str(reply["said"])

    said = await gather([partial(call, n) for n in range(50)], limit=50)

    assert said == [str(n) for n in range(50)]
    assert len(pids) <= 2


async def test_a_worker_killed_while_idle_is_not_given_out(pool):
    pid = (await pool.call({"do": "echo", "text": ""}, 5))["pid"]
    os.kill(pid, signal.SIGKILL)
    assert ends_within(pid, 5)

    assert (await pool.call({"do": "echo", "text": "fresh"}, 5))["said"] == "fresh"


def test_one_pool_serves_event_loops_that_come_and_go():
    pool = WorkerPool("echo", PROGRAM, size=1, spare=0)

    async def call() -> int:
        return int((await pool.call({"do": "echo", "text": ""}, 5))["pid"])

    pids = {anyio.run(call) for _ in range(3)}
    anyio.run(pool.aclose)

    assert len(pids) == 1


def test_event_loops_in_several_threads_share_a_pool():
    pool = WorkerPool("echo", PROGRAM, size=1, spare=0)
    said: list[str] = []

    async def call(text: str) -> None:
        for _ in range(20):
            said.append((await pool.call({"do": "echo", "text": text}, 20))["said"])

    threads = [threading.Thread(target=anyio.run, args=(call, str(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    anyio.run(pool.aclose)

    assert sorted(said) == sorted(str(n) for n in range(4) for _ in range(20))


async def test_a_closed_pool_leaves_no_process_and_refuses_calls():
    pool = WorkerPool("echo", PROGRAM)
    await pool.call({"do": "echo", "text": ""}, 5)
    pids = pool.pids

    await pool.aclose()

    assert all(is_gone(pid) for pid in pids)
    with pytest.raises(SandboxError, match="closed"):
        await pool.call({"do": "echo", "text": ""}, 5)


async def test_closing_a_pool_ends_the_calls_under_way():
    pool = WorkerPool("echo", PROGRAM, size=1, spare=0)
    await pool.call({"do": "echo", "text": ""}, 5)

    async def wait() -> None:
        with pytest.raises(ToolError, match="SIGKILL"):
            await pool.call({"do": "sleep"}, 60)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await pool.aclose()

    assert not pool.pids


async def test_a_worker_that_another_thread_reaps_meanwhile_is_killed_all_the_same(monkeypatch):
    worker = Worker("echo", PROGRAM)
    await worker.call({"do": "echo", "text": ""}, 5)
    os.kill(worker.pid, signal.SIGKILL)
    worker._process.wait()
    # What `poll` says while another thread is inside `wait`: not known yet.
    monkeypatch.setattr(worker._process, "poll", lambda: None)

    await worker.kill()

    assert is_gone(worker.pid)


async def test_a_program_that_does_not_start_is_the_operators_problem(tmp_path):
    pool = WorkerPool("broken", tmp_path / "missing.py", size=1, spare=0)

    with pytest.raises(SandboxError, match="does not start"):
        await pool.call({}, 5)

    await pool.aclose()


HOST = """
import sys
sys.path[:0] = [{root!r}, {tools!r}]
import anyio
from pathlib import Path
from agent_runtime_tools.worker import Worker

async def main():
    worker = Worker("echo", Path({program!r}))
    await worker.call({{"do": "echo", "text": ""}}, 5)
    sys.stdout.write(f"{{worker.pid}}\\n")
    sys.stdout.flush()
    {last}

anyio.run(main)
"""


@pytest.mark.parametrize(
    "last", ["await worker.call({'do': 'spin'}, 60)", "await anyio.sleep(60)"], ids=["busy", "idle"]
)
def test_a_killed_host_leaves_no_worker(last):
    source = HOST.format(root=str(ROOT), tools=str(ROOT / "tools"), program=str(PROGRAM), last=last)
    host = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
    assert host.stdout is not None
    pid = int(host.stdout.readline())

    host.kill()
    host.wait()
    host.stdout.close()

    assert ends_within(pid, 5)


async def test_a_worker_alone_can_be_killed_twice():
    worker = Worker("echo", PROGRAM)

    await worker.kill()
    await worker.kill()

    assert not worker.is_alive
