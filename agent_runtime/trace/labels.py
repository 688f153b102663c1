"""How good was each step of a run? Labels in [0, 1] from three witnesses, the surest one first.

1. People: a thumb up is 1, a thumb down 0.
2. Tools: a refuted check is 0. A check that held confirms the observation only, so it is no label by itself.
3. Rollouts: the share of the answered continuations below a step that end right (Math-Shepherd, Wang et al. 2023,
   arXiv:2312.08935), as soft labels; any search tree with several answers is such a set of continuations.
"""

from collections.abc import Callable, Mapping, Sequence

from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.feedback import Review
from agent_runtime.types import FinalAnswer, Node, Step

MIN_CONTINUATIONS = 2  # one answer below a step says too little about the step


def rollout_labels(graph: SearchGraph, is_right: Callable[[str], bool]) -> dict[int, float]:
    """The share of right answers among those below each step that has at least `MIN_CONTINUATIONS`."""
    tally: dict[int, list[bool]] = {}
    for node in graph:
        if isinstance(node.action, FinalAnswer):
            verdict = is_right(node.action.text)
            for ancestor in graph.path(node.id)[:-1]:
                tally.setdefault(ancestor.id, []).append(verdict)
    return {
        node_id: sum(verdicts) / len(verdicts)
        for node_id, verdicts in tally.items()
        if len(verdicts) >= MIN_CONTINUATIONS and isinstance(graph.node(node_id).action, Step)
    }


def label_steps(
    graph: SearchGraph, reviews: Sequence[Review], rollouts: Mapping[int, float]
) -> dict[int, float]:
    """Each step's label by its surest witness; steps without one are left out."""
    labels = dict(rollouts)
    for node in graph:
        if isinstance(node.action, Step) and node.verdict.kind == "refuted":
            labels[node.id] = 0.0
    labels |= {review.node_id: float(review.is_up) for review in reviews}
    return labels


def leaves(graph: SearchGraph) -> list[Node]:
    """The last node of every branch."""
    parents = {node.parent_id for node in graph}
    return [node for node in graph if node.id not in parents and node.action is not None]
