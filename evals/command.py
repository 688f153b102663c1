"""`agent-runtime bench PACK…`: score packs in columns: a blind guess, planners alone, the model alone, and together."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

ALONE, MODEL, TOOLS, BOTH = "planner alone", "model alone", "model with tools", "with planners"

if TYPE_CHECKING:
    from agent_runtime.config import RunConfig
    from evals.packs.items import Item
    from evals.packs.run import Column, Result


def bench(
    packs: Annotated[list[Path], typer.Argument(metavar="PACK…", help="Packs of items (JSON lines).")],
    model: Annotated[str | None, typer.Option(metavar="SPEC", help="embedded, hf:…, openai:…")] = None,
    think: Annotated[str | None, typer.Option(metavar="TIME", help="quick, standard, deep or auto.")] = None,
    strategy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Overrides --think; vote:16: 16 chains.")
    ] = None,
    planner: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="auto, none (leaves its two columns out) or NAME. [auto]"),
    ] = None,
    items: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="A seeded sample of N items a pack; all by default."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the sample and of the runs.")] = 0,
    max_seconds: Annotated[
        float | None, typer.Option(metavar="S", min=0, help="Thinking time of an item.")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(metavar="N", min=1, help="Tokens of an item.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the answers of the last column, one a line.")
    ] = None,
) -> None:
    """Score packs of questions: a blind guess, the planners alone, the model alone, with tools, and with planners."""
    import anyio

    from agent_runtime.assembly import build_planners
    from agent_runtime.config import RunConfig
    from evals.packs.items import read_pack
    from evals.packs.run import reliability, sample

    settings = {
        "model": model,
        "think": think,
        "strategy": strategy,
        "planner": planner,
        "seed": seed,
        "max_seconds": max_seconds,
        "max_tokens": max_tokens,
    }
    config = RunConfig.load(settings)
    build_planners(config.planner)  # an unknown one is said before anything is measured
    chosen = {pack: sample(read_pack(pack), items, seed) for pack in packs}
    sys.stdout.write(f"model {config.model}, strategy {config.strategy or config.think}, seed {seed}\n")
    names = column_names(config)
    sys.stdout.write(f"{'pack':24} {'n':>4}  " + "  ".join(f"{name:>22}" for name in names))
    sys.stdout.write(f"  {'calls':>6} {'tokens':>8} {'seconds':>8}  failed\n")
    if out is not None:
        out.write_text("", encoding="utf-8")
    measured: list[Result] = []
    for pack, pack_items in chosen.items():
        columns = anyio.run(_columns, config, pack_items)
        sys.stdout.write(_line(pack, columns) + "\n")
        sys.stdout.flush()
        results = columns[-1].results
        measured += results
        if out is not None:
            with out.open("a", encoding="utf-8") as file:
                file.writelines(
                    json.dumps({"id": one.item.id, "answer": one.answer}) + "\n" for one in results
                )
        for result in results:
            if result.error:
                sys.stderr.write(f"{result.item.id}: {result.error}\n")
    sys.stdout.write(f"\nconfidence   answers  mean  right  ({names[-1]}, all packs)\n")
    for band, n, mean, right in reliability(measured):
        sys.stdout.write(f"{band:12} {n:>7}  {mean:.2f}  {right:.2f}\n")


def column_names(config: "RunConfig") -> list[str]:
    """The columns of a run, in their order; those of the planners are left out where there are none."""
    from evals.packs.run import FLOOR

    planned = config.planner != "none"
    return [FLOOR, *([ALONE] if planned else []), MODEL, TOOLS, *([BOTH] if planned else [])]


async def _columns(config: "RunConfig", items: "list[Item]") -> "list[Column]":
    """The columns, one after another, over the same items."""
    from contextlib import AsyncExitStack

    from agent_runtime.assembly import build_sandbox, open_runtime, open_workshop
    from evals.packs.repairs import SECONDS, Repairs
    from evals.packs.run import floor_column, runtime_column

    sandbox = await build_sandbox(config)
    seconds = config.max_seconds or SECONDS
    names = column_names(config)
    try:
        async with AsyncExitStack() as stack:
            repairs: dict[str, Repairs] = {}
            for name in (ALONE, BOTH) if any(item.is_program for item in items) else ():
                workshop = await stack.enter_async_context(open_workshop(config, has_model=name == BOTH))
                repairs[name] = Repairs(workshop, seconds)
            columns = [await floor_column(items, sandbox, repairs.get(ALONE))]
            for name in names[1:]:
                async with open_runtime(_settings(config, name)) as runtime:
                    columns.append(await runtime_column(name, runtime, items, sandbox, repairs.get(name)))
    finally:
        await sandbox.aclose()
    return columns


def _settings(config: "RunConfig", name: str) -> "RunConfig":
    """The settings of a column that a runtime fills."""
    changes: dict[str, dict[str, object]] = {
        ALONE: {"model": "none", "think": "quick", "strategy": None, "max_tokens": None},
        MODEL: {"planner": "none", "has_tools": False, "strategy": "chain"},
        TOOLS: {"planner": "none"},
        BOTH: {},
    }
    return config.model_copy(update=changes[name])


def _line(pack: Path, columns: "list[Column]") -> str:
    from agent_runtime.scoring.intervals import wilson

    cells = []
    for column in columns:
        n = len(column.results)
        low, high = wilson(column.n_right, n)
        cells.append(f"{100 * column.n_right / n:5.1f} % [{100 * low:4.1f}, {100 * high:4.1f}]")
    last = columns[-1]
    n_failed = sum(bool(result.error) for result in last.results)
    name = pack.name.removesuffix(".jsonl").removesuffix(".dev")
    return (
        f"{name:24} {len(last.results):>4}  " + "  ".join(f"{cell:>22}" for cell in cells) +
        f"  {last.usage.tool_calls:>6} {last.usage.n_tokens:>8} {last.seconds:>8.0f}  {n_failed}"
    )  # fmt: skip
