"""`agent-runtime bench PACK…`: score packs in three columns: the tools alone, the model alone, model with tools."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent_runtime.config import RunConfig
    from agent_runtime.jobs.packs.items import Item
    from agent_runtime.jobs.packs.run import Column


def bench(
    packs: Annotated[list[Path], typer.Argument(metavar="PACK…", help="Packs of items (JSON lines).")],
    model: Annotated[str | None, typer.Option(metavar="SPEC", help="embedded, hf:…, openai:…")] = None,
    think: Annotated[str | None, typer.Option(metavar="TIME", help="quick, standard, deep or auto.")] = None,
    strategy: Annotated[str | None, typer.Option(metavar="NAME", help="Overrides --think.")] = None,
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
    import anyio  # noqa: PLC0415  (--help needs none of it)

    from agent_runtime.config import RunConfig  # noqa: PLC0415
    from agent_runtime.jobs.packs.items import read_pack  # noqa: PLC0415
    from agent_runtime.jobs.packs.run import sample  # noqa: PLC0415

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
    answers: list[str] = []
    for pack, pack_items in chosen.items():
        columns = anyio.run(_columns, config, pack_items)
        sys.stdout.write(_line(pack, columns) + "\n")
        sys.stdout.flush()
        answers += [
            json.dumps({"id": result.item.id, "answer": result.answer}) for result in columns[-1].results
        ]
        for result in columns[-1].results:
            if result.error:
                sys.stderr.write(f"{result.item.id}: {result.error}\n")
    if out is not None:
        out.write_text("\n".join(answers) + "\n", encoding="utf-8")


async def _columns(config: "RunConfig", items: "list[Item]") -> "list[Column]":
    """The three columns, one after another."""
    from agent_runtime.assembly import build_sandbox, open_runtime  # noqa: PLC0415  (--help needs none of it)
    from agent_runtime.jobs.packs.run import floor_column, runtime_column  # noqa: PLC0415

    sandbox = await build_sandbox(config)
    try:
        columns = [await floor_column(items, sandbox)]
        alone = config.model_copy(update={"has_tools": False, "strategy": "chain"})
        for name, one in (("model alone", alone), ("model with tools", config)):
            async with open_runtime(one) as runtime:
                columns.append(await runtime_column(name, runtime, items, sandbox))
    finally:
        await sandbox.aclose()
    return columns


def _line(pack: Path, columns: "list[Column]") -> str:
    from agent_runtime.intervals import wilson  # noqa: PLC0415  (--help needs none of it)

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
