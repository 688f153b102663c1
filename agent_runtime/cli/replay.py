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
    verifier: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Decide anew by these verifiers: checks, remarks, emptiness, coverage, judge (with commas), or none.",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None, typer.Option(metavar="P", help="Decide anew with this threshold.")
    ] = None,
    speed: Annotated[
        float, typer.Option(metavar="X", min=0, help="Show it X times as fast as it was; 0: at once.")
    ] = 0.0,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the search graph instead, as FILE.graphml, FILE.dot or FILE.json."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> None:
    """Show a run again from its trace alone, or decide it anew with no model and no tool call."""
    from agent_runtime.cli.following import exit_code, json_document, view_for  # noqa: PLC0415  (--help)
    from agent_runtime.terminal.view import play  # noqa: PLC0415
    from agent_runtime.trace.reader import read  # noqa: PLC0415

    recorded = read(trace)
    for problem in recorded.problems():
        sys.stderr.write(f"{trace}: {problem}\n")
    if any(choice is not None for choice in (strategy, verifier, min_confidence)):
        recorded = _decided_anew(recorded, strategy, verifier, min_confidence)
    if export is not None:
        _export(recorded, export)
    if not as_json:
        play(recorded, view_for(as_json=False), speed)
    else:
        answer = recorded.finished.answer if recorded.finished else _unfinished(recorded)
        sys.stdout.write(json_document(answer))
    raise typer.Exit(exit_code(recorded.finished.answer) if recorded.finished else 1)


def _export(recorded: "Trace", path: Path) -> None:
    """Write the graph, say where, and end."""
    from agent_runtime.trace.graph_export import export_graph  # noqa: PLC0415  (--help needs none of it)

    graph = recorded.graph()
    export_graph(graph, path)
    typer.echo(f"{len(graph)} nodes in {path}")
    raise typer.Exit


def _unfinished(recorded: "Trace") -> "Answer":
    """What a run that did not finish had come to: no answer yet, its best guess, and what it had cost."""
    from agent_runtime.limits.budget import usage_by_strategy  # noqa: PLC0415  (--help needs none of it)
    from agent_runtime.types import Answer, FinalAnswer, Usage  # noqa: PLC0415

    nodes = list(recorded.graph())
    usage = sum((node.usage for node in nodes), Usage())
    name = recorded.started.strategy if recorded.started else ""  # of nodes that do not say it
    bills = {strategy or name: spent for strategy, spent in usage_by_strategy(nodes, usage).items()}
    answered = [node for node in nodes if isinstance(node.action, FinalAnswer)]
    best = max(answered, key=lambda node: node.path_score, default=None)
    return Answer(
        None,
        0.0,
        "unchecked",
        (),
        usage,
        "interrupted",
        candidate=best.action.text if best and isinstance(best.action, FinalAnswer) else None,
        missing="the run did not finish; `agent-runtime resume` goes on with it",
        trace=recorded.path,
        usage_by_strategy=bills,
    )


def _decided_anew(
    recorded: "Trace", strategy: str | None, name: str | None, min_confidence: float | None
) -> "Trace":
    """The recorded run with another end."""
    import anyio  # noqa: PLC0415  (--help needs none of it)

    from agent_runtime.assembly import build_verifier, open_runtime  # noqa: PLC0415
    from agent_runtime.cli.recorded import recorded_config  # noqa: PLC0415
    from agent_runtime.trace.replay import RecordedModel  # noqa: PLC0415

    config = recorded_config(recorded.path, {"strategy": strategy, "min_confidence": min_confidence})

    async def decide() -> "Answer":
        model = RecordedModel(recorded)
        verifier = None if name is None else build_verifier(name.split(",") if name != "none" else ())(model)
        async with open_runtime(config, model=model, verifier=verifier) as runtime:
            return await runtime.redecide(recorded.path)

    return recorded.ending_in(anyio.run(decide))
