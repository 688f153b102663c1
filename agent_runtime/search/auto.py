"""Thinking time that fits the question: a cheap greedy pass first, and more only where that pays.

Source: compute-optimal test-time scaling (Snell et al. 2024, arXiv:2408.03314). The doubt is read from the verdicts:
from how far the answers agree, what is held against them, and how sure the model was of its own words.
"""

from collections.abc import Mapping

from agent_runtime.protocols import Expander, Strategy
from agent_runtime.search.corroborate import corroborate, leading
from agent_runtime.search.vote import is_sure


class Auto:
    """Runs the named `stages` one after another until the answers so far are sure enough, or more would not help.

    The first stage's answer is derived a second time before it is believed. The second stage follows on any doubt. A
    later one follows only while sound answers contradict each other: where five chains had brought no right one, four
    more brought one in 3 of 64 questions (docs/scoreboard.md).
    """

    def __init__(self, stages: Mapping[str, Strategy], n_tries: int = 1) -> None:
        self._stages = stages
        self._n_tries = n_tries

    async def search(self, tree: Expander) -> None:
        """Search stage by stage; what an earlier stage found stays in the tree and counts."""
        for n_before, (name, stage) in enumerate(self._stages.items()):
            if n_before > 1 and sum(one.n_sound > 0 for one in tree.candidates()) < 2:
                return
            tree.begin(name)
            await stage.search(tree)
            if n_before == 0:
                await corroborate(tree, self._n_tries)
            leader = leading(tree)
            if leader is not None and is_sure(leader):
                return
