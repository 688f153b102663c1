"""Children that say the same thing are one child: a tree search must not pay for a thought twice."""

from collections.abc import Hashable, Sequence

from agent_runtime.protocols import Expander
from agent_runtime.search.dead_ends import meaning
from agent_runtime.types import Backtrack, Node


class Siblings:
    """What each node's children have said so far in one search."""

    def __init__(self) -> None:
        self._said: set[tuple[int | None, Hashable]] = set()

    def keep_new(self, tree: Expander, nodes: Sequence[Node]) -> list[Node]:
        """The open ones of `nodes`; those that repeat an elder sibling are pruned, backtracks end their branch."""
        kept: list[Node] = []
        for node in nodes:
            if node.state != "open":
                continue
            key = (node.parent_id, meaning(node.action))
            if isinstance(node.action, Backtrack):
                tree.close([node], f"backtracked: {node.action.reason}", "dead_end")
            elif key in self._said:
                tree.close([node], "says the same as an elder sibling")
            else:
                self._said.add(key)
                kept.append(node)
        return kept
