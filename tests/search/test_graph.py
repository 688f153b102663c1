"""The search graph keeps everything, stays a tree, and reads its own JSON back."""

import json
import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime.errors import InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.types import (
    Backtrack,
    Check,
    FinalAnswer,
    Malformed,
    Node,
    NodeState,
    Observation,
    Plan,
    Step,
    Usage,
    Verdict,
)

HOSTILE = '"];\n evil [label="<b>\\\x00\x1b[31m\u2028\ud800&amp;'


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


@st.composite
def graphs(draw: st.DrawFn) -> SearchGraph:
    texts = st.text(max_size=20)
    actions = (
        st.builds(Step, texts, st.none() | st.builds(Check, texts, texts))
        | st.builds(Plan, st.tuples(texts))
        | st.builds(Backtrack, texts)
        | st.builds(FinalAnswer, texts)
        | st.builds(Malformed, texts, texts)
    )
    graph = SearchGraph()
    graph.add(Node(0, None, 0))
    for node_id in range(1, draw(st.integers(1, 8))):
        parent = graph.node(draw(st.integers(0, node_id - 1)))
        graph.add(
            Node(
                node_id,
                parent.id,
                parent.depth + 1,
                draw(actions),
                draw(st.none() | st.builds(Observation, texts, texts, texts)),
                Verdict("supported", (draw(texts),), (), draw(st.none() | st.floats(0, 1))),
                draw(st.sampled_from(["open", "dead_end", "answered", "pruned"])),
                draw(st.floats(0, 1)),
                token_ids=(1, 2),
                logprobs=(-0.1, -2.5),
                usage=Usage(think_tokens=2, dollars=draw(st.none() | st.floats(0, 1))),
            )
        )
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


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(graphs())
def test_json_reads_back_equal(graph: SearchGraph):
    assert SearchGraph.from_json(graph.to_json()) == graph


def test_a_lone_surrogate_survives_json():
    graph = small_graph()
    graph.add(Node(5, 1, 2, Step(HOSTILE)))

    assert SearchGraph.from_json(graph.to_json()) == graph


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"nodes": [{"id": "x"}], "edges": []}',
        '{"nodes": [{"id": 1, "parent_id": 1, "depth": 0}], "edges": [{"source": 1, "target": 1}]}',
        '{"nodes": [{"id": 0, "parent_id": null, "depth": 0}], "edges": [{"source": 0, "target": 7}]}',
    ],
)
def test_json_that_is_no_search_graph_is_refused(text: str):
    with pytest.raises(InputError):
        SearchGraph.from_json(text)


def test_json_is_networkx_node_link_form():
    data = json.loads(small_graph().to_json())

    assert data["directed"]
    assert {"source": 2, "target": 4} in data["edges"]


def test_graphml_is_well_formed_whatever_the_text():
    graph = small_graph()
    graph.add(Node(5, 1, 2, Step(HOSTILE)))

    document = ElementTree.fromstring(graph.to_graphml())

    assert len(document.findall(".//{*}node")) == 6


def test_dot_keeps_hostile_text_inside_its_label():
    graph = small_graph()
    graph.add(Node(5, 1, 2, Step(HOSTILE)))

    line = next(line for line in graph.to_dot().splitlines() if line.startswith("  5 "))

    assert line == '  5 [label="5 \\"];  evil [label=\\"<b>\\\\  [31m  &amp;", fillcolor=lightblue];'
