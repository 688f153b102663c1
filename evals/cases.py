"""Failing inputs from real life through the tools: what comes is right, doubted in words, refused, or silently wrong.

Run: python -m evals.cases [FOLDER] [--kinds load calculator sql equal] [--all]. A folder has any of `load.jsonl` beside
`files/`, `calculator.jsonl`, `sql.jsonl` beside `sql/`, and `equal.jsonl`. A value is right where it equals what the
case says, to the digits that the case shows; `A or B` allows either, and so does `A / B` unless that many values came.
A case that speaks of a refusal is right where the tool refuses. What a case says in a sentence is for a person to read.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from agent_runtime.concurrency import gather
from agent_runtime.errors import InputError, ToolError
from agent_runtime.scoring.equivalence import equal
from agent_runtime.types import Observation, Task
from agent_runtime_tools.calculator import Calculator
from agent_runtime_tools.database import Database

SHARED = Path(__file__).parents[2] / "shared" / "cases" / "tables"
SECONDS = 20.0
N_AT_ONCE = 2
OUTCOMES = ("right", "named doubt", "refused", "SILENT WRONG", "to read", "debatable")
_REFUSAL = re.compile(r"\b(?:refus\w*|errors?|clear|says?|said|warn\w*|asks?)\b", re.I)
_EITHER = re.compile(r"\s+or\s+|\s+/\s+")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.I)
_NOTE = re.compile(r" \([^()]*\)$")  # `-0.988 (rad)`, `true (9 = 9)`
Case = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One case: what it asked, what would be right, what came, and how that counts."""

    kind: str
    asked: str
    right: str
    came: str
    outcome: str


def judged(kind: str, asked: str, right: str, seen: Observation | str, doubts: Sequence[str] = ()) -> Found:
    """How what a tool said counts; a text is the refusal that it gave."""
    if isinstance(seen, str):
        outcome = "right" if _REFUSAL.search(right) else "refused"
        return Found(kind, asked, right, seen, outcome)
    values = brought(seen)
    said = [*doubts, *(remark.text for remark in seen.remarks)]
    came = " | ".join(values)[:200] + (f"   ({'; '.join(said)[:200]})" if said else "")
    if agrees(right, values):
        return Found(kind, asked, right, came, "right")
    if said:
        return Found(kind, asked, right, came, "named doubt")
    return Found(kind, asked, right, came, "SILENT WRONG" if _is_value(right) else "to read")


def brought(seen: Observation) -> list[str]:
    """The values that a tool brought, as texts."""
    if seen.table is not None:
        return ["" if cell is None else str(cell) for row in seen.table.rows for cell in row]
    exact = [] if seen.value is None else [str(seen.value.cell)]
    lines = [part.strip() for line in seen.text.splitlines() for part in re.split(r"[|≈]", line)]
    return [*exact, *(line for line in lines if line)]


def agrees(right: str, values: Sequence[str]) -> bool:
    """Whether values are what a case says is right, whole or alternative by alternative."""
    right = _NOTE.sub("", right)
    for separator in (" / ", " | "):
        each = right.split(separator)
        if 1 < len(each) == len(values):
            return all(_same(value, one) for value, one in zip(values, each, strict=True))
    alternatives = [right, *_EITHER.split(right)]
    whole = ", ".join(values)
    return any(equal(whole, one) or any(_same(value, one) for value in values) for one in alternatives)


def _same(value: str, right: str) -> bool:
    value = _NOTE.sub("", value)
    if equal(value, right) or _rounds(value, right) or _same_items(value, right):
        return True
    return not any(character.isalpha() for character in right) and _same_number(value, right)


def _same_number(value: str, right: str) -> bool:
    """Whether a value is the number that is right, in the unit that the question asked for."""
    number, _, unit = value.partition(" ")
    return (
        bool(unit)
        and not any(character.isdigit() for character in unit)
        and (equal(number, right) or _rounds(number, right))
    )


def _same_items(value: str, right: str) -> bool:
    """Whether two lists hold the same, in any order: the roots of an equation have none."""
    ours, theirs = ([item.strip() for item in text.strip("[]{}() ").split(",")] for text in (value, right))
    if not 1 < len(ours) == len(theirs):
        return False
    for item in theirs:
        match = next((one for one in ours if equal(one, item) or _rounds(one, item)), None)
        if match is None:
            return False
        ours.remove(match)
    return True


def _rounds(value: str, right: str) -> bool:
    """Whether a number is another one to the digits that it shows: 1628.8946 is 1628.89, not 1629.5."""
    if not _NUMBER.fullmatch(right.strip()) or not re.search(r"[.e]", right, re.I):
        return False
    try:
        exact, shown = Decimal(value.replace(",", "")), Decimal(right.strip().replace(",", ""))
    except InvalidOperation:
        return False
    exponent = shown.as_tuple().exponent
    return (
        exact.is_finite()
        and isinstance(exponent, int)
        and abs(exact - shown) <= Decimal((0, (5,), exponent - 1))
    )


def _is_value(right: str) -> bool:
    """Whether what is right is a value that can be compared, and no sentence."""
    return not _REFUSAL.search(right) and max(len(one.split()) for one in _EITHER.split(right)) <= 4


# --- one reader a kind of case


async def calculated(folder: Path) -> list[Found]:
    """`calculator.jsonl`: expression, right, kind."""
    tool = Calculator()

    async def one(case: Case) -> list[Found]:
        seen = await _observed(
            lambda: tool.run(case["expression"], Task("case", case["expression"]), SECONDS)
        )
        return [judged(f"calculator {case['kind']}", case["expression"], str(case["right"]), seen)]

    try:
        return await _each(_lines(folder / "calculator.jsonl"), one)
    finally:
        await tool.aclose()


async def loaded(folder: Path) -> list[Found]:
    """`load.jsonl`: a file and the obvious queries of it, each with what is right."""
    tool = Database()

    async def one(case: Case) -> list[Found]:
        task = Task(f"load-{case['id']}", case["symptom"], (folder / "files" / case["file"],))
        name = f"load {case['id']}"
        try:
            doubts = (await tool.prepare(task)).doubts
        except InputError as error:
            return [judged(name, check["query"], check["right"], str(error)) for check in case["checks"]]
        found = []
        for check in case["checks"]:
            seen = await _observed(partial(tool.run, check["query"], task, SECONDS))
            found.append(judged(name, check["query"], check["right"], seen, doubts))
        await tool.release(task)
        return found

    try:
        return await _each(_lines(folder / "load.jsonl"), one)
    finally:
        await tool.aclose()


async def queried(folder: Path) -> list[Found]:
    """`sql.jsonl`: queries that must run, and slips from other dialects that run or are refused in words."""
    cases = _lines(folder / "sql.jsonl")
    if not cases:
        return []
    tool = Database()
    task = Task("sql", "queries", tuple(sorted((folder / "sql").iterdir())))

    async def one(case: Case) -> list[Found]:
        seen = await _observed(lambda: tool.run(case["query"], task, SECONDS))
        outcome, came = ("refused", seen) if isinstance(seen, str) else ("right", seen.brief)
        return [Found(f"sql {case['kind']}", case["query"], "runs", came[:300], outcome)]

    try:
        await tool.prepare(task)
        return await _each(cases, one)
    finally:
        await tool.aclose()


async def compared(folder: Path) -> list[Found]:
    """`equal.jsonl`: two answers, and whether they are one; None is debatable."""
    found = []
    for case in _lines(folder / "equal.jsonl"):
        came = equal(case["a"], case["b"])
        outcome = (
            "debatable" if case["equal"] is None else "right" if came == case["equal"] else "SILENT WRONG"
        )
        found.append(Found("equal", f"{case['a']} | {case['b']}", str(case["equal"]), str(came), outcome))
    return found


READERS: dict[str, Callable[[Path], Awaitable[list[Found]]]] = {
    "load": loaded,
    "calculator": calculated,
    "sql": queried,
    "equal": compared,
}


async def _observed(call: Callable[[], Awaitable[Observation]]) -> Observation | str:
    """What a tool said, or its refusal."""
    try:
        return await call()
    except (ToolError, InputError) as error:
        return str(error)


async def _each(cases: Iterable[Case], one: Callable[[Case], Awaitable[list[Found]]]) -> list[Found]:
    calls = [lambda case=case: one(case) for case in cases]
    return [found for group in await gather(calls, N_AT_ONCE) for found in group]


def _lines(path: Path) -> list[Case]:
    return (
        [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        if path.is_file()
        else []
    )


def report(found: Sequence[Found], has_all: bool = False) -> str:
    """Counts by kind, and the cases that are wrong, refused or to be read."""
    lines = [f"{'':12} {'n':>4} " + " ".join(f"{outcome:>12}" for outcome in OUTCOMES)]
    for kind in dict.fromkeys(one.kind.partition(" ")[0] for one in found):
        counts = Counter(one.outcome for one in found if one.kind.partition(" ")[0] == kind)
        lines.append(
            f"{kind:12} {counts.total():4} " + " ".join(f"{counts[outcome]:12}" for outcome in OUTCOMES)
        )
    shown = ("SILENT WRONG", "named doubt", "refused", "to read") if has_all else ("SILENT WRONG",)
    for outcome in shown:
        lines += [
            f"{outcome}: {one.kind}: {one.asked!r} gave {one.came!r}, right is {one.right!r}"
            for one in found
            if one.outcome == outcome
        ]
    return "\n".join(lines)


async def run(options: argparse.Namespace) -> None:
    found = [one for kind in options.kinds for one in await READERS[kind](options.folder)]
    print(report(found, options.all))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--kinds", nargs="+", default=list(READERS), choices=READERS)
    parser.add_argument(
        "--all", action="store_true", help="list what was doubted, refused or is to be read, too"
    )
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(
            f"{options.folder} is not there (evaluation data, not part of the project); name another folder"
        )
        return
    anyio.run(run, options)


if __name__ == "__main__":
    main()
