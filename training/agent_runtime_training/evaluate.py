"""What weights can do on held-out wordings and schemas: greedy, by vote, within a number of tries, after an error.

The same command measures any model, so that v1 and v0 stand side by side. Generated items only: nothing of
`packs` is read here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agent_runtime.dialogue.parsing import render
from agent_runtime.protocols import Model
from agent_runtime.scoring.intervals import wilson
from agent_runtime.search.vote import WARM
from agent_runtime.types import Action, Completion, Judgement, ModelCard, Request, Sampling
from agent_runtime_training.rollouts import Draw, OpenRuntime, RolloutGroup, draw_rollouts
from agent_runtime_training.tasks import generate
from agent_runtime_training.tasks.checking import is_right
from agent_runtime_training.tasks.example import Example

GREEDY = Sampling()
MAX_TOKENS = 800  # of a chain, results included; the longest teacher's trace has 760 with its prompt


@dataclass(frozen=True, slots=True)
class Share:
    """`n_right` of `n`, with a 95 % interval by Wilson's score."""

    n_right: int
    n: int

    @property
    def value(self) -> float:
        return self.n_right / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.n_right, self.n)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%} of {self.n} ({low:.1%} to {high:.1%})"


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """One family's figures. `within`: at least one of the voters was right, as a repair needs.

    Tokens are what the model wrote for an item, on average: figures of two models compare at equal tokens only.
    """

    family: str
    greedy: Share
    voted: Share
    within: Share
    n_votes: int
    recovered: Share | None = None
    greedy_tokens: float = 0.0
    voted_tokens: float = 0.0

    def as_row(self) -> dict[str, object]:
        """The figures as plain values."""
        return asdict(self)


async def evaluate_family(
    family: str, n: int, n_votes: int, seed: int, model: Model, open_runtime: OpenRuntime, folder: Path
) -> FamilyResult:
    """Measure a model on `n` held-out items of a family.

    Raises:
        ModelError: The model failed.
    """
    examples = list(generate(family, n, seed, "heldout"))
    once, often = Draw(1, GREEDY, MAX_TOKENS, seed, parallel=16), Draw(n_votes, WARM, MAX_TOKENS, seed + 1)
    greedy = await draw_rollouts(examples, model, open_runtime, once, folder)
    warm = await draw_rollouts(examples, model, open_runtime, often, folder)
    slipped = [example for example in examples if first_failure(example) is not None]
    recovered = None
    if slipped:
        follower = AfterFailure(model, {example.question: example for example in slipped})
        groups = await draw_rollouts(
            slipped, follower, open_runtime, Draw(1, GREEDY, MAX_TOKENS, seed + 2), folder
        )
        recovered = share(group.share_right == 1 for group in groups)
    return FamilyResult(
        family=family,
        greedy=share(group.share_right == 1 for group in greedy),
        voted=share(is_vote_right(group) for group in warm),
        within=share(group.share_right > 0 for group in warm),
        n_votes=n_votes,
        recovered=recovered,
        greedy_tokens=mean_tokens(greedy),
        voted_tokens=mean_tokens(warm),
    )


def mean_tokens(groups: Sequence[RolloutGroup]) -> float:
    """How many tokens the model wrote for an item."""
    return sum(group.n_tokens for group in groups) / max(1, len(groups))


def share(verdicts: Iterable[bool]) -> Share:
    """How many of some verdicts are true."""
    found = list(verdicts)
    return Share(sum(found), len(found))


def is_vote_right(group: RolloutGroup) -> bool:
    """Whether the most frequent answer is right; the first one of equals."""
    answers = [rollout.answer for rollout in group.rollouts if rollout.answer is not None]
    if not answers:
        return False
    winner, _ = Counter(answer.strip() for answer in answers).most_common(1)[0]
    return is_right(winner, group.example.answer)


# --- recovery


def first_failure(example: Example) -> int | None:
    """Which turn of a trace is its first failed query; None where all succeed."""
    for at, turn in enumerate(example.turns):
        if turn.observation is not None and turn.observation.outcome == "error":
            return at
    return None


class AfterFailure:
    """A model that first takes the teacher's steps up to a failed query, then goes on by itself."""

    def __init__(self, model: Model, examples: Mapping[str, Example]) -> None:
        self._model = model
        self._scripts: dict[str, list[Action]] = {}
        for question, example in examples.items():
            at = first_failure(example)
            assert at is not None
            self._scripts[question] = [turn.action for turn in example.turns[: at + 1]]

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Script first; the requests beyond it go to the model in one batch."""
        scripted = {at: action for at, request in enumerate(requests) if (action := self._next(request))}
        live = [request for at, request in enumerate(requests) if at not in scripted]
        replies = iter(await self._model.generate(live) if live else [])
        return [
            Completion(render(scripted[at])) if at in scripted else next(replies)
            for at in range(len(requests))
        ]

    def _next(self, request: Request) -> Action | None:
        n_taken = sum(node.action is not None for node in request.path)
        script = self._scripts.get(request.prompt.question, [])
        return script[n_taken] if n_taken < len(script) else None

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        return await self._model.judge(requests)

    async def card(self) -> ModelCard:
        return await self._model.card()

    async def aclose(self) -> None:
        """The model is another one's to close."""
