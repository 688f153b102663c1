"""By which chains of accounts the traced money got from the source to a target: networkx, on the traced part alone.

A chain counts when its hops can follow one another in time. Its amount is the traced sum of its narrowest hop: no
more than that can have gone all the way, for where a chain splits no record says which part took which way.
"""

from collections.abc import Sequence
from itertools import islice, pairwise

import networkx as nx

from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.sql import first_row
from agent_runtime.jobs.cashflow.types import Chain

MOST_CHAINS = 5
_TRIED = 50  # candidate chains looked at; a dense graph has more than anyone can
_MOST_EDGES = 5_000  # the widest ones; beyond this a graph is no longer one to read

Hop = tuple[int, int]  # payer, payee


def find_chains(ledger: Ledger, source: int, target: int) -> tuple[Chain, ...]:
    """The widest chains first, at most five; several currencies do not chain."""
    found = [
        chain
        for (currency,) in _currencies(ledger)
        for chain in _in_currency(ledger, source, target, currency)
    ]
    return tuple(sorted(found, key=lambda chain: (-chain.units, len(chain.names)))[:MOST_CHAINS])


def _currencies(ledger: Ledger) -> list[tuple[int]]:
    return ledger.con.execute("SELECT DISTINCT currency FROM movement ORDER BY currency").fetchall()


def _in_currency(ledger: Ledger, source: int, target: int, currency: int) -> list[Chain]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    rows = ledger.con.execute(
        "SELECT payer, payee, sum(traced)::BIGINT AS total FROM movement WHERE currency = ? AND traced > 0"
        f" GROUP BY payer, payee ORDER BY total DESC, payer, payee LIMIT {_MOST_EDGES}", [currency]
    ).fetchall()  # fmt: skip
    for payer, payee, total in rows:
        end = -1 if payee == source else payee  # the source at the end of a round trip is another node
        graph.add_edge(payer, end, width=total, cost=1 / total)
    end = -1 if target == source else target
    if source not in graph or end not in graph:
        return []
    between = (nx.descendants(graph, source) | {source}) & (nx.ancestors(graph, end) | {end})
    part = graph.subgraph(between)
    if source not in part or end not in part:
        return []
    candidates = islice(nx.shortest_simple_paths(part, source, end, weight="cost"), _TRIED)
    kept = []
    for nodes in candidates:
        names = [source if node == -1 else node for node in nodes]
        times = _follow(ledger, names, currency)
        if times:
            width = min(part.edges[hop]["width"] for hop in pairwise(nodes))
            kept.append(_chain(ledger, names, currency, width, times))
        if len(kept) == MOST_CHAINS:
            break
    return kept


def _follow(ledger: Ledger, nodes: Sequence[int], currency: int) -> tuple[int, int] | None:
    """The first and last transfer of the earliest way along `nodes`; None when time does not allow it."""
    first, last = None, -1
    for payer, payee in pairwise(nodes):
        row = first_row(
            ledger.con,
            "SELECT min(id) FROM movement WHERE payer = ? AND payee = ? AND currency = ? AND id > ? AND traced > 0",
            [payer, payee, currency, last],
        )
        if row is None or row[0] is None:
            return None
        last = row[0]
        first = last if first is None else first
    return (first, last) if first is not None else None


def _chain(ledger: Ledger, nodes: Sequence[int], currency: int, width: int, times: tuple[int, int]) -> Chain:
    names: dict[int, str] = dict(
        ledger.con.execute(
            "SELECT id, name FROM account WHERE list_contains(?, id)", [list(nodes)]
        ).fetchall()
    )
    moments = ledger.con.execute(
        f"SELECT {ledger.moment_sql('booked')} FROM ledger WHERE id IN (?, ?) ORDER BY id", list(times)
    ).fetchall()
    code = first_row(ledger.con, "SELECT code FROM currency WHERE id = ?", [currency])
    return Chain(
        tuple(names[node] for node in nodes), code[0] if code else "", width, moments[0][0], moments[-1][0]
    )
