"""The model of a debugging run: it states the hypotheses that were enumerated, and asks a real model for others.

Behind the `Model` seam, so that hypotheses are branches of the runtime's own search: each is a step whose check is
the edit, refuted ones are dead ends with their evidence, and all of it stands in the trace.
"""

from collections import deque
from collections.abc import Sequence

from agent_runtime.dialogue.parsing import render
from agent_runtime.jobs.debugging.types import Candidate
from agent_runtime.protocols import Model
from agent_runtime.types import Action, Backtrack, Check, Completion, Judgement, ModelCard, Request, Step

ROOT = 0


class Proposer:
    """Plays what was offered for a node, in order; after that the inner model's turn comes, if there is one."""

    def __init__(self, inner: Model | None = None) -> None:
        self._inner = inner
        self._offers: dict[int, deque[Action]] = {}

    @property
    def has_model(self) -> bool:
        """Whether there is a model to ask."""
        return self._inner is not None

    def offer(self, node_id: int, actions: Sequence[Action]) -> None:
        """Let the next children of a node be `actions`."""
        self._offers.setdefault(node_id, deque()).extend(actions)

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """The offered actions; the inner model writes the others in one batch."""
        found: dict[int, Completion] = {}
        asked: dict[int, Request] = {}
        for index, request in enumerate(requests):
            offers = self._offers.get(request.path[-1].id if request.path else ROOT)
            if offers:
                found[index] = Completion(tuple(render(offers.popleft())))
            elif self._inner is None:
                found[index] = Completion(tuple(render(Backtrack("no hypothesis is left"))))
            else:
                asked[index] = request
        if asked and self._inner is not None:
            found.update(zip(asked, await self._inner.generate(list(asked.values())), strict=True))
        return [found[index] for index in range(len(requests))]

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """No judgement: the reruns judge."""
        return [Judgement()] * len(requests)

    async def card(self) -> ModelCard:
        """The inner model's card, or what this is."""
        if self._inner is not None:
            return await self._inner.card()
        return ModelCard("enumerated-edits", "none", context_tokens=1_000_000)

    async def aclose(self) -> None:
        """The inner model belongs to whoever made it."""


def hypothesis(candidate: Candidate) -> Step:
    """A candidate as a step: what is supposed, and the edit that tests it."""
    where = (
        f"line {candidate.first}"
        if candidate.first >= candidate.last
        else (f"lines {candidate.first}-{candidate.last}")
    )
    kind = "a line is missing before" if candidate.last < candidate.first else f"{candidate.operator} at"
    return Step(f"Perhaps {kind} {where} of {candidate.file}.", Check("edit", candidate.text))
