"""`agent-runtime replay`: show a run again from its trace alone, or decide it anew with no model call."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from agent_runtime.trace.reader import Trace
    from agent_runtime.types import Answer


def replay(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="The trace of a run.", show_default=False)],
    strategy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Decide anew with this strategy over what was recorded."),
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(metavar="P", help="Decide anew with this threshold.")
    ] = None,
    speed: Annotated[
        float, typer.Option(metavar="X", min=0, help="Show it X times as fast as it was; 0: at once.")
    ] = 0.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Show a run again from its trace alone, or decide it anew with no model and no tool call."""
    from agent_runtime.cli.following import exit_code, json_document, view_for  # noqa: PLC0415  (--help)
    from agent_runtime.trace.reader import read  # noqa: PLC0415
    from agent_runtime.trace.view import play  # noqa: PLC0415

    recorded = read(trace)
    for problem in recorded.problems():
        sys.stderr.write(f"{trace}: {problem}\n")
    if strategy is not None or min_confidence is not None:
        recorded = _decided_anew(recorded, strategy, min_confidence)
    if not as_json:
        play(recorded, view_for(as_json=False), speed)
    elif recorded.finished is not None:
        sys.stdout.write(json_document(recorded.finished.answer))
    raise typer.Exit(exit_code(recorded.finished.answer) if recorded.finished else 1)


def _decided_anew(recorded: "Trace", strategy: str | None, min_confidence: float | None) -> "Trace":
    """The recorded run with another end."""
    import anyio  # noqa: PLC0415  (--help needs none of it)

    from agent_runtime.assembly import open_runtime  # noqa: PLC0415
    from agent_runtime.cli.recorded import recorded_config  # noqa: PLC0415
    from agent_runtime.trace.replay import RecordedModel  # noqa: PLC0415

    config = recorded_config(recorded.path, {"strategy": strategy, "min_confidence": min_confidence})

    async def decide() -> "Answer":
        async with open_runtime(config, model=RecordedModel(recorded)) as runtime:
            return await runtime.redecide(recorded.path)

    return recorded.ending_in(anyio.run(decide))
