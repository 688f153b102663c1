"""The reasoning loop: sample the next actions, run their checks, judge them, add them to the search graph."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import count, islice

from anyio.lowlevel import checkpoint_if_cancelled

from agent_runtime.dialogue.parsing import parse
from agent_runtime.errors import ActionSyntaxError
from agent_runtime.kernel.dispatch import Dispatcher
from agent_runtime.limits.budget import Meter
from agent_runtime.protocols import Model, Verifier
from agent_runtime.scoring.calibration import Calibration
from agent_runtime.scoring.ranking import Read, rank, read
from agent_runtime.search.dead_ends import TakenActions, dead_end_after_check, dead_end_before_check
from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.events import ActionSampled, CheckStarted, Event, NodeAdded, NodeClosed
from agent_runtime.types import (
    Action,
    Candidate,
    Completion,
    FinalAnswer,
    Malformed,
    Node,
    NodeState,
    Observation,
    Prompt,
    Request,
    Sampling,
    Usage,
    Verdict,
)

MAX_ACTION_TOKENS = 320  # the longest action of the trained traces has fewer than 200
STEP_VALUE = {"confirmed": 1.0, "supported": 1.0, "unchecked": 0.7, "refuted": 0.1}
OBJECTED = 0.5  # the value of a step that an objection stands against


@dataclass(slots=True)
class ReasoningLoop:
    """Grows one run's search graph. Strategies see it as an `Expander` and nothing more of it."""

    prompt: Prompt
    model: Model
    dispatcher: Dispatcher
    verifier: Verifier
    graph: SearchGraph
    meter: Meter
    emit: Callable[[Event], None]
    strategy: str = ""  # which asks for the nodes to come
    calibration: Calibration | None = None
    _under_way: Sequence[Node] = field(init=False, default=())
    _ids: Iterator[int] = field(init=False)
    _n_sampled: Counter[int | None] = field(init=False)  # children by parent
    _n_proposed: Counter[int | None] = field(init=False)
    _paths: dict[int, tuple[Node, ...]] = field(init=False)
    _taken: TakenActions = field(init=False)
    _reads: dict[int, Read] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._ids = count(len(self.graph))
        self._n_sampled = Counter(node.parent_id for node in self.graph if node.origin != "planner")
        self._n_proposed = Counter(node.parent_id for node in self.graph if node.origin == "planner")
        self._paths = {node.id: self.graph.path(node.id) for node in self.graph}
        self._taken = TakenActions(self.graph)

    @property
    def root(self) -> Node:
        """The question, before any action."""
        return self.graph.root

    @property
    def answers(self) -> list[Node]:
        """The nodes in which a branch has answered, oldest first."""
        return self.graph.answers()

    def candidates(self, answered: Sequence[Node] | None = None, n_failed: int = 0) -> list[Candidate]:
        """The different answers, best first: of `answered` nodes, or of all that there are."""
        nodes = self.answers if answered is None else answered
        for node in nodes:
            if node.id not in self._reads:
                self._reads[node.id] = read(self._paths[node.id], self.prompt.question)
        return rank([self._reads[node.id] for node in nodes], n_failed, self.calibration)

    @property
    def sampled(self) -> list[Node]:
        """All nodes so far, also those that were not in the graph yet when the search was cut short."""
        return [*self.graph, *(node for node in self._under_way if node.id not in self.graph)]

    def path(self, node: Node) -> tuple[Node, ...]:
        """The actions that lead to `node` and `node` itself; the root is left out."""
        return self._paths[node.id]

    async def expand(
        self,
        nodes: Sequence[Node],
        width: int = 1,
        sampling: Sampling = Sampling(),
        notes: Sequence[str] = (),
    ) -> list[Node]:
        """Sample `width` next actions for each node in one batch, check them, judge them, add them.

        Fewer come back where the branch budget ends. `notes` are what earlier branches have to say to these.

        Raises:
            BudgetExceeded: There is no budget for even one more action.
        """
        await checkpoint_if_cancelled()  # a model and tools that never wait must not outrun an interrupt
        parents, requests = self._requests(nodes, width, sampling, tuple(notes))
        if not requests:
            return []
        completions = await self.model.generate(requests)
        return await self._grow(
            [self._draft(*one) for one in zip(parents, requests, completions, strict=True)]
        )

    async def propose(self, node: Node, actions: Sequence[Action], planner: str) -> list[Node]:
        """Let `actions`, which no model wrote, follow `node`: checked, judged and recorded as sampled ones are.

        Raises:
            BudgetExceeded: There is no budget for even one more action.
        """
        await checkpoint_if_cancelled()
        self.meter.reserve(1, 0)
        granted = [
            action for child, action in enumerate(actions) if self._may_branch(node, child, is_proposed=True)
        ]
        return await self._grow([self._proposed(node, action, planner) for action in granted])

    async def _grow(self, drafts: list[Node]) -> list[Node]:
        """Check drafts, judge them, add them."""
        self._under_way = drafts
        self._under_way = checked = await self._check(drafts)
        paths = [(*self._path_to(node), node) for node in checked]
        verdicts = await self.verifier.judge(self.prompt, paths)
        return [
            self._add(node, verdict) for node, verdict in zip(checked, self._settled(verdicts), strict=True)
        ]

    def begin(self, strategy: str) -> None:
        """Let `strategy` be the one that asks from now on."""
        self.strategy = strategy

    def close(self, nodes: Sequence[Node], reason: str, state: NodeState = "pruned") -> None:
        """Close open nodes that the search will not come back to."""
        for node in nodes:
            self.graph.update(replace(self.graph.node(node.id), state=state, reason=reason))
            self.emit(NodeClosed(node.id, state, reason))

    # --- the parts of expand, in their order

    def _requests(
        self, nodes: Sequence[Node], width: int, sampling: Sampling, notes: tuple[str, ...]
    ) -> tuple[list[Node], list[Request]]:
        """What to ask the model for, as far as the branch budget and then the token budget reach."""
        parents = [node for node in nodes for child in range(width) if self._may_branch(node, child)]
        if not parents:
            return [], []
        room = self.meter.reserve(len(parents), MAX_ACTION_TOKENS)
        parents = parents[: room.n_actions]
        requests = [self._request(parent, sampling, room.max_tokens, notes) for parent in parents]
        return parents, requests

    def _may_branch(self, node: Node, child: int, *, is_proposed: bool = False) -> bool:
        """Whether the budget allows this child: the first child goes on with its parent's branch."""
        has_children = self._n_sampled[node.id] or self._n_proposed[node.id]
        is_same_branch = node.id != self.root.id and not child and not has_children
        return is_same_branch or self.meter.open_branches(1, is_proposed=is_proposed) == 1

    def _request(self, parent: Node, sampling: Sampling, max_tokens: int, notes: tuple[str, ...]) -> Request:
        index, seed = self._next_child(parent)
        if sampling.is_first_greedy and index == 0:
            sampling = Sampling()
        return Request(self.prompt, self.path(parent), sampling, seed, max_tokens, index, notes)

    def _next_child(self, parent: Node) -> tuple[int, int]:
        """The place of a node's next sampled child among those, and its seed: the same with planners as without."""
        index = self._n_sampled[parent.id]
        self._n_sampled[parent.id] = index + 1
        return index, child_seed(parent.seed, index)

    def _path_to(self, node: Node) -> tuple[Node, ...]:
        """The path of the parent of `node`, which need not be in the graph yet."""
        return self._paths[node.parent_id] if node.parent_id is not None else ()

    def _draft(self, parent: Node, request: Request, completion: Completion) -> Node:
        """The node of a completion, not yet checked; what it cost is recorded at once."""
        usage = self.meter.settle(completion.usage)
        action = _action(completion)
        ids, logprobs = completion.token_ids, completion.logprobs
        node = Node(
            next(self._ids), parent.id, parent.depth + 1, action,
            token_ids=ids, logprobs=logprobs, seed=request.seed, usage=usage, strategy=self.strategy,
        )  # fmt: skip
        self.emit(ActionSampled(node.id, parent.id, node.seed, action, ids, logprobs, usage))
        return self._unless_dead(node)

    def _proposed(self, parent: Node, action: Action, planner: str) -> Node:
        """The node of an action that a planner proposes, not yet checked."""
        index = self._n_proposed[parent.id]
        self._n_proposed[parent.id] = index + 1
        seed = child_seed(parent.seed, -1 - index)  # of its own: what the model writes here does not change
        node = Node(
            next(self._ids), parent.id, parent.depth + 1, action,
            seed=seed, strategy=self.strategy, origin="planner", planner=planner,
        )  # fmt: skip
        self.emit(ActionSampled(node.id, parent.id, seed, action, origin="planner"))
        return self._unless_dead(node)

    def _unless_dead(self, node: Node) -> Node:
        reason = dead_end_before_check(self._path_to(node), node, self._taken)
        return replace(node, state="dead_end", reason=reason) if reason else node

    async def _check(self, drafts: Sequence[Node]) -> list[Node]:
        """Run the open drafts' checks side by side, as far as the tool budget reaches."""
        checks = {node.id: check for node in drafts if node.state == "open" and (check := node.check)}
        granted = dict(islice(checks.items(), self.meter.take_tool_calls(len(checks))))
        for node_id, check in granted.items():
            self.emit(CheckStarted(node_id, check))
        observations = await self.dispatcher.run(list(granted.values())) if granted else []
        found = dict(zip(granted, observations, strict=True))
        return [
            self._observed(node, found[node.id])
            if node.id in found
            else replace(node, state="pruned", reason="no budget for its check")
            if node.id in checks
            else node
            for node in drafts
        ]

    def _observed(self, node: Node, observation: Observation) -> Node:
        calls = 0 if observation.is_cached else 1
        usage = self.meter.settle(Usage(tool_calls=calls, tool_seconds=observation.seconds))
        return replace(node, observation=observation, usage=node.usage + usage)

    def _settled(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """The verdicts, what judging took now paid for."""
        paid = iter(self.meter.settle_batch([one.usage for one in verdicts if one.usage is not None]))
        return [one if one.usage is None else replace(one, usage=next(paid)) for one in verdicts]

    def _add(self, node: Node, verdict: Verdict) -> Node:
        """Give the node its verdict, score and state, and put it into the graph."""
        path = self._path_to(node)
        state, reason = node.state, node.reason
        if state == "open" and isinstance(node.action, FinalAnswer):
            state = "answered"
        elif state == "open" and (reason := dead_end_after_check(path, node)):
            state = "dead_end"
        score = path_score(path, verdict)
        node = self.graph.add(node.judged(verdict, score, state, reason))
        self._paths[node.id] = (*path, node)
        self._taken.add(node)
        self.emit(NodeAdded(node))
        return node


def child_seed(parent_seed: int, index: int) -> int:
    """The seed of a node's `index`-th child: it depends on the branch alone, not on what else is running."""
    return int.from_bytes(blake2b(b"%d/%d" % (parent_seed, index), digest_size=7).digest())


def path_score(path: Sequence[Node], verdict: Verdict) -> float:
    """Running mean of the steps' values in [0, 1] along a path; a judge's score outweighs a mere verdict."""
    value = STEP_VALUE[verdict.kind]
    if verdict.objections:
        value = min(value, OBJECTED)
    if verdict.score is not None and verdict.kind != "refuted":
        value = min(value, verdict.score) if verdict.objections else verdict.score
    before = path[-1].path_score if path else 1.0
    return (before * len(path) + value) / (len(path) + 1)


def _action(completion: Completion) -> Action:
    """The completion's action; what cannot be parsed becomes an action of its own kind, not a crash."""
    text = " ".join(f"{span.role}: {span.text}" for span in completion.spans)
    if completion.is_cut:
        return Malformed(text, "cut off by its token limit", is_cut=True)
    try:
        return parse(completion.spans)
    except ActionSyntaxError as error:
        return Malformed(text, str(error))
