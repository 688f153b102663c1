"""A cell: one running server behind its walls, and the conversation with it.

The conversation is async over a plain socket and belongs to no event loop; starting and destroying a cell
block, so they run in threads. `Cell` is what Docker, bubblewrap and the plain process each make in their way.
"""

import socket
import time
from collections.abc import Sequence
from typing import Protocol

import anyio

from agent_runtime.errors import SandboxError
from agent_runtime_sandboxes.wire import BrokenFrame, Frames, Header

HELLO_SECONDS = 20.0  # an interpreter starts in 0.05 s; a machine under heavy load has taken seconds
CHUNK = 2**18


class CellLost(Exception):
    """The server has gone, or speaks nonsense; says nothing about the program that ran."""


class Channel:
    """One framed conversation with a server over a stream socket."""

    def __init__(self, stream: socket.socket, *, is_multiplexed: bool = False) -> None:
        self._socket = stream
        self._is_multiplexed = is_multiplexed
        self.hello: Header = {}

    @property
    def is_open(self) -> bool:
        """Whether the server still holds its end; anything it says unasked counts as gone, too."""
        try:
            self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def greet(self) -> Header:
        """Wait (blocking) for the server's first frame.

        Raises:
            CellLost: It does not come.
        """
        frames = Frames(CHUNK, is_multiplexed=self._is_multiplexed)
        deadline = time.monotonic() + HELLO_SECONDS
        try:
            while True:
                self._socket.settimeout(max(0.01, deadline - time.monotonic()))
                data = self._socket.recv(CHUNK)
                if not data:
                    said = frames.diagnostics.decode("utf-8", "replace").strip()
                    raise CellLost(said.rpartition("\n")[2] or "the server inside did not start")
                if frame := frames.feed(data):
                    self._socket.setblocking(False)
                    self.hello = frame[0]
                    return self.hello
        except (OSError, BrokenFrame) as error:
            raise CellLost(f"the server inside did not start: {error}") from None

    async def exchange(self, pieces: Sequence[bytes], max_bytes: int) -> tuple[Header, bytes]:
        """Send a request and await its reply.

        Raises:
            CellLost: The server has gone, or what it sent is no reply.
        """
        frames = Frames(max_bytes, is_multiplexed=self._is_multiplexed)
        try:
            for piece in pieces:
                await self._send(memoryview(piece))
            while True:
                data = await self._receive()
                if not data:
                    said = frames.diagnostics.decode("utf-8", "replace").strip()
                    raise CellLost(said.rpartition("\n")[2] or "the connection to it closed")
                if frame := frames.feed(data):
                    return frame
        except (OSError, BrokenFrame) as error:
            raise CellLost(str(error)) from None

    def close(self) -> None:
        """Hang up: the server ends, and everything with it."""
        self._socket.close()

    async def _send(self, data: memoryview) -> None:
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    async def _receive(self) -> bytes:
        while True:
            try:
                return self._socket.recv(CHUNK)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)


class Cell(Protocol):
    """A server behind walls. It serves one trust domain and is then destroyed."""

    channel: Channel

    def was_out_of_memory(self) -> bool:
        """Whether the kernel killed it for memory (blocking, bounded); asked when the server was lost."""
        ...

    def destroy(self) -> None:
        """Kill and remove it (blocking, bounded); a second time does nothing.

        Raises:
            SandboxError: What held it does not answer.
        """
        ...


def check_walls(hello: Header, *, has_seccomp: bool = True) -> None:
    """Compare what the server sees of its walls with what was asked for.

    Raises:
        SandboxError: A wall is missing; nothing was run.
    """
    status = hello.get("status", {})
    missing = [
        name
        for name, holds in {
            "its own process namespace": hello.get("pid") == 1,
            "no capabilities": set(status.get("CapEff", "?") + status.get("CapBnd", "?")) == {"0"},
            "no_new_privs": status.get("NoNewPrivs") == "1",
            "seccomp": status.get("Seccomp") == "2" or not has_seccomp,
            "no network": hello.get("n_routes") == 0,
            "a read-only root": hello.get("is_root_writable") is False,
            "a user that is not root": not str(status.get("Uid", "0")).startswith("0"),
        }.items()
        if not holds
    ]
    if missing:
        raise SandboxError(f"the sandbox came up without {', '.join(missing)}; nothing was run in it")
