"""`agent-runtime solve`: a question with its tables in, a verified answer with its evidence out."""

from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.errors import InputError

LIMITS = "Limits"


def solve(
    question: Annotated[str, typer.Argument(help="What you want to know.", show_default=False)],
    table: Annotated[
        list[Path] | None,
        typer.Option(
            "--table", metavar="FILE", help="A table: .csv, .parquet, .json, .xlsx, .db. Repeatable."
        ),
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option(
            "--read",
            metavar="FILE.COLUMN=READING",
            help="Settle how a table is read; `agent-runtime tables` shows what is in doubt. Repeatable.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC", help="embedded, hf:NAME-or-folder, openai:URL#MODEL or none. [embedded]"
        ),
    ] = None,
    think: Annotated[
        str | None, typer.Option(metavar="TIME", help="quick, standard, deep or auto. [auto]")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A search strategy, instead of what --think stands for; vote:16 is a vote of 16 chains.",
        ),
    ] = None,
    planner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Rules that propose beside the model: auto (all), none, NAME. [auto]"
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed, the same run. [0]")] = None,
    sandbox: Annotated[
        str | None, typer.Option(metavar="KIND", help="docker, bubblewrap, process or auto. [auto]")
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(metavar="P", help='Below it the answer is "not established". [0.5]')
    ] = None,
    require: Annotated[
        str | None,
        typer.Option(metavar="VERDICT", help="The least verdict: supported or confirmed. [supported]"),
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(metavar="N", rich_help_panel=LIMITS)] = None,
    max_seconds: Annotated[float | None, typer.Option(metavar="S", rich_help_panel=LIMITS)] = None,
    max_dollars: Annotated[float | None, typer.Option(metavar="D", rich_help_panel=LIMITS)] = None,
    max_joules: Annotated[float | None, typer.Option(metavar="J", rich_help_panel=LIMITS)] = None,
    max_tool_calls: Annotated[int | None, typer.Option(metavar="N", rich_help_panel=LIMITS)] = None,
    max_branches: Annotated[int | None, typer.Option(metavar="N", rich_help_panel=LIMITS)] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the trace goes; a new file.")
    ] = None,
) -> None:
    """Answer a question, showing the thinking live, with evidence and the bill at the end."""
    from agent_runtime.assembly import open_runtime  # noqa: PLC0415  (--help needs none of it)
    from agent_runtime.cli.following import follow  # noqa: PLC0415
    from agent_runtime.config import RunConfig  # noqa: PLC0415

    tables = tuple(table or ())
    require_files(tables)
    config = RunConfig.load(
        {
            "model": model,
            "think": think,
            "strategy": strategy,
            "planner": planner,
            "seed": seed,
            "sandbox": sandbox,
            "min_confidence": min_confidence,
            "require": require,
            "max_tokens": max_tokens,
            "max_seconds": max_seconds,
            "max_dollars": max_dollars,
            "max_joules": max_joules,
            "max_tool_calls": max_tool_calls,
            "max_branches": max_branches,
            "read": tuple(read) if read else None,
            "trace": trace,
        }
    )
    code = follow(
        lambda: open_runtime(config),
        lambda runtime: runtime.stream(runtime.new_task(question, tables)),
        as_json=as_json,
    )
    raise typer.Exit(code)


def require_files(tables: tuple[Path, ...]) -> None:
    """Name a missing table before a model is loaded.

    Raises:
        InputError: A table is not there.
    """
    for table in tables:
        if not table.is_file():
            raise InputError(
                f"there is no file {str(table)!r}; --table takes a .csv, .parquet, .json, .xlsx or .db"
            )
