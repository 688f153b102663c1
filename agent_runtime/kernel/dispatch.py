"""Check -> Observation: look the tool up, set its time limit, remember identical checks, name what went wrong.

The one place where a time limit is set. A tool's error is an observation that the model reads; a failure of
the sandbox itself is raised, because it says nothing about the step.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import anyio

from agent_runtime.concurrency import gather
from agent_runtime.errors import ToolError, ToolTimeout
from agent_runtime.protocols import Tool
from agent_runtime.types import Check, Observation, Outcome, Task

GRACE_SECONDS = 1.0  # for a tool to kill what it started after its own limit has passed
MAX_BRIEF_ERROR = 100  # characters of an error that a model reads (the wire protocol's figure)


class Dispatcher:
    """Runs the checks of one task, side by side. A check that was carried out once is answered from memory.

    `recorded` are observations of an earlier part of the same run: they stand for carrying the check out.
    """

    def __init__(
        self,
        tools: Mapping[str, Tool],
        task: Task,
        seconds: float = 10.0,
        max_parallel: int = 16,
        recorded: Mapping[Check, Observation] | None = None,
    ) -> None:
        self._tools = tools
        self._task = task
        self._seconds = seconds
        self._max_parallel = max_parallel
        self._recorded = recorded or {}
        self._known: dict[Check, Observation] = {}

    async def run(self, checks: Sequence[Check]) -> list[Observation]:
        """Carry the checks out; the observations in the order of the checks.

        Raises:
            SandboxError: The place where a check runs failed.
        """
        new = list(dict.fromkeys(check for check in checks if check not in self._known))
        fresh = await gather([self._call(check) for check in new], self._max_parallel) if new else []
        self._known.update(zip(new, fresh, strict=True))
        first_uses = set(new)
        observations = []
        for check in checks:
            observation = self._known[check]
            if check in first_uses:
                first_uses.remove(check)
            else:
                observation = replace(observation, is_cached=True, seconds=0.0)
            observations.append(observation)
        return observations

    def _call(self, check: Check) -> Callable[[], Awaitable[Observation]]:
        return lambda: self._observe(check)

    async def _observe(self, check: Check) -> Observation:
        if check in self._recorded:
            return self._recorded[check]
        started = time.perf_counter()
        try:
            observation = await self._run_tool(check)
        except ToolTimeout as error:
            observation = _failed(check, error, "timeout")
        except ToolError as error:
            observation = _failed(check, error, "error")
        return replace(observation, seconds=time.perf_counter() - started)

    async def _run_tool(self, check: Check) -> Observation:
        tool = self._tools.get(check.tool)
        if tool is None:
            known = ", ".join(sorted(self._tools)) or "none"
            raise ToolError(f"no tool {check.tool!r}; there are: {known}")
        try:
            with anyio.fail_after(self._seconds + GRACE_SECONDS):
                return await tool.run(check.input, self._task, self._seconds)
        except TimeoutError:
            raise ToolTimeout(check.tool, self._seconds) from None


def _failed(check: Check, error: ToolError, outcome: Outcome) -> Observation:
    text = str(error)
    first_line = text.strip().partition("\n")[0]
    return Observation(check.tool, text, f"error: {first_line[:MAX_BRIEF_ERROR]}", outcome)
