"""A recorded run for tests: two branches from one plan, one wrong turn, a verified answer."""

from pathlib import Path

from agent_runtime.trace.events import NodeAdded, RunFinished, RunStarted
from agent_runtime.trace.recorder import Recorder
from agent_runtime.types import (
    Answer,
    Check,
    FinalAnswer,
    ModelCard,
    Node,
    Objection,
    Observation,
    Plan,
    Prompt,
    Step,
    Task,
    Usage,
    Verdict,
    VerdictKind,
)

NODES = (
    Node(1, 0, 1, Plan(("Compute",))),
    Node(
        2,
        1,
        2,
        Step("Wrong turn.", Check("calc", "1 / 0")),
        Observation("calc", "division by zero", "error: division by zero", "error"),
        Verdict("refuted", objections=(Objection("checks", "division by zero", is_refuting=True),)),
        state="dead_end",
    ),
    Node(
        3,
        1,
        2,
        Step("Add.", Check("calc", "1 + 1")),
        Observation("calc", "2", "2"),
        Verdict("supported", ("2",)),
    ),
    Node(4, 3, 3, FinalAnswer("2"), state="answered"),
    Node(5, 3, 3, FinalAnswer("3"), state="answered"),
)


def record(path: Path, verdict: VerdictKind = "confirmed") -> Path:
    """Write the run into `path`."""
    card = ModelCard("scripted", "none", 1000, "abc")
    with Recorder(path, []) as recorder:
        recorder.record(
            RunStarted(
                Task("t1", "What is 1 + 1?"), Prompt("What is 1 + 1?"), card, "vote", 0, created="2026-01-01"
            )
        )
        for node in NODES:
            recorder.record(NodeAdded(node))
        recorder.record(RunFinished(Answer("2", 0.9, verdict, (), Usage(), "answered", node_id=4)))
    return path
