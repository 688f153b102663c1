"""The pool: one cell serves one trust domain; a lost cell costs one retry; nothing outlives its domain."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

import anyio
import pytest

from agent_runtime.errors import SandboxError
from agent_runtime.types import SandboxJob
from agent_runtime_sandboxes.cell import Cell, CellLost, Channel
from agent_runtime_sandboxes.pool import Pool

OK = {
    "exit_code": 0,
    "verdict": "",
    "wall_seconds": 0.0,
    "cpu_seconds": 0.0,
    "peak_memory_bytes": 0,
    "sizes": [1, 0],
    "truncated": [False, False],
    "files": [],
    "left_out": [],
    "is_tainted": False,
}


class FakeCell:
    """A server in a thread: answers each request with the cell's number, or as it is told."""

    made: list["FakeCell"]

    def __init__(self, number: int, answer: Callable[[int], bytes | None]) -> None:
        ours, self._theirs = socket.socketpair()
        ours.setblocking(False)
        self.channel = Channel(ours)
        self.number = number
        self.is_destroyed = False
        self.dies_of_memory = False
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._theirs, suppress(OSError, struct.error):
            while True:
                n_header, n_body = struct.unpack(">II", self._theirs.recv(8, socket.MSG_WAITALL))
                self._theirs.recv(n_header + n_body, socket.MSG_WAITALL)
                reply = self._answer(self.number)
                if reply is None:
                    return
                self._theirs.sendall(reply)

    def was_out_of_memory(self) -> bool:
        return self.dies_of_memory

    def destroy(self) -> None:
        self.is_destroyed = True
        self.channel.close()
        self._thread.join()


class Factory:
    """Makes cells and remembers them."""

    def __init__(self, answer: Callable[[int], bytes | None] | None = None) -> None:
        self.cells: list[FakeCell] = []
        self.answer = answer or (lambda number: reply(str(number)))
        self.lock = threading.Lock()

    def __call__(self) -> Cell:
        with self.lock:
            cell = FakeCell(len(self.cells), lambda number: self.answer(number))
            self.cells.append(cell)
            return cell


def reply(text: str, **changes: object) -> bytes:
    header = json.dumps({**OK, "sizes": [len(text), 0], **changes}).encode()
    return struct.pack(">II", len(header), len(text)) + header + text.encode()


JOB = SandboxJob(code="1", seconds=5.0)


async def test_a_domain_keeps_its_cell():
    pool = Pool(Factory())

    first = await pool.run(JOB, "a", {})
    second = await pool.run(JOB, "a", {})
    await pool.aclose()

    assert first.stdout == second.stdout


async def test_two_domains_never_share_a_cell():
    pool = Pool(Factory())

    first = await pool.run(JOB, "a", {})
    second = await pool.run(JOB, "b", {})
    await pool.aclose()

    assert first.stdout != second.stdout


async def test_a_released_domain_leaves_no_cell():
    factory = Factory()
    pool = Pool(factory)
    number = int((await pool.run(JOB, "a", {})).stdout)

    await pool.release("a")

    assert factory.cells[number].is_destroyed
    await pool.aclose()


async def test_closing_leaves_no_cell():
    factory = Factory()
    pool = Pool(factory, n_warm=3)
    await pool.run(JOB, "a", {})

    await pool.aclose()

    assert all(cell.is_destroyed for cell in factory.cells)
    with pytest.raises(SandboxError):
        await pool.run(JOB, "a", {})


async def test_a_lost_cell_is_replaced_once_without_the_caller_knowing():
    pool = Pool(Factory(lambda number: None if number == 0 else reply("fine")))

    execution = await pool.run(JOB, "a", {})
    await pool.aclose()

    assert execution.stdout == "fine"


async def test_two_lost_cells_are_an_error_and_never_program_output():
    factory = Factory(lambda number: None)
    pool = Pool(factory)

    with pytest.raises(SandboxError):
        await pool.run(JOB, "a", {})
    await pool.aclose()

    assert all(cell.is_destroyed for cell in factory.cells)


@pytest.mark.parametrize(
    "garbage", [b"\xff" * 64, struct.pack(">II", 2, 0) + b"[]", struct.pack(">II", 2, 0) + b"{}"]
)
async def test_a_reply_that_is_none_is_an_error(garbage: bytes):
    pool = Pool(Factory(lambda number: garbage))

    with pytest.raises(SandboxError):
        await pool.run(JOB, "a", {})
    await pool.aclose()


async def test_a_program_that_takes_its_server_along_by_memory_is_reported_as_such():
    factory = Factory(lambda number: None)

    def start() -> Cell:
        cell = factory()
        assert isinstance(cell, FakeCell)
        cell.dies_of_memory = True
        return cell

    pool = Pool(start)
    execution = await pool.run(JOB, "a", {})
    await pool.aclose()

    assert execution.is_out_of_memory
    assert execution.exit_code != 0


async def test_a_tainted_cell_is_not_used_again():
    pool = Pool(Factory(lambda number: reply(str(number), is_tainted=True)))

    first = await pool.run(JOB, "a", {})
    second = await pool.run(JOB, "a", {})
    await pool.aclose()

    assert first.stdout != second.stdout


async def test_a_cell_that_died_while_it_waited_is_replaced():
    factory = Factory()
    pool = Pool(factory)
    number = int((await pool.run(JOB, "a", {})).stdout)
    factory.cells[number].destroy()

    execution = await pool.run(JOB, "a", {})
    await pool.aclose()

    assert int(execution.stdout) != number


async def test_a_cancelled_job_costs_its_cell():
    factory = Factory(lambda number: b"")  # never answers
    pool = Pool(factory, n_warm=1)

    with anyio.move_on_after(0.1) as scope:
        await pool.run(JOB, "a", {})

    assert scope.cancelled_caught
    assert factory.cells[0].is_destroyed
    await pool.aclose()


async def test_the_longest_idle_domain_makes_room():
    factory = Factory()
    pool = Pool(factory, max_cells=2)
    numbers = [int((await pool.run(JOB, scope, {})).stdout) for scope in ("a", "b", "c")]

    assert [factory.cells[number].is_destroyed for number in numbers] == [True, False, False]
    await pool.aclose()


async def test_many_jobs_at_once_lose_nothing_and_keep_to_the_limit():
    factory = Factory()
    pool = Pool(factory, max_cells=4)
    replies: list[str] = []

    async def one(number: int) -> None:
        replies.append((await pool.run(JOB, str(number % 5), {})).stdout)

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(one, number)
    n_alive = sum(not cell.is_destroyed for cell in factory.cells)
    await pool.aclose()

    assert len(replies) == 40
    assert n_alive <= 4 + 1  # and the one that waits


def test_a_pool_serves_one_event_loop_after_the_other():
    pool = Pool(Factory())

    async def run() -> str:
        return (await pool.run(JOB, "a", {})).stdout

    assert anyio.run(run) == anyio.run(run)
    anyio.run(pool.aclose)


async def test_a_start_that_fails_is_tried_again_by_the_next_job():
    factory = Factory()
    failures = [CellLost("no luck"), SandboxError("no engine")]

    def start() -> Cell:
        if failures:
            raise failures.pop()
        return factory()

    pool = Pool(start, n_warm=1)
    for _ in range(2):
        with pytest.raises(SandboxError):
            await pool.run(JOB, "a", {})
    execution = await pool.run(JOB, "a", {})
    await pool.aclose()

    assert execution.exit_code == 0
