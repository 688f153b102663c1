"""Rollouts of a task by the runtime itself: the branch engine decodes a group side by side, tools really run.

One run is one group. `open_runtime` is handed in, because assembly stands above this package.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from agent_runtime.concurrency import gather
from agent_runtime.config import RunConfig
from agent_runtime.dialogue.prompt_format import Tokenizer
from agent_runtime.kernel.runtime import Runtime
from agent_runtime.protocols import Expander, Model, Strategy
from agent_runtime.trace.events import RunFinished, RunStarted
from agent_runtime.trace.labels import leaves
from agent_runtime.trace.reader import Trace, read
from agent_runtime.types import FinalAnswer, Node, Prompt, Sampling, Step, Task
from agent_runtime_training.encoding import Sample
from agent_runtime_training.step_labels import labelled_samples
from agent_runtime_training.tasks.checking import is_right
from agent_runtime_training.tasks.example import Example
from agent_runtime_training.tasks.teacher import write_parquet

PROMPT_TOKENS = 1024  # what a group reads before its first action, beside what its chains may take


class OpenRuntime(Protocol):
    """What is asked of `agent_runtime.assembly.open_runtime`."""

    def __call__(
        self, config: RunConfig, *, model: Model, strategy: Strategy | None = None
    ) -> AbstractAsyncContextManager[Runtime]: ...


class Forks:
    """A tree of at most `n` chains: each open one forks in two while there is room, nothing ends them early.

    Several continuations of the same step are what a share of right answers is taken over.
    """

    def __init__(self, n: int, sampling: Sampling) -> None:
        self._n = n
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Expand every open chain until none is open."""
        branches = [tree.root]
        while branches:
            width = 2 if branches[0].depth and 2 * len(branches) <= self._n else 1
            children = await tree.expand(branches, width, self._sampling)
            branches = [node for node in children if node.state == "open"]


class Group:
    """`n` independent chains of one question, one action of each a round; nothing ends them early."""

    def __init__(self, n: int, sampling: Sampling) -> None:
        self._n = n
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Expand every open chain until none is open."""
        branches = await tree.expand([tree.root], self._n, self._sampling)
        while branches := [node for node in branches if node.state == "open"]:
            branches = await tree.expand(branches, 1, self._sampling)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One chain of a group: its path from the root's child on."""

    path: tuple[Node, ...]

    @property
    def answer(self) -> str | None:
        last = self.path[-1].action
        return last.text if isinstance(last, FinalAnswer) else None

    @property
    def n_tokens(self) -> int:
        return sum(len(node.token_ids) for node in self.path)


@dataclass(frozen=True, slots=True)
class RolloutGroup:
    """All rollouts of one task, and what the model read before them."""

    example: Example
    prompt: Prompt
    rollouts: tuple[Rollout, ...]
    text: str | None = None  # what the runtime made of them

    @property
    def n_tokens(self) -> int:
        """What the policy wrote; a group's chains share nothing."""
        return sum(rollout.n_tokens for rollout in self.rollouts)

    @property
    def share_right(self) -> float:
        right = [solves(self.example, rollout) for rollout in self.rollouts]
        return sum(right) / len(right) if right else 0.0


def solves(example: Example, rollout: Rollout) -> bool:
    """Whether a rollout comes to the oracle's answer; of a repair, whether an edit of it really passed."""
    if example.command:
        return any(
            isinstance(node.action, Step)
            and node.action.check is not None
            and node.action.check.tool == "edit"
            and node.observation is not None
            and node.observation.outcome == "ok"
            for node in rollout.path
        )
    return is_right(rollout.answer, example.answer)


def task_of(example: Example, folder: Path, name: str) -> Task:
    """The example as a task for the runtime, its tables and files written below `folder`."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    tables = []
    for table in example.tables:
        path = home / f"{table.name}.parquet"  # keeps types; a CSV's would be guessed
        write_parquet(table, path)
        tables.append(path)
    if not example.files:
        return Task(name, example.question, tuple(tables))
    program = home / "program"
    program.mkdir(exist_ok=True)
    for file, content in example.files:
        (program / file).write_text(content, encoding="utf-8")
    return Task(name, example.question, tuple(tables), example.context, program, example.command)


@dataclass(frozen=True, slots=True)
class Draw:
    """How rollouts are drawn: chains a task, how they sample, what one run may cost."""

    n: int
    sampling: Sampling
    max_tokens: int
    seed: int
    parallel: int = 8


async def draw_rollouts(
    examples: Sequence[Example], model: Model, open_runtime: OpenRuntime, draw: Draw, folder: Path
) -> list[RolloutGroup]:
    """A group of rollouts for every example, in order; several runs share the engine's batches.

    Raises:
        ModelError: The model failed.
        SandboxError: The sandbox failed.
    """

    def call(at: int) -> Callable[[], Awaitable[RolloutGroup]]:
        return partial(_draw_group, examples[at], f"r{draw.seed}-{at}", model, open_runtime, draw, folder)

    return await gather([call(at) for at in range(len(examples))], limit=draw.parallel)


async def draw_labels(
    examples: Sequence[Example],
    model: Model,
    open_runtime: OpenRuntime,
    draw: Draw,
    folder: Path,
    tokenizer: Tokenizer,
) -> list[Sample]:
    """The steps of a tree of rollouts for every example, labelled by how many of their continuations end right.

    Raises:
        ModelError: The model failed.
        SandboxError: The sandbox failed.
    """

    async def label(at: int) -> list[Sample]:
        example, strategy = examples[at], Forks(draw.n, draw.sampling)
        trace = await _recorded(example, f"l{draw.seed}-{at}", model, open_runtime, draw, folder, strategy)
        return labelled_samples(trace, tokenizer, partial(is_right, gold=example.answer))

    drawn = await gather([partial(label, at) for at in range(len(examples))], limit=draw.parallel)
    return [sample for samples in drawn for sample in samples]


async def _draw_group(
    example: Example, name: str, model: Model, open_runtime: OpenRuntime, draw: Draw, folder: Path
) -> RolloutGroup:
    strategy = Group(draw.n, draw.sampling)
    recorded = await _recorded(example, name, model, open_runtime, draw, folder, strategy)
    graph = recorded.graph()
    started, finished = recorded.started, recorded.finished
    assert isinstance(started, RunStarted)
    rollouts = tuple(Rollout(graph.path(leaf.id)) for leaf in leaves(graph))
    text = finished.answer.candidate if isinstance(finished, RunFinished) else None
    return RolloutGroup(example, started.prompt, rollouts, text)


async def _recorded(
    example: Example,
    name: str,
    model: Model,
    open_runtime: OpenRuntime,
    draw: Draw,
    folder: Path,
    strategy: Strategy,
) -> Trace:
    """Run one example with a strategy of ours; its trace."""
    trace = folder / f"{name}.jsonl"
    trace.unlink(missing_ok=True)
    config = RunConfig.load(
        {"trace": trace, "seed": draw.seed, "max_tokens": draw.max_tokens * draw.n + PROMPT_TOKENS}
    )
    async with open_runtime(config, model=model, strategy=strategy) as runtime:
        await runtime.solve(task_of(example, folder, name))
    return read(trace)
