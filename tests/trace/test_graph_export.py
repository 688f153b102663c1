"""A recorded run's search graph as a file: well formed whatever the texts in it."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from agent_runtime.errors import ConfigError, InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.graph_export import FORMS, dot, export_graph, graphml, node_link
from agent_runtime.types import Check, FinalAnswer, Node, Plan, Step

HOSTILE = '"];\n evil [label="<b>\\\x00\x1b[31m\u2028\ud800&amp;'


@pytest.fixture
def graph() -> SearchGraph:
    graph = SearchGraph()
    graph.add(Node(0, None, 0))
    graph.add(Node(1, 0, 1, Plan(("add", "answer"))))
    graph.add(Node(2, 1, 2, Step("step 2", Check("calc", "1 + 1"))))
    graph.add(Node(3, 2, 3, FinalAnswer("2"), state="answered"))
    graph.add(Node(4, 1, 2, Step(HOSTILE)))
    return graph


def test_json_is_networkx_node_link_form(graph: SearchGraph):
    data = json.loads(node_link(graph))

    assert data["directed"]
    assert {"source": 2, "target": 3} in data["edges"]
    assert data["nodes"][4]["action"]["thought"] == HOSTILE


def test_graphml_is_well_formed_whatever_the_text(graph: SearchGraph):
    document = ElementTree.fromstring(graphml(graph))

    assert len(document.findall(".//{*}node")) == 5


def test_dot_keeps_hostile_text_inside_its_label(graph: SearchGraph):
    line = next(line for line in dot(graph).splitlines() if line.startswith("  4 ["))

    assert line == '  4 [label="4 \\"];  evil [label=\\"<b>\\\\  [31m  &amp;", fillcolor=lightblue];'


@pytest.mark.parametrize("suffix", FORMS)
def test_a_graph_is_written_in_the_form_that_the_name_ends_in(
    graph: SearchGraph, tmp_path: Path, suffix: str
):
    export_graph(graph, tmp_path / f"run{suffix.upper()}")

    assert (tmp_path / f"run{suffix.upper()}").read_text() == FORMS[suffix](graph)


def test_a_form_that_is_not_known_names_those_that_are(graph: SearchGraph, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"\.graphml, \.dot, \.json"):
        export_graph(graph, tmp_path / "run.png")


def test_a_folder_that_is_not_there_is_named(graph: SearchGraph, tmp_path: Path):
    with pytest.raises(InputError, match="nowhere"):
        export_graph(graph, tmp_path / "nowhere" / "run.dot")
