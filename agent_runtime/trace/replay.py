"""Model and checks as a trace recorded them: a run decided anew, with no model call and no tool call.

A completion is found by the actions that led to it and by its seed; seeds depend on the branch alone, so another
strategy that walks the same branch gets the same words. Where it asks for more children than were sampled, the
next unused one is as good. What was never sampled ends its branch; with a `live` model it is sampled now, which
is how an interrupted run goes on.
"""

from collections.abc import Sequence

from agent_runtime.dialogue.parsing import render
from agent_runtime.errors import InputError
from agent_runtime.protocols import Model
from agent_runtime.trace.events import ActionSampled, NodeAdded
from agent_runtime.trace.reader import Trace
from agent_runtime.types import (
    Action,
    Check,
    Completion,
    Judgement,
    Malformed,
    ModelCard,
    Node,
    Observation,
    Request,
    Span,
    Step,
)

NOT_RECORDED = "not recorded"

_Place = tuple[Action | None, ...]  # the actions from the question to here


class RecordedModel:
    """Replays a recorded run as a `Model`; closing `live` stays with its owner."""

    def __init__(self, trace: Trace, live: Model | None = None) -> None:
        if trace.started is None:
            raise InputError(f"{str(trace.path)!r} does not say how its run began")
        self._card = trace.started.model
        self._live = live
        self._unused: dict[_Place, list[ActionSampled]] = {}
        self._judgements: dict[_Place, Judgement] = {}
        self._index(trace)

    def _index(self, trace: Trace) -> None:
        places: dict[int, _Place] = {0: ()}
        for event in trace.events:
            if isinstance(event, ActionSampled) and event.parent_id in places:
                place = places[event.parent_id]
                places[event.node_id] = (*place, event.action)
                if event.origin != "model":  # a planner proposes it again
                    continue
                self._unused.setdefault(place, []).append(event)
            elif isinstance(event, NodeAdded) and (verdict := event.node.verdict).score is not None:
                place = places.get(event.node.id, ())
                self._judgements[place] = Judgement(verdict.score, verdict.usage)

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """The recorded completion of each request; what is missing is asked of the live model in one batch."""
        found = [self._take(request) for request in requests]
        if self._live is None:
            return [_completion(one) if one else _END_OF_BRANCH for one in found]
        missing = [request for request, one in zip(requests, found, strict=True) if one is None]
        fresh = iter(await self._live.generate(missing) if missing else ())
        return [_completion(one) if one else next(fresh) for one in found]

    def _take(self, request: Request) -> ActionSampled | None:
        unused = self._unused.get(_place(request.path), [])
        same_seed = (index for index, one in enumerate(unused) if one.seed == request.seed)
        any_seed = 0 if unused and self._live is None else None
        index = next(same_seed, any_seed)
        return None if index is None else unused.pop(index)

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """The recorded judgements, at the cost they had; no score where no judge spoke and none is live."""
        found = [self._judgements.get(_place(request.path)) for request in requests]
        if self._live is None:
            return [one or Judgement() for one in found]
        missing = [request for request, one in zip(requests, found, strict=True) if one is None]
        fresh = iter(await self._live.judge(missing) if missing else ())
        return [one or next(fresh) for one in found]

    async def card(self) -> ModelCard:
        """The model of the recorded run."""
        return await self._live.card() if self._live else self._card

    async def aclose(self) -> None:
        """Nothing is held."""


def recorded_checks(trace: Trace) -> dict[Check, Observation]:
    """What each check of the run brought when it was first carried out."""
    checks: dict[Check, Observation] = {}
    for event in trace.events:
        if isinstance(event, NodeAdded) and event.node.observation and isinstance(event.node.action, Step):
            check = event.node.action.check
            if check is not None:
                checks.setdefault(check, event.node.observation)
    return checks


def _place(path: Sequence[Node]) -> _Place:
    return tuple(node.action for node in path)


def _completion(sampled: ActionSampled) -> Completion:
    action = sampled.action
    is_cut = isinstance(action, Malformed) and action.is_cut
    return Completion(render(action), sampled.token_ids, sampled.logprobs, is_cut=is_cut, usage=sampled.usage)


_END_OF_BRANCH = Completion((Span("backtrack", NOT_RECORDED),))
