"""The program that traces: a process of its own, because it reads files that nobody has checked.

Run by path with the interpreter's `-I`. Reads one request as JSON from stdin, writes one JSON answer to stdout and
the evidence to the scratch folder it is given. Memory is bounded (DuckDB's own limit, and an address-space limit over
everything); time is bounded by the parent, which kills it. After the files are loaded DuckDB has no way out: no files,
no network, no extensions.
"""

import resource
import sys
from pathlib import Path

sys.path[0:0] = [str(Path(__file__).resolve().parents[3])]

import duckdb  # noqa: E402 - after the path above
from pydantic import TypeAdapter  # noqa: E402

from agent_runtime.errors import AgentRuntimeError, InputError  # noqa: E402
from agent_runtime.jobs.cashflow.job import trace_tables  # noqa: E402
from agent_runtime.jobs.cashflow.types import Report, WorkerAnswer, WorkerRequest  # noqa: E402

_DUCKDB_SHARE = 0.6  # of the memory; the rest is for Python's side of the trace
_OVERHEAD = 4 * 2**30  # address space that libraries map and never fill


def main() -> None:
    """Carry out the request on stdin."""
    request = TypeAdapter(WorkerRequest).validate_json(sys.stdin.buffer.read())
    limit = request.memory_bytes + _OVERHEAD
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    answer = _answer(request)
    sys.stdout.buffer.write(TypeAdapter(WorkerAnswer).dump_json(answer))


def _answer(request: WorkerRequest) -> WorkerAnswer:
    scratch = Path(request.scratch)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{int(request.memory_bytes * _DUCKDB_SHARE)}B",
        "threads": request.threads,
        "temp_directory": str(scratch / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    try:
        with duckdb.connect(":memory:", config=config) as con:
            result = trace_tables(request.request, con, scratch, request.files)
    except InputError as error:
        return WorkerAnswer(refusal=str(error))
    except (MemoryError, duckdb.OutOfMemoryException):
        limit = f"its {request.memory_bytes / 2**30:.1f} GB of memory"
        return WorkerAnswer(failure=f"the trace needs more than {limit}; give it more with --max-memory")
    except (AgentRuntimeError, duckdb.Error) as error:
        return WorkerAnswer(failure=f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return WorkerAnswer(report=Report(result, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime))


if __name__ == "__main__":
    main()
