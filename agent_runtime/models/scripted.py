"""A model that plays actions from a script: for tests of the loop, demonstrations and overhead benchmarks.

It goes through the same spans and parser as a real model does. Its tokens are the bytes of what it writes.
"""

from collections.abc import Callable, Mapping, Sequence

from agent_runtime.dialogue.parsing import render
from agent_runtime.types import Action, Completion, Judgement, ModelCard, Request, Span, Usage

Script = Callable[[Request], Action | Completion]
Judge = Callable[[Request], float | Judgement]


class ScriptedModel:
    """Asks `script` for the next action of each request; `judge`, where given, for the last step's score."""

    def __init__(self, script: Script, judge: Judge | None = None, context_tokens: int = 1_000_000) -> None:
        self._script = script
        self._judge = judge
        self._context_tokens = context_tokens
        self.requests: list[Request] = []  # every request so far, in order

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        self.requests += requests
        return [self._complete(request) for request in requests]

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        return [self._judged(request) for request in requests]

    async def card(self) -> ModelCard:
        return ModelCard(name="scripted", device="none", context_tokens=self._context_tokens)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _complete(self, request: Request) -> Completion:
        reply = self._script(request)
        return reply if isinstance(reply, Completion) else completion(reply)

    def _judged(self, request: Request) -> Judgement:
        found = self._judge(request) if self._judge else Judgement()
        return found if isinstance(found, Judgement) else Judgement(found)


def completion(action: Action) -> Completion:
    """An action as a model would have written it, one token a byte."""
    spans = render(action)
    ids = tuple(byte for span in spans for byte in _written(span))
    return Completion(spans, ids, logprobs=(0.0,) * len(ids), usage=Usage(think_tokens=len(ids)))


def branches(*trajectories: Sequence[Action]) -> Script:
    """A script that continues one of `trajectories`: the n-th time it is at the same place, the n-th that fits.

    After the last that fits it begins with the first again.

    Raises:
        LookupError: No trajectory goes through the request's path.
    """
    options: dict[tuple[Action, ...], list[Action]] = {}
    for trajectory in trajectories:
        for length, action in enumerate(trajectory):
            options.setdefault(tuple(trajectory[:length]), []).append(action)
    return by_path(options)


def by_path(options: Mapping[tuple[Action, ...], Sequence[Action]]) -> Script:
    """A script that looks the actions so far up; the n-th time at one place it plays the n-th option there."""
    visits: dict[tuple[Action, ...], int] = {}

    def script(request: Request) -> Action:
        place = tuple(node.action for node in request.path if node.action is not None)
        if place not in options:
            raise LookupError(f"the script has nothing after {place!r}")
        visit = visits.get(place, 0)
        visits[place] = visit + 1
        return options[place][visit % len(options[place])]

    return script


def _written(span: Span) -> bytes:
    return f"<{span.role}>{span.text}".encode()
