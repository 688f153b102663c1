"""The flow as a file that graph programs read."""

from pathlib import Path

import duckdb
import networkx as nx
import pytest

from agent_runtime.jobs.cashflow.job import trace_tables
from agent_runtime.jobs.cashflow.types import TraceRequest


@pytest.fixture
def flow(tmp_path: Path):
    def run(text: str, source: str, target: str | None = None) -> "nx.Graph[str]":
        table = tmp_path / "a & b.csv"
        table.write_text(text)
        with duckdb.connect() as con:
            trace_tables(TraceRequest((str(table),), source, target), con, tmp_path, ("flow.graphml",))
        return nx.read_graphml(tmp_path / "flow.graphml", force_multigraph=True)

    return run


def test_accounts_and_edges_carry_their_amounts_and_rows(flow):
    text = "date,payer,payee,amount,fee\n2024-01-01,Ann,Bob,100.00,0\n2024-01-02,Bob,Cy,60.10,0.05\n"

    graph = flow(text, "Ann", "Cy")

    assert graph.nodes["Ann"]["role"] == "source"
    assert graph.nodes["Bob"] == {
        "label": "Bob", "role": "account", "currency": "", "hops": 1, "received": 100.0, "paid": 60.1, "fees": 0.05,
        "kept": 39.85,
    }  # fmt: skip
    assert graph.nodes["Cy"]["role"] == "target"
    (edge,) = graph.get_edge_data("Bob", "Cy").values()
    assert (edge["traced"], edge["n"], edge["first"], edge["rows"]) == (60.1, 1, "2024-01-02", "a & b.csv:3")


def test_an_account_in_two_currencies_is_two_nodes(flow):
    text = (
        "date,payer,payee,amount,currency\n"
        "2024-01-01,Ann,Bob,100,EUR\n2024-01-02,Ann,Bob,70,USD\n2024-01-03,Bob,Cy,30,USD\n"
    )

    graph = flow(text, "Ann")

    kept = {name: values.get("kept") for name, values in graph.nodes.items()}
    assert kept == {
        "Ann [EUR]": None,
        "Ann [USD]": None,
        "Bob [EUR]": 100.0,
        "Bob [USD]": 40.0,
        "Cy [USD]": 30.0,
    }


@pytest.mark.parametrize(
    "name", ["</data><node id='x'/>", "a \x01 b", "\"'; DROP TABLE edge; --", "]]>&amp;"]
)
def test_any_name_makes_a_whole_file(flow, name: str):
    quoted = name.replace('"', '""')

    graph = flow(f'date,payer,payee,amount\n2024-01-01,Ann,"{quoted}",5.00\n', "Ann")

    assert set(graph) == {"Ann", name.replace("\x01", "\ufffd")}
