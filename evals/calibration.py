"""Fit `agent_runtime.scoring.calibration` to how often answers are right: generated items that nobody is measured on.

Run: python -m evals.calibration [--items 40] [--votes 8] [--model embedded]. Items of the generators, half of them of
wordings and schemas held out from training (seed 7001; the curves use another); GSM8K's training set where `--gsm8k`
names it; and where it lies beside the project, items of the kind that the weights know best, none of which
`evals.embedded` measures by default. Never a pack.
Each item gives the answer of a greedy pass and of votes of 2, 4 ... chains. Prints the coefficients to copy, and how
often answers of a stated confidence are right, on the half of the items that was not fitted.
"""

import argparse
import hashlib
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Any

import anyio
import torch
from torch.nn import functional

from agent_runtime import RunConfig, open_runtime
from agent_runtime.assembly import build_model
from agent_runtime.scoring.calibration import features, probability
from agent_runtime.scoring.intervals import reliability
from agent_runtime.scoring.ranking import rank
from agent_runtime.types import FinalAnswer, Node, Sampling
from agent_runtime_training.rollouts import Draw, RolloutGroup, draw_rollouts
from agent_runtime_training.tasks import Example, generate
from agent_runtime_training.tasks.checking import is_right
from agent_runtime_training.tasks.example import Split, TableData
from agent_runtime_training.tasks.gsm8k import read_gsm8k
from evals.embedded import ITEMS

FAMILIES = ("flows", "tables", "arithmetic")
SEED = 7001
MAX_TOKENS = 800  # of a chain
Case = tuple[tuple[float, ...], bool]


def cases(greedy: RolloutGroup, warm: RolloutGroup) -> Iterator[Case]:
    """Features of the answer of one greedy chain and of each vote, and whether it is right."""
    sizes = [2**k for k in range(1, len(warm.rollouts).bit_length())]
    for group, n in ((greedy, 1), *((warm, size) for size in sizes)):
        paths = [rollout.path for rollout in group.rollouts[:n]]
        answered: list[Sequence[Node]] = [path for path in paths if isinstance(path[-1].action, FinalAnswer)]
        candidates = rank(answered, len(paths) - len(answered))
        best = candidates[0] if candidates else None
        if best is not None and best.certainty is not None:
            yield features(best.agreement, best.certainty), is_right(best.text, greedy.example.answer)


def fit(data: Sequence[Case]) -> list[float]:
    """Weights of a logistic regression, the constant first, lightly held to zero."""
    x = torch.tensor([[1.0, *found] for found, _ in data], dtype=torch.float64)
    y = torch.tensor([float(right) for _, right in data], dtype=torch.float64)
    weights = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = functional.binary_cross_entropy_with_logits(x @ weights, y) + 1e-3 * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.tolist()


def report(data: Sequence[Case], coefficients: Sequence[float]) -> str:
    """Stated against observed, in five bands."""
    stated = [(probability(found, coefficients), right) for found, right in data]
    lines = ["stated      answers  mean  right"]
    for band, n, mean, right in reliability(stated):
        lines.append(f"{band}  {n:7}  {mean:.2f}  {right:.2f}")
    brier = sum((p - right) ** 2 for p, right in stated) / max(1, len(stated))
    return "\n".join([*lines, f"Brier score {brier:.3f}"])


def known(n: int) -> list[Example]:
    """Items of the embedded weights' own kind, without those that `evals.embedded` draws."""
    if not ITEMS.is_file():
        return []
    items = [json.loads(line) for line in ITEMS.read_text("utf-8").splitlines()]
    measured = {id(item) for item in random.Random(0).sample(items, 120)}
    return [_example(at, item) for at, item in enumerate(items) if id(item) not in measured][:n]


def _example(at: int, item: dict[str, Any]) -> Example:
    question = item["question"].partition("\n")[0]
    tables: list[TableData] = []
    if data := item.get("data"):
        days = {index for index, (_, kind) in enumerate(data["cols"]) if kind == "DATE"}
        rows = [
            tuple(date.fromisoformat(cell) if index in days else cell for index, cell in enumerate(row))
            for row in data["rows"]
        ]
        tables.append(TableData(data["table"], tuple(map(tuple, data["cols"])), tuple(rows)))
    return Example(f"known-{at}", item["family"], "", "train", question, item["gold"], (), "", tuple(tables))


async def run(options: argparse.Namespace) -> None:
    splits: tuple[Split, ...] = ("train", "heldout")
    drawn = [
        list(generate(family, options.items // 2, SEED, split)) for family in FAMILIES for split in splits
    ]
    if options.gsm8k:
        sha256 = hashlib.sha256(options.gsm8k.read_bytes()).hexdigest()
        drawn.append(list(islice(read_gsm8k(options.gsm8k, sha256), options.items)))
    drawn.append(known(options.items))
    examples: list[Example] = list(chain.from_iterable(drawn))
    random.Random(SEED).shuffle(examples)
    model = build_model(RunConfig.load({"model": options.model}))
    try:
        with tempfile.TemporaryDirectory() as folder:
            once = Draw(1, Sampling(), MAX_TOKENS, SEED)
            often = Draw(options.votes, Sampling(temperature=0.8), MAX_TOKENS, SEED + 1)
            greedy = await draw_rollouts(examples, model, open_runtime, once, Path(folder))
            warm = await draw_rollouts(examples, model, open_runtime, often, Path(folder))
    finally:
        await model.aclose()
    found = [list(cases(*pair)) for pair in zip(greedy, warm, strict=True)]
    half = len(found) // 2
    fitted, rest = list(chain(*found[:half])), list(chain(*found[half:]))
    n_right = sum(group.share_right == 1 for group in greedy)
    print(
        f"{len(examples)} items, greedy right {n_right}; {len(fitted)} answers fitted, {len(rest)} held out"
    )
    print(report(rest, fit(fitted)))
    print("coefficients of all:", [round(weight, 2) for weight in fit([*fitted, *rest])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=40, help="of each family")
    parser.add_argument("--votes", type=int, default=8)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--gsm8k", type=Path, default=None, help="gsm8k_train.jsonl")
    anyio.run(run, parser.parse_args())


if __name__ == "__main__":
    main()
