"""The second judge of a step: P(<good>) by the model itself, batched through the same engine.

Source: Lightman et al. 2023, "Let's verify step by step" (arXiv:2305.20050). A tool's verdict is never overruled:
the judge adds a score to it. A model that was not trained as a judge declines (None), and the score stays None.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent_runtime.protocols import Model, Verifier
from agent_runtime.types import Node, Prompt, Request, Verdict


class ProcessReward:
    """Adds the model's process reward to the verdicts of another verifier."""

    def __init__(self, first: Verifier, model: Model) -> None:
        self._first = first
        self._model = model

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """The first verifier's verdicts, each with P(<good>) of its path's last step."""
        verdicts = await self._first.judge(prompt, paths)
        scores = await self._model.judge([Request(prompt, path) for path in paths])
        return [
            replace(verdict, score=score) if score is not None else verdict
            for verdict, score in zip(verdicts, scores, strict=True)
        ]
