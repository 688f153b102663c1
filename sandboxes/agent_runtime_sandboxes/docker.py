"""The Docker sandbox: a warm pool of hardened containers, each serving one trust domain, then destroyed.

Every flag and the attack it stops: docs/adr/0004-sandbox-flags.md and docs/security.md. The container's PID 1 is
our server (`inside/server.py`); its standard input is the request channel and the dead man's switch. Where a wall
is missing (an engine's warning, a status that differs) nothing runs: there is no weaker fallback.

Not covered: flaws of the host's kernel or the engine (gVisor narrows that: it is used where the engine has it),
side channels between containers, engines behind TLS or SSH (their connection is no plain socket).
"""

import socket
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import docker
from docker.types import LogConfig, Ulimit

from agent_runtime.errors import SandboxError
from agent_runtime.types import Execution, SandboxJob
from agent_runtime_sandboxes.cell import Channel, check_walls
from agent_runtime_sandboxes.engine import ENGINE_ERRORS, attach, connect, engine_url
from agent_runtime_sandboxes.images import ensure_image
from agent_runtime_sandboxes.inside import LIFE_SECONDS, Settings, server_arguments
from agent_runtime_sandboxes.orphans import Reaper, owner_labels, sweep
from agent_runtime_sandboxes.pool import Pool

MEMORY_BYTES = 256 * 2**20
MAX_PROCESSES = 64
MIB = 2**20
PROFILE = Path(__file__).parent / "seccomp.json"
SETTINGS = Settings(niceness=10)  # below PID 1, within the container's own share of the CPU


class DockerSandbox:
    """Runs jobs in containers of `image` (ours, built on first use, if None).

    `read_only_mounts` shows folders of the host inside, read-only (a project's virtual environment, say).
    `n_warm` containers wait for the next trust domain; at most `max_cells` run at once.
    """

    name = "docker"

    def __init__(
        self,
        image: str | None = None,
        *,
        read_only_mounts: Mapping[Path, str] | None = None,
        environment: Mapping[str, str] | None = None,
        memory_bytes: int = MEMORY_BYTES,
        n_warm: int = 1,
        max_cells: int = 16,
        base_url: str | None = None,
    ) -> None:
        self._image = image
        self._mounts = dict(read_only_mounts or {})
        self._environment = dict(environment or {})
        self._memory_bytes = memory_bytes
        self._base_url = base_url
        self._engine: Engine | None = None
        self._lock = threading.Lock()
        self._pool = Pool(self._start, n_warm=n_warm, max_cells=max_cells)

    @property
    def image_digest(self) -> str:
        """The content hash of the image in use; empty until the first container has started."""
        return self._engine.digest if self._engine else ""

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        """Run `job` in a container that serves `scope` alone.

        Raises:
            SandboxError: Engine, image or container failed.
            InputError: The job's files are too many, too large or named outside the folder.
        """
        execution = await self._pool.run(job, scope, self._environment)
        return replace(execution, place=f"{self.name} {self.image_digest}".rstrip())

    def warm_up(self) -> None:
        """Start the pool's containers in the background, before somebody waits for one."""
        self._pool.warm_up()

    async def release(self, scope: str) -> None:
        """Destroy the containers that served `scope`."""
        await self._pool.release(scope)

    async def aclose(self) -> None:
        """Destroy every container and leave nothing behind."""
        await self._pool.aclose()
        if self._engine is not None:
            await anyio.to_thread.run_sync(self._engine.close)

    def _start(self) -> "Container":
        with self._lock:
            if self._engine is None:
                self._engine = Engine(self._base_url, self._image)
        return self._engine.start(self._mounts, self._memory_bytes)


class Engine:
    """A connection to the engine, with the image and the runtime that containers are made of."""

    def __init__(self, base_url: str | None, image: str | None) -> None:
        self._url = engine_url(base_url)
        self.api = connect(base_url)
        try:
            self._runtime = "runsc" if "runsc" in self.api.info().get("Runtimes", {}) else None
            sweep(self.api)
            self.image_id, self.digest = ensure_image(self.api, image)
        except ENGINE_ERRORS as error:
            raise SandboxError(f"the Docker engine does not answer: {error}") from None
        self._session = uuid.uuid4().hex
        self._reaper = Reaper(self._url, self._session)

    def start(self, mounts: Mapping[Path, str], memory_bytes: int) -> "Container":
        """Create, attach, start and verify one container.

        Raises:
            SandboxError: The engine refuses, or a wall is missing.
            CellLost: The server in the container did not start.
        """
        labels = {**owner_labels(self._session), "rt.deadline": str(int(time.time() + LIFE_SECONDS))}
        host = self.api.create_host_config(**host_flags(mounts, memory_bytes), runtime=self._runtime)
        try:
            created = self.api.create_container(self.image_id, host_config=host, labels=labels, **FLAGS)
            stream = attach(self._url, created["Id"])  # before it starts, so that nothing is lost
        except ENGINE_ERRORS as error:
            raise SandboxError(f"the Docker engine starts no container: {error}") from None
        container = Container(self.api, created["Id"], stream, has_seccomp=self._runtime is None)
        return container.start(created.get("Warnings") or [])

    def close(self) -> None:
        """Let the reaper remove what is left, and hang up."""
        self._reaper.close()
        self.api.close()


class Container:
    """One container: a cell."""

    def __init__(
        self, api: docker.APIClient, container_id: str, stream: socket.socket, *, has_seccomp: bool
    ) -> None:
        self._api = api
        self._id = container_id
        self._has_seccomp = has_seccomp
        self.channel = Channel(stream, is_multiplexed=True)

    def start(self, warnings: Sequence[str]) -> "Container":
        """Start and verify; what fails is removed again."""
        try:
            if warnings:
                raise SandboxError(f"the Docker engine cannot keep a limit: {'; '.join(warnings)}")
            self._api.start(self._id)
            check_walls(self.channel.greet(), has_seccomp=self._has_seccomp)
        except ENGINE_ERRORS as error:
            self.destroy()
            raise SandboxError(f"the Docker engine starts no container: {error}") from None
        except BaseException:
            self.destroy()
            raise
        return self

    def was_out_of_memory(self) -> bool:
        """Whether the kernel killed it for memory; the engine learns of that a moment after we do."""
        with suppress(*ENGINE_ERRORS):
            self._api.wait(self._id, timeout=5)
            return bool(self._api.inspect_container(self._id)["State"]["OOMKilled"])
        return False

    def destroy(self) -> None:
        """Hang up first (a kill waits for ever behind a stream that nobody reads), then kill and remove."""
        self.channel.close()
        try:
            self._api.remove_container(self._id, force=True, v=True)
        except docker.errors.APIError as error:
            if error.status_code not in (404, 409):  # gone, or being removed
                raise SandboxError(f"the Docker engine removes no container: {error}") from None
        except ENGINE_ERRORS as error:
            raise SandboxError(f"the Docker engine is gone: {error}") from None


def host_flags(mounts: Mapping[Path, str], memory_bytes: int) -> dict[str, Any]:
    """The walls. docs/adr/0004-sandbox-flags.md says of each one which attack it stops."""
    limits = {"nofile": 256, "fsize": 64 * MIB, "core": 0, "memlock": 0, "msgqueue": 0}
    tmpfs = "rw,noexec,nosuid,nodev,size=64m,nr_inodes=8192"
    return {
        "network_mode": "none",
        "read_only": True,
        "privileged": False,
        "devices": [],
        "tmpfs": {"/tmp": f"{tmpfs},mode=1777", "/work": f"{tmpfs},mode=0700,uid=65534,gid=65534"},  # noqa: S108
        "binds": {str(host): {"bind": inside, "mode": "ro"} for host, inside in mounts.items()},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={PROFILE.read_text()}"],
        "pids_limit": MAX_PROCESSES,
        "mem_limit": memory_bytes,
        "memswap_limit": memory_bytes,
        "nano_cpus": 1_000_000_000,
        "oom_score_adj": 1000,
        "ulimits": [Ulimit(name=name, soft=value, hard=value) for name, value in limits.items()],
        "ipc_mode": "private",
        "shm_size": 16 * MIB,
        "init": False,
        "log_config": LogConfig(type=LogConfig.types.NONE),
        "restart_policy": {"Name": "no"},
        "auto_remove": False,
    }


FLAGS: dict[str, Any] = {
    "command": ["python3", *server_arguments(SETTINGS)],
    "entrypoint": [],  # an image of the user's may have one
    "user": "65534:65534",
    "hostname": "sandbox",
    "working_dir": "/work",
    "network_disabled": True,
    "stdin_open": True,  # the request channel; closed for good when the one client hangs up
    "tty": False,
    "stop_signal": "SIGKILL",
    "environment": {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
    "healthcheck": {"test": ["NONE"]},
}


async def probe(base_url: str | None = None) -> str:
    """One line on the engine, for `doctor`.

    Raises:
        SandboxError: No engine answers; the message says what to do.
    """

    def ask() -> str:
        with closing(connect(base_url)) as api:
            version = api.version()
            runtimes = api.info().get("Runtimes", {})
        kind = "gVisor" if "runsc" in runtimes else "runc"
        return f"Docker engine {version['Version']} ({kind})"

    return await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)
