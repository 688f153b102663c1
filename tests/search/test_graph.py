"""The search graph keeps everything, and stays a tree."""

import math

import pytest

from agent_runtime.errors import InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.types import (
    Check,
    FinalAnswer,
    Node,
    NodeState,
    Plan,
    Step,
    Verdict,
)


def step(node_id: int, parent_id: int, depth: int, state: NodeState = "open") -> Node:
    check = Check("calc", "1 + 1")
    return Node(
        node_id, parent_id, depth, Step(f"step {node_id}", check), state=state, token_ids=(5, node_id)
    )


def small_graph() -> SearchGraph:
    graph = SearchGraph()
    graph.add(Node(0, None, 0))
    graph.add(Node(1, 0, 1, Plan(("add", "answer"))))
    graph.add(step(2, 1, 2))
    graph.add(step(3, 1, 2, state="dead_end"))
    graph.add(Node(4, 2, 3, FinalAnswer("2"), state="answered"))
    return graph


def test_a_path_runs_from_the_roots_child_to_the_node():
    assert [node.id for node in small_graph().path(4)] == [1, 2, 4]


def test_the_path_of_the_root_is_empty():
    assert small_graph().path(0) == ()


def test_the_frontier_is_the_open_leaves():
    graph = small_graph()
    graph.add(step(5, 1, 2))

    assert [node.id for node in graph.frontier()] == [5]


def test_an_update_that_closes_a_leaf_takes_it_off_the_frontier_and_keeps_it():
    graph = small_graph()
    graph.add(step(5, 1, 2))

    graph.update(step(5, 1, 2, state="pruned"))

    assert graph.frontier() == []
    assert graph.node(5).state == "pruned"


def test_children_come_in_the_order_they_were_added():
    assert [node.id for node in small_graph().children(1)] == [2, 3]


def test_answers_are_the_answered_nodes():
    assert [node.id for node in small_graph().answers()] == [4]


@pytest.mark.parametrize(
    "node",
    [Node(2, 1, 2), Node(9, 77, 1), Node(9, None, 0), Node(9, 9, 1)],
    ids=["duplicate", "unknown parent", "second root", "cycle"],
)
def test_a_node_that_would_break_the_tree_is_refused(node: Node):
    with pytest.raises(InputError):
        small_graph().add(node)


def test_a_node_cannot_be_moved_under_another_parent():
    with pytest.raises(InputError):
        small_graph().update(step(4, 3, 3))


@pytest.mark.parametrize(("score", "kept"), [(math.nan, 0.0), (math.inf, 1.0), (-math.inf, 0.0), (1.5, 1.0)])
def test_a_score_that_is_no_probability_is_brought_into_range(score: float, kept: float):
    graph = small_graph()

    node = graph.add(Node(9, 1, 2, path_score=score, verdict=Verdict(score=score)))

    assert node.path_score == kept
    assert node.verdict.score == (None if math.isnan(score) else kept)


def test_a_branch_of_a_hundred_thousand_nodes_has_its_path_in_bounded_time():
    graph = SearchGraph()
    graph.add(Node(0, None, 0))
    for node_id in range(1, 100_000):
        graph.add(Node(node_id, node_id - 1, node_id))

    assert len(graph.path(99_999)) == 99_999
    assert len(graph.frontier()) == 1
