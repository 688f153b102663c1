"""Cells by trust domain: warm ones wait, one serves one domain, and is destroyed with it.

Nothing here belongs to an event loop (`solve_sync` opens one after the other): blocking work runs in the
pool's own threads, which live as long as the pool does because a sandbox started with die-with-parent dies
with the *thread* that started it. At most `max_cells` run at once in one loop, further jobs wait their turn;
an idle cell of another domain makes room, as every job starts from a clean state anyway.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import anyio
from anyio.lowlevel import RunVar

from agent_runtime.concurrency import gather
from agent_runtime.errors import SandboxError
from agent_runtime.types import Execution, SandboxJob
from agent_runtime_sandboxes.cell import Cell, CellLost
from agent_runtime_sandboxes.wire import BrokenFrame, decode, encode, max_reply_bytes

T = TypeVar("T")
LATE_SECONDS = 6.0  # PID 1 ends its container 5 s past a check's limit; then it is our turn
STALE_SECONDS = 1800.0  # an idle server ends itself after twice this, so a younger one is safe to hand out
KILLED = -9


class Pool:
    """Starts, lends and destroys cells. `start` blocks and raises SandboxError or CellLost."""

    def __init__(self, start: Callable[[], Cell], *, n_warm: int = 1, max_cells: int = 16) -> None:
        self._start = start
        self._n_warm = n_warm
        self._max_cells = max_cells
        self._lock = threading.Lock()
        self._warm: deque[tuple[float, Future[Cell]]] = deque()
        self._idle: deque[tuple[str, Cell]] = deque()  # the longest idle first
        self._n_lent = 0
        self._is_closed = False
        self._threads = ThreadPoolExecutor(4, "sandbox")
        self._gate: RunVar[anyio.Semaphore] = RunVar("gate")

    def warm_up(self, n_cells: int | None = None) -> None:
        """Start cells in the background until `n_cells` (as configured, if None) wait or are on their way."""
        wanted = self._n_warm if n_cells is None else n_cells
        with self._lock:
            while self._warm and _has_failed(self._warm[0][1]):
                self._warm.popleft()  # what was wrong then may be right now
            while len(self._warm) < wanted and not self._is_closed:
                self._warm.append((time.monotonic(), self._threads.submit(self._start)))

    async def run(self, job: SandboxJob, scope: str, environment: dict[str, str]) -> Execution:
        """Run `job` in a cell of `scope`; once more in a fresh one when the first cell is lost.

        Raises:
            SandboxError: No cell could be started, or two in a row were lost.
            InputError: The job is not one that a sandbox can run.
        """
        pieces = encode(job, environment)
        async with self._turn():
            try:
                return await self._attempt(job, pieces, scope)
            except CellLost:
                pass
            try:
                return await self._attempt(job, pieces, scope)
            except CellLost as error:
                raise SandboxError(f"the sandbox was lost twice while it ran: {error}") from None

    async def release(self, scope: str) -> None:
        """Destroy the cells of `scope`."""
        with self._lock:
            mine = [cell for owner, cell in self._idle if owner == scope]
            self._idle = deque((owner, cell) for owner, cell in self._idle if owner != scope)
        await _destroy(mine)

    async def aclose(self) -> None:
        """Destroy every cell, those that are still starting too, and end the threads."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = [cell for _, cell in self._idle], deque()
            warm, self._warm = self._warm, deque()
        for _, future in warm:
            if not future.cancel():
                with suppress(SandboxError, CellLost):
                    idle.append(await _wait(future))
        await _destroy(idle)
        await _in_thread(self._threads.shutdown)

    # --- one job

    def _turn(self) -> anyio.Semaphore:
        try:
            return self._gate.get()
        except LookupError:
            gate = anyio.Semaphore(self._max_cells)
            self._gate.set(gate)
            return gate

    async def _attempt(self, job: SandboxJob, pieces: list[bytes], scope: str) -> Execution:
        cell = await self._check_out(scope)
        started = time.monotonic()
        is_clean = False
        try:
            with anyio.move_on_after(job.seconds + LATE_SECONDS):
                header, body = await cell.channel.exchange(pieces, max_reply_bytes(job))
                execution = decode(header, body)
                is_clean = not header.get("is_tainted", True)
                return execution
        except (CellLost, BrokenFrame) as error:
            return await self._explain(cell, job, time.monotonic() - started, error)
        finally:
            await self._check_in(cell, scope, is_clean)
        return Execution(KILLED, "", "", is_timeout=True, wall_seconds=time.monotonic() - started)

    async def _explain(self, cell: Cell, job: SandboxJob, wall_seconds: float, error: Exception) -> Execution:
        """Tell a program that took its server along (memory, an unkillable overrun) from a lost sandbox."""
        was_out_of_memory = await _in_thread(cell.was_out_of_memory)
        if not was_out_of_memory and wall_seconds < job.seconds:
            raise CellLost(str(error)) from None
        return Execution(
            KILLED,
            "",
            "",
            is_timeout=not was_out_of_memory,
            is_out_of_memory=was_out_of_memory,
            wall_seconds=wall_seconds,
        )

    # --- lending

    async def _check_out(self, scope: str) -> Cell:
        with self._lock:
            self._n_lent += 1
        try:
            while True:
                cell = self._take_idle(scope) or await self._take_warm()
                if cell.channel.is_open:
                    self.warm_up()
                    return cell
                await _destroy([cell])
        except BaseException:
            with self._lock:
                self._n_lent -= 1
            raise

    def _take_idle(self, scope: str) -> Cell | None:
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                owner, cell = self._idle[index]
                if owner == scope:
                    del self._idle[index]
                    return cell
        return None

    async def _take_warm(self) -> Cell:
        await self._make_room()
        self.warm_up(max(1, self._n_warm))
        with self._lock:
            if self._is_closed:
                raise SandboxError("the sandbox is closed")
            entry = self._warm.popleft()
        born, future = entry
        try:
            cell = await _wait(future)
        except CellLost as error:
            raise SandboxError(f"the sandbox does not start: {error}") from None
        except BaseException:
            if not future.done():  # cancelled while it starts: it will serve somebody else
                with self._lock:
                    self._warm.appendleft(entry)
            raise
        if time.monotonic() - born > STALE_SECONDS:
            await _destroy([cell])
            return await self._take_warm()
        return cell

    async def _make_room(self) -> None:
        """Give up the longest idle cells of other domains when all places are taken."""
        with self._lock:
            excess = max(0, self._n_lent + len(self._idle) - self._max_cells)
            victims = [self._idle.popleft()[1] for _ in range(min(excess, len(self._idle)))]
        await _destroy(victims)

    async def _check_in(self, cell: Cell, scope: str, is_clean: bool) -> None:
        with self._lock:
            self._n_lent -= 1
            if is_clean and not self._is_closed:
                self._idle.append((scope, cell))
                return
        await _destroy([cell])


def _has_failed(future: Future[Cell]) -> bool:
    return future.done() and future.exception() is not None


async def _destroy(cells: list[Cell]) -> None:
    async def destroy(cell: Cell) -> None:
        with suppress(SandboxError):  # its deadline, its owner's end and the next start's sweep remain
            await _in_thread(cell.destroy)

    with anyio.CancelScope(shield=True):
        await gather([partial(destroy, cell) for cell in cells])


async def _wait(future: Future[T]) -> T:
    """Await a thread's result; a cancelled caller leaves the thread to finish."""
    return future.result() if future.done() else await _in_thread(future.result)


async def _in_thread(call: Callable[[], T]) -> T:
    limiter = anyio.CapacityLimiter(1)  # waiting must not use up the threads that others work in
    return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=limiter)
