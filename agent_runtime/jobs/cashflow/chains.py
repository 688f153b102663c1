"""By which chains of accounts the traced money got from the source to a target: networkx, on the traced part alone.

A chain counts when its hops can follow one another in time. Its amount is the traced sum of its narrowest hop: no
more than that can have gone all the way, for where a chain splits no record says which part took which way. Chains
are looked for among the widest edges; the way by which money came first is known whatever the size, so a target that
was reached has a chain.
"""

from collections.abc import Sequence
from itertools import islice, pairwise

import networkx as nx

from agent_runtime.jobs.cashflow.findings import first_rows
from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.sql import first_row, only_row
from agent_runtime.jobs.cashflow.types import Chain, rows_of

MOST_CHAINS = 5
_TRIED = 50  # candidate chains looked at; a dense graph has more than anyone can
_MOST_EDGES = (
    5_000  # the widest ones, and those of the first way; beyond this a graph is no longer one to read
)


def find_chains(ledger: Ledger, source: int, target: int | None) -> tuple[Chain, ...]:
    """The widest chains first, at most five; several currencies do not chain. Leaves their hops in table `way`."""
    ledger.con.execute("CREATE TABLE way (payer INTEGER, payee INTEGER, currency INTEGER)")
    if target is None:
        return ()
    found = [
        (chain, nodes, currency)
        for (currency,) in _currencies(ledger)
        for chain, nodes in _in_currency(ledger, source, target, currency)
    ]
    chosen = sorted(found, key=lambda one: (-one[0].units, len(one[1])))[:MOST_CHAINS]
    for _, nodes, currency in chosen:
        ledger.con.execute(
            "INSERT INTO way SELECT unnest(?), unnest(?), ?", [list(nodes[:-1]), list(nodes[1:]), currency]
        )
    return tuple(chain for chain, _, _ in chosen)


def _currencies(ledger: Ledger) -> list[tuple[int]]:
    return ledger.con.execute("SELECT DISTINCT currency FROM edge ORDER BY currency").fetchall()


def _in_currency(
    ledger: Ledger, source: int, target: int, currency: int
) -> list[tuple[Chain, Sequence[int]]]:
    earliest = _earliest(ledger, source, target, currency)
    if not earliest:
        return []
    graph = _graph(ledger, source, currency, earliest)
    end = -1 if target == source else target
    between = (nx.descendants(graph, source) | {source}) & (nx.ancestors(graph, end) | {end})
    candidates = nx.shortest_simple_paths(graph.subgraph(between), source, end, weight="cost")
    kept: list[tuple[Chain, Sequence[int]]] = []
    for path in islice(candidates, _TRIED):
        nodes = [source if node == -1 else node for node in path]
        times = _follow(ledger, nodes, currency)
        if times:
            kept.append((_chain(ledger, nodes, currency, _width(graph, path), times), nodes))
        if len(kept) == MOST_CHAINS:
            break
    if not kept:
        times = _follow(ledger, earliest, currency)
        assert times is not None
        width = _width(graph, [*earliest[:-1], end])
        kept.append((_chain(ledger, earliest, currency, width, times), earliest))
    return kept


def _earliest(ledger: Ledger, source: int, target: int, currency: int) -> list[int]:
    """The way by which the source's money first came to the target; empty where none came.

    Back from there, every payer had its money by an earlier transfer, so this ends, and at the source.
    """
    payers = dict(
        ledger.con.execute(
            "SELECT payee, arg_min(payer, id) FROM movement WHERE currency = ? AND traced > 0 GROUP BY payee",
            [currency],
        ).fetchall()
    )
    if target not in payers:
        return []
    nodes = [payers[target], target]
    while nodes[0] != source:
        nodes.insert(0, payers[nodes[0]])
    return nodes


def _graph(ledger: Ledger, source: int, currency: int, way: Sequence[int]) -> "nx.DiGraph[int]":
    """The widest edges and those of `way`; the source at the end of a round trip is another node, -1."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    rows = ledger.con.execute(
        f"""
        (SELECT payer, payee, traced FROM edge WHERE currency = $currency
         ORDER BY traced DESC, payer, payee LIMIT {_MOST_EDGES})
        UNION SELECT payer, payee, traced FROM edge
        SEMI JOIN (SELECT unnest($payers) AS payer, unnest($payees) AS payee) USING (payer, payee)
        WHERE currency = $currency
        ORDER BY traced DESC, payer, payee""",
        {"currency": currency, "payers": list(way[:-1]), "payees": list(way[1:])},
    ).fetchall()
    for payer, payee, traced in rows:
        graph.add_edge(payer, -1 if payee == source else payee, width=traced, cost=1 / traced)
    return graph


def _width(graph: "nx.DiGraph[int]", path: Sequence[int]) -> int:
    return min(int(graph.edges[hop]["width"]) for hop in pairwise(path))


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
    (code,) = only_row(ledger.con, "SELECT code FROM currency WHERE id = ?", [currency])
    rows = only_row(
        ledger.con,
        f"SELECT count(*), {first_rows()} FROM movement SEMI JOIN (SELECT unnest(?) AS payer, unnest(?) AS payee)"
        " USING (payer, payee) WHERE currency = ? AND traced > 0",
        [list(nodes[:-1]), list(nodes[1:]), currency],
    )
    path = tuple(names[node] for node in nodes)
    return Chain(path, code, width, moments[0][0], moments[-1][0], rows_of(*rows))
