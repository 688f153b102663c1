"""The search graph: every node a run has ever had, over networkx.

Nothing is removed: backtracking is choosing another node, so a dead end stays as evidence. A node enters with
a parent that is already there, so the graph is a tree by construction, whatever file it was read from. Scores
that are no number rank last instead of poisoning an ordering. Which node to expand is a strategy's business.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import networkx as nx

from agent_runtime.errors import InputError
from agent_runtime.types import Node


class SearchGraph:
    """A tree of frozen nodes; `update` puts a changed copy in a node's place."""

    def __init__(self) -> None:
        self._graph: nx.DiGraph[int] = nx.DiGraph()
        self._root_id: int | None = None
        self._open_leaves: dict[int, None] = {}  # in the order in which they were added

    def add(self, node: Node) -> Node:
        """Add a node under its parent, or the root; returns the node as it is kept.

        Raises:
            InputError: The id is taken, the parent is not there, or there is a root already.
        """
        if node.id in self._graph:
            raise InputError(f"node {node.id} is in the graph already")
        if node.parent_id is None and self._root_id is not None:
            raise InputError(f"node {node.id} has no parent, but the root is node {self._root_id}")
        if node.parent_id is not None and node.parent_id not in self._graph:
            raise InputError(f"node {node.id} names the parent {node.parent_id}, which is not in the graph")
        self._graph.add_node(node.id)
        if node.parent_id is None:
            self._root_id = node.id
        else:
            self._graph.add_edge(node.parent_id, node.id)
            self._open_leaves.pop(node.parent_id, None)
        return self._keep(node)

    def update(self, node: Node) -> Node:
        """Put a changed copy in the place of the node with the same id and parent.

        Raises:
            InputError: There is no such node, or the copy has another parent.
        """
        if node.id not in self._graph or self.node(node.id).parent_id != node.parent_id:
            raise InputError(f"node {node.id} with the parent {node.parent_id} is not in the graph")
        return self._keep(node)

    def _keep(self, node: Node) -> Node:
        node = _with_finite_scores(node)
        self._graph.nodes[node.id]["node"] = node
        if node.state == "open" and not self._graph.out_degree(node.id):
            self._open_leaves.setdefault(node.id)
        else:
            self._open_leaves.pop(node.id, None)
        return node

    @property
    def root(self) -> Node:
        """The node that stands for the question."""
        if self._root_id is None:
            raise InputError("the graph has no root")
        return self.node(self._root_id)

    def node(self, node_id: int) -> Node:
        """The node with this id, as it is now."""
        try:
            node: Node = self._graph.nodes[node_id]["node"]
        except KeyError:
            raise InputError(f"node {node_id} is not in the graph") from None
        return node

    def path(self, node_id: int) -> tuple[Node, ...]:
        """The branch that ends in this node, from the root's child to the node; empty for the root."""
        branch = []
        node = self.node(node_id)
        while node.parent_id is not None:
            branch.append(node)
            node = self.node(node.parent_id)
        return tuple(reversed(branch))

    def children(self, node_id: int) -> list[Node]:
        """The nodes that continue this one, in the order in which they were added."""
        self.node(node_id)
        return [self.node(child_id) for child_id in self._graph.successors(node_id)]

    def frontier(self) -> list[Node]:
        """The open leaves, in the order in which they were added."""
        return [self.node(node_id) for node_id in self._open_leaves]

    def answers(self) -> list[Node]:
        """The nodes in which a branch ends with an answer."""
        return [node for node in self if node.state == "answered"]

    def __iter__(self) -> Iterator[Node]:
        return (self.node(node_id) for node_id in self._graph)

    def __len__(self) -> int:
        return len(self._graph)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._graph

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchGraph) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it grows


def _with_finite_scores(node: Node) -> Node:
    """A score that is no number counts as none; the rest is brought into [0, 1]."""
    score = node.verdict.score
    if score is not None and not 0.0 <= score <= 1.0:
        judged = None if math.isnan(score) else min(max(score, 0.0), 1.0)
        node = replace(node, verdict=replace(node.verdict, score=judged))
    if not 0.0 <= node.path_score <= 1.0:
        ranked = 0.0 if math.isnan(node.path_score) else min(max(node.path_score, 0.0), 1.0)
        node = replace(node, path_score=ranked)
    return node
