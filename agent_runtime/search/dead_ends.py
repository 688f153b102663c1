"""When a branch is at a dead end: rules that hold for every strategy, so that no model can loop.

A single refuted check is no dead end (its low score makes a search prefer other branches, and a model may recover
from it); two in a row are.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from agent_runtime.types import Action, FinalAnswer, Malformed, Node, Plan, Step

MAX_STEPS = 400  # actions on one path; a branch that is still getting somewhere needs far fewer
MAX_UNCHECKED = 12  # actions in a row that nothing checked; the trained traces have at most three
FAILED = ("error", "timeout", "false")


def meaning(action: Action | None) -> Hashable:
    """What makes two actions the same: the check of a step whatever its wording, else the words."""
    return action.check if isinstance(action, Step) and action.check is not None else action


class TakenActions:
    """Which actions a run's branches have taken; one look-up tells a repetition, however long the path."""

    def __init__(self, nodes: Iterable[Node] = ()) -> None:
        self._nodes: defaultdict[Hashable, list[Node]] = defaultdict(list)
        for node in nodes:
            self.add(node)

    def add(self, node: Node) -> None:
        """Remember the action of a node that has come into the graph."""
        self._nodes[meaning(node.action)].append(node)

    def repeats(self, path: Sequence[Node], node: Node) -> bool:
        """Whether `node`, which follows `path`, takes an action that stands on this path already."""
        same = self._nodes.get(meaning(node.action), ())
        if len(same) > len(path):
            return any(meaning(old.action) == meaning(node.action) for old in path)
        return any(old.depth <= len(path) and path[old.depth - 1].id == old.id for old in same)


def dead_end_before_check(path: Sequence[Node], node: Node, taken: TakenActions) -> str:
    """Why the branch ends at `node` without its check being run; empty when it may go on."""
    if isinstance(node.action, Malformed):
        return f"no action: {node.action.error}"
    if taken.repeats(path, node):
        return "repeats an action it already took"
    if isinstance(node.action, Plan) and path and isinstance(path[-1].action, Plan):
        return "plans again without having taken a step"
    if node.depth >= MAX_STEPS:
        return f"no answer after {MAX_STEPS} actions"
    if _is_unchecked(node) and len(path) >= MAX_UNCHECKED and all(map(_is_unchecked, path[-MAX_UNCHECKED:])):
        return f"more than {MAX_UNCHECKED} actions in a row without a check"
    return ""


def dead_end_after_check(path: Sequence[Node], node: Node) -> str:
    """Why the branch ends at `node` now that its check has run; empty when it may go on."""
    return "two checks failed in a row" if _failed(node) and path and _failed(path[-1]) else ""


def _is_unchecked(node: Node) -> bool:
    return not isinstance(node.action, FinalAnswer) and node.check is None


def _failed(node: Node) -> bool:
    return node.observation is not None and node.observation.outcome in FAILED
