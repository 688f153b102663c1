"""A tool with a time limit of its own, below that of the run that it works in."""

from agent_runtime.protocols import PreparedTool, Tool, ToolContext
from agent_runtime.types import Observation, Task


class Timed:
    """Hands everything to `inner`, with `seconds` at the most for one check."""

    def __init__(self, inner: Tool, seconds: float) -> None:
        self.name = inner.name
        self.description = inner.description
        self._inner = inner
        self._seconds = seconds

    async def prepare(self, task: Task) -> ToolContext:
        """Let the tool load what the task brings for it."""
        return await self._inner.prepare(task) if isinstance(self._inner, PreparedTool) else ToolContext()

    async def release(self, task: Task) -> None:
        """Let the tool drop it."""
        if isinstance(self._inner, PreparedTool):
            await self._inner.release(task)

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Carry the check out.

        Raises:
            ToolError: The check is wrong.
            SandboxError: The place where it runs failed.
        """
        return await self._inner.run(text, task, min(seconds, self._seconds))
