"""`agent-runtime bench PACK…`: score packs in three columns: the tools alone, the model alone, model with tools."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
        Path | None, typer.Option(metavar="FILE", help="Write the answers of model with tools, one a line.")
    ] = None,
) -> None:
    """Score packs of questions: what the tools find alone, the model alone, and the model with tools and search."""
    import anyio

    from agent_runtime.config import RunConfig
    from evals.packs.items import read_pack
    from evals.packs.run import reliability, sample

    settings = {
        "model": model,
        "think": think,
        "strategy": strategy,
        "seed": seed,
        "max_seconds": max_seconds,
        "max_tokens": max_tokens,
    }
    config = RunConfig.load(settings)
    chosen = {pack: sample(read_pack(pack), items, seed) for pack in packs}
    sys.stdout.write(f"model {config.model}, strategy {config.strategy or config.think}, seed {seed}\n")
    sys.stdout.write(
        f"{'pack':24} {'n':>4}  {'tools alone':>22}  {'model alone':>22}  {'model with tools':>22}"
    )
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
    sys.stdout.write("\nconfidence   answers  mean  right  (model with tools, all packs)\n")
    for band, n, mean, right in reliability(measured):
        sys.stdout.write(f"{band:12} {n:>7}  {mean:.2f}  {right:.2f}\n")


async def _columns(config: "RunConfig", items: "list[Item]") -> "list[Column]":
    """The three columns, one after another."""
    from contextlib import AsyncExitStack

    from agent_runtime.assembly import build_sandbox, open_runtime, open_workshop
    from agent_runtime.planners.flow.planner import FlowPlanner
    from evals.packs.repairs import SECONDS, Repairs
    from evals.packs.run import floor_column, runtime_column

    sandbox = await build_sandbox(config)
    blind = config.model_copy(update={"think": "quick", "strategy": None, "max_tokens": None})
    alone = config.model_copy(update={"has_tools": False, "strategy": "chain"})
    try:
        async with AsyncExitStack() as stack:
            repairs: Repairs | None = None
            if any(item.is_program for item in items):
                workshop = await stack.enter_async_context(open_workshop(config))
                repairs = Repairs(workshop, config.max_seconds or SECONDS)
            async with open_runtime(blind, model=FlowPlanner(None)) as runtime:
                columns = [await floor_column(items, sandbox, runtime, repairs)]
            async with open_runtime(alone) as runtime:
                columns.append(await runtime_column("model alone", runtime, items, sandbox))
            async with open_runtime(config) as runtime:
                columns.append(await runtime_column("model with tools", runtime, items, sandbox, repairs))
    finally:
        await sandbox.aclose()
    return columns


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
