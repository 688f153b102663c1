"""Planners first, then the strategy: rules grow branches of their own, and the model's branches stand beside them.

Each planner's actions are tried best first, depth first: its first open action is followed, and the next one where a
branch ends without an answer. They are checked, judged and billed as any others, under the planner's name. The inner
strategy runs afterwards all the same, so that a planner's answer can meet a second, independent derivation; only where
`is_enough` says so does the planners' answer settle the question.
"""

from collections.abc import Callable, Sequence

from agent_runtime.protocols import Expander, Planner, Strategy
from agent_runtime.search.vote import is_sure
from agent_runtime.types import Node


def has_sure_answer(tree: Expander) -> bool:
    """Whether the best of the answers so far is read off a check and said with enough confidence."""
    found = tree.candidates()
    return bool(found) and is_sure(found[0])


class Planned:
    """Lets `planners` grow branches, then runs `inner` (None: the planners alone).

    `inner_name` is what the bill calls the inner strategy's share.
    """

    def __init__(
        self,
        planners: Sequence[Planner],
        inner: Strategy | None,
        *,
        inner_name: str = "",
        is_enough: Callable[[Expander], bool] = lambda tree: False,
    ) -> None:
        self._planners = planners
        self._inner = inner
        self._inner_name = inner_name
        self._is_enough = is_enough

    async def search(self, tree: Expander) -> None:
        """Grow the planners' branches, then the inner strategy's."""
        for planner in self._planners:
            tree.begin(planner.name)
            await _grow(tree, planner, tree.root)
        if self._inner is not None and not self._is_enough(tree):
            tree.begin(self._inner_name or type(self._inner).__name__)
            await self._inner.search(tree)


async def _grow(tree: Expander, planner: Planner, node: Node) -> bool:
    """Follow what the planner proposes after `node`; whether it came to an answer."""
    has_children = False
    for action in planner.propose(tree.prompt, tree.path(node)):
        for child in await tree.propose(node, [action], planner.name):
            has_children = True
            if child.state == "answered" or (child.state == "open" and await _grow(tree, planner, child)):
                return True
    if not has_children and node.state == "open" and node.id != tree.root.id:
        tree.close([node], f"planner {planner.name} goes no further", "dead_end")
    return False
