"""One branch, from plan to answer: the quick pass (chain of thought, Wei et al. 2022, arXiv:2201.11903)."""

from agent_runtime.protocols import Expander
from agent_runtime.types import Sampling


class Chain:
    """Follows a single branch, greedily unless told otherwise, until it answers or comes to a dead end."""

    def __init__(self, sampling: Sampling = Sampling()) -> None:
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Expand the newest node as long as the branch is open."""
        branch = [tree.root]
        while branch:
            grown = await tree.expand(branch, 1, self._sampling)
            branch = [node for node in grown if node.state == "open"]
