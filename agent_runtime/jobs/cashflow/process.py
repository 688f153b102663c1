"""Run a trace in a process that can be killed: the one way in for the command, the SDK and the benchmark."""

import os
import shutil
import sys
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
from pydantic import TypeAdapter, ValidationError

from agent_runtime.errors import InputError, PartError
from agent_runtime.jobs.cashflow.types import FILES, Report, TraceRequest, WorkerAnswer, WorkerRequest

_WORKER = Path(__file__).with_name("worker.py")
_SECONDS = 600.0
_MOST_MEMORY = 8 * 2**30  # 10 million transfers take less
_KEPT_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH")


def default_memory_bytes() -> int:
    """What a trace may take when nobody says: 8 GB, or half of what this machine has where that is less."""
    return min(_MOST_MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)


async def run_trace(
    request: TraceRequest,
    folder: Path | None = None,
    seconds: float = _SECONDS,
    memory_bytes: int | None = None,
    files: Collection[str] = FILES,
) -> Report:
    """Trace, and leave `files` (some of `FILES`) in `folder` where one is given.

    `memory_bytes` None means `default_memory_bytes()`.

    Raises:
        InputError: A table, name, date or amount of the request cannot be used.
        PartError: The trace ran out of time or memory, or failed.
    """
    with tempfile.TemporaryDirectory(prefix="agent-runtime-trace-") as scratch:
        wanted = () if folder is None else tuple(files)
        memory_bytes = memory_bytes or default_memory_bytes()
        threads = min(4, os.cpu_count() or 1)
        job = WorkerRequest(_absolute(request), wanted, scratch, memory_bytes, threads)
        answer = await _ask(TypeAdapter(WorkerRequest).dump_json(job), seconds)
        if answer.refusal:
            raise InputError(answer.refusal)
        if answer.report is None:
            raise PartError(answer.failure or "the trace gave no result")
        if folder is not None:
            await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
            for name in wanted:
                await anyio.to_thread.run_sync(shutil.move, Path(scratch) / name, folder / name)
        return answer.report


def _absolute(request: TraceRequest) -> TraceRequest:
    """The worker runs in another folder; a path that begins with `-` or names a URL is a path all the same."""
    return replace(request, tables=tuple(str(Path(table).absolute()) for table in request.tables))


async def _ask(job: bytes, seconds: float) -> WorkerAnswer:
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    try:
        with anyio.fail_after(seconds):  # leaving early kills the process
            done = await anyio.run_process(
                [sys.executable, "-I", str(_WORKER)], input=job, check=False, env=environment
            )
    except TimeoutError:
        raise PartError(
            f"the trace did not finish within {seconds:g} s; give it a larger limit or a shorter window"
        ) from None
    try:
        return TypeAdapter(WorkerAnswer).validate_json(done.stdout)
    except ValidationError:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"])[-1]
        raise PartError(f"the trace failed (exit code {done.returncode}): {last[:300]}") from None
