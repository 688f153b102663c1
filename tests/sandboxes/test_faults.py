"""Engine, image, host and disk fail: always a typed error that says what to do, nothing left behind, no hang."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import docker
import pytest

from agent_runtime.errors import SandboxError
from agent_runtime.types import SandboxJob
from agent_runtime_sandboxes import BubblewrapSandbox, DockerSandbox, choose_sandbox
from agent_runtime_sandboxes.cell import check_walls
from agent_runtime_sandboxes.engine import connect
from agent_runtime_sandboxes.orphans import sweep
from tests.sandboxes.engines import Engine, can_start_an_engine, engine

HOST = Path(__file__).with_name("host.py")
ROOT = Path(__file__).parents[2]
IMAGE = "sandbox-test:1"
ANSWER = SandboxJob(code="print(6 * 7)")

pytestmark = pytest.mark.slow


# --- something is missing


async def test_no_engine_is_an_error_that_says_what_to_do(tmp_path: Path):
    sandbox = DockerSandbox(base_url=f"unix://{tmp_path}/none.sock")

    with anyio.fail_after(10), pytest.raises(SandboxError, match="start one"):
        await sandbox.run(ANSWER, "a")
    await sandbox.aclose()


async def test_no_bubblewrap_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox = BubblewrapSandbox()

    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        await sandbox.run(ANSWER, "a")
    await sandbox.aclose()


async def test_with_nothing_installed_auto_refuses_and_never_takes_a_plain_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    with pytest.raises(SandboxError, match=r"(?s)no Docker engine.*bubblewrap is not installed"):
        await choose_sandbox("auto")


@pytest.mark.bubblewrap
async def test_without_an_engine_auto_takes_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    assert isinstance(await choose_sandbox("auto"), BubblewrapSandbox)


@pytest.mark.docker
async def test_with_an_engine_auto_takes_docker():
    assert isinstance(await choose_sandbox("auto"), DockerSandbox)


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "ssh://nobody@127.0.0.1", "nonsense"])
async def test_an_engine_that_cannot_be_spoken_to_is_an_error(url: str):
    sandbox = DockerSandbox(base_url=url)

    with anyio.fail_after(10), pytest.raises(SandboxError):
        await sandbox.run(ANSWER, "a")
    await sandbox.aclose()


@pytest.mark.docker
async def test_an_image_that_is_missing_is_named():
    sandbox = DockerSandbox("no-such-image:1")

    with pytest.raises(SandboxError, match="no-such-image:1"):
        await sandbox.run(ANSWER, "a")
    await sandbox.aclose()


def test_a_missing_wall_means_that_nothing_runs():
    hello = {
        "pid": 1,
        "status": {"CapEff": "0", "CapBnd": "0", "NoNewPrivs": "1", "Seccomp": "0", "Uid": "65534"},
    }

    with pytest.raises(SandboxError, match="without seccomp"):
        check_walls({**hello, "n_routes": 0, "is_root_writable": False})


# --- something dies


def _gone(is_gone: Callable[[], bool], seconds: float) -> bool:
    """Whether it is so within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_gone():
            return True
        time.sleep(0.2)
    return False


def _start_host(kind: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    host = subprocess.Popen(
        [sys.executable, str(HOST), kind],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert host.stdout is not None
    assert host.stdout.readline() == "ready\n"
    host.stdout.close()
    return host


@pytest.mark.docker
def test_a_killed_host_leaves_no_container():
    api = connect()
    host = _start_host("docker")
    owner = f"{host.pid}:{Path(f'/proc/{host.pid}/stat').read_text().rpartition(')')[2].split()[19]}"

    def is_gone() -> bool:
        return not api.containers(all=True, filters={"label": f"rt.owner={owner}"})

    was_there = not is_gone()
    host.kill()
    host.wait()

    assert was_there
    assert _gone(is_gone, 15.0)
    api.close()


@pytest.mark.bubblewrap
def test_a_killed_host_leaves_no_process():
    host = _start_host("bubblewrap")
    children = _below(host.pid)
    host.kill()
    host.wait()

    def is_gone() -> bool:
        return not any(_is_alive(pid) for pid in children)

    assert len(children) >= 2
    assert _gone(is_gone, 15.0)


def _below(root: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{root}/task").iterdir():
        for word in (task / "children").read_text().split():
            found += [int(word), *_below(int(word))]
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.docker
async def test_containers_of_a_dead_owner_are_swept_others_are_not():
    sandbox = DockerSandbox(n_warm=0)
    await sandbox.run(ANSWER, "a")
    api = connect()
    labels = {"rt.sandbox": "1", "rt.owner": "999999999:1", "rt.machine": _own_labels(api)["rt.machine"]}
    orphan = api.create_container(sandbox._engine.image_id, ["true"], labels=labels)["Id"]  # type: ignore[union-attr]

    n_removed = sweep(api)

    assert n_removed >= 1
    with pytest.raises(docker.errors.NotFound):
        api.inspect_container(orphan)
    assert (await sandbox.run(ANSWER, "a")).stdout == "42\n"
    await sandbox.aclose()
    api.close()


def _own_labels(api: docker.APIClient) -> dict[str, str]:
    mine = [c["Labels"] for c in api.containers(filters={"label": "rt.sandbox=1"})]
    return next(labels for labels in mine if labels["rt.owner"].startswith(f"{os.getpid()}:"))


# --- an engine of our own, that may die

# The client library leaves a socket to the garbage collector whenever its engine does not answer.
LEAKY_CLIENT = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def own_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if not can_start_an_engine():
        pytest.skip("a second engine needs root, dockerd and /usr/bin/python3")
    with engine(tmp_path_factory.mktemp("engine")) as made:
        made.import_python(IMAGE)
        yield made


@LEAKY_CLIENT
@pytest.mark.docker
async def test_an_engine_restarted_in_mid_run_is_an_error_or_a_second_try_never_program_output(
    own_engine: Engine,
):
    sandbox = DockerSandbox(IMAGE, base_url=own_engine.url)
    assert (await sandbox.run(ANSWER, "a")).stdout == "42\n"
    outcomes: list[object] = []

    async def run() -> None:
        try:
            outcomes.append(
                await sandbox.run(SandboxJob(code="import time; time.sleep(3); print('done')"), "a")
            )
        except SandboxError as error:
            outcomes.append(error)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            await anyio.sleep(0.5)
            await anyio.to_thread.run_sync(own_engine.stop)
    await anyio.to_thread.run_sync(own_engine.start)
    after = await sandbox.run(ANSWER, "a")
    await sandbox.aclose()
    gc.collect()

    assert isinstance(outcomes[0], SandboxError) or outcomes[0].stdout == "done\n"  # type: ignore[attr-defined]
    assert after.stdout == "42\n"


@pytest.mark.docker
async def test_a_container_killed_from_outside_is_a_second_try_never_program_output(own_engine: Engine):
    sandbox = DockerSandbox(IMAGE, base_url=own_engine.url, n_warm=0)
    api = docker.APIClient(base_url=own_engine.url)
    await sandbox.run(ANSWER, "a")
    executions = []

    async def run() -> None:
        executions.append(
            await sandbox.run(SandboxJob(code="import time; time.sleep(1); print('done')"), "a")
        )

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.sleep(0.3)
        for container in api.containers(filters={"label": "rt.sandbox=1"}):
            api.kill(container["Id"], signal.SIGKILL)
    await sandbox.aclose()
    left = api.containers(all=True, filters={"label": "rt.sandbox=1"})
    api.close()

    assert executions[0].stdout == "done\n"
    assert left == []


@pytest.mark.docker
def test_a_full_disk_is_the_engines_error_and_typed(tmp_path: Path):
    if not can_start_an_engine():
        pytest.skip("a second engine needs root and dockerd")
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", str(data)], check=True)
    try:
        with engine(tmp_path, data) as small:
            small.import_python(IMAGE)
            with_room, when_full = anyio.run(_runs_with_room_and_without, small)
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)

    assert with_room == "42\n"
    assert "no space left on device" in when_full


async def _runs_with_room_and_without(small: Engine) -> tuple[str, str]:
    """What a program prints while the engine's disk has room, and the error once it has none."""
    sandbox = DockerSandbox(IMAGE, base_url=small.url, n_warm=0)
    with_room = (await sandbox.run(ANSWER, "a")).stdout
    await sandbox.release("a")
    _fill(small.data / "filler")
    with pytest.raises(SandboxError) as raised:
        await sandbox.run(ANSWER, "b")
    await sandbox.aclose()
    return with_room, str(raised.value)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_the_profile_and_the_recipe_are_shipped_as_data():
    folder = ROOT / "sandboxes" / "agent_runtime_sandboxes"

    assert json.loads((folder / "seccomp.json").read_text())["defaultAction"] == "SCMP_ACT_ERRNO"
    assert (folder / "images" / "python" / "build.sh").stat().st_mode & 0o100
