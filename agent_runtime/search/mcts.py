"""Monte Carlo tree search with PUCT: visits go where priors, verdicts and earlier visits say they pay.

Source: Silver et al. 2017 (AlphaGo Zero) for PUCT; Hao et al. 2023 (RAP, arXiv:2305.14992) for reasoning steps as
moves. Departures: the prior of a child is its process reward, or else the geometric mean probability of its
tokens; a leaf's value is its path score (tool verdicts first) instead of a rollout to the end.
"""

from dataclasses import dataclass, field
from math import exp, sqrt

from agent_runtime.protocols import Expander
from agent_runtime.search.siblings import Siblings
from agent_runtime.search.vote import WARM, is_decided
from agent_runtime.types import Node, Sampling

EXPLORATION = 1.4  # c of PUCT; larger means more branches, fewer deep ones


@dataclass(slots=True)
class _Visited:
    """A node with its statistics: how often the search went through it, and the values it came back with."""

    node: Node
    parent: "_Visited | None" = None
    children: list["_Visited"] = field(default_factory=list)
    n_visits: int = 0
    total_value: float = 0.0
    is_closed: bool = False
    is_expanding: bool = False

    @property
    def value(self) -> float:
        return self.total_value / self.n_visits if self.n_visits else self.node.path_score


class MonteCarlo:
    """Expands `n_leaves` leaves a round in one batch, `width` children each, for up to `n_rounds` rounds."""

    def __init__(
        self, n_rounds: int = 24, n_leaves: int = 4, width: int = 2, sampling: Sampling = WARM
    ) -> None:
        self._n_rounds = n_rounds
        self._n_leaves = n_leaves
        self._width = width
        self._sampling = sampling

    async def search(self, tree: Expander) -> None:
        """Select, expand and back up until the answers are decided or nothing is open."""
        root = _Visited(tree.root)
        answered: list[Node] = []
        siblings = Siblings()
        for _ in range(self._n_rounds):
            leaves = _select(root, self._n_leaves)
            if not leaves or is_decided(tree, answered):
                break
            by_id = {leaf.node.id: leaf for leaf in leaves}
            width = self._width if root.children else self._n_leaves
            children = await tree.expand([leaf.node for leaf in leaves], width, self._sampling)
            opened = {node.id for node in siblings.keep_new(tree, children)}
            for child in children:
                assert child.parent_id is not None
                _grow(by_id[child.parent_id], child, is_open=child.id in opened)
            answered += [node for node in children if node.state == "answered"]
            for leaf in leaves:
                leaf.is_expanding = False
                leaf.is_closed = leaf.is_closed or not leaf.children
        tree.close([visited.node for visited in _open_leaves(root)], "the search is over")


def _select(root: _Visited, n_leaves: int) -> list[_Visited]:
    """Up to `n_leaves` different leaves by PUCT; a leaf that was chosen is out for the rest of the round."""
    leaves: list[_Visited] = []
    while len(leaves) < n_leaves and (leaf := _descend(root)) is not None:
        leaf.is_expanding = True
        leaves.append(leaf)
    return leaves


def _descend(visited: _Visited) -> _Visited | None:
    if visited.is_closed or visited.is_expanding:
        return None
    if not visited.children:
        return visited
    for child in sorted(visited.children, key=lambda child: -_puct(visited, child)):
        leaf = _descend(child)
        if leaf is not None:
            return leaf
    return None


def _puct(parent: _Visited, child: _Visited) -> float:
    exploration = EXPLORATION * _prior(child.node) * sqrt(parent.n_visits + 1) / (1 + child.n_visits)
    return child.value + exploration


def _prior(node: Node) -> float:
    if node.verdict.score is not None:
        return node.verdict.score
    return exp(sum(node.logprobs) / len(node.logprobs)) if node.logprobs else 1.0


def _grow(parent: _Visited, node: Node, *, is_open: bool) -> None:
    """Hang a new node under its parent and back its value up to the root; a closed branch is worth nothing."""
    child = _Visited(node, parent, is_closed=not is_open)
    parent.children.append(child)
    value = node.path_score if is_open or node.state == "answered" else 0.0
    step: _Visited | None = child
    while step is not None:
        step.n_visits += 1
        step.total_value += value
        step = step.parent


def _open_leaves(visited: _Visited) -> list[_Visited]:
    if not visited.children:
        return [] if visited.is_closed or visited.parent is None else [visited]
    return [leaf for child in visited.children for leaf in _open_leaves(child)]
