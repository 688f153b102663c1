"""The model of a question about money flows: it plans with the flow macros, and leaves all else to the real model.

Behind the `Model` seam, so that a plan is a branch of the search like any other: the accounts that the question names
are looked up, the plan that fits best is asked of the database, and its rows are the answer; a plan that finds nothing
is followed by the next one. The real model ranks plans that fit alike by its own likelihood of them; it writes every
other branch, and takes over where no plan fits.

A function of the path alone: a resumed or replayed run proposes the same again.
"""

import re
from collections.abc import Sequence

from agent_runtime.dialogue.parsing import render
from agent_runtime.jobs.cashflow.macros import TransferColumns, transfer_columns
from agent_runtime.jobs.cashflow.sql import quote
from agent_runtime.planners.flow.plans import FlowPlan, plans
from agent_runtime.planners.flow.reading import mentions, read
from agent_runtime.protocols import Likelihoods, Model
from agent_runtime.types import (
    Action,
    Check,
    Completion,
    FinalAnswer,
    Judgement,
    ModelCard,
    Node,
    Observation,
    Plan,
    Prompt,
    Request,
    Step,
    Usage,
)

PLAN = Plan(
    (
        "Look up the names in the question",
        "Ask for the flow that the question describes",
        "Report what comes back",
    )
)
LOOK_UP = "Which accounts does the question name?"
ALIKE = 1.0  # plans whose fit is this near to the best are ranked by the model's likelihood, too
NATS = 0.1  # what a nat of likelihood counts in units of fit: it decides between near ties only
MAX_RATIO = 5.0  # nats
MAX_RANKED = 4


class FlowPlanner:
    """Wraps a model. `inner` None: the plans alone, the floor to compare with."""

    def __init__(self, inner: Model | None) -> None:
        self._inner = inner
        self._ranked: dict[tuple[Prompt, tuple[FlowPlan, ...]], list[FlowPlan]] = {}

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """The planned actions of the first branch; the inner model writes the others in one batch."""
        found: dict[int, Completion] = {}
        for index, request in enumerate(requests):
            planned = await self._planned(request)
            if planned is not None:
                found[index] = planned
        rest = [index for index in range(len(requests)) if index not in found]
        if rest and self._inner is not None:
            written = await self._inner.generate([requests[index] for index in rest])
            found.update(zip(rest, written, strict=True))
        return [found.get(index, Completion((), is_cut=True)) for index in range(len(requests))]

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """What the inner model says."""
        return await self._inner.judge(requests) if self._inner is not None else [Judgement()] * len(requests)

    async def card(self) -> ModelCard:
        """The inner model's card, or what this is."""
        if self._inner is not None:
            return await self._inner.card()
        return ModelCard("flow-plans", "none", context_tokens=1_000_000)

    async def aclose(self) -> None:
        """Close the inner model, which was made to be wrapped."""
        if self._inner is not None:
            await self._inner.aclose()

    # --- one action

    async def _planned(self, request: Request) -> Completion | None:
        """The planned action, or None where the inner model is to write."""
        prompt, path = request.prompt, request.path
        columns = next((found for found in map(transfer_columns, prompt.tables) if found), None)
        if columns is None or not any(tool.name == "sql" for tool in prompt.tools):
            return None
        if not path:
            is_first = request.index == 0 and _is_about_flows(prompt.question, columns)
            return _completion(PLAN) if is_first else None
        if path[0].action != PLAN:
            return None
        names = _mentions(prompt.question, columns)
        if len(path) == 1 and names:
            return _completion(Step(LOOK_UP, Check("sql", _look_up(names))))
        return await self._hypothesis(request, columns, path[2:] if names else path[1:], path[1:2])

    async def _hypothesis(
        self, request: Request, columns: TransferColumns, tried: Sequence[Node], looked_up: Sequence[Node]
    ) -> Completion | None:
        """The answer that the last query gave, or the next plan."""
        prompt = request.prompt
        seen = [node.observation.text for node in looked_up if node.observation is not None]
        named = [(row[0], row[1]) for text in seen for row in rows(text) if len(row) > 1]
        found = plans(read(prompt.question, in_order(named, prompt.question), is_stepped=columns.is_stepped))
        if not found:
            return None
        ordered, usage = await self._rank(prompt, found)
        by_query = {plan.query: plan for plan in ordered}
        asked = [by_query.get(_query_of(node)) for node in tried]
        if None in asked:
            return None  # the model has taken over in this branch
        if asked and asked[-1] is not None and (text := _answer(asked[-1], tried[-1].observation)):
            return _completion(FinalAnswer(text))
        at = len(asked) + request.index
        if at >= len(ordered):
            return None
        return _completion(Step(ordered[at].thought, Check("sql", ordered[at].query)), usage)

    async def _rank(self, prompt: Prompt, found: Sequence[FlowPlan]) -> tuple[list[FlowPlan], Usage]:
        """The plans, best first; those that fit alike in the order of what the model makes of them."""
        alike = [plan for plan in found if plan.fit > found[0].fit - ALIKE][:MAX_RANKED]
        if len(alike) < 2 or not isinstance(self._inner, Likelihoods):
            return list(found), Usage()
        key = (prompt, tuple(found))
        if key in self._ranked:
            return self._ranked[key], Usage()
        ratios, usage = await _ratios(self._inner, prompt, alike)
        scores = {plan: plan.fit + NATS * ratio for plan, ratio in zip(alike, ratios, strict=True)}
        ordered = sorted(found, key=lambda plan: -scores.get(plan, plan.fit))
        self._ranked[key] = ordered
        return ordered, usage


async def _ratios(model: Likelihoods, prompt: Prompt, found: Sequence[FlowPlan]) -> tuple[list[float], Usage]:
    """How much likelier the question makes each thought, in nats, bounded: what is likely anyway tells nothing."""
    contexts = [f"{prompt.question}\n", "A question.\n"]
    pairs = [(context, plan.thought) for plan in found for context in contexts]
    values, usage = await model.log_likelihoods(pairs)
    asked, anyway = values[::2], values[1::2]
    return [max(-MAX_RATIO, min(MAX_RATIO, a - b)) for a, b in zip(asked, anyway, strict=True)], usage


def _is_about_flows(question: str, columns: TransferColumns) -> bool:
    """Whether a plan may fit once the names have been looked up."""
    reading = read(question, is_stepped=columns.is_stepped)
    if "beyond" in reading.concepts:
        return False
    return bool(plans(reading)) or bool(reading.concepts and _mentions(question, columns))


def _mentions(question: str, columns: TransferColumns) -> list[str]:
    return mentions(question, is_stepped=columns.is_stepped)


def _look_up(names: Sequence[str]) -> str:
    return f"SELECT kind, name, n FROM flow_named([{', '.join(map(quote, names))}])"


def _query_of(node: Node) -> str:
    is_query = (
        isinstance(node.action, Step) and node.action.check is not None and node.action.check.tool == "sql"
    )
    return node.action.check.input if is_query else ""  # type: ignore[union-attr]


def in_order(named: Sequence[tuple[str, str]], question: str) -> list[tuple[str, str]]:
    """(kind, name) pairs in the order in which the question names them."""
    lowered = question.lower()
    return sorted(named, key=lambda pair: lowered.find(pair[1].lower()))


def table_rows(text: str) -> list[list[str]]:
    """The rows of a rendered table."""
    return [
        [cell.strip() for cell in line.split("|")]
        for line in text.split("\n")[1:]
        if not line.startswith("(")
    ]


def rows(text: str) -> list[list[str]]:
    """The rows of a query's result; an aggregate over nothing is none."""
    return [row for row in table_rows(text) if row != ["NULL"]]


def _answer(plan: FlowPlan, observation: Observation | None) -> str:
    """What the rows answer; empty where there are none, or the query failed."""
    if observation is None or observation.outcome != "ok":
        return ""
    brought = rows(observation.text)
    if plan.is_list:
        items = [row[0] for row in brought]
        gap = "; " if any(item.isdigit() for item in items) else ", "  # 9, 998 could be one number
        return gap.join(items)
    first = next(iter(brought), [])
    return "|".join(_plain(cell) for cell in first[: plan.n_columns])


def _plain(cell: str) -> str:
    """A cell as people write it: no zeros behind the point that say nothing."""
    return cell.rstrip("0").rstrip(".") if re.fullmatch(r"-?\d+\.\d+", cell) else cell


def _completion(action: Action, usage: Usage = Usage()) -> Completion:
    return Completion(tuple(render(action)), usage=usage)
