"""Diverse verifier tree search: independent subtrees, each a beam of one, so that no early favourite takes all.

Source: Beeching, Tunstall and Rush 2024, "Scaling test-time compute with open models" (DVTS).
"""

from itertools import groupby

from agent_runtime.protocols import Expander
from agent_runtime.search.beam import keep_best
from agent_runtime.search.siblings import Siblings
from agent_runtime.search.vote import WARM
from agent_runtime.types import Sampling


class DiverseTrees:
    """Grows `n_trees` subtrees side by side; each keeps the best of `width` continuations a round."""

    def __init__(self, n_trees: int = 4, width: int = 2, sampling: Sampling = WARM) -> None:
        self._n_trees = n_trees
        self._width = width
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Expand all subtrees in one batch a round, each going on with its best child until it answers."""
        siblings = Siblings()
        tips = await tree.expand([tree.root], self._n_trees, self._sampling)
        tips = [node for node in tips if node.state == "open"]
        while tips:
            children = await tree.expand(tips, self._width, self._sampling)
            tips = []
            for _, group in groupby(children, key=lambda node: node.parent_id):
                grown = list(group)
                n_kept = 0 if any(node.state == "answered" for node in grown) else 1
                tips += keep_best(tree, siblings.keep_new(tree, grown), n_kept)
