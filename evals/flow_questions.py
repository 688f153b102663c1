"""Questions about money flows: the planner without a model, the model with tools and no planner, and both together.

Run: python -m evals.flow_questions [PACK…] [--items N] [--seed N] [--columns plans,model,both] [--think quick]. One
run prints all columns over the same items. `--kinds` shows each kind of question, `--misses` what came instead.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import anyio

from agent_runtime.assembly import build_sandbox, open_runtime
from agent_runtime.config import RunConfig
from agent_runtime.scoring.intervals import wilson
from evals.packs.items import Item, read_pack
from evals.packs.run import Column, runtime_column, sample

SHARED = Path(__file__).parents[2] / "shared" / "packs"
PACKS = [SHARED / "aml_ibm.dev.jsonl", SHARED / "aml_amlsim.dev.jsonl"]


async def column(name: str, config: RunConfig, items: Sequence[Item]) -> Column:
    changes = {"plans": {"model": "none"}, "model": {"planner": "none"}, "both": {}}[name]
    sandbox = await build_sandbox(config)
    try:
        async with open_runtime(config.model_copy(update=changes)) as runtime:
            return await runtime_column(name, runtime, items, sandbox)
    finally:
        await sandbox.aclose()


def show(pack: Path, found: Column, options: argparse.Namespace) -> None:
    n, usage = len(found.results), found.usage
    low, high = wilson(found.n_right, n)
    print(
        f"{pack.name:24} {found.name:6} {found.n_right:3} of {n} ({found.n_right / n:.1%}, 95 % {low:.1%}-{high:.1%}), "
        f"{usage.tool_calls} checks, {usage.n_tokens} tokens, {found.seconds:.0f} s, "
        f"{sum(bool(result.error) for result in found.results)} failed",
        flush=True,
    )
    if options.kinds:
        right = Counter(result.item.kind for result in found.results if result.is_right)
        for kind, total in sorted(Counter(result.item.kind for result in found.results).items()):
            print(f"    {kind:24} {right[kind]} of {total}")
    if options.misses:
        for result in found.results:
            if not result.is_right:
                print(f"    {result.item.id} {result.item.kind}: {str(result.answer)[:200]} {result.error}")


async def run(options: argparse.Namespace) -> None:
    config = RunConfig.load({"think": options.think, "min_confidence": 0.0})
    for pack in options.packs:
        if not pack.is_file():
            print(f"{pack.name}: skipped, it is not there (evaluation data, not part of the project)")
            continue
        items = sample(read_pack(pack), options.items, options.seed)
        for name in options.columns.split(","):
            show(pack, await column(name, config, items), options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", nargs="*", type=Path, default=PACKS)
    parser.add_argument("--items", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--columns", default="plans,model,both")
    parser.add_argument("--think", default="quick")
    parser.add_argument("--kinds", action="store_true")
    parser.add_argument("--misses", action="store_true")
    anyio.run(run, parser.parse_args())


if __name__ == "__main__":
    main()
