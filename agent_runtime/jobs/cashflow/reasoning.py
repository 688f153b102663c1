"""What the reasoning loop is asked about a trace, and how its answer is held against the rows.

The model reads the traced transfers alone (`transfers.csv`), plans, and follows the money by queries that the loop
checks. Its answer is then compared with the trace hop by hop: a hop that no traced transfer made is named.
"""

from dataclasses import dataclass
from itertools import pairwise

from agent_runtime.jobs.cashflow.types import TraceResult
from agent_runtime.types import Answer

ARROW = " -> "


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What was asked, what came back, and what the trace says of it."""

    question: str
    answer: Answer
    comparison: str


def question_of(result: TraceResult) -> str:
    """The question that the trace's own flags stand for."""
    if result.target is not None:
        return f"Through which companies did money move from {result.source} to {result.target}?"
    return f"Follow the cash flow out of {result.source} and name the final recipient (largest outflow at each hop)."


def compare(answer: Answer, result: TraceResult) -> str:
    """What the traced rows say of the answer's chain; empty where it names none."""
    hops = list(pairwise(part.strip() for part in (answer.text or "").split(ARROW.strip())))
    if not hops:
        return ""
    traced = {(edge.payer, edge.payee) for edge in result.edges}
    missing = [f"{payer} → {payee}" for payer, payee in hops if (payer, payee) not in traced]
    n_edges = sum(total.n_edges for total in result.totals)
    if missing and n_edges > len(result.edges):
        listed = f"the {len(result.edges):,} widest of {n_edges:,} edges of the trace"
        return f"Not among {listed}: {', '.join(missing)}; flow.graphml has all of them."
    if missing:
        return f"Not borne out by the trace: {', '.join(missing)}."
    return "Every hop of it is in the trace."
