"""Random runs under random budgets: what is spent never exceeds what is allowed by more than one step."""

import contextlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from math import inf
from typing import Any

import anyio
import pytest

from agent_runtime.errors import ModelError
from agent_runtime.models.scripted import Script, ScriptedModel, completion
from agent_runtime.protocols import Strategy
from agent_runtime.search.auto import Auto
from agent_runtime.search.beam import Beam
from agent_runtime.search.best_first import BestFirst
from agent_runtime.search.chain import Chain
from agent_runtime.search.diverse import DiverseTrees
from agent_runtime.search.mcts import MonteCarlo
from agent_runtime.search.vote import Vote
from agent_runtime.trace.reader import read
from agent_runtime.types import Action, Answer, Backtrack, Completion, Judgement, Request, Usage
from tests.fakes import PLAN, answer, step
from tests.kernel.test_runtime import runtime

STRATEGIES: list[Strategy] = [
    Chain(), Vote(5), BestFirst(), Beam(), DiverseTrees(), MonteCarlo(n_rounds=8),
    Auto({"chain": Chain(), "vote": Vote(4), "best_first": BestFirst()}),
]  # fmt: skip
FORCED_TOKENS = 5
JUDGE_TOKENS = 3
JUDGE_SECONDS = 0.25


def whims(request: Request) -> Completion:
    """A model that does anything, by its seed alone; it keeps to the tokens it was granted."""
    dice = random.Random(request.seed)
    if not request.path:
        action: Action = PLAN
    else:
        kind = dice.random()
        action = (
            answer(str(dice.randrange(3))) if kind < 0.25
            else Backtrack("no") if kind < 0.3 and not isinstance(request.path[-1].action, Backtrack)
            else step("nonsense") if kind < 0.4
            else step(f"{dice.randrange(4)}+{dice.randrange(4)}")
        )  # fmt: skip
    said = completion(action)
    n_thought = min(dice.randrange(5, 60), request.max_tokens)
    usage = Usage(think_tokens=n_thought, forced_tokens=FORCED_TOKENS, model_seconds=n_thought / 100)
    return replace(said, usage=usage, is_cut=n_thought == request.max_tokens)


def verdict(request: Request) -> Judgement:
    """A judge that thinks anything, at the same price."""
    score = random.Random(request.path[-1].seed).random()
    return Judgement(score, Usage(judge_tokens=JUDGE_TOKENS, model_seconds=JUDGE_SECONDS))


class Failing(ModelError):
    """Raised by a model that breaks."""


class Whimsical(ScriptedModel):
    """Keeps the size of the largest batch: what a run may overshoot by, since a batch is reserved as a whole."""

    def __init__(self, script: Script) -> None:
        super().__init__(script, verdict)
        self.most_actions = 0
        self.most_dollars = 0.0

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        said = await super().generate(requests)
        self.most_actions = max(self.most_actions, len(said))
        seconds = sum(one.usage.model_seconds + JUDGE_SECONDS for one in said)
        self.most_dollars = max(self.most_dollars, seconds / 3600)
        return said


@dataclass(frozen=True)
class Outcome:
    """A run, what it was allowed, and the largest step it took."""

    found: Answer | None
    limits: dict[str, float | int | None]
    model: Whimsical
    n_branches: int


async def one_run(number: int, folder) -> Outcome:
    dice = random.Random(number)
    limits: dict[str, float | int | None] = {
        "max_tokens": dice.choice([None, dice.randrange(1, 1500)]),
        "max_tool_calls": dice.choice([None, None, dice.randrange(0, 12)]),
        "max_branches": dice.choice([None, None, dice.randrange(1, 12)]),
        "max_dollars": dice.choice([None, None, dice.random() * 0.005]),
    }
    n_left = dice.choice([10**9] * 8 + [3])

    def script(request: Request) -> Completion:
        nonlocal n_left
        n_left -= 1
        if n_left < 0 and number % 2:
            raise Failing("the device is gone")
        if n_left < 0:
            rt.interrupt()
        return whims(request)

    strategy = dice.choice(STRATEGIES)
    trace = folder / f"{number}.jsonl"
    model = Whimsical(script)
    found = None
    settings: dict[str, Any] = {**limits, "seed": number, "trace": trace, "dollars_per_hour": 1.0}
    settings["min_confidence"] = 0.2
    async with runtime(model, folder, strategy, **settings) as rt:
        with contextlib.suppress(Failing):
            found = await rt.solve("How much?")
    graph = read(trace).graph()
    n_leaves = sum(not graph.children(node.id) for node in graph if node.id)
    return Outcome(found, limits, model, n_leaves)


async def reasons_of_runs(numbers: range, folder) -> Counter[str]:
    """How the runs ended; each kept every limit it had, but for its largest step."""
    reasons: Counter[str] = Counter()
    for number in numbers:
        outcome = await one_run(number, folder)
        limits = {name: limit for name, limit in outcome.limits.items() if limit is not None}
        assert outcome.n_branches <= limits.get("max_branches", inf)
        if outcome.found is None:
            reasons["failed"] += 1
            continue
        reasons[outcome.found.stop_reason] += 1
        spent, largest = outcome.found.usage, outcome.model
        # sampled tokens are reserved, forced ones and those of the judge come on top
        on_top = largest.most_actions * (FORCED_TOKENS + JUDGE_TOKENS)
        assert spent.n_tokens <= limits.get("max_tokens", inf) + on_top
        assert spent.tool_calls <= limits.get("max_tool_calls", inf)
        assert (spent.dollars or 0) <= limits.get("max_dollars", inf) + largest.most_dollars
        bills = list(outcome.found.usage_by_strategy.values())
        own_seconds = spent.own_seconds if len(bills) > 1 else 0.0  # of several strategies they are the run's
        added_up = sum(bills, Usage(own_seconds=own_seconds))
        assert astuple(added_up) == pytest.approx(astuple(spent), abs=1e-9) or not bills
    return reasons


async def test_a_hundred_random_runs_keep_their_budgets_and_reach_every_stop_reason(tmp_path):
    reasons = await reasons_of_runs(range(100), tmp_path)

    assert set(reasons) == {"answered", "not_established", "budget", "interrupted", "failed"}


@pytest.mark.soak
def test_a_thousand_random_runs_keep_their_budgets(tmp_path):
    reasons = anyio.run(reasons_of_runs, range(1_000), tmp_path)

    assert set(reasons) == {"answered", "not_established", "budget", "interrupted", "failed"}
