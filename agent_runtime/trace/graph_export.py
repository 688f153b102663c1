"""The search graph of a run as a file for other programs: GraphML, Graphviz or networkx's JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import networkx as nx
from pydantic import TypeAdapter

from agent_runtime.errors import ConfigError, InputError
from agent_runtime.search.graph import SearchGraph
from agent_runtime.types import Action, Backtrack, FinalAnswer, Malformed, Node, Plan, Step

LABEL_CHARACTERS = 160  # a label in a drawing is read at a glance; JSON keeps the whole text
DOT_COLOURS = {"open": "lightblue", "dead_end": "lightpink", "answered": "palegreen", "pruned": "lightgrey"}

_NODE: TypeAdapter[Node] = TypeAdapter(Node)


def export_graph(graph: SearchGraph, path: Path) -> None:
    """Write a graph in the form that the file's name ends in.

    Raises:
        ConfigError: The name ends in none of them.
        InputError: The file cannot be written.
    """
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise ConfigError(f"cannot tell the form of {str(path)!r}: let it end in {', '.join(FORMS)}")
    try:
        path.write_text(form(graph), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"cannot write {str(path)!r}: {error.strerror}") from error


def graphml(graph: SearchGraph) -> str:
    """The graph for yEd, Gephi or Cytoscape."""
    bare = _bare(graph)
    for node in graph:
        bare.nodes[node.id].update({key: _xml_safe(text) for key, text in _attributes(node).items()})
    return "\n".join(nx.generate_graphml(bare))


def dot(graph: SearchGraph) -> str:
    """The graph for Graphviz."""
    lines = ["digraph search {", "  node [shape=box, style=filled];"]
    for node in graph:
        label = _dot_quoted(f"{node.id} {_attributes(node)['label']}")
        lines.append(f"  {node.id} [label={label}, fillcolor={DOT_COLOURS[node.state]}];")
    lines += [f"  {parent_id} -> {child_id};" for parent_id, child_id in _bare(graph).edges]
    return "\n".join([*lines, "}"])


def node_link(graph: SearchGraph) -> str:
    """The graph in networkx's node-link form, every node with all that is known of it."""
    bare = nx.node_link_data(_bare(graph), edges="edges")
    bare["nodes"] = [_NODE.dump_python(node, mode="json") for node in graph]
    return json.dumps(bare, allow_nan=False)


FORMS: dict[str, Callable[[SearchGraph], str]] = {".graphml": graphml, ".dot": dot, ".json": node_link}


def _bare(graph: SearchGraph) -> "nx.DiGraph[int]":
    """The shape alone, without the nodes' values."""
    bare: nx.DiGraph[int] = nx.DiGraph()
    bare.add_nodes_from(node.id for node in graph)
    bare.add_edges_from((node.parent_id, node.id) for node in graph if node.parent_id is not None)
    return bare


def _attributes(node: Node) -> dict[str, str | float]:
    """What a drawing shows of a node."""
    check = node.check
    return {
        "kind": node.action.kind if node.action else "question",
        "label": _label(node.action)[:LABEL_CHARACTERS],
        "state": node.state,
        "verdict": node.verdict.kind,
        "path_score": node.path_score,
        "check": f"{check.tool}: {check.input}" if check else "",
        "result": node.observation.text if node.observation else "",
        "reason": node.reason,
        "n_tokens": node.usage.n_tokens,
    }


def _label(action: Action | None) -> str:
    match action:
        case None:
            return "question"
        case Plan():
            return "plan: " + "; ".join(action.items)
        case Step():
            return action.thought
        case Malformed():
            return f"malformed: {action.error}"
        case Backtrack():
            return f"backtrack: {action.reason}"
        case FinalAnswer():
            return f"answer: {action.text}"


def _xml_safe(value: str | float) -> str | float:
    """XML 1.0 has no form for most control characters and for lone surrogates."""
    if not isinstance(value, str):
        return value
    return "".join(
        c if c in "\t\n\r" or (c.isprintable() and c not in "\ufffe\uffff") else "\ufffd" for c in value
    )


def _dot_quoted(text: str) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
