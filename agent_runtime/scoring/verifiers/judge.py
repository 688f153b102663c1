"""The model as the judge of its own steps: how likely is it that this check answers the question?

Source: Lightman et al. 2023, "Let's verify step by step" (arXiv:2305.20050). A tool's verdict is never overruled: the
judge adds a score, which ranks branches, and objects where it finds the step more wrong than right by far. A model that
has no view declines (None), and nothing changes.
"""

from collections.abc import Sequence

from agent_runtime.protocols import Model
from agent_runtime.types import FinalAnswer, Judgement, Node, Objection, Prompt, Request, Step, Verdict

DOUBTFUL = 0.2  # below it the judge objects; small judges put many right steps between this and one half


class Judge:
    """Asks the model about every step whose check came back, and every answer, in one batch a round."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """A score a path, where there is something to judge and the model has a view."""
        asked = [index for index, path in enumerate(paths) if _has_claim(path[-1])]
        if not asked:
            return [Verdict()] * len(paths)
        judgements = await self._model.judge([Request(prompt, paths[index]) for index in asked])
        found = dict(zip(asked, judgements, strict=True))
        return [_verdict(found[index]) if index in found else Verdict() for index in range(len(paths))]


def _has_claim(node: Node) -> bool:
    if isinstance(node.action, Step):
        return node.observation is not None and node.observation.outcome == "ok"
    return isinstance(node.action, FinalAnswer)


def _verdict(judgement: Judgement) -> Verdict:
    score = judgement.score
    objections: tuple[Objection, ...] = ()
    if score is not None and score < DOUBTFUL:
        objections = (Objection("judge", f"the model doubts that this answers the question ({score:.2f})"),)
    return Verdict(objections=objections, score=score, usage=judgement.usage)
