"""The search of a debugging run: hypotheses in waves, each checked by rerunning; then pairs; then the comparison.

A `Strategy`: it decides what is tried next and when to stop. The enumerated edits are proposals, the model's own are
sampled. Each becomes a branch of the graph; the refuted ones are closed as dead ends with what the rerun said.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent_runtime.jobs.debugging.comparing import Ranked
from agent_runtime.jobs.debugging.edits import candidates
from agent_runtime.jobs.debugging.experiments import variant
from agent_runtime.jobs.debugging.own_edits import edit_candidate, judges
from agent_runtime.jobs.debugging.trials import n_held
from agent_runtime.jobs.debugging.types import Attempt, Candidate, Suspect
from agent_runtime.protocols import Expander
from agent_runtime.types import Check, FinalAnswer, Node, Plan, Step

EDITS = "edits"  # who proposes the enumerated edits
WAVE = 64
ENOUGH = 40  # passing candidates to choose among; more would hardly change the choice
N_SEEDS = 8  # refuted candidates that a second edit is added to
N_SECOND = 160  # second edits tried on each
PLAN = Plan(
    (
        "Run the failing command and read the traceback",
        "Rank the lines that may hold the fault",
        "State each hypothesis as an edit and rerun the command with it",
        "Compare the fixes that pass on inputs that no test has",
    )
)

Choose = Callable[[Sequence[Candidate]], Awaitable[list[Ranked]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the search may go on: seconds, hypotheses, and whether two edits at once are tried."""

    seconds: float = 60.0
    n_hypotheses: int = 4_000
    has_pairs: bool = True


@dataclass(slots=True)
class Hypotheses:
    """Searches `found` in its order. Afterwards `attempts` and `ranked` say what came of it."""

    found: Sequence[Candidate]
    sources: Mapping[str, str]
    suspects: Sequence[Suspect]
    choose: Choose
    n_passing_before: int = 0
    limits: Limits = Limits()
    n_model_actions: int = 0
    attempts: list[Attempt] = field(default_factory=list, init=False)
    ranked: list[Ranked] = field(default_factory=list, init=False)
    _nodes: dict[Candidate, Node] = field(default_factory=dict, init=False)
    _ends: float = field(default=0.0, init=False)

    async def search(self, tree: Expander) -> None:
        """Try the hypotheses until enough pass or the limits are reached; answer with the best fix."""
        self._ends = time.monotonic() + self.limits.seconds
        (plan,) = await tree.propose(tree.root, [PLAN], EDITS)
        await self._ask_model(tree, plan)
        await self._try_all(tree, {plan.id: plan}, [(plan.id, candidate) for candidate in self.found])
        if not self.passing and self.limits.has_pairs:
            await self._try_pairs(tree)
        if self.passing:
            await self._answer(tree)

    @property
    def passing(self) -> list[Candidate]:
        """What passes, in the order of its trial."""
        return [attempt.candidate for attempt in self.attempts if attempt.is_passing]

    @property
    def _is_over(self) -> bool:
        is_late = time.monotonic() > self._ends
        return is_late or len(self.passing) >= ENOUGH or len(self.attempts) >= self.limits.n_hypotheses

    async def _ask_model(self, tree: Expander, plan: Node) -> None:
        """Let the model think on its own, as far as its share reaches; its edits count as anybody's."""
        node = plan
        for _ in range(self.n_model_actions):
            grown = await tree.expand([node])
            if not grown:
                break
            (node,) = grown
            self._note_own(tree, node)
            if node.state != "open":
                return
        if node is not plan:
            tree.close([node], "its share of the thinking is used up")

    def _note_own(self, tree: Expander, node: Node) -> None:
        """An edit of the model's own that passes is a candidate like the others, unless it edits the judge."""
        if not isinstance(node.action, Step) or node.action.check is None or node.observation is None:
            return
        candidate = edit_candidate(node.action.check, self.sources)
        if candidate is not None and judges(candidate, self.sources[candidate.file]):
            tree.close(
                [node],
                "it edits what tells right from wrong: a test, an assert, or the program's end",
                "dead_end",
            )
        elif candidate is not None:
            is_passing = node.observation.outcome == "ok"
            self.attempts.append(Attempt(candidate, is_passing, node.observation.brief, node.id))
            self._nodes[candidate] = node

    async def _try_all(
        self, tree: Expander, parents: Mapping[int, Node], tries: Sequence[tuple[int, Candidate]]
    ) -> None:
        for start in range(0, len(tries), WAVE):
            if self._is_over:
                return
            wave = tries[start : start + WAVE]
            for parent_id in dict.fromkeys(parent_id for parent_id, _ in wave):
                of_parent = [candidate for other, candidate in wave if other == parent_id]
                await self._propose(tree, parents[parent_id], of_parent)

    async def _propose(self, tree: Expander, parent: Node, wave: Sequence[Candidate]) -> None:
        nodes = await tree.propose(parent, [hypothesis(candidate) for candidate in wave], EDITS)
        for candidate, node in zip(wave, nodes, strict=False):
            observation = node.observation
            is_passing = observation is not None and observation.outcome == "ok"
            said = observation.brief if observation is not None else node.reason
            self.attempts.append(Attempt(candidate, is_passing, said, node.id))
            self._nodes[candidate] = node
            if not is_passing and node.state == "open":
                tree.close([node], f"refuted: {said}", "dead_end")

    async def _try_pairs(self, tree: Expander) -> None:
        """A second edit on top of those that came nearest: more asserts or tests held than before."""
        held = {one: n_held(node.observation) for one, node in self._nodes.items()}
        near = [one for one, n in held.items() if n > self.n_passing_before]
        near.sort(key=lambda one: (-held[one], -one.prior))
        for first in near[:N_SEEDS]:
            node = self._nodes[first]
            changed = {**self.sources, **variant(first, self.sources)}
            second = candidates({first.file: changed[first.file]}, _in_file(self.suspects, first.file))
            both = [
                between(first.file, self.sources[first.file], other.applied(changed[first.file]),
                        f"{first.operator} and {other.operator}", first.prior * other.prior)
                for other in second[:N_SECOND]
            ]  # fmt: skip
            await self._try_all(tree, {node.id: node}, [(node.id, one) for one in both])

    async def _answer(self, tree: Expander) -> None:
        """End the branch of the best fix with the answer; the other passing ones are closed as rivals."""
        self.ranked = await self.choose(self.passing)
        if not self.ranked:
            return
        best = self._nodes[self.ranked[0].candidate]
        rivals = [self._nodes[one] for one in self.passing if self._nodes[one].id != best.id]
        tree.close([node for node in rivals if node.state == "open"], "another fix that passes is likelier")
        if best.state == "open":
            candidate = self.ranked[0].candidate
            place = f"{candidate.file}:{candidate.first}-{candidate.last}"
            await tree.propose(best, [FinalAnswer(place)], EDITS)


def hypothesis(candidate: Candidate) -> Step:
    """A candidate as a step: what is supposed, and the edit that tests it."""
    where = (
        f"line {candidate.first}"
        if candidate.first >= candidate.last
        else f"lines {candidate.first}-{candidate.last}"
    )
    kind = "a line is missing before" if candidate.last < candidate.first else f"{candidate.operator} at"
    return Step(f"Perhaps {kind} {where} of {candidate.file}.", Check("edit", candidate.text))


def between(file: str, old: str, new: str, operator: str, prior: float) -> Candidate:
    """The one edit that makes `new` of `old`: the lines between their common beginning and end."""
    before, after = old.split("\n"), new.split("\n")
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return Candidate(
        file, start + 1, len(before) - end, tuple(after[start : len(after) - end]), operator, prior
    )


def _in_file(suspects: Sequence[Suspect], file: str) -> list[Suspect]:
    return [suspect for suspect in suspects if suspect.file == file]
