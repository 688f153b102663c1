"""The bubblewrap sandbox: namespaces, no engine, no image; the same server, jobs and limits as under Docker.

Programs see the host's `/usr` and the environment that runs the runtime (its Python and packages), read-only,
and nothing else of its files. Started by root it becomes `nobody` first: inside a user namespace, root's
own files would still be root's. Linux only.

Not covered: memory and inodes are held by a watch every 50 ms (and an address-space limit), not by a control
group, so a burst may overshoot for a moment; /tmp is not noexec; the host's `/usr` can be read.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import anyio

from agent_runtime.errors import SandboxError
from agent_runtime.types import Execution, SandboxJob
from agent_runtime_sandboxes.cell import CellLost, Channel, check_walls
from agent_runtime_sandboxes.inside import Settings, server_arguments
from agent_runtime_sandboxes.pool import Pool
from agent_runtime_sandboxes.seccomp import open_filter

NOBODY = 65534
MIB = 2**20
SYSTEM = Path("/usr/bin/python3")
SETTINGS = Settings(limits={"AS": 4096 * MIB, "MEMLOCK": 0, "MSGQUEUE": 0, "NOFILE": 256, "NPROC": 64})


class BubblewrapSandbox:
    """Runs jobs in namespaces of their own.

    `read_only_mounts` shows further folders of the host inside, read-only. `n_warm` sandboxes wait for the
    next trust domain; at most `max_cells` run at once.
    """

    name = "bubblewrap"

    def __init__(
        self,
        *,
        read_only_mounts: Mapping[Path, str] | None = None,
        environment: Mapping[str, str] | None = None,
        n_warm: int = 1,
        max_cells: int = 16,
    ) -> None:
        self._mounts = dict(read_only_mounts or {})
        self._environment = dict(environment or {})
        self._pool = Pool(self._start, n_warm=n_warm, max_cells=max_cells)

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        """Run `job` in a sandbox that serves `scope` alone.

        Raises:
            SandboxError: bubblewrap is not there or cannot set up its walls.
            InputError: The job's files are too many, too large or named outside the folder.
        """
        return replace(await self._pool.run(job, scope, self._environment), place=self.name)

    def warm_up(self) -> None:
        """Start the pool's sandboxes in the background, before somebody waits for one."""
        self._pool.warm_up()

    async def release(self, scope: str) -> None:
        """Destroy the sandboxes that served `scope`."""
        await self._pool.release(scope)

    async def aclose(self) -> None:
        """Destroy every sandbox and leave nothing behind."""
        await self._pool.aclose()

    def _start(self) -> "Namespace":
        return Namespace(self._mounts)


class Namespace:
    """One bubblewrap process with the server as PID 1 inside: a cell."""

    def __init__(self, mounts: Mapping[Path, str]) -> None:
        self._process, stream = _spawn(mounts)
        self.channel = Channel(stream)
        try:
            check_walls(self.channel.greet())
        except CellLost as error:
            self._process.kill()
            assert self._process.stderr is not None
            said = self._process.stderr.read(4096).decode("utf-8", "replace").strip().rpartition("\n")[2]
            self.destroy()
            raise SandboxError(f"bubblewrap cannot set up its walls: {said or error}") from None
        except BaseException:
            self.destroy()
            raise

    def was_out_of_memory(self) -> bool:
        """Not known here: the server watches memory itself, and tells."""
        return False

    def destroy(self) -> None:
        """Hang up and kill; the kernel takes everything inside along with PID 1."""
        self.channel.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


def _spawn(mounts: Mapping[Path, str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    program, server = _bubblewrap(), [str(_python()), *server_arguments(SETTINGS)]
    nobody = NOBODY if os.getuid() == 0 else None
    seccomp = open_filter()
    ours, theirs = socket.socketpair()
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [program, *_walls(mounts, seccomp), *server],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=[seccomp],
            start_new_session=True,
            user=nobody,
            group=nobody,
            extra_groups=None if nobody is None else [],
        )
    except OSError as error:
        ours.close()
        raise SandboxError(f"bubblewrap does not start: {error}") from None
    finally:
        theirs.close()
        os.close(seccomp)
    return process, ours


def _bubblewrap() -> str:
    path = shutil.which("bwrap")
    if path is None:
        raise SandboxError(
            "bubblewrap is not installed; `apt-get install bubblewrap`, or use --sandbox docker"
        )
    return path


def _walls(mounts: Mapping[Path, str], seccomp: int) -> Iterator[str]:
    yield from ("--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--as-pid-1")
    yield from ("--disable-userns", "--cap-drop", "ALL", "--hostname", "sandbox", "--clearenv")
    yield from ("--uid", str(NOBODY), "--gid", str(NOBODY), "--seccomp", str(seccomp))
    yield from _binds(mounts)
    yield from ("--proc", "/proc", "--dev", "/dev")
    for folder, size in (("/dev/shm", 16), ("/tmp", 64), ("/work", 64)):  # noqa: S108 - inside the sandbox
        yield from ("--perms", "0700", "--size", str(size * MIB), "--tmpfs", folder)
    yield from ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work")
    yield from ("--setenv", "PATH", f"{_python().parent}:/usr/local/bin:/usr/bin:/bin")
    yield from ("--setenv", "LANG", "C.UTF-8")


def _binds(mounts: Mapping[Path, str]) -> Iterator[str]:
    """Folders of the host that are shown inside, read-only."""
    for path in _visible():
        yield from ("--ro-bind", str(path), str(path))
    for link in ("bin", "sbin", "lib", "lib64", "lib32"):  # merged into /usr, or folders of their own
        path = Path("/") / link
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for host, inside in mounts.items():
        yield from ("--ro-bind", str(host), inside)


def _visible() -> Iterator[Path]:
    """What of the host is shown: its programs, the linker's cache, and the runtime's Python."""
    yield Path("/usr")
    for name in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"):
        if Path(name).exists():
            yield Path(name)
    if _python() != SYSTEM:
        for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
            for name in ("bin", "lib", "lib64", "pyvenv.cfg"):
                path = Path(prefix) / name
                if path.exists() and not path.is_relative_to("/usr"):
                    yield path


def _python() -> Path:
    """The runtime's own interpreter; the system's where `nobody` could not read ours.

    Raises:
        SandboxError: There is neither.
    """
    own = Path(sys.executable)
    if os.getuid() != 0 or all(_is_open_to_all(Path(prefix)) for prefix in (sys.base_prefix, sys.prefix)):
        return own
    if SYSTEM.exists():
        return SYSTEM
    raise SandboxError(f"user nobody can read neither {own} nor {SYSTEM}; `apt-get install python3`")


def _is_open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


async def probe() -> str:
    """One line on bubblewrap, for `doctor`; a sandbox is really started.

    Raises:
        SandboxError: It is not installed or not permitted; the message says what to do.
    """

    def ask() -> str:
        Namespace({}).destroy()
        version = subprocess.run([_bubblewrap(), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        return f"{version.stdout.strip()} with {_python()}"

    return await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)
