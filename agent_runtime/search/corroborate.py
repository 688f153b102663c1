"""A second derivation: what a search found is derived anew, in another way, before it is believed.

Agreement of independently written programs is evidence that sampling the same program twice is not (minimum Bayes risk
over results, arXiv:2503.24364). The next branch is told what was tried and what is held against it, so that it mends an
objection, or takes another way.
"""

from collections.abc import Sequence

from agent_runtime.dialogue.notes import note_on
from agent_runtime.protocols import Expander, Strategy
from agent_runtime.search.vote import WARM
from agent_runtime.types import Candidate, Sampling


class Corroborated:
    """Runs `inner`, then up to `n_tries` chains that look for a second derivation of the best answer so far."""

    def __init__(self, inner: Strategy, n_tries: int = 2, sampling: Sampling = WARM) -> None:
        self._inner = inner
        self._n_tries = n_tries
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Search, then corroborate until the best answer is confirmed or the tries are used up."""
        await self._inner.search(tree)
        await corroborate(tree, self._n_tries, self._sampling)


async def corroborate(tree: Expander, n_tries: int, sampling: Sampling = WARM) -> None:
    """Follow chains that are told about the best answer so far until it is confirmed."""
    for _ in range(n_tries):
        leader = leading(tree)
        if leader is None or leader.verdict == "confirmed":
            return
        tree.begin("corroborate")
        await follow(tree, sampling, (note_on(leader),) if leader.evidence else ())


def leading(tree: Expander) -> Candidate | None:
    """The best answer so far."""
    return next(iter(tree.candidates()), None)


async def follow(tree: Expander, sampling: Sampling, notes: Sequence[str] = ()) -> None:
    """Grow one branch from the question until it ends."""
    branch = [tree.root]
    while branch:
        grown = await tree.expand(branch, 1, sampling, notes)
        branch = [node for node in grown if node.state == "open"]
