"""`agent-runtime review`: show the steps of a run and take thumbs up or down on them, kept beside the trace."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.errors import ConfigError, InputError
from agent_runtime.types import Node

UP, DOWN, SKIP, QUIT = "u", "d", "", "q"


def review(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="The trace of a run.", show_default=False)],
    up: Annotated[
        list[int] | None, typer.Option("--up", metavar="NODE", help="A thumb up, without asking.")
    ] = None,
    down: Annotated[
        list[int] | None, typer.Option("--down", metavar="NODE", help="A thumb down, without asking.")
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="A note with --up and --down.")] = "",
) -> None:
    """Say which steps of a run were good: labels for training, in TRACE.review.jsonl."""
    from agent_runtime.terminal.printable import printable  # noqa: PLC0415  (--help needs none of it)
    from agent_runtime.trace.feedback import add_review, read_reviews, review_path  # noqa: PLC0415
    from agent_runtime.trace.reader import read  # noqa: PLC0415

    graph = read(trace).graph()
    given = [(node_id, True) for node_id in up or ()] + [(node_id, False) for node_id in down or ()]
    for node_id, is_up in given:
        if node_id not in graph:
            raise InputError(f"there is no node {node_id} in this run; it has {len(graph)}")
        add_review(trace, node_id, is_up, note)
    if not given:
        if not sys.stdin.isatty():
            raise ConfigError("nobody is there to ask; name nodes with --up NODE and --down NODE")
        before = {one.node_id: one for one in read_reviews(trace)}
        for node in graph:
            if node.action is None:
                continue
            typer.echo(printable(_shown(node)))
            said = _ask(is_reviewed=node.id in before)
            if said == QUIT:
                break
            if said in (UP, DOWN):
                add_review(trace, node.id, said == UP, typer.prompt("note", default="", show_default=False))
    typer.echo(f"{len(read_reviews(trace))} steps reviewed in {review_path(trace)}")


def _shown(node: Node) -> str:
    """One action with its check, result and verdict."""
    from agent_runtime.dialogue.tagged_reader import write_tagged  # noqa: PLC0415

    assert node.action is not None
    lines = [f"[{node.id}] {write_tagged(node.action)}"]
    if node.observation is not None:
        lines.append(f"    => {node.observation.brief}")
    lines.append(f"    {node.verdict.kind}, {node.state}{f': {node.reason}' if node.reason else ''}")
    return "\n".join(lines)


def _ask(is_reviewed: bool) -> str:
    """What the person says of a step."""
    hint = "(again) " if is_reviewed else ""
    while True:
        said = typer.prompt(f"  {hint}u up, d down, Enter skip, q quit", default="", show_default=False)
        said = str(said).strip().lower()
        if said in (UP, DOWN, SKIP, QUIT):
            return said
