"""The processes of a check: what they use, how they are killed, every one of them.

PID 1 of a namespace kills with `kill(-1)`, atomically: the kernel lets no fork slip through, a new session is no
hiding place, and what is orphaned becomes a child of PID 1. Without a namespace (`process` sandbox) the server
adopts orphans as a subreaper and kills its descendants until none is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import Any

LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
UNBACKED = (b"RssAnon:", b"RssShmem:", b"VmSwap:")
OOM_COUNTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


class Processes:
    """All processes of the sandbox but this one. `main` is the check's own, the others its offspring."""

    def __init__(self) -> None:
        self.is_init = os.getpid() == 1
        self.main = 0
        self.exit_code: int | None = None
        self.cpu_seconds = 0.0
        self.peak_bytes = 0
        if not self.is_init:
            prctl(PR_SET_CHILD_SUBREAPER, 1)

    def begin(self, main: int) -> None:
        """Account for a new check, whose own process is `main`."""
        self.main, self.exit_code = main, None
        self.cpu_seconds, self.peak_bytes = 0.0, 0

    def reap(self) -> None:
        """Collect the processes that have ended; `exit_code` is set when `main` is among them."""
        with contextlib.suppress(ChildProcessError):
            while self._collect(os.wait4(-1, os.WNOHANG)):
                pass

    def kill_all(self) -> None:
        """Kill and collect every process."""
        with contextlib.suppress(ChildProcessError):
            while True:
                self._kill()
                self._collect(os.wait4(-1, 0))

    def resident_bytes(self) -> int:
        """Memory that the check's processes hold by themselves: not what a fork still shares with PID 1."""
        inherited = _private_bytes("self")
        return sum(max(0, _private_bytes(str(pid)) - inherited) for pid in self._others())

    def _collect(self, ended: tuple[int, int, Any]) -> bool:
        pid, status, spent = ended
        if pid == 0:
            return False
        self.cpu_seconds += spent.ru_utime + spent.ru_stime
        self.peak_bytes = max(self.peak_bytes, spent.ru_maxrss * 1024)
        if pid == self.main:
            self.exit_code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        return True

    def _kill(self) -> None:
        for pid in (-1,) if self.is_init else (-self.main, *self._others()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _others(self) -> list[int]:
        if self.is_init:
            return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]
        return _descendants(os.getpid())


def oom_kills() -> int:
    """How often the kernel has killed for memory in this control group; 0 where that cannot be read."""
    for path in OOM_COUNTS:
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


def prctl(option: int, value: int) -> None:
    """Linux's prctl; nothing happens elsewhere."""
    if LIBC is not None:
        LIBC.prctl(option, value, 0, 0, 0)


def _private_bytes(pid: str) -> int:
    """Memory of a process that no file backs, shared or not, swapped out or not; 0 when it has gone."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as status:
        return sum(int(line.split()[1]) * 1024 for line in status if line.startswith(UNBACKED))
    return 0


def _descendants(root: int) -> list[int]:
    """All processes below `root`, as /proc tells."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            children.setdefault(_parent(name), []).append(int(name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def _parent(pid: str) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])
    return 0
