"""The report folder: `report.html` (one file, works offline), `evidence.csv`, `flow.graphml` and the trace.

The page holds everything it needs, plotly included, and its Content-Security-Policy lets it load and run nothing
else: names from a table are text in it, whatever they contain. `evidence.csv` and `flow.graphml` are the worker's
(`process.py`) and whole; the page says what it leaves to them.
"""

import base64
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from agent_runtime.jobs.cashflow import charts
from agent_runtime.jobs.cashflow.reasoning import Reasoning
from agent_runtime.jobs.cashflow.references import Note, References
from agent_runtime.jobs.cashflow.types import (
    REPORT_FILES,
    AccountFlow,
    Chain,
    Method,
    PatternKind,
    Report,
    Rows,
    Total,
    TraceResult,
    format_units,
)
from agent_runtime.trace.blobs import blob_folder

_MOST_CURRENCIES = 3  # with a diagram each
_TEMPLATES = Path(__file__).with_name("templates")

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
KINDS: dict[PatternKind, str] = {
    "conduit": "Conduits",
    "round_trip": "Round trips",
    "structuring": "Structuring",
    "fan_in": "Fan-in hubs",
    "fan_out": "Fan-out hubs",
    "pass_through": "Pass-through accounts",
}


def write_report(report: Report, files: Path, folder: Path, reasoning: Reasoning | None = None) -> Path:
    """Write the report to `folder`, with what the worker left in `files` of `REPORT_FILES`; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in REPORT_FILES:
        shutil.copyfile(files / name, folder / name)
    _copy_trace(None if reasoning is None else reasoning.answer.trace, folder / "trace.jsonl")
    page = folder / "report.html"
    page.write_text(render(report, reasoning), encoding="utf-8")
    return page


def _copy_trace(trace: Path | None, to: Path) -> None:
    """Copy a run's trace with its long texts; without one, none of an earlier report stays."""
    to.unlink(missing_ok=True)
    shutil.rmtree(blob_folder(to), ignore_errors=True)
    if trace is not None and trace.is_file():
        shutil.copyfile(trace, to)
        if blob_folder(trace).is_dir():
            shutil.copytree(blob_folder(trace), blob_folder(to))


def render(report: Report, reasoning: Reasoning | None = None) -> str:
    """The page as one text."""
    result = report.result
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    library = get_plotlyjs()
    shown = frozenset((movement.file, movement.row) for movement in result.movements)
    page = _Page(result, References(result.mappings, shown))
    figures = figures_of(result)
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
        figures=figures,
        figures_json=json.dumps(figures, ensure_ascii=True).replace("<", "\\u003c"),
        script=script,
        library=library,
        hashes=[_sha256(library), _sha256(script)],
    )


def figures_of(result: TraceResult) -> list[dict[str, Any]]:
    """The charts of each currency, and how many of its edges they show."""
    return [_figure(result, total) for total in result.totals[:_MOST_CURRENCIES]]


def _figure(result: TraceResult, total: Total) -> dict[str, Any]:
    edges = charts.drawn_edges(result, total.currency)
    return {
        "currency": total.currency,
        "drawn": len(edges),
        "of": total.n_edges,
        "sankey": charts.sankey(result, edges),
        "graph": charts.graph(result, edges),
    }


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


class _Page:
    """What the template asks for: numbers with their rows."""

    def __init__(self, result: TraceResult, references: References) -> None:
        self.result = result
        self.references = references

    def money(self, units: int, currency: str = "") -> str:
        return f"{format_units(units, self.result.digits)} {currency}".strip()

    def amount(self, units: int, currency: str, rows: Rows, text: str) -> Markup:
        return self.references.link(self.money(units, currency), rows, text)

    def sent(self, total: Total) -> Markup:
        return self.amount(total.sent, total.currency, total.sent_rows, f"sent by {self.result.source}")

    def returned(self, total: Total) -> Markup:
        text = f"came back to {self.result.source}"
        return self.amount(total.returned, total.currency, total.returned_rows, text)

    def kept(self, total: Total) -> Markup:
        text = f"kept of what {self.result.source} sent (sent less came back less fees)"
        return self.amount(total.kept, total.currency, total.all_rows, text)

    def fees(self, total: Total) -> Markup:
        text = f"fees paid out of what {self.result.source} sent"
        return self.amount(total.fees, total.currency, total.fee_rows, text)

    def of_chain(self, chain: Chain) -> Markup:
        """The narrowest hop of a chain, with the rows of all its hops."""
        text = f"at most, from {chain.names[0]} to {chain.names[-1]} by {len(chain.names) - 1} hops"
        return self.amount(chain.units, chain.currency, chain.rows, text)

    def of_account(self, account: AccountFlow, what: str) -> Markup:
        """One figure of an account: `received`, `paid`, `fees` or `kept`, which is the difference of the others."""
        rows, words = {
            "received": (account.rows_in, "received"),
            "paid": (account.rows_out, "paid on"),
            "fees": (account.fee_rows, "paid in fees"),
            "kept": (account.all_rows, "kept (in less out)"),
        }[what]
        return self.amount(getattr(account, what), account.currency, rows, f"{account.name} {words}")

    def listed_accounts(self) -> list[AccountFlow]:
        """Those whose rows are known: the nearest, and the target."""
        return [account for account in self.result.accounts if account.all_rows.first]

    def listed_notes(self) -> list[tuple[Note, Markup]]:
        return [(note, self.references.rows(note)) for note in self.references.notes]
