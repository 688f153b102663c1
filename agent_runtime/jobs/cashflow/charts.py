"""The flow as two plotly figures, a Sankey diagram and a graph from left to right: plain data, drawn by the browser.

Names are HTML-escaped: plotly reads a little markup in labels. Only some edges are drawn; the caption says how many.
"""

import html
import math
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any

import networkx as nx

from agent_runtime.jobs.cashflow.types import Edge, TraceResult, format_units

MOST_DRAWN = 60
_SOURCE, _TARGET, _CONDUIT, _END = "#b3261e", "#7a4a00", "#33658a", "#5b6770"
_GOING, _RETURNING = "rgba(51,101,138,.28)", "rgba(179,38,30,.35)"
_UNSEEN = "rgba(0,0,0,0)"
_CROWDED = 25  # accounts in one column; beyond it they stand closer, each with its name beside it
_LABEL = 26  # characters of a name beside a node; the whole name is in the hover text

Figure = dict[str, Any]
_Ranked = tuple[bool, int, int, Edge]  # what is drawn first compares lowest


def drawn_edges(result: TraceResult, currency: str) -> list[Edge]:
    """Edges of one currency that hang together with the source: first the ways to the target, then the widest."""
    ways = {hop for chain in result.chains if chain.currency == currency for hop in pairwise(chain.names)}
    out_of: dict[str, list[_Ranked]] = {}
    for place, edge in enumerate(edge for edge in result.edges if edge.currency == currency):
        ranked = ((edge.payer, edge.payee) not in ways, -edge.traced, place, edge)
        out_of.setdefault(edge.payer, []).append(ranked)
    waiting, drawn = list[_Ranked](), list[Edge]()
    payer = result.source
    while len(drawn) < MOST_DRAWN:
        for ranked in out_of.pop(payer, ()):
            heappush(waiting, ranked)
        if not waiting:
            break
        drawn.append(heappop(waiting)[-1])
        payer = drawn[-1].payee
    return drawn


def sankey(result: TraceResult, edges: Sequence[Edge]) -> Figure:
    """Widths are traced amounts. A way that closes a circle ends in a node of its own, so that all runs rightwards.

    plotly writes the names of the last column over the one before it; an unseen node behind it takes that place.
    """
    links = _without_circles(result, edges)
    nodes = list(
        dict.fromkeys([result.source, *(node for payer, payee, _ in links for node in (payer, payee))])
    )
    at = {node: i for i, node in enumerate(nodes)}
    values = [edge.traced / 10**result.digits for *_, edge in links]
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "node": {
            "align": "left",
            "label": [*map(_short, nodes), ""],
            "customdata": [*map(_escaped, nodes), ""],
            "color": [*(_colour(result, node, edges) for node in nodes), _UNSEEN],
            "pad": 16,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        "link": {
            "source": [*(at[payer] for payer, _, _ in links), at[_deepest(links)]],
            "target": [*(at[payee] for _, payee, _ in links), len(nodes)],
            "value": [*values, min(values) / 1_000],
            "customdata": [*(_edge_text(result, edge) for *_, edge in links), ""],
            "color": [*(_RETURNING if payee == _back(result) else _GOING for _, payee, _ in links), _UNSEEN],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
    }
    margin = {"l": 12, "r": 70, "t": 12, "b": 12}
    return {
        "data": [trace],
        "layout": {**_LAYOUT, "margin": margin, "height": min(200 + 22 * len(nodes), 1100)},
    }


def _without_circles(result: TraceResult, edges: Sequence[Edge]) -> list[tuple[str, str, Edge]]:
    """(payer, payee, edge), the widest first; a payee that money had passed before is a second node of its name."""
    tree: nx.DiGraph[str] = nx.DiGraph()
    links = []
    for edge in edges:
        payee = _end(result, edge)
        if payee in tree and edge.payer in tree and nx.has_path(tree, payee, edge.payer):
            payee = f"{payee} (again)"
        tree.add_edge(edge.payer, payee)
        links.append((edge.payer, payee, edge))
    return links


def _deepest(links: Sequence[tuple[str, str, Edge]]) -> str:
    """A node of the last column."""
    tree: nx.DiGraph[str] = nx.DiGraph((payer, payee) for payer, payee, _ in links)
    return str(nx.dag_longest_path(tree, weight="")[-1])


def graph(result: TraceResult, edges: Sequence[Edge]) -> Figure:
    """Accounts in columns by the fewest transfers from the source, arrows with the money."""
    places = _places(result, edges)
    widest = max((edge.traced for edge in edges), default=1)
    arrows = [_arrow(places[edge.payer], places[_end(result, edge)], edge.traced / widest) for edge in edges]
    middles = [_middle(places[edge.payer], places[_end(result, edge)]) for edge in edges]
    tallest = max((sum(x == column for x, _ in places.values()) for column, _ in places.values()), default=1)
    is_crowded = tallest > _CROWDED
    points = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [x for x, _ in places.values()],
        "y": [y for _, y in places.values()],
        "text": [_short(node) for node in places],
        "textposition": "middle right" if is_crowded else "bottom center",
        "textfont": {"size": 11},
        "customdata": [_node_text(result, node) for node in places],
        "marker": {
            "size": 11 if is_crowded else 15,
            "color": [_colour(result, node, edges) for node in places],
            "line": {"width": 1.5, "color": "#fff"},
        },
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    handles = {
        "type": "scatter",
        "mode": "markers",
        "x": [x for x, _ in middles],
        "y": [y for _, y in middles],
        "customdata": [_edge_text(result, edge) for edge in edges],
        "marker": {"size": 9, "color": "rgba(51,101,138,.55)", "symbol": "diamond"},
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    axis = {"visible": False, "fixedrange": False}
    columns = [x for x, _ in places.values()]
    x_axis = {**axis, "range": [min(columns) - 0.4, max(columns) + 0.7]}
    layout = {
        **_LAYOUT,
        "height": 120 + (20 if is_crowded else 46) * tallest,
        "xaxis": x_axis,
        "yaxis": axis,
        "annotations": arrows,
    }
    return {
        "data": [handles, points],
        "layout": {**layout, "showlegend": False, "hovermode": "closest", "dragmode": "pan"},
    }


_LAYOUT: Figure = {
    "margin": {"l": 12, "r": 12, "t": 12, "b": 12},
    "paper_bgcolor": "#fff",
    "plot_bgcolor": "#fff",
    "font": {"family": "system-ui, sans-serif", "size": 12, "color": "#1c2226"},
}


def _back(result: TraceResult) -> str:
    return f"{result.source} (came back)"


def _end(result: TraceResult, edge: Edge) -> str:
    return _back(result) if edge.payee == result.source else edge.payee


def _places(result: TraceResult, edges: Sequence[Edge]) -> dict[str, tuple[float, float]]:
    """Columns by hops; the ways to the target on top, then what received most, so that the main ways run straight."""
    hops = {account.name: account.hops for account in result.accounts} | {result.source: 0}
    received: dict[str, int] = {}
    for edge in edges:
        received[_end(result, edge)] = received.get(_end(result, edge), 0) + edge.traced
    on_way = {name for chain in result.chains for name in chain.names}
    filled: dict[int, int] = {}
    places = {}
    for node in [
        result.source,
        *sorted(received, key=lambda node: (node not in on_way, -received[node], node)),
    ]:
        column = hops.get(node, max(hops.values()) + 1)
        filled[column] = filled.get(column, 0) + 1
        places[node] = (float(column), -float(filled[column]))
    return places


def _arrow(start: tuple[float, float], end: tuple[float, float], share: float) -> Figure:
    return {
        "x": end[0], "y": end[1], "ax": start[0], "ay": start[1],
        "xref": "x", "yref": "y", "axref": "x", "ayref": "y", "text": "", "showarrow": True,
        "arrowhead": 2, "arrowsize": 0.9, "arrowwidth": 1 + 4 * math.sqrt(share), "arrowcolor": "rgba(51,101,138,.45)",
        "standoff": 9, "startstandoff": 8,
    }  # fmt: skip


def _middle(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    return (start[0] + end[0]) / 2, (start[1] + end[1]) / 2


def _colour(result: TraceResult, node: str, edges: Sequence[Edge]) -> str:
    if node in {result.source, _back(result)}:
        return _SOURCE
    if node == result.target:
        return _TARGET
    return _CONDUIT if any(edge.payer == node for edge in edges) else _END


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)  # plotly shows `&quot;` as it is written


def _short(name: str) -> str:
    return _escaped(name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…")


def _money(result: TraceResult, units: int, currency: str) -> str:
    return f"{format_units(units, result.digits)} {_escaped(currency)}".strip()


def _edge_text(result: TraceResult, edge: Edge) -> str:
    between = f"{_escaped(edge.payer)} → {_escaped(edge.payee)}"
    when = edge.first if edge.first == edge.last else f"{edge.first} to {edge.last}"
    return f"{between}<br>{_money(result, edge.traced, edge.currency)} in {edge.n} transfers<br>{when}"


def _node_text(result: TraceResult, node: str) -> str:
    lines = [_escaped(node)]
    for account in result.reached(node):
        received, kept = (
            _money(result, units, account.currency) for units in (account.received, account.kept)
        )
        lines.append(f"received {received}, kept {kept}")
    return "<br>".join(lines)
