"""The worker's side of a killable tool: limits, then one framed JSON request after another.

A worker program puts its package on `sys.path` and calls `serve`. Nothing here imports the runtime, so that a
worker starts small. The deadline is kept by the kernel, not by Python, for it must hold while C code keeps the
GIL: `SIGALRM` and `SIGIO` stay at their default action, which ends the process. While a request is worked on,
the socket is armed with `O_ASYNC`, so that a host that dies (hang-up) ends its workers at that instant.

Not covered: this is no sandbox. What a request may do is for the program's own allow-list to say.
"""

import fcntl
import json
import math
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HEADER = struct.Struct(">I")
GRACE_SECONDS = 1.0  # the host kills at the limit; this is for a host that cannot
FATAL_EXIT = 70  # EX_SOFTWARE: the program is in an unknown state and must be replaced

Message = dict[str, Any]
_ENCODER = json.JSONEncoder(allow_nan=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the kernel allows a worker. Seconds of CPU are those of one request, times `cpus`.

    `can_fork` also stands for threads: to the kernel both are processes of the user.
    """

    memory_bytes: int = 768 * 2**20
    file_bytes: int = 0
    open_files: int = 32
    cpus: int = 1
    can_fork: bool = False


def serve(handle: Callable[[Message], Message], limits: Limits) -> None:
    """Answer requests on standard input (a socket) until it closes. Never returns after a fatal error.

    `handle` turns its own failures into replies. Whatever else leaves it ends this process, after a last
    message `{"fatal": reason}`: the host starts a fresh one.
    """
    channel = _take_channel()
    _apply(limits)
    _send(channel, {"ready": os.getpid()})
    while (message := _receive(channel)) is not None:
        _arm(channel, message["seconds"], limits.cpus)
        try:
            reply = handle(message["request"])
        except (MemoryError, RecursionError) as error:
            _fail(channel, "out of memory" if isinstance(error, MemoryError) else "nested too deeply")
        except Exception as error:  # the outermost edge: an unknown state is never reused
            _fail(channel, type(error).__name__)
        else:
            _disarm(channel)
            _send(channel, reply)


def _take_channel() -> socket.socket:
    """Own the socket alone: what the program prints goes nowhere and cannot forge a reply."""
    channel = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    os.close(null)
    fcntl.fcntl(channel, fcntl.F_SETOWN, os.getpid())
    return channel


def _apply(limits: Limits) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the host's to handle
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write over the limit is an error, not a death
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, value)
    if not limits.can_fork:
        _lower(resource.RLIMIT_NPROC, 0)


def _lower(kind: int, value: int) -> None:
    """Lower a hard limit for good; one that is lower already stays."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _arm(channel: socket.socket, seconds: float, cpus: int) -> None:
    """From here on the kernel ends this process at the deadline, or when the host hangs up."""
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)
    cpu_seconds = math.ceil(time.process_time() + cpus * (seconds + GRACE_SECONDS)) + 1
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds if hard < 0 else min(cpu_seconds, hard), hard))
    fcntl.fcntl(channel, fcntl.F_SETFL, os.O_RDWR | os.O_ASYNC)
    if not _is_connected(channel):  # it hung up before the signal was armed
        sys.exit(0)


def _disarm(channel: socket.socket) -> None:
    fcntl.fcntl(channel, fcntl.F_SETFL, os.O_RDWR)
    signal.setitimer(signal.ITIMER_REAL, 0)


def _is_connected(channel: socket.socket) -> bool:
    try:
        return channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _fail(channel: socket.socket, reason: str) -> None:
    _disarm(channel)
    _send(channel, {"fatal": reason})
    os._exit(FATAL_EXIT)


def _send(channel: socket.socket, message: Message) -> None:
    body = _ENCODER.encode(message).encode()
    try:
        channel.sendall(HEADER.pack(len(body)) + body)
    except OSError:  # nobody is left to answer
        sys.exit(0)


def _receive(channel: socket.socket) -> Message | None:
    """The next request; None where the host hung up. It sends nothing before our reply, so one read may take all."""
    buffer = bytearray()
    n_bytes = HEADER.size
    while len(buffer) < n_bytes:
        try:
            part = channel.recv(65536)
        except OSError:
            return None
        if not part:
            return None
        buffer += part
        if len(buffer) >= HEADER.size:
            n_bytes = HEADER.size + HEADER.unpack_from(buffer)[0]
    message: Message = json.loads(buffer[HEADER.size :])
    return message
