"""What `solve` may be told, one name an option: how it is written, and what its help says."""

from pathlib import Path
from typing import Annotated

import typer

LIMITS = "Limits"

Question = Annotated[str, typer.Argument(help="What you want to know.", show_default=False)]
Table = Annotated[
    list[Path] | None,
    typer.Option("--table", metavar="FILE", help="A table: .csv, .parquet, .json, .xlsx, .db. Repeatable."),
]
Read = Annotated[
    list[str] | None,
    typer.Option(
        "--read",
        metavar="FILE.COLUMN=READING",
        help="Settle how a table is read; `agent-runtime tables` shows what is in doubt. Repeatable.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="embedded, hf:NAME-or-folder, openai:URL#MODEL or none. [embedded]"),
]
Think = Annotated[str | None, typer.Option(metavar="TIME", help="quick, standard, deep or auto. [auto]")]
Strategy = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A search strategy, instead of what --think stands for; vote:16 is a vote of 16 chains.",
    ),
]
Planner = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Rules that propose beside the model: auto (all), none, NAME. [auto]"),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="The same seed, the same run. [0]")]
Sandbox = Annotated[
    str | None, typer.Option(metavar="KIND", help="docker, bubblewrap, process or auto. [auto]")
]
MinConfidence = Annotated[
    float | None, typer.Option(metavar="P", help='Below it the answer is "not established". [0.5]')
]
Require = Annotated[
    str | None,
    typer.Option(metavar="VERDICT", help="The least verdict: supported or confirmed. [supported]"),
]
MaxTokens = Annotated[int | None, typer.Option(metavar="N", rich_help_panel=LIMITS)]
MaxSeconds = Annotated[float | None, typer.Option(metavar="S", rich_help_panel=LIMITS)]
MaxDollars = Annotated[float | None, typer.Option(metavar="D", rich_help_panel=LIMITS)]
MaxJoules = Annotated[float | None, typer.Option(metavar="J", rich_help_panel=LIMITS)]
MaxToolCalls = Annotated[int | None, typer.Option(metavar="N", rich_help_panel=LIMITS)]
MaxBranches = Annotated[int | None, typer.Option(metavar="N", rich_help_panel=LIMITS)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]
Trace = Annotated[Path | None, typer.Option(metavar="FILE", help="Where the trace goes; a new file.")]
