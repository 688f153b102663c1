"""Best-first search with backtracking: the most promising open nodes are expanded next, wherever they are.

Source: Tree of Thoughts (Yao et al. 2023, arXiv:2305.10601), with tool verdicts as the value of a thought. Children
come one at a time: a node that has been expanded stays in the frontier at a discount, so that coming back to it
(backtracking) competes with going on. The first child is the likeliest action, those after it are sampled (as
limited discrepancy search first follows its heuristic, Harvey and Ginsberg 1995), so that the first branch is the
greedy pass, and chance comes in only where that has left doubt.
"""

from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush

from agent_runtime.protocols import Expander
from agent_runtime.search.siblings import Siblings
from agent_runtime.search.vote import WARM, is_decided, is_sure
from agent_runtime.types import Node, Sampling

GREEDY_THEN_WARM = replace(WARM, is_first_greedy=True)


@dataclass(slots=True)
class _Place:
    """A node that may be expanded (again), and how often that has been done."""

    node: Node
    n_tries: int = 0


class BestFirst:
    """Opens `n_plans` branches and expands the `n_parallel` best places a round, in one batch, for up to `n_rounds`.

    A place is left for good after `n_tries` children; each one so far multiplies its rank by `discount`. The search
    stops when the best answer is clean (its checks hold it up, and every one held) and said with enough confidence, or
    when the vote among the answers is decided. A check alone is not enough: a wrong query brings rows, too.
    """

    def __init__(
        self,
        n_plans: int = 4,
        n_parallel: int = 2,
        n_tries: int = 8,
        n_rounds: int = 128,
        discount: float = 0.7,
        sampling: Sampling = GREEDY_THEN_WARM,
    ) -> None:
        self._n_plans = n_plans
        self._n_parallel = n_parallel
        self._n_tries = n_tries
        self._n_rounds = n_rounds
        self._discount = discount
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Expand the best places until an answer is good enough, nothing is left to try or the rounds are over."""
        answered: list[Node] = []
        siblings = Siblings()
        children = await tree.expand([tree.root], self._n_plans, self._sampling)
        frontier = [self._ranked(_Place(node)) for node in siblings.keep_new(tree, children)]
        heapify(frontier)
        is_done = False
        for _ in range(self._n_rounds):
            if is_done or not frontier:
                break
            best = [heappop(frontier)[-1] for _ in range(min(self._n_parallel, len(frontier)))]
            children = await tree.expand([place.node for place in best], 1, self._sampling)
            served = {node.parent_id for node in children}
            for place in best:  # one that the branch budget left without a child is not asked again
                place.n_tries = place.n_tries + 1 if place.node.id in served else self._n_tries
            if answers := [node for node in children if node.state == "answered"]:
                answered += answers
                is_done = self._is_done(tree, answered)
            new = [_Place(node) for node in siblings.keep_new(tree, children)]
            for place in (*new, *(place for place in best if place.n_tries < self._n_tries)):
                heappush(frontier, self._ranked(place))
        tree.close([place.node for *_, place in frontier if not place.n_tries], "the search is over")

    def _ranked(self, place: _Place) -> tuple[float, int, int, _Place]:
        """A heap entry: the best score first, then the deepest node, then the oldest."""
        node = place.node
        return -node.path_score * self._discount**place.n_tries, -node.depth, node.id, place

    @staticmethod
    def _is_done(tree: Expander, answered: list[Node]) -> bool:
        leader = tree.candidates(answered)[0]
        path = next(tree.path(node) for node in answered if node.id == leader.node_id)
        is_clean = leader.n_sound > 0 and all(node.verdict.kind != "refuted" for node in path)
        return (is_sure(leader) and is_clean) or is_decided(tree, answered)
