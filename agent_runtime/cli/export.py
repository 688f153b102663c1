"""`agent-runtime export`: recorded runs as a data set to train on."""

from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.errors import ConfigError


def export(
    traces: Annotated[
        list[Path],
        typer.Argument(metavar="TRACE...", help="Traces, or folders of traces.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where the data set goes.", show_default=False)
    ],
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="sft, preference or steps.")] = "sft",
    require: Annotated[
        str,
        typer.Option(metavar="VERDICT", help="What an answer must be to be learned: supported or confirmed."),
    ] = "supported",
) -> None:
    """Write recorded runs as a data set for training, as JSONL and Parquet."""
    from agent_runtime.trace.export import KINDS  # noqa: PLC0415  (--help needs none of it)
    from agent_runtime.trace.export import export as write  # noqa: PLC0415
    from agent_runtime.trace.surviving import VERIFIED, traces_of  # noqa: PLC0415

    if kind not in KINDS:
        raise ConfigError(f"unknown kind {kind!r}; there are: {', '.join(KINDS)}")
    if require not in VERIFIED:
        raise ConfigError(f"unknown verdict {require!r}; there are: {', '.join(VERIFIED)}")
    verdicts = VERIFIED[VERIFIED.index(require) :]
    n_rows = write(traces_of(traces), KINDS[kind], out, verdicts)
    typer.echo(f"{n_rows} rows in {out / kind}.jsonl and .parquet")
