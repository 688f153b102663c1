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
    """One step of the plan, with the check that verifies it (None: nothing to check).

    `is_lookup`: the check only finds out how something is written; its result is never evidence for an answer.
    """

    thought: str
    check: Check | None = None
    is_lookup: bool = False
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
    """What the model wrote is no action; `error` says why. `is_cut`: a token limit ended it."""

    text: str
    error: str
    is_cut: bool = False
    kind: Literal["malformed"] = "malformed"


Action = Plan | Step | Backtrack | FinalAnswer | Malformed


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of model output: a role of the protocol (`plan`, `step`, a tool, ...) and its text."""

    role: str
    text: str


# --- what came back

Outcome = Literal["ok", "false", "error", "timeout"]

# What a cell can hold in a trace. The column's type says how to read it: decimals, dates, times and numbers that are
# not finite are texts here, so that nothing is rounded on the way; NULL is None, and an empty text is a text.
Cell = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Value:
    """One exact value with its type in the tool's own words: ("INTEGER", 30), ("RATIONAL", "1/3"), ("DATE", ...)."""

    type: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Rows that came back: (name, type) of each column, the rows as values, and how many there were in all.

    `n_rows` exceeds the rows that are kept where a result was cut; None where it was not counted.
    """

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    n_rows: int | None


# Shapes of derivations that have no structure to compare (`Observation.shape`).
UNREAD = ("unread",)  # it could not be read
CONSTANT = ("constant",)  # nothing was derived: a value that was written down came back


@dataclass(frozen=True, slots=True)
class Remark:
    """What a tool noticed about its own check, said to whoever reads the result.

    `kind` names what was noticed ("literal", "variants", "empty", "reading", ...). `is_refuting`: the check cannot
    stand as it is, a text that its column does not hold, say; otherwise it is a doubt.
    """

    kind: str
    text: str
    is_refuting: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """What a tool said. `table` and `value` are what came back, as values; the texts are views of them.

    `text` is exact and goes into the evidence; `brief` is what a model reads, remarks included. `outcome`: ok (a value
    came back, or a relation that holds), false (a relation that does not hold, a non-zero exit), error (the check could
    not be carried out), timeout (it was killed at its limit). `shape` is how the result was derived, as marks of its
    structure without names and numbers: two results are independent where their shapes differ. Empty where the tool
    does not say, `UNREAD` where it cannot.
    """

    tool: str
    text: str
    brief: str
    outcome: Outcome = "ok"
    seconds: float = 0.0
    is_cached: bool = False
    is_truncated: bool = False
    place: str = ""  # where code ran: the kind of sandbox and its image's digest; empty for the other tools
    table: ResultTable | None = None
    value: Value | None = None
    remarks: tuple[Remark, ...] = ()
    shape: tuple[str, ...] = ()


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

# refuted: the check failed, or contradicts what it stands on. unchecked: nothing was checked, or an objection stands.
# supported: the answer is read off a check's result, and no objection stands. confirmed: supported, and a second,
# independent derivation came to the same value.
VerdictKind = Literal["refuted", "unchecked", "supported", "confirmed"]


@dataclass(frozen=True, slots=True)
class Objection:
    """What a verifier holds against a step or an answer; one that refutes leaves nothing standing."""

    verifier: str
    text: str
    is_refuting: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a step: on what grounds, against which objections, and how sure a judge is.

    `score` is in [0, 1], None where no judge spoke. `usage` is what judging took; None where it took no model. It is a
    part of the node's own usage.
    """

    kind: VerdictKind = "unchecked"
    grounds: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    score: float | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """A model's own view of a step: P(it is good) in [0, 1], None where it has none; and what that took."""

    score: float | None = None
    usage: Usage | None = None


# --- the search graph

NodeState = Literal["open", "dead_end", "answered", "pruned"]
Origin = Literal["model", "planner", "user"]


@dataclass(frozen=True, slots=True)
class Node:
    """One action of one branch, checked and judged. The root has no action and stands for the question.

    `token_ids` are the ids the model wrote for this action, as sampled: they are never made again from text.
    `path_score` in [0, 1] ranks open branches. `reason` says why a node is closed. `strategy` asked for it; empty
    in traces of before that was recorded. `origin` is who wrote the action, `planner` which planner it was.
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
    origin: Origin = "model"
    planner: str = ""

    @property
    def check(self) -> Check | None:
        """The check of a step; None for every other action, and for a step that has none."""
        return self.action.check if isinstance(self.action, Step) else None

    def judged(self, verdict: Verdict, path_score: float, state: NodeState, reason: str) -> "Node":
        """This node with what has become known of it (`dataclasses.replace`, at a quarter of its time)."""
        usage = self.usage if verdict.usage is None else self.usage + verdict.usage
        return Node(
            self.id, self.parent_id, self.depth, self.action, self.observation, verdict, state, path_score,
            reason, self.token_ids, self.logprobs, self.seed, usage, self.strategy, self.origin, self.planner,
        )  # fmt: skip


StopReason = Literal["answered", "not_established", "budget", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A check that holds the answer up: the node it belongs to, what was asked, what came back, and who asked."""

    node_id: int
    tool: str
    input: str
    result: str
    verdict: VerdictKind
    origin: Origin = "model"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that some branches gave: the best of those branches, and how sure it is in [0, 1].

    `vote_share` is its share of the votes' weight, `mean_logprob` that of its branches in their own words. Of its
    `n_votes` branches `n_sound` are read off a result, with no objection and no judge against them.
    """

    text: str
    node_id: int
    confidence: float
    vote_share: float
    mean_logprob: float | None
    verdict: VerdictKind
    evidence: tuple[Evidence, ...]
    n_votes: int
    n_sound: int = 0
    grounds: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    value: Value | ResultTable | None = None


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
    grounds: tuple[str, ...] = ()
    objections: tuple[Objection, ...] = ()
    value: Value | ResultTable | None = None  # what the answer was read off, exact
    is_calibrated: bool = False  # whether the confidence was fitted to this model
    notes: tuple[str, ...] = ()  # what is not sure about how the user's files were read
    vote_share: float = 0.0  # of the weight of all votes, before any calibration


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
class Demonstration:
    """A worked example of one check, from question to answer, as short as it can be."""

    question: str
    thought: str
    input: str
    result: str
    answer: str


@dataclass(frozen=True, slots=True)
class ToolForm:
    """How a tool wants to be written to.

    `guide` is what a chat model is told beyond the description. `max_tokens` bounds what may be sampled for one input.
    `is_verbatim`: the input is code, in which blanks and line breaks count.
    """

    guide: str = ""
    demonstrations: tuple[Demonstration, ...] = ()
    max_tokens: int = 512
    is_verbatim: bool = False


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model is told about it: name, one line on what to write to it, and its form.

    `grammar` are rules for llguidance whose `start` is one input; empty: any text. `closed_grammar` is a narrower one
    for small weights that choose their words from it; empty: the same.
    """

    name: str
    description: str
    form: ToolForm = ToolForm()
    grammar: str = ""
    closed_grammar: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a model reads before its first action; the same object for every branch of a run."""

    question: str
    context: str = ""
    tools: tuple[ToolSpec, ...] = ()
    tables: tuple[TableSchema, ...] = ()
    functions: tuple[TableFunction, ...] = ()
    mentions: tuple[str, ...] = ()  # cells of the tables that the question names
    doubts: tuple[str, ...] = ()  # what is not sure about how the user's files were read


@dataclass(frozen=True, slots=True)
class Request:
    """Ask for the next action after `path`. `max_tokens` bounds what may be sampled for it.

    `think_tokens` bounds the model's own thinking before the action, on top of that; 0: it is not to think. `index` is
    the place of the action among its siblings, from 0. `notes` are what earlier branches of the search have to say to
    this one: a derivation that was tried, an objection to it.
    """

    prompt: Prompt
    path: tuple[Node, ...] = ()
    sampling: Sampling = Sampling()
    seed: int = 0
    max_tokens: int = 256
    index: int = 0
    notes: tuple[str, ...] = ()
    think_tokens: int = 0


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
