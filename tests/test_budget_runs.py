"""Random runs under random budgets: what is spent never exceeds what is allowed by more than one step."""

import random
from collections import Counter
from dataclasses import replace

import anyio
import pytest

from agent_runtime.errors import ModelError
from agent_runtime.models.scripted import completion
from agent_runtime.protocols import Strategy
from agent_runtime.strategies.auto import Auto
from agent_runtime.strategies.beam import Beam
from agent_runtime.strategies.best_first import BestFirst
from agent_runtime.strategies.chain import Chain
from agent_runtime.strategies.diverse import DiverseTrees
from agent_runtime.strategies.mcts import MonteCarlo
from agent_runtime.strategies.vote import Vote
from agent_runtime.types import Action, Answer, Backtrack, Completion, Request, Usage
from tests.kernel import PLAN, answer, step
from tests.test_runtime import runtime

STRATEGIES: list[Strategy] = [
    Chain(), Vote(5), BestFirst(), Beam(), DiverseTrees(), MonteCarlo(n_rounds=8),
    Auto([Chain(), Vote(4), BestFirst()]),
]  # fmt: skip
FORCED_TOKENS = 5


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


class Failing(ModelError):
    """Raised by a model that breaks."""


async def one_run(number: int, folder) -> tuple[Answer | None, dict[str, float | int | None], int]:
    dice = random.Random(number)
    limits: dict[str, float | int | None] = {
        "max_tokens": dice.choice([None, dice.randrange(1, 1500)]),
        "max_tool_calls": dice.choice([None, None, dice.randrange(0, 12)]),
        "max_branches": dice.choice([None, None, dice.randrange(1, 12)]),
        "max_dollars": dice.choice([None, None, dice.random() * 0.005]),
    }
    largest = 0
    n_left = dice.choice([10**9] * 8 + [3])

    def script(request: Request) -> Completion:
        nonlocal largest, n_left
        n_left -= 1
        if n_left < 0 and number % 2:
            raise Failing("the device is gone")
        if n_left < 0:
            rt.interrupt()
        said = whims(request)
        largest = max(largest, said.usage.n_tokens)
        return said

    strategy = dice.choice(STRATEGIES)
    settings = {**limits, "seed": number, "trace": folder / f"{number}.jsonl", "dollars_per_hour": 1.0}
    async with runtime(script, folder, strategy, **settings) as rt:
        try:
            found = await rt.solve("How much?")
        except Failing:
            return None, limits, largest
    return found, limits, largest


async def reasons_of_runs(numbers: range, folder) -> Counter[str]:
    reasons: Counter[str] = Counter()
    for number in numbers:
        found, limits, largest = await one_run(number, folder)
        if found is None:
            reasons["failed"] += 1
            continue
        reasons[found.stop_reason] += 1
        spent = found.usage
        one_round = 32 * (
            largest + FORCED_TOKENS
        )  # a batch is reserved as a whole; its forced tokens come on top
        if limits["max_tokens"] is not None:
            granted = int(limits["max_tokens"])
            n_actions = max(1, granted // 8)
            assert spent.n_tokens <= granted + min(n_actions, 32) * FORCED_TOKENS
        if limits["max_tool_calls"] is not None:
            assert spent.tool_calls <= limits["max_tool_calls"]
        if limits["max_dollars"] is not None:
            assert (spent.dollars or 0) <= limits["max_dollars"] + one_round / 100 / 3600
    return reasons


async def test_a_hundred_random_runs_keep_their_budgets_and_reach_every_stop_reason(tmp_path):
    reasons = await reasons_of_runs(range(100), tmp_path)

    assert set(reasons) == {"answered", "not_established", "budget", "interrupted", "failed"}


@pytest.mark.soak
def test_a_thousand_random_runs_keep_their_budgets(tmp_path):
    reasons = anyio.run(reasons_of_runs, range(1_000), tmp_path)

    assert set(reasons) == {"answered", "not_established", "budget", "interrupted", "failed"}
