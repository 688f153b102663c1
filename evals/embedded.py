"""The embedded model on held-out items of its own generators, greedy and with 4 votes at temperature 0.8.

Run: python -m evals.embedded [--items 120] [--seed 0]. Goes through the SDK: real tools, real traces. The items
carry question and context as one text, which is fed verbatim; their tables are loaded beside it.
"""

import argparse
import csv
import json
import random
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from agent_runtime import RunConfig, open_runtime
from agent_runtime.assembly import build_model
from agent_runtime.concurrency import gather
from agent_runtime.kernel.runtime import Runtime
from agent_runtime.protocols import ToolContext
from agent_runtime.scoring.equivalence import equal
from agent_runtime.types import Answer, Observation, Task, Usage
from agent_runtime_tools.database import Database

ITEMS = Path(__file__).parents[2] / "shared" / "embedded-v0" / "examples.jsonl"
N_AT_ONCE = 8


class QuietDatabase:
    """The database without its own context: an item's question already holds it."""

    name = "sql"
    description = Database.description

    def __init__(self) -> None:
        self._database = Database()

    async def prepare(self, task: Task) -> ToolContext:
        return ToolContext(tables=(await self._database.prepare(task)).tables)

    async def release(self, task: Task) -> None:
        await self._database.release(task)

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        return await self._database.run(text, task, seconds)

    async def aclose(self) -> None:
        await self._database.aclose()


def write_table(item: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """The item's table as a CSV file of its name; none where it has no table."""
    data = item.get("data")
    if not data:
        return ()
    folder.mkdir()
    path = folder / f"{data['table']}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(name for name, _ in data["cols"])
        writer.writerows(data["rows"])
    return (path,)


async def solve_all(strategy: str, items: list[dict[str, Any]], folder: Path, seed: int) -> list[Answer]:
    database = QuietDatabase()
    config = RunConfig.load({"strategy": strategy, "min_confidence": 0.0, "seed": seed})
    model = build_model(config)  # the weights alone: no plans of the cash-flow job
    async with open_runtime(config, model=model, tools=[database]) as runtime:
        answers = await gather(
            [partial(_solve, runtime, strategy, index, item, folder) for index, item in enumerate(items)],
            N_AT_ONCE,
        )
    await database.aclose()
    await model.aclose()
    return answers


async def _solve(runtime: Runtime, strategy: str, index: int, item: dict[str, Any], folder: Path) -> Answer:
    task = runtime.new_task(item["question"], write_table(item, folder / f"{strategy}-{index}"))
    return await runtime.solve(task)


def report(name: str, items: list[dict[str, Any]], answers: list[Answer], seconds: float) -> None:
    right = [equal(answer.text or "", item["gold"]) for item, answer in zip(items, answers, strict=True)]
    families = Counter(item["family"] for item in items)
    by_family = Counter(item["family"] for item, is_right in zip(items, right, strict=True) if is_right)
    usage = sum((answer.usage for answer in answers), Usage())
    shares = ", ".join(f"{family} {by_family[family]}/{n}" for family, n in sorted(families.items()))
    print(f"{name}: {sum(right)} of {len(items)} right ({100 * sum(right) / len(items):.1f} %): {shares}")
    print(
        f"  bill: {usage.prompt_tokens:,} prompt, {usage.think_tokens:,} think, {usage.forced_tokens:,} forced tokens;"
        f" {usage.tool_calls:,} tool calls; {seconds:.0f} s wall"
    )
    for item, answer, is_right in zip(items, answers, right, strict=True):
        if not is_right:
            question = item["question"].partition("\n")[0]
            print(f"  wrong: {question!r}: {answer.text!r}, not {item['gold']!r} ({answer.stop_reason})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--strategies", default="chain,vote")
    options = parser.parse_args()
    if not ITEMS.is_file():
        print(f"skipped: {ITEMS.name} is not there (it is evaluation data, not part of the project)")
        return
    items = [json.loads(line) for line in ITEMS.read_text().splitlines()]
    items = random.Random(options.seed).sample(items, min(options.items, len(items)))
    names = {"chain": "greedy", "vote": "4 votes at temperature 0.8"}
    for strategy in options.strategies.split(","):
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            answers = anyio.run(solve_all, strategy, items, Path(folder), options.seed)
            report(names.get(strategy, strategy), items, answers, time.monotonic() - started)


if __name__ == "__main__":
    main()
