"""The seams. A feature is a new class behind one of these, not a new branch in the loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agent_runtime.types import (
    Action,
    Candidate,
    Completion,
    Execution,
    Judgement,
    ModelCard,
    Node,
    NodeState,
    Observation,
    Prompt,
    Request,
    Sampling,
    SandboxJob,
    TableFunction,
    TableSchema,
    Task,
    Usage,
    Verdict,
)


class Model(Protocol):
    """A large reasoning model: reads a question and a path of actions, writes the next action."""

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Sample one action for each request, in one batch, in the order of the requests.

        Raises:
            ModelError: The model or its server failed.
            InputError: A prompt does not fit the model's context.
        """
        ...

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """How good the last step of each path looks, in one batch; no score where the model is no judge."""
        ...

    async def card(self) -> ModelCard:
        """What the model is; loads it when that has not happened yet."""
        ...

    async def aclose(self) -> None:
        """Free what the model holds."""
        ...


@runtime_checkable
class Likelihoods(Protocol):
    """A model that can tell how likely a text is after another: a ranking that samples nothing."""

    async def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> tuple[list[float], Usage]:
        """The log-likelihood in nats of each text after its context, of (context, text) pairs, and what it cost.

        Raises:
            ModelError: Computing failed.
        """
        ...


class Tool(Protocol):
    """Carries out checks. `name` is what a step's check calls it by, `description` is for the model.

    A tool whose check must not run twice (it sends, books, deletes) says `is_idempotent = False`: when a run is
    resumed, a check of it that was under way counts as failed with an unknown outcome. A tool may have a `form:
    ToolForm`.
    """

    name: str
    description: str

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        """Carry out one check within `seconds`; nothing of it runs on afterwards, also when cancelled.

        Raises:
            ToolError: The check is wrong; the message tells the model what would be right.
            SandboxError: The place where the check runs failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool adds to the prompt of a task: text for the model, tables and functions for the grammar.

    `mentions` are the values that the question names and the tool has found in what it loaded. `doubts` say what is not
    sure about how the user's files were read. `grammar` are rules for llguidance whose `start` is one input of the
    tool, over what it loaded; `closed_grammar` is a narrower one for small weights that choose their words from it.
    `guide` is what a chat model is told about the tool for this task, where that is not the guide of its form. A tool
    that has nothing to work on for this task is not offered.
    """

    text: str = ""
    tables: tuple[TableSchema, ...] = ()
    functions: tuple[TableFunction, ...] = ()
    mentions: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    grammar: str = ""
    closed_grammar: str = ""
    guide: str = ""
    is_offered: bool = True


@runtime_checkable
class PreparedTool(Protocol):
    """A tool that loads something for a task first (its tables, say) and lets go of it afterwards."""

    async def prepare(self, task: Task) -> ToolContext:
        """Load what the task brings for this tool.

        Raises:
            InputError: Something that the user brought cannot be used.
        """
        ...

    async def release(self, task: Task) -> None:
        """Drop what `prepare` loaded; nothing happens where there is nothing to drop."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A part that holds processes or containers until it is closed."""

    async def aclose(self) -> None:
        """Stop and remove everything that the part started."""
        ...


class Sandbox(Protocol):
    """Runs code that nobody has read, away from the host."""

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        """Run `job`; `scope` is the trust domain (a task's id): nothing is shared between two of them.

        Raises:
            SandboxError: The sandbox failed; what the program did is always an `Execution`.
        """
        ...

    async def release(self, scope: str) -> None:
        """Destroy what the trust domain `scope` used."""
        ...

    async def aclose(self) -> None:
        """Destroy everything; no container, process or file is left."""
        ...


class Verifier(Protocol):
    """Judges the last node of each path: do its checks hold, how good does the step look?"""

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path, in order, in one batch; `prompt` is the question that the paths belong to.

        A verifier that asks a model says in each verdict's `usage` what that took: the run pays for it.
        """
        ...


class Planner(Protocol):
    """Proposes actions by rules, beside the model: a prompt and a path -> actions, or none.

    A function of its arguments alone: a resumed or replayed run proposes the same again.
    """

    name: str

    def propose(self, prompt: Prompt, path: Sequence[Node]) -> Sequence[Action]:
        """Actions that may follow `path`, best first; empty where the planner has nothing to say."""
        ...


class Expander(Protocol):
    """What a strategy sees of a search: a root, the branches that answered, and a way to grow it."""

    @property
    def root(self) -> Node:
        """The question, before any action."""
        ...

    @property
    def answers(self) -> list[Node]:
        """The nodes in which a branch has answered, oldest first."""
        ...

    def candidates(self, answered: Sequence[Node] | None = None) -> list[Candidate]:
        """The different answers, best first: of `answered` nodes, or of all that there are."""
        ...

    def path(self, node: Node) -> tuple[Node, ...]:
        """The actions that lead to `node` and `node` itself; the root is left out."""
        ...

    @property
    def prompt(self) -> Prompt:
        """The question with all that belongs to it."""
        ...

    async def expand(
        self,
        nodes: Sequence[Node],
        width: int = 1,
        sampling: Sampling = Sampling(),
        notes: Sequence[str] = (),
    ) -> list[Node]:
        """Sample `width` next actions for every node in one batch; the children in the order of the nodes.

        Fewer come back where the branch budget ends. `notes` are what earlier branches have to say to these.

        Raises:
            BudgetExceeded: There is no budget for even one more action.
        """
        ...

    async def propose(self, node: Node, actions: Sequence[Action], planner: str) -> list[Node]:
        """Let `actions`, which no model wrote, follow `node`: checked, judged and recorded as sampled ones are.

        Fewer come back where the branch budget ends.

        Raises:
            BudgetExceeded: There is no budget for even one more action.
        """
        ...

    def begin(self, strategy: str) -> None:
        """Say which strategy asks from now on, where one is made of others: the bill tells them apart."""
        ...

    def close(self, nodes: Sequence[Node], reason: str, state: NodeState = "pruned") -> None:
        """Close open nodes that the strategy will not come back to."""
        ...


class Strategy(Protocol):
    """Decides which nodes to expand next, and when to stop. Backtracking is choosing another node."""

    async def search(self, tree: Expander) -> None:
        """Grow the tree until an answer is good enough or nothing is open.

        Raises:
            BudgetExceeded: The budget ended first; what was found so far is in the tree.
        """
        ...
