"""Accuracy against what it cost: each strategy at budgets from 1x to 64x of a greedy pass.

Run: python -m evals.curves [--pack FILE] [--items 24] [--budgets 1,2,4,8] [--strategies vote,best_first,auto,deep].
Without a pack the items are generated ones (flows and tables) that their teacher solves with at most `--checks`
checks; weights that never saw the generators (v0) find both splits of wordings and schemas unseen. The same items for
every strategy and budget. 1x is the mean number of tokens of a greedy pass on them; `vote` gets one chain for each x,
the others a token limit; `auto` and `deep` (best_first with its fixed allotment) choose for themselves. The weights
alone: no plans of the cash-flow job. Writes a table (Markdown), a picture (SVG) and every result (JSON lines) to
docs/curves; what an earlier call measured there on the very same items stays.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import anyio
import matplotlib as mpl
from matplotlib import pyplot as plt

from agent_runtime import RunConfig, open_runtime
from agent_runtime.assembly import build_model, build_sandbox, build_strategy
from agent_runtime.concurrency import gather
from agent_runtime.limits.presets import ALLOTMENTS
from agent_runtime.protocols import Sandbox, Strategy
from agent_runtime.scoring import intervals
from agent_runtime.search.chain import Chain
from agent_runtime.search.vote import Vote
from agent_runtime.types import Step, Task
from agent_runtime_training.rollouts import task_of
from agent_runtime_training.tasks import Example, generate
from agent_runtime_training.tasks.checking import is_right
from agent_runtime_training.tasks.example import Split
from evals.packs.floor import floor_answer
from evals.packs.items import Item, read_pack
from evals.packs.run import sample
from evals.packs.scoring import is_right as is_right_item

OUT = Path("docs/curves")
N_AT_ONCE = 8
N_BOOTSTRAP = 2_000
OWN_BUDGET = {"auto": ALLOTMENTS["auto"], "deep": ALLOTMENTS["deep"]}


@dataclass(frozen=True, slots=True)
class Puzzle:
    """One item, generated or of a pack: its task in a folder of its own, and whether an answer is right."""

    id: str
    task: Callable[[Path, str], Task]
    check: Callable[[str], Awaitable[bool]]
    floor: str  # what the tools find without a model


@dataclass(frozen=True, slots=True)
class Outcome:
    """One item under one strategy and budget."""

    strategy: str
    budget: int
    item: str
    is_right: bool
    tokens: int
    prompt_tokens: int  # of `tokens`
    seconds: float
    dollars: float | None
    confidence: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Point:
    """One strategy at one budget: the share of right answers and the mean cost of an item."""

    strategy: str
    budget: int
    outcomes: tuple[Outcome, ...]

    @property
    def n_right(self) -> int:
        return sum(outcome.is_right for outcome in self.outcomes)

    @property
    def accuracy(self) -> float:
        return self.n_right / len(self.outcomes)

    def mean(self, what: Callable[[Outcome], float]) -> float:
        return sum(what(outcome) for outcome in self.outcomes) / len(self.outcomes)


async def point(
    name: str,
    budget: int,
    strategy: Strategy,
    puzzles: Sequence[Puzzle],
    spec: str,
    limits: dict[str, int],
    price: float,
) -> Point:
    """Every item under one strategy and one budget, several at once in one engine.

    The model is a fresh one: nobody gets a prompt for nothing that an earlier point has paid for.
    """
    config = RunConfig.load({"min_confidence": 0.0, **limits, "dollars_per_hour": price, "sandbox": "auto"})
    with tempfile.TemporaryDirectory() as folder:
        async with (
            aclosing(build_model(RunConfig.load({"model": spec}))) as model,
            open_runtime(config, model=model, strategy=strategy) as runtime,
        ):

            async def solve(index: int, puzzle: Puzzle) -> Outcome:
                place = Path(folder) / str(index)
                place.mkdir()
                task = puzzle.task(place, f"{name}-{budget}-{index}-{random.randrange(10**9)}")
                started = time.monotonic()
                answer = await runtime.solve(task)
                seconds = time.monotonic() - started
                if answer.trace is not None:
                    await anyio.Path(answer.trace).unlink(missing_ok=True)
                right = answer.text is not None and await puzzle.check(answer.text)
                usage = answer.usage
                return Outcome(
                    name, budget, puzzle.id, right, usage.n_tokens, usage.prompt_tokens, seconds, usage.dollars,
                    answer.confidence, answer.verdict,
                )  # fmt: skip

            calls = [
                lambda index=index, puzzle=puzzle: solve(index, puzzle)
                for index, puzzle in enumerate(puzzles)
            ]
            return Point(name, budget, tuple(await gather(calls, N_AT_ONCE)))


def paired_interval(one: Point, other: Point, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the difference in accuracy on the same items."""
    by_item = {outcome.item: outcome.is_right for outcome in other.outcomes}
    differences = [outcome.is_right - by_item[outcome.item] for outcome in one.outcomes]
    dice = random.Random(seed)
    means = sorted(
        sum(dice.choices(differences, k=len(differences))) / len(differences) for _ in range(N_BOOTSTRAP)
    )
    return means[int(0.025 * N_BOOTSTRAP)], means[int(0.975 * N_BOOTSTRAP)]


def generated(examples: Sequence[Example]) -> list[Puzzle]:
    """Items of the training generators' held-out split."""

    def puzzle(example: Example) -> Puzzle:
        async def check(text: str) -> bool:
            return is_right(text, example.answer)

        files = {f"{table.name}.csv": table.csv() for table in example.tables}
        item = Item(example.id, example.kind, example.question, example.answer, "exact", files=files)
        return Puzzle(example.id, partial(task_of, example), check, floor_answer(item))

    return [puzzle(example) for example in examples]


def short(family: str, n: int, seed: int, split: Split, n_checks: int) -> Iterator[Example]:
    """The first `n` items of a family whose teacher needs at most `n_checks` checks."""
    drawn = generate(family, 100 * n, seed, split)
    return islice((example for example in drawn if n_taken(example) <= n_checks), n)


def n_taken(example: Example) -> int:
    """How many checks the teacher's trace has."""
    return sum(isinstance(turn.action, Step) and turn.action.check is not None for turn in example.turns)


def of_pack(items: Sequence[Item], sandbox: Sandbox) -> list[Puzzle]:
    """Items of a pack, checked by its own checkers."""
    return [
        Puzzle(item.id, item.place, partial(is_right_item, item, sandbox=sandbox), floor_answer(item))
        for item in items
    ]


async def floor_share(puzzles: Sequence[Puzzle]) -> float:
    """What the tools find without a model on the same items."""
    return sum([await puzzle.check(puzzle.floor) for puzzle in puzzles]) / len(puzzles)


def table(points: Sequence[Point], greedy: Point, floor: float, command: str) -> str:
    lines = [
        f"`{command}`: {len(greedy.outcomes)} items, floor (tools without a model) {100 * floor:.1f} %.",
        "",
        "| strategy | budget | right | accuracy (95 %) | against greedy (95 %, paired) "
        "| tokens | of them prompt | seconds | dollars |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in (greedy, *points):
        low, high = intervals.wilson(one.n_right, len(one.outcomes))
        least, most = paired_interval(one, greedy)
        dollars = one.mean(lambda outcome: outcome.dollars or 0.0)
        lines.append(
            f"| {one.strategy} | {one.budget}x | {one.n_right} "
            f"| {100 * one.accuracy:.1f} % [{100 * low:.1f}, {100 * high:.1f}] "
            f"| {100 * (one.accuracy - greedy.accuracy):+.1f} [{100 * least:+.1f}, {100 * most:+.1f}] "
            f"| {one.mean(lambda outcome: outcome.tokens):.0f} "
            f"| {one.mean(lambda outcome: outcome.prompt_tokens):.0f} "
            f"| {one.mean(lambda outcome: outcome.seconds):.1f} | {dollars:.5f} |"
        )
    by_name = {one.strategy: one for one in points}
    if {"auto", "deep"} <= by_name.keys():
        auto, deep = by_name["auto"], by_name["deep"]
        least, most = paired_interval(auto, deep)
        share = auto.mean(lambda outcome: outcome.tokens) / deep.mean(lambda outcome: outcome.tokens)
        difference = 100 * (auto.accuracy - deep.accuracy)
        lines += [
            "",
            f"`auto` against `deep`: {difference:+.1f} [{100 * least:+.1f}, {100 * most:+.1f}] points "
            f"for {100 * share:.0f} % of its tokens.",
        ]
    return "\n".join(lines) + "\n"


def reliability(points: Sequence[Point]) -> str:
    """How often answers of a stated confidence are right: calibration, over all runs of the table."""
    stated = [(outcome.confidence, outcome.is_right) for one in points for outcome in one.outcomes]
    lines = ["| confidence | answers | mean confidence | right |", "| --- | --- | --- | --- |"]
    for band, n, mean, right in intervals.reliability(stated, (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)):
        lines.append(f"| {band} | {n} | {mean:.2f} | {right:.2f} |")
    return "\n".join(lines) + "\n"


def picture(points: Sequence[Point], greedy: Point, floor: float, path: Path) -> None:
    """Accuracy against tokens, seconds and dollars, with intervals; greedy and the floor as lines."""
    mpl.rcParams["svg.hashsalt"] = "curves"
    costs: list[tuple[str, Callable[[Outcome], float]]] = [
        ("tokens an item", lambda outcome: outcome.tokens),
        ("seconds an item", lambda outcome: outcome.seconds),
        ("dollars an item", lambda outcome: outcome.dollars or 0.0),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4), sharey=True)
    for axis, (label, cost) in zip(axes, costs, strict=True):
        for name in dict.fromkeys(one.strategy for one in points):
            line = [one for one in points if one.strategy == name]
            spans = [intervals.wilson(one.n_right, len(one.outcomes)) for one in line]
            heights = [one.accuracy for one in line]
            errors = [
                [max(0.0, y - low) for y, (low, _) in zip(heights, spans, strict=True)],
                [max(0.0, high - y) for y, (_, high) in zip(heights, spans, strict=True)],
            ]
            axis.errorbar(
                [one.mean(cost) for one in line], heights, errors, marker="o", capsize=3, label=name
            )
        axis.axhline(greedy.accuracy, color="black", linestyle="--", linewidth=1, label="greedy")
        axis.axhline(floor, color="grey", linestyle=":", linewidth=1, label="tools without a model")
        axis.set_xscale("log")
        axis.set_xlabel(label)
    axes[0].set_ylabel("share of right answers")
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def strategy_of(name: str, budget: int) -> Strategy:
    if name == "vote":
        return Vote(budget, wave=8)
    return build_strategy(OWN_BUDGET[name].strategy if name in OWN_BUDGET else name)


def limits_of(name: str, n_tokens: int) -> dict[str, int]:
    """What a strategy may take: a thinking time its own branches, a vote its chains, any other one `n_tokens`."""
    if name in OWN_BUDGET:
        return {"max_branches": OWN_BUDGET[name].branches}
    return {} if name == "vote" else {"max_tokens": n_tokens}


async def run(options: argparse.Namespace) -> None:
    config = RunConfig.load({"model": options.model})
    sandbox = await build_sandbox(config)
    if options.pack:
        puzzles = of_pack(sample(read_pack(options.pack), options.items, options.seed), sandbox)
    else:
        half = options.items // 2
        which = (options.seed, options.split, options.checks)
        flows = short("flows", half, *which)
        puzzles = generated([*flows, *short("tables", options.items - half, *which)])
    try:
        await measure(options, puzzles)
    finally:
        await sandbox.aclose()


async def measure(options: argparse.Namespace, puzzles: Sequence[Puzzle]) -> None:
    greedy = await point("greedy", 1, Chain(), puzzles, options.model, {}, options.dollars_per_hour)
    unit = greedy.mean(lambda outcome: outcome.tokens)
    print(f"greedy: {greedy.n_right} of {len(puzzles)} right, {unit:.0f} tokens an item", flush=True)
    strategies = options.strategies.split(",")
    points = earlier(greedy, strategies)
    floor = await floor_share(puzzles)
    for name in strategies:
        is_own = name in OWN_BUDGET
        for budget in [1] if is_own else [int(budget) for budget in options.budgets.split(",")]:
            limits = limits_of(name, int(unit * budget))
            strategy = strategy_of(name, budget)
            one = await point(
                name, budget, strategy, puzzles, options.model, limits, options.dollars_per_hour
            )
            points.append(one)
            tokens = one.mean(lambda outcome: outcome.tokens)
            print(f"{name} {budget}x: {one.n_right} right, {tokens:.0f} tokens an item", flush=True)
            write(options, points, greedy, floor)  # what is measured is kept, whatever comes next


def earlier(greedy: Point, strategies: Sequence[str]) -> list[Point]:
    """What an earlier call has measured with other strategies on the very same items, greedy outcomes included."""
    file = OUT / "outcomes.jsonl"
    rows = [Outcome(**json.loads(line)) for line in file.read_text().splitlines()] if file.is_file() else []
    grouped: dict[tuple[str, int], list[Outcome]] = {}
    for row in rows:
        grouped.setdefault((row.strategy, row.budget), []).append(row)
    said = [(one.item, one.is_right, one.tokens) for one in greedy.outcomes]
    if said != [(one.item, one.is_right, one.tokens) for one in grouped.pop(("greedy", 1), ())]:
        return []
    return [
        Point(name, budget, tuple(found))
        for (name, budget), found in grouped.items()
        if name not in strategies
    ]


def write(options: argparse.Namespace, points: Sequence[Point], greedy: Point, floor: float) -> None:
    """The table, the picture and every single outcome."""
    shown = [
        name
        for name in ("pack", "split", "checks", "items", "budgets", "strategies", "seed")
        if getattr(options, name) is not None
    ]
    values = {name: getattr(options, name) for name in shown}
    values |= {"pack": options.pack.name} if options.pack else {}
    command = "python -m evals.curves " + " ".join(f"--{name} {value}" for name, value in values.items())
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "curves.md").write_text(
        table(points, greedy, floor, command) + "\n" + reliability([greedy, *points])
    )
    rows = [json.dumps(asdict(outcome)) for one in (greedy, *points) for outcome in one.outcomes]
    (OUT / "outcomes.jsonl").write_text("\n".join(rows) + "\n")
    picture(points, greedy, floor, OUT / "curves.svg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pack", type=Path, default=None)
    parser.add_argument("--split", choices=["train", "heldout"], default="heldout")
    parser.add_argument("--checks", type=int, default=2, help="most checks that an item's teacher takes")
    parser.add_argument("--items", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budgets", default="1,2,4,8,16,32,64")
    parser.add_argument("--strategies", default="vote,best_first,beam,diverse,mcts,auto,deep")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--dollars-per-hour", type=float, default=0.10, help="what the host costs")
    options = parser.parse_args()
    anyio.run(run, options)
    print((OUT / "curves.md").read_text())


if __name__ == "__main__":
    main()
