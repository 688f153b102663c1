"""Which sandbox: Docker if an engine answers, else bubblewrap, else an error. Never silently something weaker."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import anyio

from agent_runtime.errors import SandboxError
from agent_runtime.protocols import Sandbox
from agent_runtime_sandboxes import bubblewrap, docker
from agent_runtime_sandboxes.bubblewrap import BubblewrapSandbox
from agent_runtime_sandboxes.docker import DockerSandbox
from agent_runtime_sandboxes.engine import connect
from agent_runtime_sandboxes.images import ensure_image, has_image
from agent_runtime_sandboxes.process import ProcessSandbox

SANDBOXES: dict[str, Callable[[], Sandbox]] = {
    "docker": DockerSandbox,
    "bubblewrap": BubblewrapSandbox,
    "process": ProcessSandbox,
}


async def choose_sandbox(
    name: str = "auto",
    image: str | None = None,
    *,
    mounts: Mapping[Path, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Sandbox:
    """The sandbox called `name`, after it has shown that it works; `auto` takes the first that does.

    Docker by name builds its image here if need be, which takes minutes once; `auto` is settled at a run's first
    check, so it takes Docker only where the image is there already.

    `mounts` are folders of the host to show inside, read-only; a plain process has none.

    Raises:
        SandboxError: It is not to be had; the message says what to install or start.
    """
    if name == "auto":
        name = await _best(image)
    else:
        await _prepare(name, image)
    if name == "docker":
        return DockerSandbox(image, read_only_mounts=mounts, environment=environment)
    if name == "bubblewrap":
        return BubblewrapSandbox(read_only_mounts=mounts, environment=environment)
    return SANDBOXES[name]()


async def _prepare(name: str, image: str | None) -> None:
    """See that the sandbox named works here; Docker gets its image."""
    if name not in SANDBOXES:
        raise SandboxError(f"no sandbox is called {name!r}; there are: auto, {', '.join(SANDBOXES)}")
    if name == "docker":
        await docker.probe()
        await anyio.to_thread.run_sync(_build_image, image)
    elif name == "bubblewrap":
        await bubblewrap.probe()


async def _best(image: str | None) -> str:
    reasons = []
    for name, probe in (("docker", docker.probe), ("bubblewrap", bubblewrap.probe)):
        try:
            await probe()
            if name == "docker" and image is None:
                await anyio.to_thread.run_sync(_need_image)
        except SandboxError as error:
            reasons.append(str(error))
        else:
            return name
    raise SandboxError(f"there is no sandbox to run code in: {'; '.join(reasons)}")


def _build_image(image: str | None) -> None:
    with closing(connect()) as api:
        ensure_image(api, image)


def _need_image() -> None:
    with closing(connect()) as api:
        if not has_image(api):
            raise SandboxError("the Docker engine has no sandbox image yet: run `make image` once")
