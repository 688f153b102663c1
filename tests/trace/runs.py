"""A small run as a list of events, for the tests of the trace: a dead end, a second branch, an answer."""

from pathlib import Path

from agent_runtime.trace.events import (
    ActionSampled,
    CheckStarted,
    Event,
    NodeAdded,
    NodeClosed,
    RunFinished,
    RunStarted,
)
from agent_runtime.trace.recorder import Recorder
from agent_runtime.types import (
    Action,
    Answer,
    Check,
    Evidence,
    FinalAnswer,
    ModelCard,
    Node,
    NodeState,
    Observation,
    Outcome,
    Plan,
    Prompt,
    Step,
    Task,
    Usage,
    Verdict,
    VerdictKind,
)

COST = Usage(prompt_tokens=1, think_tokens=3, model_seconds=0.5)


def started(question: str = "How much did Acme send?", **config: object) -> RunStarted:
    task = Task("run-1", question, (Path("transfers.csv"),))
    card = ModelCard("scripted", "none", 8192)
    return RunStarted(
        task, Prompt(question), card, "best_first", 7, dict(config), created="2026-01-01T00:00:00Z"
    )


def grown(
    node_id: int,
    parent_id: int,
    depth: int,
    action: Action,
    result: str = "",
    outcome: Outcome = "ok",
    state: NodeState = "open",
) -> list[Event]:
    """The events of one node: sampled, its check, and the node."""
    check = action.check if isinstance(action, Step) else None
    observation = Observation(check.tool, result, result, outcome, 0.25) if check else None
    kind: VerdictKind = "unchecked" if check is None else "supported" if outcome == "ok" else "refuted"
    usage = COST + Usage(tool_calls=1, tool_seconds=0.25) if check else COST
    node = Node(
        node_id,
        parent_id,
        depth,
        action,
        observation,
        Verdict(kind, (result,)),
        state,
        0.5,
        token_ids=(node_id, 5),
        logprobs=(-0.25, -1e-9),
        seed=100 + node_id,
        usage=usage,
    )
    sampled = ActionSampled(node_id, parent_id, node.seed, action, node.token_ids, node.logprobs, COST)
    return [sampled, *([CheckStarted(node_id, check)] if check else []), NodeAdded(node)]


def a_run() -> list[Event]:
    query = Check("sql", "SELECT sum(amount) FROM transfers WHERE src = 'Acme Ltd'")
    bad_query = Check("sql", "SELECT amnt FROM transfers")
    answer = Answer(
        "12000",
        0.91,
        "supported",
        (Evidence(4, "sql", query.input, "12000", "supported"),),
        Usage(think_tokens=15, tool_calls=2),
        "answered",
        "12000",
        node_id=5,
    )
    return [
        started(),
        *grown(1, 0, 1, Plan(("sum what Acme sent", "answer"))),
        *grown(2, 1, 2, Step("Look at amnt", bad_query), "error: no column amnt", "error"),
        *grown(3, 2, 3, Step("Again", bad_query), "error: no column amnt", "error", "dead_end"),
        NodeClosed(2, "dead_end", "backtracked: no column amnt"),
        *grown(4, 1, 2, Step("Sum the amounts", query), "12000"),
        *grown(5, 4, 3, FinalAnswer("12000"), state="answered"),
        RunFinished(answer),
    ]


def write(path: Path, events: list[Event]) -> Path:
    with Recorder(path) as recorder:
        for event in events:
            recorder.record(event)
    return path
