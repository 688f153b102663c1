"""The values of the runtime: actions, observations, nodes, answers and what they cost.

All frozen: a search never edits what happened, it adds to it. `pydantic.TypeAdapter` reads and writes these
same classes at the edges (trace file, HTTP body); there is no second wire copy.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# --- what the user brings


@dataclass(frozen=True, slots=True)
class Task:
    """One question with what belongs to it. `id` is unique in a process and names the run and its trace."""

    id: str
    question: str
    tables: tuple[Path, ...] = ()
    context: str = ""  # ready-made context, used as it is, before what tools add
    folder: Path | None = None  # the program under repair, for `python` and `edit`
    command: tuple[str, ...] = ()  # the failing command that an `edit` reruns


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A loaded table as the model and the grammar know it: name and (column, type) pairs."""

    name: str
    columns: tuple[tuple[str, str], ...]
    n_rows: int


@dataclass(frozen=True, slots=True)
class TableFunction:
    """A function of the database that returns rows: parameters that are given by name, columns that come back."""

    name: str
    parameters: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


# --- actions


@dataclass(frozen=True, slots=True)
class Check:
    """A spot-check: a tool's name and the text handed to it."""

    tool: str
    input: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of the solution, one item a line."""

    items: tuple[str, ...]
    kind: Literal["plan"] = "plan"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the plan, with the check that verifies it (None: nothing to check)."""

    thought: str
    check: Check | None = None
    kind: Literal["step"] = "step"


@dataclass(frozen=True, slots=True)
class Backtrack:
    """The model gives this line of thought up."""

    reason: str
    kind: Literal["backtrack"] = "backtrack"


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The answer in which this branch ends."""

    text: str
    kind: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class Malformed:
    """What the model wrote is no action; `error` says why."""

    text: str
    error: str
    kind: Literal["malformed"] = "malformed"


Action = Plan | Step | Backtrack | FinalAnswer | Malformed


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of model output: a role of the protocol (`plan`, `step`, a tool, ...) and its text."""

    role: str
    text: str


# --- what came back

Outcome = Literal["ok", "false", "error", "timeout"]


@dataclass(frozen=True, slots=True)
class Observation:
    """What a tool said. `text` is exact and goes into the evidence; `brief` is what the model reads.

    `outcome`: ok (a value came back, or a relation that holds), false (a relation that does not hold, a
    non-zero exit), error (the check could not be carried out), timeout (it was killed at its limit).
    """

    tool: str
    text: str
    brief: str
    outcome: Outcome = "ok"
    seconds: float = 0.0
    is_cached: bool = False
    is_truncated: bool = False
    place: str = ""  # where code ran: the kind of sandbox and its image's digest; empty for the other tools


# --- what it cost


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent. Dollars and joules are None where unknown, never invented.

    `wasted_tokens` (tokens on branches that did not carry the answer) are a part of the other roles, not
    one more; `n_tokens` counts each token once.
    """

    prompt_tokens: int = 0
    think_tokens: int = 0
    forced_tokens: int = 0
    judge_tokens: int = 0
    wasted_tokens: int = 0
    tool_calls: int = 0
    model_seconds: float = 0.0
    tool_seconds: float = 0.0
    waiting_seconds: float = 0.0
    own_seconds: float = 0.0
    dollars: float | None = None
    joules: float | None = None

    @property
    def n_tokens(self) -> int:
        return self.prompt_tokens + self.think_tokens + self.forced_tokens + self.judge_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.think_tokens + other.think_tokens,
            self.forced_tokens + other.forced_tokens,
            self.judge_tokens + other.judge_tokens,
            self.wasted_tokens + other.wasted_tokens,
            self.tool_calls + other.tool_calls,
            self.model_seconds + other.model_seconds,
            self.tool_seconds + other.tool_seconds,
            self.waiting_seconds + other.waiting_seconds,
            self.own_seconds + other.own_seconds,
            _add(self.dollars, other.dollars),
            _add(self.joules, other.joules),
        )


def _add(left: float | None, right: float | None) -> float | None:
    """Sum two quantities; what is unknown on both sides stays unknown."""
    if left is None or right is None:
        return right if left is None else left
    return left + right


# --- what is known of it

VerdictKind = Literal["confirmed", "refuted", "unchecked"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a step, why, and how sure a judge is (`score` in [0, 1], None: no judge spoke).

    `usage` is what judging took; None where it took no model. It is a part of the node's own usage.
    """

    kind: VerdictKind = "unchecked"
    evidence: str = ""
    score: float | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A model's own view of a step: P(it is good) in [0, 1], None where it has none; and what that took."""

    score: float | None = None
    usage: Usage | None = None


# --- the search graph

NodeState = Literal["open", "dead_end", "answered", "pruned"]


@dataclass(frozen=True, slots=True)
class Node:
    """One action of one branch, checked and judged. The root has no action and stands for the question.

    `token_ids` are the ids the model wrote for this action, as sampled: they are never made again from text.
    `path_score` in [0, 1] ranks open branches. `reason` says why a node is closed. `strategy` asked for it; empty
    in traces of before that was recorded.
    """

    id: int
    parent_id: int | None
    depth: int
    action: Action | None = None
    observation: Observation | None = None
    verdict: Verdict = Verdict()
    state: NodeState = "open"
    path_score: float = 1.0
    reason: str = ""
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    seed: int = 0
    usage: Usage = Usage()
    strategy: str = ""

    def judged(self, verdict: Verdict, path_score: float, state: NodeState, reason: str) -> "Node":
        """This node with what has become known of it (`dataclasses.replace`, at a quarter of its time)."""
        usage = self.usage if verdict.usage is None else self.usage + verdict.usage
        return Node(
            self.id, self.parent_id, self.depth, self.action, self.observation, verdict, state, path_score,
            reason, self.token_ids, self.logprobs, self.seed, usage, self.strategy,
        )  # fmt: skip


StopReason = Literal["answered", "not_established", "budget", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A check that holds the answer up: the node it belongs to, what was asked and what came back."""

    node_id: int
    tool: str
    input: str
    result: str
    verdict: VerdictKind


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run came to. `text` is None when nothing was established; `candidate` is then the best guess.

    `usage_by_strategy` says what each strategy spent; it is empty in traces of before it was recorded.
    """

    text: str | None
    confidence: float
    verdict: VerdictKind
    evidence: tuple[Evidence, ...]
    usage: Usage
    stop_reason: StopReason
    candidate: str | None = None
    missing: str = ""  # what keeps the candidate from being established
    node_id: int | None = None
    trace: Path | None = None
    usage_by_strategy: dict[str, Usage] = field(default_factory=dict)


# --- talking to a model


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: temperature 0 is greedy; top_k 0, top_p 1 and min_p 0 switch a filter off.

    With `is_first_greedy` a node's first child is the likeliest action, and only the later ones are sampled.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    is_first_greedy: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told about it: name and one line on what to write to it."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model reads before its first action; the same object for every branch of a run."""

    question: str
    context: str = ""
    tools: tuple[ToolSpec, ...] = ()
    tables: tuple[TableSchema, ...] = ()
    functions: tuple[TableFunction, ...] = ()
    mentions: tuple[str, ...] = ()  # cells of the tables that the question names


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for the next action after `path`. `max_tokens` bounds what may be sampled for it.

    `index` is the place of the action among its siblings, from 0.
    """

    prompt: Prompt
    path: tuple[Node, ...] = ()
    sampling: Sampling = Sampling()
    seed: int = 0
    max_tokens: int = 256
    index: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled action as spans, with the ids and log-probabilities it was sampled with.

    `is_cut` tells that `max_tokens` ended it before the protocol did. `usage` has tokens by role and seconds.
    """

    spans: tuple[Span, ...]
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    is_cut: bool = False
    usage: Usage = Usage()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is: its name, where it runs, how many tokens it can read, and its weights' hash."""

    name: str
    device: str
    context_tokens: int
    sha256: str = ""


# --- running code


@dataclass(frozen=True, slots=True)
class SandboxJob:
    """Code or a command to run away from the host.

    Exactly one of `code` (Python source, run in a clean interpreter) and `argv` (a command) is set. `files`
    (relative POSIX path -> content) are placed in the working folder first; `collect` names files to fetch.
    """

    code: str = ""
    argv: tuple[str, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    collect: tuple[str, ...] = ()
    stdin: bytes = b""
    seconds: float = 10.0
    memory_bytes: int = 256 * 2**20
    output_bytes: int = 2**20


@dataclass(frozen=True, slots=True)
class Execution:
    """What a sandboxed program did. A failure of the sandbox itself is a `SandboxError`, never this."""

    exit_code: int
    stdout: str
    stderr: str
    is_stdout_truncated: bool = False
    is_stderr_truncated: bool = False
    is_timeout: bool = False
    is_out_of_memory: bool = False
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()  # files that were asked for and refused, each with why
    place: str = ""  # where it ran: the kind of sandbox, and its image's digest where there is one
