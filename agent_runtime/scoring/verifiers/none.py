"""No judge at all: what a search makes of a run when nothing is checked, to compare with."""

from collections.abc import Sequence

from agent_runtime.types import Node, Prompt, Verdict


class NoVerdicts:
    """Leaves every step unchecked, whatever its check brought."""

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path: unchecked."""
        return [Verdict() for _ in paths]
