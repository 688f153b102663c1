"""Experiments in the sandbox: many variants of the program in one job, each in a fork of one interpreter.

A job costs a few milliseconds a variant, where a run of its own costs fifty. Its results refute and compare; they
never confirm, because all variants of a job run as the same user.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent_runtime.jobs.debugging.types import Candidate
from agent_runtime.protocols import Sandbox
from agent_runtime.types import SandboxJob

WORKER = Path(__file__).parent / "inside" / "worker.py"
PLAN = ".agent-runtime/plan.json"
Mode = Literal["trace", "screen", "compare"]
Files = Mapping[str, str]
Call = tuple[str, str, str]  # file, function, arguments as text

CPU_SECONDS = 0.5  # of one variant; a mutated loop may never end
MEMORY_BYTES = 256 * 2**20
MAX_SECONDS = 120.0  # of one job with all its variants


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one call gave: result and arguments afterwards as text, or the exception's name; "" where it was lost."""

    text: str
    is_crash: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What one variant did. `lines` of `events`: what ran before each assert or test, and whether it held."""

    is_passing: bool
    said: str
    n_passed: int = 0
    is_lost: bool = False  # the experiment itself gave no result, which says nothing about the variant
    events: tuple[tuple[bool, tuple[tuple[str, int], ...]], ...] = ()
    calls: tuple[Call, ...] = ()
    functions: frozenset[tuple[str, str]] = frozenset()
    outputs: tuple[CallResult, ...] = ()


@dataclass(slots=True)
class ExperimentRunner:
    """Runs variants of one program. `limit_seconds` is what one variant may take."""

    sandbox: Sandbox
    scope: str
    folder: Path
    files: Sequence[str]
    command: list[str]
    limit_seconds: float = CPU_SECONDS
    n_runs: int = field(default=0, init=False)
    _base: dict[str, bytes] | None = field(default=None, init=False)

    async def run(self, mode: Mode, variants: Sequence[Files], inputs: Sequence[Call] = ()) -> list[Trial]:
        """One trial a variant, in order; a variant names the files that differ.

        Raises:
            SandboxError: The sandbox failed.
        """
        plan = {
            "mode": mode,
            "command": self.command,
            "variants": [dict(variant) for variant in variants],
            "inputs": inputs,
            "cpu_seconds": self.limit_seconds,
            "wall_seconds": self.limit_seconds * 4 + 1,
        }
        seconds = min(MAX_SECONDS, 10.0 + len(variants) * (self.limit_seconds + 0.2))
        job = SandboxJob(
            code=WORKER.read_text(),
            files={**self._files(), PLAN: json.dumps(plan).encode()},
            seconds=seconds,
            memory_bytes=MEMORY_BYTES,
            output_bytes=8 * 2**20,
        )
        self.n_runs += len(variants)
        execution = await self.sandbox.run(job, self.scope)
        found = dict(_read(line) for line in execution.stdout.splitlines() if line.startswith("{"))
        lost = Trial(is_passing=False, said="the experiment gave no result", is_lost=True)
        return [found.get(index, lost) for index in range(len(variants))]

    def _files(self) -> dict[str, bytes]:
        if self._base is None:
            self._base = {name: (self.folder / name).read_bytes() for name in self.files}
        return self._base


def variant(candidate: Candidate, sources: Files) -> dict[str, str]:
    """The file that a candidate changes, changed."""
    return {candidate.file: candidate.applied(sources[candidate.file])}


def _read(line: str) -> tuple[int, Trial]:
    """A result line; what is no result counts as a trial that failed."""
    try:
        data: dict[str, Any] = json.loads(line)
        events = tuple(
            (bool(held), tuple((str(file), int(number)) for file, number in lines))
            for held, lines in [*data.get("events", ()), *_rest(data)]
        )
        return int(data["index"]), Trial(
            is_passing=data["exit"] == 0,
            said=str(data.get("said", ""))[:300],
            n_passed=int(data.get("n_passed", 0)),
            events=events,
            calls=tuple((str(file), str(name), str(text)) for file, name, text in data.get("calls", ())),
            functions=frozenset((str(file), str(name)) for file, name in data.get("functions", ())),
            outputs=tuple(
                CallResult(str(text), bool(is_crash)) for text, is_crash in data.get("outputs", ())
            ),
        )
    except (ValueError, TypeError, KeyError):
        return -1, Trial(is_passing=False, said="the experiment gave no result")


def _rest(data: dict[str, Any]) -> list[tuple[bool, list[Any]]]:
    """The lines after the last event: part of the failure where none was told apart."""
    return [(data["exit"] == 0, data["rest"])] if data.get("rest") else []
