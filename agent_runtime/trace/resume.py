"""What a killed or interrupted run left behind, so that the same search tree goes on where it stopped.

Nothing is asked of a model twice: what it said is in the trace, whether its check had been recorded or not. A
check that was started and has no result is of unknown outcome; every tool of the runtime reads only or works on
a copy that is thrown away, so it is carried out again. The budget goes on too: what was spent stays spent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agent_runtime.errors import InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.events import (
    SCHEMA_VERSION,
    ActionSampled,
    CheckStarted,
    Event,
    NodeAdded,
    RunFinished,
    RunStarted,
)
from agent_runtime.trace.reader import Trace
from agent_runtime.trace.replay import recorded_checks
from agent_runtime.types import Answer, Check, Observation, StopReason, Usage

RESUMABLE: tuple[StopReason, ...] = ("interrupted", "failed")  # how a run ends that could have gone on


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeState:
    """Where a run stopped. `answer` is set when there is nothing to go on with: the run had ended by itself."""

    started: RunStarted
    graph: SearchGraph
    usage: Usage
    seconds: float
    pending: tuple[ActionSampled, ...]  # sampled; their nodes are not recorded
    unknown: tuple[CheckStarted, ...]  # checks that may have run
    checks: dict[Check, Observation]
    answer: Answer | None = None
    _recorded: frozenset[tuple[str, int]] = field(default_factory=frozenset)

    def is_recorded(self, event: Event) -> bool:
        """Whether the trace holds this event of the resumed run already."""
        return _key(event) in self._recorded


def resume(trace: Trace) -> ResumeState:
    """Work out where the run of a trace stopped.

    Raises:
        InputError: The trace does not say how the run began, or has a hole.
    """
    if trace.started is None:
        raise InputError(f"{str(trace.path)!r} cannot be resumed: the run had not begun; solve the task anew")
    if trace.bad_lines:
        bad = trace.bad_lines[0]
        raise InputError(
            f"{str(trace.path)!r} cannot be resumed: line {bad.number} is damaged ({bad.error}); "
            "`agent-runtime replay` shows what is left"
        )
    if trace.schema_version != SCHEMA_VERSION:
        raise InputError(
            f"{str(trace.path)!r} cannot be resumed: it is of schema {trace.schema_version}, and a run goes on in "
            f"schema {SCHEMA_VERSION} only; `agent-runtime replay` shows it"
        )
    graph = trace.graph()
    sampled = [event for event in trace.events if isinstance(event, ActionSampled)]
    pending = tuple(event for event in sampled if event.node_id not in graph)
    started = [event for event in trace.events if isinstance(event, CheckStarted)]
    finished = trace.finished
    return ResumeState(
        started=trace.started,
        graph=graph,
        usage=_spent(trace, graph, pending),
        seconds=trace.seconds,
        pending=pending,
        unknown=tuple(event for event in started if event.node_id not in graph),
        checks=recorded_checks(trace),
        answer=finished.answer if finished and finished.answer.stop_reason not in RESUMABLE else None,
        _recorded=frozenset(key for event in trace.events if (key := _key(event))),
    )


def _spent(trace: Trace, graph: SearchGraph, pending: Sequence[ActionSampled]) -> Usage:
    """What the nodes cost; an end that the run has had already knows of joules that no node has booked."""
    spent = sum((node.usage for node in graph), sum((event.usage for event in pending), Usage()))
    ends = [event.answer.usage.joules for event in trace.events if isinstance(event, RunFinished)]
    known = [joules for joules in (spent.joules, *ends) if joules is not None]
    return replace(spent, joules=max(known, default=None))


def _key(event: Event) -> tuple[str, int] | None:
    """What makes an event the same one in a resumed run; an end has no key, for a run that goes on ends anew."""
    match event:
        case RunStarted():
            return event.kind, 0
        case RunFinished():
            return None
        case NodeAdded():
            return event.kind, event.node.id
        case _:
            return event.kind, event.node_id
