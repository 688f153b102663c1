"""The embedded model's own examples: every recorded query gives its recorded result, every context its own form."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.dialogue.results import two_decimals
from agent_runtime.types import Task
from agent_runtime_tools.database import Database

EXAMPLES = Path(__file__).parents[3] / "shared" / "embedded-v0" / "examples.jsonl"

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="the examples of the embedded model are not here"
)


def items() -> list[dict[str, Any]]:
    lines = EXAMPLES.read_text(encoding="utf-8").splitlines()
    return [item for item in map(json.loads, lines) if item.get("data")]


def write_table(folder: Path, data: dict[str, Any]) -> Path:
    path = folder / f"{data['table']}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(name for name, _ in data["cols"])
        writer.writerows(data["rows"])
    return path


async def replay(database: Database, item: dict[str, Any], folder: Path) -> tuple[str, list[tuple[str, str]]]:
    """The context and, for each recorded query, the result in its form and the recorded one."""
    task = Task("example", item["question"], tables=(write_table(folder, item["data"]),))
    context = await database.prepare(task)
    checks = [action[2:] for action in item["actions"] if len(action) == 5 and action[2] == "sql"]
    assert checks or not any("sql" in action for action in item["actions"])
    pairs = [(two_decimals(await database.run(query, task, 10.0)), result) for _, query, result in checks]
    return context.text, [pair for pair in pairs if not are_rounded_apart(*pair)]


def are_rounded_apart(text: str, recorded: str) -> bool:
    """Whether two results differ by the rounding of a tie alone: decimals of a table are exact now."""
    left, right = text.split(), recorded.split()
    differing = [pair for pair in zip(left, right, strict=False) if pair[0] != pair[1]]
    try:
        return len(left) == len(right) and all(abs(float(a) - float(b)) < 0.011 for a, b in differing)
    except ValueError:
        return False


def without_sample(context: str) -> list[str]:
    return [line for line in context.splitlines() if not line.startswith("sample: ")]


@pytest.mark.slow
async def test_every_recorded_query_gives_its_recorded_result_and_every_context_has_the_trained_form(
    tmp_path,
):
    database = Database()
    wrong = []

    for item in items():
        context, pairs = await replay(database, item, tmp_path)
        question = item["question"].splitlines()
        tail = "\n".join(question[question.index(without_sample(context)[0]) :])
        wrong += [pair for pair in pairs if pair[0] != pair[1]]
        wrong += [(context, tail)] if without_sample(context) != without_sample(tail) else []
    await database.aclose()

    assert not wrong


async def test_an_example_of_each_family_gives_its_recorded_results(tmp_path):
    database = Database()
    wrong = []

    for item in {item["family"]: item for item in items()}.values():
        _, pairs = await replay(database, item, tmp_path)
        wrong += [pair for pair in pairs if pair[0] != pair[1]]
    await database.aclose()

    assert not wrong
