"""A plain process with resource limits: NO wall between a program and this machine. Chosen by name only.

What it covers: a time limit that kills the program and its descendants, limits on memory, file size and open
files, a working folder of its own that is emptied after each job, a clean environment.

What it does NOT cover: everything else. A program can read every file that the user can read and write every
file that the user can write, use the network, see and signal the user's processes, and read the memory
of some. A descendant that forks faster than it is killed may outlive its job. For code that you have read yourself.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent_runtime.errors import SandboxError
from agent_runtime.types import Execution, SandboxJob
from agent_runtime_sandboxes.cell import CellLost, Channel
from agent_runtime_sandboxes.inside import Settings, server_arguments
from agent_runtime_sandboxes.pool import Pool

MIB = 2**20
STOP_SECONDS = 5.0


class ProcessSandbox:
    """Runs jobs as plain processes of this user. Not a sandbox against anybody who means harm."""

    name = "process"

    def __init__(
        self, *, environment: Mapping[str, str] | None = None, n_warm: int = 1, max_cells: int = 16
    ) -> None:
        self._environment = dict(environment or {})
        self._pool = Pool(Process, n_warm=n_warm, max_cells=max_cells)

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        """Run `job` in a process that serves `scope` alone.

        Raises:
            SandboxError: The process could not be started.
            InputError: The job's files are too many, too large or named outside the folder.
        """
        return replace(await self._pool.run(job, scope, self._environment), place=self.name)

    def warm_up(self) -> None:
        """Start the pool's processes in the background, before somebody waits for one."""
        self._pool.warm_up()

    async def release(self, scope: str) -> None:
        """End the processes that served `scope`."""
        await self._pool.release(scope)

    async def aclose(self) -> None:
        """End every process and remove its folder."""
        await self._pool.aclose()


class Process:
    """One server process and its folder: a cell."""

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="agent-runtime-process-")
        work = Path(self._folder) / "work"
        work.mkdir()
        settings = Settings(str(work), scratch=(), limits={"AS": 4096 * MIB, "NOFILE": 256})
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, *server_arguments(settings)],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "TMPDIR": str(work)},
                start_new_session=True,
            )
        self.channel = Channel(ours)
        try:
            self.channel.greet()
        except CellLost as error:
            self.destroy()
            raise SandboxError(f"no process sandbox: {error}") from None

    def was_out_of_memory(self) -> bool:
        """Not known: the server watches memory itself, and tells."""
        return False

    def destroy(self) -> None:
        """Hang up: the server kills what it started and ends."""
        self.channel.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
