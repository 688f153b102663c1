"""Recorded runs as data sets for training: demonstrations, preferences between siblings, judged steps.

In trl's forms: conversations (`messages`), preferences (`prompt`, `chosen`, `rejected`) and steps (`prompt`,
`completions`, `labels`), as JSONL and as Parquet. Every row says where it comes from.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

from agent_runtime.dialogue.messages import render_messages
from agent_runtime.dialogue.prompt_format import user_text
from agent_runtime.dialogue.tagged_reader import write_tagged
from agent_runtime.errors import InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.events import RunStarted
from agent_runtime.trace.feedback import read_reviews
from agent_runtime.trace.labels import label_steps, leaves
from agent_runtime.trace.reader import Trace
from agent_runtime.trace.surviving import VERIFIED, surviving_path
from agent_runtime.types import Malformed, Node, Step, VerdictKind

Kind = Literal["sft", "preference", "steps"]
Row = dict[str, Any]


def export(
    traces: Iterable[Trace], kind: Kind, folder: Path, verdicts: tuple[VerdictKind, ...] = VERIFIED
) -> int:
    """Write the rows of all traces to `KIND.jsonl` and `KIND.parquet` in `folder`; how many there are.

    A run whose answer has none of the `verdicts` is no demonstration.

    Raises:
        InputError: The traces hold nothing of this kind, or the folder cannot be written.
    """
    rows = [
        row
        for trace in traces
        if trace.started is not None
        for row in _ROWS[kind](trace, trace.started, surviving_path(trace, verdicts) or ())
    ]
    if not rows:
        raise InputError(f"these traces hold nothing for a data set of the kind {kind!r}: {_NEEDS[kind]}")
    # ASCII only: a lone surrogate that a model wrote is no reason to lose the rest
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}.jsonl").write_text(lines, encoding="ascii")
        _write_parquet(lines, kind, folder / f"{kind}.parquet")
    except OSError as error:
        raise InputError(f"cannot write into {str(folder)!r}: {error.strerror}") from error
    return len(rows)


def _write_parquet(lines: str, kind: Kind, path: Path) -> None:
    import duckdb  # noqa: PLC0415  (slow to import)

    with tempfile.TemporaryDirectory() as work, duckdb.connect() as database:
        source = Path(work) / "rows.jsonl"  # not the user's folder: DuckDB would expand a `*` in its name
        source.write_text(lines, encoding="ascii")
        longest = max(map(len, lines.splitlines()))
        rows = database.read_json(
            str(source), columns=_COLUMNS[kind], format="newline_delimited", maximum_object_size=longest + 1
        )
        rows.write_parquet(str(path))


def _origin(trace: Trace, started: RunStarted, nodes: Sequence[Node]) -> Row:
    """Where a row comes from."""
    return {
        "trace": trace.path.name,
        "task_id": started.task.id,
        "model": started.model.name,
        "model_sha256": started.model.sha256,
        "created": started.created,
        "node_ids": [node.id for node in nodes],
    }


def sft_rows(trace: Trace, started: RunStarted, path: Sequence[Node]) -> Iterator[Row]:
    """The verified `path` of a run as one conversation; its last turn is the answer."""
    if path:
        messages = render_messages(started.prompt, path, "tags")[:-1]  # nothing is said after the answer
        yield {"messages": messages, "origin": _origin(trace, started, path)}


def preference_rows(trace: Trace, started: RunStarted, path: Sequence[Node]) -> Iterator[Row]:
    """Pairs of siblings: one that a verified answer rests on or a thumb holds up, one that failed."""
    graph = trace.graph()
    thumbs = {review.node_id: review.is_up for review in read_reviews(trace.path)}
    good_ids = {node.id for node in path} | {at for at, is_up in thumbs.items() if is_up}
    for parent in graph:
        children = [node for node in graph.children(parent.id) if not isinstance(node.action, Malformed)]
        chosen = [node for node in children if node.id in good_ids and thumbs.get(node.id) is not False]
        rejected = [node for node in children if _is_bad(node, thumbs)]
        for good, bad in product(chosen, rejected):
            if good.action != bad.action:
                yield {
                    "prompt": render_messages(started.prompt, graph.path(parent.id), "tags"),
                    "chosen": [_said(good)],
                    "rejected": [_said(bad)],
                    "origin": _origin(trace, started, [good, bad]),
                }


def _is_bad(node: Node, thumbs: Mapping[int, bool]) -> bool:
    if node.id in thumbs:
        return not thumbs[node.id]
    return node.verdict.kind == "refuted" or node.state == "dead_end"


def _said(node: Node) -> Row:
    assert node.action is not None
    return {"role": "assistant", "content": write_tagged(node.action)}


def step_rows(trace: Trace, started: RunStarted, path: Sequence[Node]) -> Iterator[Row]:
    """Every branch with labelled steps, cut after the last one that has a label; soft labels are halved at 0.5."""
    graph = trace.graph()
    labels = label_steps(graph, read_reviews(trace.path), {})
    for node_id in (node.id for node in path if isinstance(node.action, Step)):
        labels.setdefault(node_id, 1.0)
    for branch in _labelled_branches(graph, labels):
        yield {
            "prompt": user_text(started.prompt),
            "completions": [write_tagged(node.action) for node in branch if node.action is not None],
            "labels": [labels[node.id] >= 0.5 for node in branch],
            "origin": _origin(trace, started, branch),
        }


def _labelled_branches(graph: SearchGraph, labels: Mapping[int, float]) -> Iterator[list[Node]]:
    """The labelled steps at the head of each branch, each branch once."""
    seen: set[tuple[int, ...]] = set()
    for leaf in leaves(graph):
        branch: list[Node] = []
        for node in graph.path(leaf.id):
            if isinstance(node.action, Step):
                if node.id not in labels:
                    break
                branch.append(node)
        key = tuple(node.id for node in branch)
        if branch and key not in seen:
            seen.add(key)
            yield branch


_ROWS: dict[Kind, Callable[[Trace, RunStarted, Sequence[Node]], Iterator[Row]]] = {
    "sft": sft_rows,
    "preference": preference_rows,
    "steps": step_rows,
}
_NEEDS: dict[Kind, str] = {
    "sft": "no run has a verified answer (agent-runtime review can confirm one)",
    "preference": "no step that an answer rests on has a sibling that failed",
    "steps": "no step was refuted, confirmed by an answer, or reviewed",
}
_TURNS = "STRUCT(role VARCHAR, content VARCHAR)[]"
_ORIGIN = {
    "origin": "STRUCT(trace VARCHAR, task_id VARCHAR, model VARCHAR, model_sha256 VARCHAR, created VARCHAR, "
    "node_ids BIGINT[])"
}
_COLUMNS: dict[Kind, dict[str, str]] = {
    "sft": {"messages": _TURNS, **_ORIGIN},
    "preference": {"prompt": _TURNS, "chosen": _TURNS, "rejected": _TURNS, **_ORIGIN},
    "steps": {"prompt": "VARCHAR", "completions": "VARCHAR[]", "labels": "BOOLEAN[]", **_ORIGIN},
}
KINDS: dict[str, Kind] = {kind: kind for kind in _ROWS}
