"""The attack corpus for the sandbox, its oracles, and the sandboxes it is run against."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime.types import Execution, SandboxJob
from agent_runtime_sandboxes import BubblewrapSandbox, DockerSandbox
from agent_runtime_sandboxes.wire import MAX_COLLECT_BYTES, MAX_COLLECT_FILES
from tests.corpora import Case, corpus

CASES = [
    case for case in corpus("sandbox") if not case["payload"].startswith("{")
]  # a host or engine that dies
OUTPUT_BYTES = 2**15  # above the longest benign output
# What a check finds: the processes beside PID 1 and itself, what lies in the scratch folders, and free inodes.
LEFTOVERS = """
import os
print([name for name in os.listdir('/proc') if name.isdigit() and int(name) not in (1, os.getpid())],
      [os.listdir(folder) for folder in ('/tmp', '/dev/shm', '/work')])
"""
NOTHING_LEFT = "[] [[], [], ['run']]\n"

AnySandbox = DockerSandbox | BubblewrapSandbox


def grace_seconds() -> float:
    """How late a kill may come: 1 s on an idle machine, 5 s on one that has more to do than it has cores."""
    return 1.0 if os.getloadavg()[0] < (os.cpu_count() or 1) else 5.0


def limit_seconds(case: Case) -> float:
    """Enough to reach what is to be shown; short where the limit itself is."""
    return 1.5 if "deadline" in case["oracle"] else 10.0


@dataclass(frozen=True)
class Outcome:
    """What came of a case: its execution, how long the caller waited, and what the next check found."""

    execution: Execution
    seconds: float
    leftovers: str


async def run_case(sandbox: AnySandbox, case: Case) -> Outcome:
    """Run a case in a trust domain of its own, and a benign check after it."""
    scope = case["id"]
    job = SandboxJob(
        code=case["payload"], seconds=limit_seconds(case), output_bytes=OUTPUT_BYTES, collect=("out",)
    )
    await sandbox.run(SandboxJob(code="pass"), scope)  # the start of a container is not the case's time
    started = time.monotonic()
    execution = await sandbox.run(job, scope)
    seconds = time.monotonic() - started
    after = await sandbox.run(SandboxJob(code=LEFTOVERS), scope)
    await sandbox.release(scope)
    return Outcome(execution, seconds, after.stdout + after.stderr)


def failures(case: Case, outcome: Outcome) -> list[str]:
    """The names of the oracles that do not hold."""
    names = ["no_pwned", "nothing_left", *case.get("oracle", "").split(",")]
    if case["expected"] != "ok":
        names.append("in_time")
    return [name for name in names if not _holds(name, case, outcome)]


def _holds(name: str, case: Case, outcome: Outcome) -> bool:
    if name.startswith("exit_code:"):
        return outcome.execution.exit_code == int(name.partition(":")[2])
    return ORACLES[name](case, outcome)


def _is_as_expected(case: Case, outcome: Outcome) -> bool:
    execution = outcome.execution
    return (
        (case["answer"] is None or execution.stdout.replace(" ", "") == case["answer"].replace(" ", ""))
        and execution.exit_code == case.get("exit_code", 0)
        and case.get("stderr_contains", "") in execution.stderr
    )


def _is_capped(case: Case, outcome: Outcome) -> bool:
    n_bytes = len(outcome.execution.stdout.encode())
    return n_bytes == OUTPUT_BYTES if outcome.execution.is_stdout_truncated else n_bytes < OUTPUT_BYTES


def _copy_out_is_capped(case: Case, outcome: Outcome) -> bool:
    files = outcome.execution.files
    n_bytes = sum(map(len, files.values()))
    return 0 < len(files) <= MAX_COLLECT_FILES and n_bytes <= MAX_COLLECT_BYTES and "out/sparse" not in files


ORACLES: dict[str, Callable[[Case, Outcome], bool]] = {
    "container_gone": lambda case, outcome: outcome.leftovers == NOTHING_LEFT,
    "copyout_cap": _copy_out_is_capped,
    "crash_reported": lambda case, outcome: outcome.execution.exit_code not in (0, 1),
    "deadline": lambda case, outcome: outcome.seconds < limit_seconds(case) + grace_seconds(),
    "host_procs": lambda case, outcome: outcome.leftovers == NOTHING_LEFT,
    "in_time": lambda case, outcome: outcome.seconds < limit_seconds(case) + grace_seconds(),
    "names_sanitised": lambda case, outcome: not outcome.execution.files and bool(outcome.execution.left_out),
    "no_host_write": lambda case, outcome: not outcome.execution.files,
    "no_pwned": lambda case, outcome: "PWNED" not in outcome.execution.stdout + outcome.execution.stderr,
    "nothing_left": lambda case, outcome: outcome.leftovers == NOTHING_LEFT,
    "oom": lambda case, outcome: outcome.execution.is_out_of_memory and outcome.execution.exit_code != 0,
    "oom_flag": lambda case, outcome: outcome.execution.is_out_of_memory,
    "output_cap": _is_capped,
    "stdout_equals": _is_as_expected,
}
