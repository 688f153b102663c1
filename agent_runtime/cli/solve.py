"""`agent-runtime solve`: a question with its tables in, a verified answer with its evidence out."""

from pathlib import Path

import typer

from agent_runtime.cli import options
from agent_runtime.errors import InputError


def solve(
    question: options.Question,
    table: options.Table = None,
    read: options.Read = None,
    model: options.Model = None,
    think: options.Think = None,
    strategy: options.Strategy = None,
    planner: options.Planner = None,
    seed: options.Seed = None,
    sandbox: options.Sandbox = None,
    min_confidence: options.MinConfidence = None,
    require: options.Require = None,
    max_tokens: options.MaxTokens = None,
    max_seconds: options.MaxSeconds = None,
    max_dollars: options.MaxDollars = None,
    max_joules: options.MaxJoules = None,
    max_tool_calls: options.MaxToolCalls = None,
    max_branches: options.MaxBranches = None,
    as_json: options.AsJson = False,
    trace: options.Trace = None,
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
