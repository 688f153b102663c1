"""What a run needs from the machine: is it there, and what to do where it is not.

A part that is required and missing keeps every run from working; without an optional one something is refused
(code checks without a sandbox) or unknown (joules), and the rest works.
"""

import os
import platform
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import duckdb
import torch
from transformers import LlamaConfig

from agent_runtime.config import FILE_NAME, cache_folder, config_folder, runs_folder
from agent_runtime.engine.engine import capacity_for
from agent_runtime.errors import SandboxError
from agent_runtime.limits.energy import RAPL, energy_counter
from agent_runtime.models.embedded.weights import NEEDED_BYTES, embedded_folder, is_ready

PACKAGES = ("torch", "transformers", "duckdb", "sympy", "networkx", "pydantic", "llguidance")
PROMPT_TOKENS = 1024  # of a run with a table of some width, and of one of its branches
BRANCH_TOKENS = 256

_RAPL_REMEDY = f"let your user read {RAPL}/intel-rapl:*/energy_uj, where this machine has it"

Probe = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the screen. `remedy` says what to do about a miss."""

    name: str
    is_ok: bool
    text: str
    remedy: str = ""
    is_required: bool = True


async def checkup(probes: Mapping[str, Probe]) -> list[Finding]:
    """Look at everything; `probes` ask the sandboxes."""
    sandboxes = [await _sandbox(name, probe) for name, probe in probes.items()]
    machine = [_versions(), _weights(), _device(), *_branches()]
    return [*machine, *sandboxes, _database(), _energy(), *_folders(), _settings()]


def _versions() -> Finding:
    found, missing = [f"Python {platform.python_version()}"], []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    return Finding("versions", not missing, ", ".join(found), f"pip install {' '.join(missing)}")


def _weights() -> Finding:
    cache = cache_folder()
    if is_ready(cache):
        return Finding("model", True, f"embedded weights are in {cache}")
    remedy = (
        f"the first run fetches them ({NEEDED_BYTES / 1e6:.0f} MB of disk meanwhile), or `make weights` now"
    )
    return Finding("model", False, f"embedded weights are not in {cache} yet", remedy, is_required=False)


def _device() -> Finding:
    if torch.cuda.is_available():
        return Finding("device", True, f"cuda, {torch.cuda.get_device_name()}")
    return Finding("device", True, f"cpu, {torch.get_num_threads()} threads (no CUDA device)")


def _branches() -> Iterator[Finding]:
    """How many branches of the embedded model there is room for, before one is opened."""
    if not is_ready():
        return
    config = LlamaConfig.from_pretrained(embedded_folder(lambda *_: None), local_files_only=True)
    room = capacity_for(config, "cuda" if torch.cuda.is_available() else "cpu")
    n_fit = room.branches(BRANCH_TOKENS, PROMPT_TOKENS)
    size = f"{BRANCH_TOKENS * room.bytes_per_token / 2**20:.1f} MiB"
    what = f"{n_fit} at once of {BRANCH_TOKENS} tokens ({size} each) behind a prompt of {PROMPT_TOKENS:,}"
    yield Finding("branches", n_fit > 0, what, "free memory, or use a smaller model", is_required=False)


async def _sandbox(name: str, probe: Probe) -> Finding:
    try:
        return Finding(name, True, await probe(), is_required=False)
    except SandboxError as error:
        return Finding(name, False, "not to be had", str(error), is_required=False)


def _database() -> Finding:
    try:
        with duckdb.connect() as connection:
            row = connection.execute("SELECT 6 * 7").fetchone()
    except duckdb.Error as error:
        return Finding("DuckDB", False, str(error), "pip install --force-reinstall duckdb")
    return Finding("DuckDB", row == (42,), f"{duckdb.__version__} answers")


def _energy() -> Finding:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if energy_counter(device)() is not None:
        return Finding("joules", True, "the device's energy counter can be read", is_required=False)
    remedy = (
        "pip install 'lrm-runtime[gpu]' (it reads the driver's NVML counter)"
        if device == "cuda"
        else _RAPL_REMEDY
    )
    return Finding("joules", False, "unknown: no energy counter can be read", remedy, is_required=False)


def _folders() -> Iterator[Finding]:
    for name, folder in (("cache", cache_folder()), ("traces", runs_folder())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        is_ok = os.access(there, os.W_OK) and free > NEEDED_BYTES
        remedy = f"make {there} writable, with {NEEDED_BYTES / 1e6:.0f} MB free, or set XDG_CACHE_HOME/XDG_STATE_HOME"
        yield Finding(name, is_ok, f"{folder} ({free / 1e9:.1f} GB free)", remedy)


def _settings() -> Finding:
    files = [str(path) for path in (Path(FILE_NAME), config_folder() / FILE_NAME) if path.is_file()]
    variables = sorted(name for name in os.environ if name.startswith("AGENT_RUNTIME_"))
    return Finding(
        "settings", True, ", ".join([*files, *variables]) or f"none beside the defaults (no {FILE_NAME})"
    )
