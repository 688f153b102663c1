"""Files in the shapes of real exports: each gives its right value, or a refusal or doubt that says why not."""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.errors import InputError, ToolError
from agent_runtime.types import Task
from agent_runtime_tools.database import Database

CASES = Path(__file__).parents[3] / "shared" / "cases"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CASES.exists(), reason="the case folder is not here"),
]

# Cases whose right value is said in other words than a result can have: what the result must be.
IN_WORDS = {
    "d08": ["2024-03-02 04:30:00", "2024-03-02 01:00:00"],
    "h01": ["30"],
    "j02": ["1 | 10", "2 | 20"],
    "j08": ["01/02/2024", "03/04/2024"],
    "j14": ["2024-03-02 04:30:00", "2024-03-02 01:00:00"],
    "k01": ["x"],
    "l11": ["2"],
    "l24": ["3"],
    "n27": ["30"],
    "p08": ["1 | x", "2 | y"],
    "s02": ["00ff6869"],
    "s09": ["2024-03-02 04:30:00", "2024-03-02 01:00:00"],
    "s20": ["5 | 500 | 3", "7 | 700 | 4"],
    "x02": ["N | 1 | 2 | 3 | 4", "S | 5 | 6 | 7 | 8"],
    "x17": ["N | 26:30:00", "S | 01:00:00"],
    "x28": ["N | 1 | 2"],
}


def cases() -> list[dict[str, Any]]:
    lines = (CASES / "tables" / "load.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def is_right(case_id: str, rows: list[str], right: str) -> bool:
    """Is the result the right value, as written or to within the way it is written?"""
    if rows == IN_WORDS.get(case_id):
        return True
    choices = [right, re.sub(r" \(.*\)$", "", right), re.split(r" or | as ", right)[0]]
    return any(_same(rows, choice) for choice in choices)


def _same(rows: list[str], right: str) -> bool:
    if [row.strip('"') for row in rows] in ([right], right.split(" / "), right.split()):
        return True
    try:
        return len(rows) == 1 and abs(float(rows[0]) - float(right.removesuffix("%"))) < 1e-9
    except ValueError:
        return False


async def outcomes(database: Database, case: dict[str, Any]) -> list[str]:
    """For each check: `right`, `refused` or `doubted` with words, or `WRONG`."""
    path = CASES / "tables" / "files" / case["file"]
    task = Task(case["id"], "", tables=(path,))
    try:
        context = await database.prepare(task)
    except InputError as error:
        return ["refused" if path.name in str(error) else f"WRONG {error}"] * len(case["checks"])
    found = []
    for check in case["checks"]:
        try:
            observation = await database.run(check["query"], task, 20.0)
        except ToolError as error:
            found.append("refused" if str(error) else "WRONG silent")
            continue
        rows = [line for line in observation.text.splitlines()[1:] if not line.startswith("note: ")]
        if is_right(case["id"], rows, check["right"]):
            found.append("right")
        else:
            is_doubted = "doubt:" in context.text or bool(observation.remarks)
            found.append("doubted" if is_doubted else f"WRONG {check['query']} -> {rows[:3]}")
    await database.release(task)
    return found


async def test_every_file_gives_its_right_value_or_says_what_is_in_doubt(capsys):
    database = Database()
    counts: dict[str, Counter[str]] = {}
    wrong = []

    for case in cases():
        for outcome in await outcomes(database, case):
            counts.setdefault(case["id"][0], Counter())[outcome.partition(" ")[0]] += 1
            wrong += [(case["id"], outcome)] if outcome.startswith("WRONG") else []
    await database.aclose()

    with capsys.disabled():
        sys.stdout.write("".join(f"\n  {kind}: {dict(count)}" for kind, count in sorted(counts.items())))
    assert not wrong


@pytest.mark.parametrize(
    ("name", "query", "right"),
    [
        ("thousands.csv", "SELECT sum(amount) FROM thousands", 4000.0),
        ("merged.xlsx", "SELECT sum(Revenue) FROM merged WHERE Quarter = 'Q3'", 200.0),
    ],
)
async def test_questions_that_a_wrong_reading_answered(name, query, right):
    database = Database()
    task = Task("t", "", tables=(CASES / "verdicts" / name,))

    await database.prepare(task)
    text = (await database.run(query, task, 20.0)).text
    await database.aclose()

    assert float(text.splitlines()[1]) == right
