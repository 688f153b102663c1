"""Repair with hidden tests: how many programs are really right afterwards, and how many fixes only look so.

Run: python -m evals.repair [PACK] [--n N] [--model SPEC] [--seconds S]. All sides from one run over the same trials:
the blind floor takes the first edit in source order that passes the visible tests; the job chooses among all that
pass, and calls a fix established or not. Hidden tests are run afterwards, by the pack's own checker, and seen by none.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import anyio

from agent_runtime.assembly import open_workshop
from agent_runtime.concurrency import gather
from agent_runtime.config import RunConfig
from agent_runtime.jobs.debugging.edits import in_source_order
from agent_runtime.jobs.debugging.hypotheses import Limits
from agent_runtime.jobs.debugging.job import DebugRequest, Workshop, debug
from agent_runtime.jobs.debugging.types import Candidate
from agent_runtime.scoring.intervals import wilson
from evals.packs.items import Item, read_pack
from evals.packs.run import sample
from evals.packs.scoring import is_right

PACK = Path(__file__).parents[2] / "shared" / "packs" / "humanevalfix_hidden.dev.jsonl"
N_AT_ONCE = 2


@dataclass(frozen=True)
class Outcome:
    """One item: whether an edit passed the visible tests and the hidden ones; None where none passed the visible.

    `floor` is the first that passes in source order, `best` the job's choice, `is_established` what it calls it.
    """

    floor: bool | None
    best: bool | None
    is_established: bool
    is_any_right: bool
    n_trials: int
    seconds: float


async def repair(item: Item, workshop: Workshop, seconds: float) -> Outcome:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="repair-") as place:
        folder = Path(place) / "program"
        folder.mkdir()
        item.place(folder, "repair")
        request = DebugRequest(
            ("python", "test_example.py"), folder, item.question, limits=Limits(seconds=seconds)
        )
        config = workshop.config.model_copy(update={"trace": Path(place) / "trace.jsonl"})
        report = await debug(request, Workshop(
            workshop.sandbox, workshop.edit, workshop.open_runtime, config, (), workshop.model,
        ))  # fmt: skip
    passing = [attempt.candidate for attempt in report.tried if attempt.is_passing]
    blind = in_source_order(passing)[:1]
    best = report.fix or report.candidate
    right = await rights(item, passing, workshop)
    return Outcome(
        right[blind[0]] if blind else None, right[best.candidate] if best is not None else None,
        report.fix is not None, any(right.values()),
        len(report.tried), time.monotonic() - started,
    )  # fmt: skip


async def rights(item: Item, passing: list[Candidate], workshop: Workshop) -> dict[Candidate, bool]:
    """What the hidden tests say of each candidate."""
    source = item.files["solution.py"]
    return {one: await is_right(item, one.applied(source), workshop.sandbox) for one in passing}


def show(outcomes: list[Outcome]) -> None:
    n = len(outcomes)
    row("blind single-edit floor", [o.floor for o in outcomes])
    row("debugging job, established fixes", [o.best if o.is_established else None for o in outcomes])
    row("debugging job, best candidates too", [o.best for o in outcomes])
    left = [o.best for o in outcomes if o.best is not None and not o.is_established]
    print(f"called not established: {len(left)}, of them {sum(left)} right and {len(left) - sum(left)} wrong")
    print(
        f"a right edit was among those that pass for {sum(o.is_any_right for o in outcomes)};"
        f" trials an item: {sum(o.n_trials for o in outcomes) / n:.0f};"
        f" seconds an item: {sum(o.seconds for o in outcomes) / n:.1f} ({N_AT_ONCE} at once)"
    )


def row(name: str, chosen: list[bool | None]) -> None:
    """One side: of all items how many right; of the edits shown, how many only look right."""
    n, fixed, right = len(chosen), sum(one is not None for one in chosen), sum(map(bool, chosen))
    low, high = wilson(right, n)
    print(
        f"{name}: {right} of {n} right ({right / n:.1%}, 95 % {low:.1%}-{high:.1%}); {fixed} pass the visible"
        f" tests, {fixed - right} of them fail hidden ones ({(fixed - right) / max(1, fixed):.1%})"
    )


async def run(items: list[Item], model: str | None, seconds: float) -> None:
    settings = {"sandbox": "bubblewrap", **({"model": model} if model else {})}
    async with open_workshop(RunConfig.load(settings), has_model=model is not None) as workshop:
        calls = [lambda item=item: repair(item, workshop, seconds) for item in items]
        show(list(await gather(calls, N_AT_ONCE)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", nargs="?", type=Path, default=PACK)
    parser.add_argument("--n", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default=None)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    if not given.pack.is_file():
        print(f"skipped: {given.pack.name} is not there (it is evaluation data, not part of the project)")
        return
    anyio.run(run, sample(read_pack(given.pack), given.n, given.seed), given.model, given.seconds)


if __name__ == "__main__":
    main()
