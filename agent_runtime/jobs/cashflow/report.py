"""The report folder: `report.html` (one file, works offline), `evidence.csv`, `flow.graphml` and the trace.

The page holds everything it needs, plotly included, and its Content-Security-Policy lets it load and run nothing
else: names from a table are text in it, whatever they contain. `evidence.csv` is written by the worker (`process.py`).
"""

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import jinja2
import networkx as nx
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from agent_runtime.jobs.cashflow import charts
from agent_runtime.jobs.cashflow.reasoning import Reasoning
from agent_runtime.jobs.cashflow.references import Note, References, rows_of
from agent_runtime.jobs.cashflow.types import AccountFlow, Chain, Method, Report, TraceResult, format_units

MOST_NOTES_ROWS = 400  # of one number; the rest is in evidence.csv
_TEMPLATES = Path(__file__).with_name("templates")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
)  # what XML 1.0 cannot hold

RULES: dict[Method, tuple[str, str]] = {
    "fifo": (
        "First in, first out: what came into an account first leaves it first.",
        "Devaynes v Noble, Clayton's Case (1816) 1 Mer 572; IAS 2.25.",
    ),
    "pro-rata": (
        "Pro rata: every payment carries the source's money in the proportion in which the account holds it.",
        "Sinclair v Brougham [1914] AC 398; Re Diplock [1948] Ch 465; Barlow Clowes v Vaughan [1992] 4 All ER 22.",
    ),
    "libr": (
        "Lowest intermediate balance: an account's holder spends other money first, and what was spent of the"
        " source's does not come back with later deposits.",
        "Re Hallett's Estate (1880) 13 Ch D 696; James Roscoe (Bolton) Ltd v Winder [1915] 1 Ch 62.",
    ),
}
KINDS = {
    "conduit": "Conduits",
    "round_trip": "Round trips",
    "structuring": "Structuring",
    "fan_in": "Fan-in hubs",
    "fan_out": "Fan-out hubs",
    "pass_through": "Pass-through accounts",
}


def write_report(report: Report, evidence: Path, folder: Path, reasoning: Reasoning | None = None) -> Path:
    """Write the report, with the worker's `evidence` file, to `folder`; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(evidence, folder / "evidence.csv")
    write_graphml(report.result, folder / "flow.graphml")
    if reasoning is not None and reasoning.answer.trace is not None and reasoning.answer.trace.is_file():
        shutil.copyfile(reasoning.answer.trace, folder / "trace.jsonl")
    page = folder / "report.html"
    page.write_text(render(report, reasoning), encoding="utf-8")
    return page


def render(report: Report, reasoning: Reasoning | None = None) -> str:
    """The page as one text."""
    result = report.result
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    library = get_plotlyjs()
    shown = frozenset((movement.file, movement.row) for movement in result.movements)
    page = _Page(result, References(result.mappings, shown))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html.j2").render(
        result=result,
        page=page,
        money=page.money,
        rule=RULES[result.method],
        kinds=KINDS,
        reasoning=reasoning,
        peak=report.peak_memory_bytes,
        style=(_TEMPLATES / "report.css").read_text(encoding="utf-8"),
        figures=figures_json(result),
        script=script,
        library=library,
        hashes=[_sha256(library), _sha256(script)],
    )


def figures_json(result: TraceResult) -> str:
    """The charts as JSON that can stand inside a script element: no `<` in it."""
    figures = []
    for total in result.totals[:3]:
        edges = charts.drawn_edges(result, total.currency)
        if edges:
            n = sum(edge.currency == total.currency for edge in result.edges)
            drawn = {"currency": total.currency, "drawn": len(edges), "of": n}
            figures.append(
                {**drawn, "sankey": charts.sankey(result, edges), "graph": charts.graph(result, edges)}
            )
    return json.dumps(figures, ensure_ascii=True).replace("<", "\\u003c")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class _Page:
    """What the template asks for: numbers with their rows."""

    def __init__(self, result: TraceResult, references: References) -> None:
        self.result = result
        self.references = references

    def money(self, units: int, currency: str = "") -> str:
        return f"{format_units(units, self.result.digits)} {currency}".strip()

    def amount(
        self, units: int, currency: str, rows: Sequence[tuple[int, int]], text: str, n_rows: int | None = None
    ) -> Markup:
        listed = tuple(rows)[:MOST_NOTES_ROWS]
        return self.references.link(self.money(units, currency), listed, text, n_rows or len(rows))

    def sent(self, units: int, currency: str) -> Markup:
        rows = rows_of(
            m for m in self.result.movements if m.payer == self.result.source and m.currency == currency
        )
        return self.amount(units, currency, rows, f"sent by {self.result.source}")

    def returned(self, units: int, currency: str) -> Markup:
        rows = rows_of(
            m for m in self.result.movements if m.payee == self.result.source and m.currency == currency
        )
        return self.amount(units, currency, rows, f"came back to {self.result.source}")

    def of_chain(self, chain: Chain) -> Markup:
        """The narrowest hop of a chain, with the rows of all its hops."""
        hops = set(pairwise(chain.names))
        rows = rows_of(
            m for m in self.result.movements if (m.payer, m.payee) in hops and m.currency == chain.currency
        )
        return self.amount(
            chain.units, chain.currency, rows, f"at most, from {chain.names[0]} to {chain.names[-1]}"
        )

    def of_account(self, account: AccountFlow, what: str) -> Markup:
        """One figure of an account: `received`, `paid`, `fees` or `kept`, which is the difference of the others."""
        name, units = account.name, getattr(account, what)
        mine = [
            m for m in self.result.movements if m.currency == account.currency and name in (m.payer, m.payee)
        ]
        chosen = {
            "received": [m for m in mine if m.payee == name and m.traced],
            "paid": [m for m in mine if m.payer == name and m.traced],
            "fees": [m for m in mine if m.payer == name and m.traced_fee],
            "kept": mine,
        }[what]
        words = {
            "received": "received",
            "paid": "paid on",
            "fees": "paid in fees",
            "kept": "kept (in less out)",
        }
        return self.amount(units, account.currency, rows_of(chosen), f"{name} {words[what]}")

    def listed_notes(self) -> list[tuple[Note, Markup]]:
        return [(note, self.references.rows(note)) for note in self.references.notes]


def write_graphml(result: TraceResult, path: Path) -> None:
    """The traced flow for Gephi, yEd or Cytoscape: accounts and edges with their amounts, in plain numbers."""
    flow: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    plain = partial(_plain, digits=result.digits)
    flow.add_node(_xml(result.source), role="source")
    for account in result.accounts:
        role = "target" if account.name == result.target else "account"
        money = {
            "received": plain(account.received),
            "kept": plain(account.kept),
            "fees": plain(account.fees),
        }
        flow.add_node(
            _xml(account.name), role=role, hops=account.hops, currency=_xml(account.currency), **money
        )
    for edge in result.edges:
        rows = " ".join(f"{_xml(result.mappings[file].file)}:{row}" for file, row in edge.rows)
        flow.add_edge(
            _xml(edge.payer), _xml(edge.payee), currency=_xml(edge.currency), traced=plain(edge.traced), n=edge.n,
            first=edge.first, last=edge.last, rows=rows,
        )  # fmt: skip
    nx.write_graphml(flow, path)


def _plain(units: int, digits: int) -> float:
    return float(units / 10**digits)


def _xml(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)
