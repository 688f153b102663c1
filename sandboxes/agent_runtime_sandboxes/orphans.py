"""Containers whose host process has gone: found by label, removed by whoever comes by.

Three layers, each enough alone: PID 1 ends with its channel, or at its deadline (`inside/server.py`); `Reaper`, a
small process that waits for its owner's end, removes what is left at once; `sweep` does so at the next start.
A process is known by pid and start time, in one pid namespace of one boot: another machine's are left alone
until their own deadline has passed.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import docker

LABEL = "rt.sandbox"
REAPER = (Path(__file__).parent / "reaper.py").read_text()
CLOSE_SECONDS = 20.0


class Reaper:
    """A process that removes a session's containers when this process ends, however it ends."""

    def __init__(self, engine_url: str, session: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", "-S", "-c", REAPER, engine_url, f"rt.session={session}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,  # what is sent to the owner's group must not take it along
        )

    def close(self) -> None:
        """Let it do its work now and see it gone (bounded)."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def owner_labels(session: str) -> dict[str, str]:
    """Labels that say whose a container is."""
    pid = os.getpid()
    return {
        LABEL: "1",
        "rt.session": session,
        "rt.owner": f"{pid}:{_start_time(pid)}",
        "rt.machine": _machine(),
    }


def sweep(api: docker.APIClient) -> int:
    """Remove containers whose owner has gone; how many there were.

    Raises:
        docker.errors.DockerException: The engine does not answer.
    """
    n_removed = 0
    for container in api.containers(all=True, filters={"label": f"{LABEL}=1"}):
        if _is_orphan(container["Labels"]):
            with suppress(docker.errors.APIError):  # somebody else was faster
                api.remove_container(container["Id"], force=True, v=True)
                n_removed += 1
    return n_removed


def _is_orphan(labels: dict[str, str]) -> bool:
    if labels.get("rt.deadline", "").isdigit() and time.time() > int(labels["rt.deadline"]):
        return True
    pid, _, started = labels.get("rt.owner", "").partition(":")
    if labels.get("rt.machine") != _machine() or not pid.isdigit():
        return False
    return _start_time(int(pid)) != started


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot; empty when there is none (or no /proc)."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    with suppress(OSError):
        os.kill(pid, 0)
        return "?"
    return ""


def _machine() -> str:
    """This boot and pid namespace, as far as the system tells."""
    parts = []
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts) or os.uname().nodename
