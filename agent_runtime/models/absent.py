"""No model at all: a run in which planners alone propose, as the floor to compare with and for jobs without a model."""

from collections.abc import Sequence

from agent_runtime.errors import ModelError
from agent_runtime.types import Completion, Judgement, ModelCard, Request

NO_MODEL = "none"  # as `--model` names it


class AbsentModel:
    """Has a card that says so, judges nothing, and is never asked to write."""

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Refuse: a strategy that expands needs a model.

        Raises:
            ModelError: Always.
        """
        raise ModelError(
            "there is no model in this run; name one with --model, or let planners propose alone"
        )

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """No view of any step."""
        return [Judgement()] * len(requests)

    async def card(self) -> ModelCard:
        """A card that names no model."""
        return ModelCard(NO_MODEL, "none", context_tokens=0)

    async def aclose(self) -> None:
        """Nothing is held."""
