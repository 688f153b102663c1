"""Warm worker processes that can be killed: the host's side. A thread or a signal is no time limit.

A worker is a *program* run by its path (`python -I program.py`), in a process group of its own, with an empty
environment and `/` as its folder; one socket carries framed JSON both ways. A call that ends in anything but
a plain reply costs the process its life: a late reply has nobody left to come from. Nothing here belongs to an
event loop, so one pool serves loops that come and go; `size` bounds the calls of each loop.

Not covered: what the program does with a request, and its limits; see `serving`.
"""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import anyio
from anyio.lowlevel import RunVar

from agent_runtime.errors import SandboxError, ToolError, ToolTimeout
from agent_runtime_tools.serving import HEADER, Message

START_SECONDS = 60.0  # importing sympy takes 0.3 s on an idle machine; a cold disk under load has taken 13 s
MAX_REPLY_BYTES = 16 * 2**20
PATIENCE_MICROSECONDS = 500  # a turn of the event loop costs a third of a warm call
MAX_CALLS = 2_000  # then a worker is renewed: caches and fragmentation stay bounded
ENVIRONMENT = {"HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"}


class _Died(Exception):
    """The worker closed its end, or sent what is no reply."""


class Worker:
    """One worker process. It starts at once and imports in the background; the first call waits for it.

    `tool` names it in errors. After any error other than a plain reply `is_alive` is false, for good.
    """

    def __init__(self, tool: str, program: Path, args: Sequence[str] = ()) -> None:
        self.tool = tool
        self.n_calls = 0
        self._is_ready = False
        self._channel, theirs = socket.socketpair()
        self._channel.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, PATIENCE_MICROSECONDS)
        )
        with theirs:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", str(program), *args],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_open(self) -> bool:
        """Whether no call has failed yet: cheaper to ask than `is_alive`, which asks the kernel."""
        return self._channel.fileno() != -1

    @property
    def is_alive(self) -> bool:
        return self.is_open and self._process.poll() is None

    async def call(self, request: Message, seconds: float, *, is_alone: bool = False) -> Message:
        """Send one request and await its reply. Start-up time does not count against `seconds`.

        With `is_alone`, a reply that comes at once is read without a turn of the event loop.

        Raises:
            ToolTimeout: No reply came in time; the process is dead by then.
            ToolError: The worker died, or ran out of memory, over this request.
            SandboxError: The worker program does not start.
        """
        started = time.monotonic()
        try:
            await self._await_start()
            started = time.monotonic()
            with anyio.move_on_after(seconds):
                return await self._exchange(request, seconds, is_alone)
        except _Died as death:
            await self.kill()
            if time.monotonic() - started >= seconds:
                raise ToolTimeout(self.tool, seconds) from None
            raise ToolError(f"{self.tool} gave up on this input: {self._cause(death)}") from None
        except BaseException:
            await self.kill()
            raise
        await self.kill()
        raise ToolTimeout(self.tool, seconds)

    def close(self) -> None:
        """Hang up: the process ends by itself."""
        self._channel.close()

    async def kill(self) -> None:
        """Kill the process group and see it gone. Killing it twice is no error."""
        self.close()
        await self.stop()

    async def stop(self) -> None:
        """Kill the process group; the call that waits on the socket reads the end there."""
        if self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):  # whoever waits beside us has just seen it gone
            os.killpg(self._process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._process.wait)

    async def _await_start(self) -> None:
        if self._is_ready:
            return
        try:
            with anyio.fail_after(START_SECONDS):
                await self._receive()
        except (_Died, TimeoutError):
            raise SandboxError(f"the worker program of {self.tool!r} does not start") from None
        self._is_ready = True

    async def _exchange(self, request: Message, seconds: float, is_alone: bool) -> Message:
        self.n_calls += 1
        await self._send({"seconds": seconds, "request": request})
        reply = await self._receive(is_patient=is_alone)
        if "fatal" in reply:
            raise _Died(str(reply["fatal"]))
        return reply

    async def _send(self, message: Message) -> None:
        body = json.dumps(message).encode()
        rest = memoryview(HEADER.pack(len(body)) + body)
        while rest:
            try:
                rest = rest[self._channel.send(rest, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                await anyio.wait_writable(self._channel)
            except OSError:
                raise _Died from None

    async def _receive(self, *, is_patient: bool = False) -> Message:
        """Read exactly one message: bytes beyond it are nobody's answer."""
        buffer = bytearray()
        n_bytes = HEADER.size
        while len(buffer) < n_bytes:
            buffer += (self._read(0) if is_patient else None) or await self._await_read()
            is_patient = False
            if len(buffer) >= HEADER.size:
                n_bytes = HEADER.size + min(HEADER.unpack_from(buffer)[0], MAX_REPLY_BYTES)
        return self._decode(buffer, n_bytes)

    async def _await_read(self) -> bytes:
        part = None
        while part is None:
            await anyio.wait_readable(self._channel)
            part = self._read(socket.MSG_DONTWAIT)
        return part

    def _read(self, flags: int) -> bytes | None:
        """What has arrived; None where nothing has, after `PATIENCE_MICROSECONDS` unless the flags say otherwise."""
        try:
            part = self._channel.recv(65536, flags)
        except BlockingIOError:
            return None
        except OSError:
            part = b""
        if not part:
            raise _Died
        return part

    @staticmethod
    def _decode(buffer: bytearray, n_bytes: int) -> Message:
        try:
            message = json.loads(buffer[HEADER.size :]) if len(buffer) == n_bytes else None
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise _Died("a garbled reply")
        return message

    def _cause(self, death: _Died) -> str:
        """Why the process is gone: what it said itself, or the signal that it died of before our kill."""
        if str(death):
            return str(death)
        code = self._process.returncode
        if code is None or code >= 0:
            return "its worker stopped"
        return f"its worker died of {signal.Signals(-code).name}"


class WorkerPool:
    """Warm workers of one program: `size` calls at a time for each event loop, `spare` workers behind them.

    The first call starts the first worker (or `start`, to have it warm by then); the rest start as they are
    needed, and after each death, in the background.
    """

    def __init__(
        self, tool: str, program: Path, args: Sequence[str] = (), *, size: int = 2, spare: int = 1
    ) -> None:
        self.tool = tool
        self._program = program
        self._args = tuple(args)
        self._size = size
        self._spare = spare
        self._idle: deque[Worker] = deque()  # the left end is the warmest
        self._busy: set[Worker] = set()
        self._is_closed = False
        self._lock = threading.Lock()  # loops of several threads share the two collections
        self._limiter: RunVar[anyio.Semaphore] = RunVar(f"workers of {tool}")

    def start(self) -> None:
        """Start one worker in the background, where there is none yet."""
        with self._lock:
            if not self._idle and not self._busy:
                self._idle.append(self._new())

    @property
    def pids(self) -> set[int]:
        """The processes of now."""
        with self._lock:
            return {worker.pid for worker in (*self._idle, *self._busy)}

    async def call(self, request: Message, seconds: float) -> Message:
        """Have a free worker answer `request` within `seconds`; waiting for one does not count.

        Raises:
            ToolTimeout: No reply came in time; the process is dead by then, and another one starts.
            ToolError: The worker died, or ran out of memory, over this request.
            SandboxError: The worker program does not start, or the pool is closed.
        """
        async with self._slots():
            worker = self._take()
            try:
                return await worker.call(request, seconds, is_alone=len(self._busy) == 1)
            finally:
                await self._put_back(worker)

    async def aclose(self) -> None:
        """Kill every worker; a call under way ends with an error."""
        with self._lock:
            self._is_closed = True
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for worker in idle:
            await worker.kill()
        for worker in busy:
            await worker.stop()

    def _slots(self) -> anyio.Semaphore:
        try:
            return self._limiter.get()
        except LookupError:
            slots = anyio.Semaphore(self._size, fast_acquire=True)
            self._limiter.set(slots)
            return slots

    def _take(self) -> Worker:
        with self._lock:
            if self._is_closed:
                raise SandboxError(f"{self.tool} is closed: open a new one")
            worker = self._idle.popleft() if self._idle else self._new()
            while not worker.is_alive:  # something outside killed it while it was idle
                worker.close()
                worker = self._idle.popleft() if self._idle else self._new()
            self._busy.add(worker)
            return worker

    async def _put_back(self, worker: Worker) -> None:
        """Keep a healthy worker, drop any other, and see that the next calls find one."""
        is_fit = worker.is_open and worker.n_calls < MAX_CALLS
        with self._lock:
            self._busy.discard(worker)
            is_kept = is_fit and not self._is_closed and len(self._idle) < self._size + self._spare
            if is_kept:
                self._idle.appendleft(worker)
            self._top_up()
        if not is_kept:
            await worker.kill()

    def _top_up(self) -> None:
        wanted = min(1 + self._spare, self._size + self._spare - len(self._busy))
        while not self._is_closed and len(self._idle) < wanted:
            self._idle.append(self._new())

    def _new(self) -> Worker:
        return Worker(self.tool, self._program, self._args)
