"""The events of a run, in the order in which they happen: what the trace holds and what `stream` yields.

One dataclass a kind, told apart by `kind`. The recorder adds a sequence number, a time and a checksum to each
line; `traces/README.md` documents the file. A node is written twice: as `sampled` when the model has spoken
(nothing that sampling cost may be lost), and as `node` when its check has run and it has been judged; a kill while
the judge is at work loses what judging that batch had cost.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from agent_runtime.types import Action, Answer, Check, ModelCard, Node, NodeState, Origin, Prompt, Task, Usage

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True)
class TableFile:
    """A table of the task as it was when the run began; `sha256` is empty where it was no regular file."""

    path: Path  # absolute
    sha256: str


@dataclass(frozen=True, slots=True)
class RunStarted:
    """All that a reader needs to understand, replay or resume the run; `config` holds no secret."""

    task: Task
    prompt: Prompt
    model: ModelCard
    strategy: str
    seed: int
    config: dict[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION
    created: str = ""  # ISO 8601, UTC
    tables: tuple[TableFile, ...] = ()  # in the order of the task's; empty in traces of before there were any
    kind: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True)
class ActionSampled:
    """An action was written for a new node, by the model unless `origin` says otherwise; its check is about to run."""

    node_id: int
    parent_id: int
    seed: int
    action: Action
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    usage: Usage = Usage()
    origin: Origin = "model"
    kind: Literal["sampled"] = "sampled"


@dataclass(frozen=True, slots=True)
class CheckStarted:
    """A tool is about to run: from here on it may have had its effect, result recorded or not."""

    node_id: int
    check: Check
    kind: Literal["check_started"] = "check_started"


@dataclass(frozen=True, slots=True)
class NodeAdded:
    """A node has been checked and judged and is part of the search graph."""

    node: Node
    kind: Literal["node"] = "node"


@dataclass(frozen=True, slots=True)
class NodeClosed:
    """An open node was closed later: backtracked from, or pruned."""

    node_id: int
    state: NodeState
    reason: str
    kind: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The end of the run; a trace without it belongs to a run that was killed."""

    answer: Answer
    kind: Literal["run_finished"] = "run_finished"


Event = RunStarted | ActionSampled | CheckStarted | NodeAdded | NodeClosed | RunFinished

EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])
