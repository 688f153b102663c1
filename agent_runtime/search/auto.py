"""Thinking time that fits the question: a cheap greedy pass first, and more only where that pays.

Source: compute-optimal test-time scaling (Snell et al. 2024, arXiv:2408.03314). The doubt is read from the checks, from
how far the answers agree, and from how sure the model was of its own words (`confidence`), not from a difficulty model.
"""

from collections.abc import Mapping

from agent_runtime.protocols import Expander, Strategy
from agent_runtime.scoring.ranking import rank
from agent_runtime.search.vote import is_sure, sound_answers


class Auto:
    """Runs the named `stages` one after another until the answers so far are sure enough, or more would not help.

    The second stage follows on any doubt. A later one follows only while sound answers contradict each other: where
    five chains had brought no right one, four more brought one in 3 of 64 questions (docs/scoreboard.md).
    """

    def __init__(self, stages: Mapping[str, Strategy]) -> None:
        self._stages = stages

    async def search(self, tree: Expander) -> None:
        """Search stage by stage; what an earlier stage found stays in the tree and counts."""
        for n_before, (name, stage) in enumerate(self._stages.items()):
            if n_before > 1 and len(sound_answers(tree, tree.answers)) < 2:
                return
            tree.begin(name)
            await stage.search(tree)
            candidates = rank([tree.path(node) for node in tree.answers])
            if candidates and is_sure(candidates[0]):
                return
