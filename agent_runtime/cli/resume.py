"""`agent-runtime resume`: go on with a run that was killed or interrupted, with what it had spent still spent."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def resume(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="The trace of the run.", show_default=False)],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Go on with a run that was killed or interrupted; its settings are those it was started with."""
    from agent_runtime.assembly import open_runtime  # noqa: PLC0415  (--help needs none of it)
    from agent_runtime.cli.following import follow  # noqa: PLC0415
    from agent_runtime.cli.recorded import recorded_config  # noqa: PLC0415
    from agent_runtime.trace import resume as resuming  # noqa: PLC0415
    from agent_runtime.trace.reader import read  # noqa: PLC0415

    config = recorded_config(trace)
    for check in resuming.resume(read(trace)).unknown:
        again = (
            f"the {check.check.tool!r} check of node {check.node_id} was under way; it is carried out again"
        )
        sys.stderr.write(f"{trace}: {again}\n")
    code = follow(lambda: open_runtime(config), lambda runtime: runtime.resume(trace), as_json=as_json)
    raise typer.Exit(code)
