"""The second judge of a step: P(<good>) by the model itself, batched through the same engine.

Source: Lightman et al. 2023, "Let's verify step by step" (arXiv:2305.20050). A tool's verdict is never overruled:
the judge adds a score to it (times the score that is there). A model that was not trained as a judge declines (None),
and the score stays as it was.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from agent_runtime.protocols import Model, Verifier
from agent_runtime.types import Judgement, Node, Prompt, Request, Usage, Verdict


class ProcessReward:
    """Adds the model's process reward to the verdicts of another verifier."""

    def __init__(self, first: Verifier, model: Model) -> None:
        self._first = first
        self._model = model

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """The first verifier's verdicts, each with P(<good>) of its path's last step."""
        verdicts = await self._first.judge(prompt, paths)
        judgements = await self._model.judge([Request(prompt, path) for path in paths])
        return [_both(*pair) for pair in zip(verdicts, judgements, strict=True)]


def _both(verdict: Verdict, judgement: Judgement) -> Verdict:
    scores = [score for score in (verdict.score, judgement.score) if score is not None]
    score = prod(scores) if scores else None
    taken = [one for one in (verdict.usage, judgement.usage) if one is not None]
    return replace(verdict, score=score, usage=sum(taken, Usage()) if taken else None)
