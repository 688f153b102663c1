"""PID 1 of a sandbox: takes a request, forks a check, watches and kills it, cleans up, replies.

PID 1, because it alone can neither be stopped nor killed from inside, and because the kernel kills the whole
namespace with it. So it carries the deadline: an interval timer, armed from the moment a request arrives, and
for the pause until the next one. When the host's end of the channel closes, it ends, and everything with it.
What cannot be cleaned after a check makes the sandbox tainted: it replies, and ends.

One frame each way: `>II` (header bytes, body bytes), a JSON header, the body; what is in the headers, see `wire`.
Not covered here: namespaces, capabilities, seccomp, control groups. The host sets those up, and checks `hello`.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from agent_runtime_sandboxes.inside.check import SIGNALS, detach, execute, interpret, search_path
from agent_runtime_sandboxes.inside.files import Collection, empty
from agent_runtime_sandboxes.inside.processes import PR_SET_DUMPABLE, Processes, oom_kills, prctl

CHUNK = 65536
MAX_READS = 16  # at once: a flood must not keep us from looking at the clock
TICK_SECONDS = 0.05  # how often a running check's memory and inodes are looked at
LATE_SECONDS = 5.0  # past its limit, a check that could not be killed costs the sandbox
OVERDUE, TAINTED = 124, 125

Header = dict[str, Any]


def main(settings: Header) -> None:
    """Serve for ever; the rest is reached in a child alone, as the program of one check."""
    path = search_path()
    check = Server(settings).serve()
    if check["argv"]:
        execute(check["argv"])
    else:
        os._exit(interpret(check["code"], path))


class Server:
    """One request at a time: a clean start, a bounded run, nothing left."""

    def __init__(self, settings: Header) -> None:
        self.settings = settings
        self.work: str = settings["work"]
        self.scratch = [path for path in settings["scratch"] if os.path.isdir(path)]
        self.ends = time.monotonic() + settings["life_seconds"]
        self.processes = Processes()
        self.source, self.sink = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        self.wake, wake_write = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGALRM, lambda *_: os._exit(OVERDUE))
        prctl(PR_SET_DUMPABLE, 0)  # no check of the same user reads /proc/1/mem or opens /proc/1/fd

    def serve(self) -> Header:
        """Serve until the channel closes. Returns in the child that is to run a check, with what to run."""
        self.send(self.hello(), b"")
        gc.collect()
        gc.freeze()
        while True:
            self.arm(self.settings["idle_seconds"])
            header, n_body = self.receive()
            self.arm(header["seconds"] + LATE_SECONDS)  # the deadline runs from here
            if self.run(header, n_body):
                return header

    def hello(self) -> Header:
        """What the host compares with the walls that it asked for."""
        if not self.processes.is_init:
            return {"pid": os.getpid()}
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
        with open("/proc/net/route", encoding="ascii") as routes:
            n_routes = len(routes.readlines()) - 1
        names = ("CapEff", "CapBnd", "NoNewPrivs", "Seccomp", "Uid")
        return {
            "pid": os.getpid(),
            "status": {name: fields.get(name, "").strip() for name in names},
            "n_routes": n_routes,
            "is_root_writable": os.access("/", os.W_OK),
            "python": sys.version.split()[0],
        }

    def arm(self, seconds: float) -> None:
        """End in `seconds`, or at the end of this sandbox's life, whichever comes first."""
        signal.setitimer(signal.ITIMER_REAL, max(0.01, min(seconds, self.ends - time.monotonic())))

    # --- one check

    def run(self, header: Header, n_body: int) -> bool:
        """Place files, fork, watch, clean, reply. True in the child."""
        folder = os.path.join(self.work, "run")
        os.mkdir(folder, 0o700)
        stdin = self.spool(n_body - self.place(folder, header["files"]))
        n_kills = oom_kills()
        pipes = os.pipe(), os.pipe()
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            detach((stdin, pipes[0][1], pipes[1][1]), folder, header, self.settings)
            return True
        for fd in (stdin, pipes[0][1], pipes[1][1]):
            os.close(fd)
        self.processes.begin(pid)
        outputs = [Output(pipe[0], header["output_bytes"]) for pipe in pipes]
        verdict = self.watch(outputs, started + header["seconds"], header["memory_bytes"])
        wall_seconds = time.monotonic() - started
        for output in outputs:
            output.read()
        self.processes.kill_all()
        for output in outputs:
            os.close(output.fd)
        if oom_kills() > n_kills:
            verdict = "memory"
        self.reply(folder, header, outputs, verdict, wall_seconds)
        return False

    def watch(self, outputs: list[Output], deadline: float, memory_bytes: int) -> str:
        """Read both streams until the check's own process ends (""), or has to be killed: what for."""
        poller = select.poll()
        by_fd = {output.fd: output for output in outputs}
        for fd in (*by_fd, self.wake):
            poller.register(fd, select.POLLIN)
        next_tick = time.monotonic() + TICK_SECONDS
        while self.processes.exit_code is None:
            now = time.monotonic()
            if now >= deadline:
                return "timeout"
            if now >= next_tick:
                if excess := self.excess(memory_bytes):
                    return excess
                next_tick = now + TICK_SECONDS
            for fd, _ in poller.poll(max(1.0, (min(deadline, next_tick) - now) * 1000)):
                if fd == self.wake:
                    os.read(fd, CHUNK)
                    self.processes.reap()
                elif not by_fd[fd].read():
                    poller.unregister(fd)  # closed; the process may well run on
        return ""

    def excess(self, memory_bytes: int) -> str:
        """What a running check takes too much of: the memory of all its processes, or inodes."""
        if self.processes.resident_bytes() > memory_bytes:
            return "memory"
        for path in self.scratch if self.processes.is_init else ():
            room = os.statvfs(path)
            if room.f_files - room.f_ffree > self.settings["max_inodes"]:
                return "files"
        return ""

    def reply(self, folder: str, header: Header, outputs: list[Output], verdict: str, wall: float) -> None:
        """Collect what was asked for, empty the scratch folders, send."""
        collection = Collection(folder, header["collect_bytes"], header["collect_files"])
        collection.add(header["collect"])
        collection.close()
        is_tainted = not empty((self.work, *self.scratch))
        answer = {
            "exit_code": self.processes.exit_code,
            "verdict": verdict,
            "wall_seconds": wall,
            "cpu_seconds": self.processes.cpu_seconds,
            "peak_memory_bytes": self.processes.peak_bytes,
            "sizes": [len(output.kept) for output in outputs],
            "truncated": [output.n_bytes > len(output.kept) for output in outputs],
            "files": [(name, len(data)) for name, data in collection.files],
            "left_out": collection.left_out,
            "is_tainted": is_tainted,
        }
        self.send(answer, b"".join([*(o.kept for o in outputs), *(data for _, data in collection.files)]))
        if is_tainted:
            os._exit(TAINTED)

    # --- files in

    def place(self, folder: str, files: list[tuple[str, int]]) -> int:
        """Write the request's files straight from the channel; how many bytes of the body they took."""
        for name, size in files:
            path = os.path.join(folder, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                self.copy(size, file.write)
        return sum(size for _, size in files)

    def spool(self, size: int) -> int:
        """The check's standard input, as a file without a name."""
        if not size:
            return os.open(os.devnull, os.O_RDONLY)
        path = os.path.join(self.work, "stdin")
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.unlink(path)
        self.copy(size, lambda data: os.write(fd, data))
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    # --- the channel

    def receive(self) -> tuple[Header, int]:
        """The next request's header and the size of its body."""
        n_header, n_body = struct.unpack(">II", self.read(8))
        header: Header = json.loads(self.read(n_header))
        return header, n_body

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes from the host."""
        parts = bytearray()
        self.copy(size, parts.extend)
        return bytes(parts)

    def copy(self, size: int, write: Callable[[bytes], object]) -> None:
        """Move `size` bytes from the host to `write`."""
        while size:
            data = os.read(self.source, min(size, CHUNK))
            if not data:
                self.end()
            write(data)
            size -= len(data)

    def send(self, header: Header, body: bytes) -> None:
        """One frame to the host."""
        text = json.dumps(header).encode()
        data = memoryview(struct.pack(">II", len(text), len(body)) + text + body)
        while data:
            try:
                data = data[os.write(self.sink, data) :]
            except BrokenPipeError:
                self.end()

    def end(self) -> None:
        """The host has hung up: leave nothing behind."""
        self.processes.kill_all()
        os._exit(0)


class Output:
    """One output stream of a check: the first `limit` bytes are kept, the rest is read and dropped."""

    def __init__(self, fd: int, limit: int) -> None:
        self.fd = fd
        self.kept = bytearray()
        self.n_bytes = 0
        self._limit = limit
        os.set_blocking(fd, False)

    def read(self) -> bool:
        """Read what is there; False at the end of the stream."""
        for _ in range(MAX_READS):
            try:
                data = os.read(self.fd, CHUNK)
            except BlockingIOError:
                break
            if not data:
                return False
            self.n_bytes += len(data)
            self.kept += data[: max(0, self._limit - len(self.kept))]
        return True
