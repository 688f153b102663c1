"""What a test may need from the machine: asked for by marker, skipped with a reason, never skipped in CI."""

import importlib.util
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from agent_runtime.config import cache_folder
from agent_runtime.errors import SandboxError
from agent_runtime_sandboxes.engine import connect

SHARED = Path(__file__).parents[2] / "shared"


@cache
def has_docker() -> bool:
    try:
        connect().close()
    except SandboxError:
        return False
    return True


def has_bubblewrap() -> bool:
    return shutil.which("bwrap") is not None


def has_chromium() -> bool:
    return shutil.which("chromium") is not None


def has_weights() -> bool:
    return any(cache_folder().glob("embedded-*/model.safetensors"))


@cache
def has_gpu() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "docker": (has_docker, "no Docker engine answers"),
    "bubblewrap": (has_bubblewrap, "bubblewrap is not installed"),
    "chromium": (has_chromium, "Chromium is not installed"),
    "weights": (has_weights, "the embedded weights are not in the cache: make weights"),
    "gpu": (has_gpu, "no CUDA device"),
}
REQUIRED_IN_CI = ("docker", "bubblewrap", "chromium", "weights")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (is_there, reason) in NEEDS.items():
        if item.get_closest_marker(marker) and not is_there():
            if os.environ.get("CI") and marker in REQUIRED_IN_CI:
                pytest.fail(f"CI must run this test: {reason}")
            pytest.skip(reason)


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces of tests go to a folder of their own, and the settings of whoever runs the tests do not count."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    for name in [name for name in os.environ if name.startswith("AGENT_RUNTIME_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def shared() -> Path:
    """The folder of evaluation data that is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there")
    return SHARED
