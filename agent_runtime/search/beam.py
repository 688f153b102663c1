"""Beam search over steps: the best few branches go on, the others are pruned.

Source: self-evaluation guided beam search (Xie et al. 2023, arXiv:2305.00633); path scores come from tool verdicts
and, where a judge is trained, from process rewards (Snell et al. 2024, arXiv:2408.03314).
"""

from collections.abc import Sequence

from agent_runtime.protocols import Expander
from agent_runtime.search.siblings import Siblings
from agent_runtime.search.vote import WARM, is_decided
from agent_runtime.types import Node, Sampling


class Beam:
    """Keeps the `n_beams` best open branches and samples `width` continuations of each a round."""

    def __init__(self, n_beams: int = 4, width: int = 2, sampling: Sampling = WARM) -> None:
        self._n_beams = n_beams
        self._width = width
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Expand the whole beam in one batch a round until no branch is open or the vote is decided."""
        answered: list[Node] = []
        siblings = Siblings()
        beam = siblings.keep_new(tree, await tree.expand([tree.root], self._n_beams, self._sampling))
        while beam and len(answered) < self._n_beams:
            children = await tree.expand(beam, self._width, self._sampling)
            answered += [node for node in children if node.state == "answered"]
            beam = keep_best(tree, siblings.keep_new(tree, children), self._n_beams)
            if is_decided(tree, answered):
                break
        tree.close(beam, "enough branches have answered")


def keep_best(tree: Expander, nodes: Sequence[Node], n_kept: int) -> list[Node]:
    """The `n_kept` nodes with the best path scores, older ones first among equals; the others are pruned."""
    ranked = sorted(nodes, key=lambda node: (-node.path_score, node.id))
    tree.close(ranked[n_kept:], "outside the beam")
    return ranked[:n_kept]
