"""The `edit` tool of a debugging run: what an experiment has refuted is refuted, all else is run alone and in full.

A wrapper of the built-in tool, which confirms: an observation `ok` always comes from a run of the user's own
command in a clean sandbox.
"""

from agent_runtime.jobs.debugging.experiments import Trial
from agent_runtime.protocols import Tool
from agent_runtime.types import Observation, Task


class ScreenedEdit:
    """Answers from `know` where a trial has failed, and asks the real tool otherwise."""

    name = "edit"

    def __init__(self, inner: Tool) -> None:
        self._inner = inner
        self._refuted: dict[str, str] = {}
        self.description = inner.description

    def know(self, text: str, trial: Trial) -> None:
        """Remember what an experiment made of the edit `text`."""
        if not trial.is_passing:
            self._refuted[text] = trial.said or "the command still fails"

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Rerun the failing command with the edit `text`.

        Raises:
            ToolError: The edit is malformed.
            SandboxError: The sandbox failed.
        """
        if text in self._refuted:
            said = self._refuted[text]
            return Observation(self.name, said, said[:300], "false")
        return await self._inner.run(text, task, seconds)
