"""Thinking time that fits the question: a cheap greedy pass first, and more only where that pass left doubt.

Source: compute-optimal test-time scaling (Snell et al. 2024, arXiv:2408.03314); the doubt is read from the
checks, not from a difficulty model.
"""

from collections.abc import Mapping

from agent_runtime.decide import rank
from agent_runtime.protocols import Expander, Strategy

ENOUGH = 0.85  # confidence at which another stage would rarely change the answer


class Auto:
    """Runs the named `stages` one after another until the answers so far are sure enough."""

    def __init__(self, stages: Mapping[str, Strategy]) -> None:
        self._stages = stages

    async def search(self, tree: Expander) -> None:
        """Search stage by stage; what an earlier stage found stays in the tree and counts."""
        for name, stage in self._stages.items():
            tree.begin(name)
            await stage.search(tree)
            candidates = rank([tree.path(node) for node in tree.answers])
            if candidates and candidates[0].verdict == "confirmed" and candidates[0].confidence >= ENOUGH:
                return
