"""The report folder, read as files; `test_report_in_a_browser.py` opens it."""

import csv
import html
import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain
from pathlib import Path

import anyio
import networkx as nx
import pytest

from agent_runtime.jobs.cashflow.charts import MOST_DRAWN, drawn_edges
from agent_runtime.jobs.cashflow.process import run_trace
from agent_runtime.jobs.cashflow.reasoning import Reasoning, compare, question_of
from agent_runtime.jobs.cashflow.report import render, write_report
from agent_runtime.jobs.cashflow.types import Chain, Edge, Report, TraceRequest, TraceResult
from agent_runtime.trace.blobs import keep_blob, load_blob
from agent_runtime.types import Answer, Usage

EXAMPLE = Path(__file__).parents[3] / "examples" / "transfers.csv"
EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
NOTHING = "\N{EN DASH}"
EMPTY = TraceResult(
    source="Ann", target="Oyster", method="fifo", digits=2, totals=(), accounts=(), edges=(), movements=(),
    n_movements=0, chains=(), patterns=(), n_of_kind={}, untraceable=(), mappings=(), n_transfers=0, first="", last="",
)  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the worker leaves the files of `example`."""
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def example(files: Path) -> Report:
    request = TraceRequest((str(EXAMPLE),), "Meridian Trading", "Oyster Holdings")
    return anyio.run(run_trace, request, files)


@pytest.fixture(scope="module")
def hostile_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def hostile(hostile_files: Path) -> Report:
    table = hostile_files / "a.csv"
    quoted = EVIL.replace('"', '""')
    table.write_text(f'date,payer,payee,amount,memo\n2024-01-01,Ann,"{quoted}",5,"{quoted}"\n')
    return anyio.run(run_trace, TraceRequest((str(table),), "Ann", EVIL), hostile_files)


class _Rendered:
    """A page as its reader has it: tables, the amounts in their cells, and the rows that an amount's note lists."""

    def __init__(self, page: str) -> None:
        self._page = page
        self._notes = dict(re.findall(r'<li id="note-(\d+)">(.*?)</li>', page, re.DOTALL))

    def table_after(self, heading: str) -> list[list[str]]:
        """Every row of the first table after a heading; its first cell as text, the others as they stand."""
        start = re.search(rf"<h[23][^>]*>{heading}</h[23]>", self._page)
        assert start is not None, heading
        body = re.search(r"<tbody>(.*?)</tbody>", self._page[start.end() :], re.DOTALL)
        assert body is not None
        rows = [
            re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
            for row in re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)
        ]
        return [[html.unescape(cells[0]), *cells[1:]] for cells in rows]

    def amount(self, cell: str) -> Decimal:
        found = re.fullmatch(r'<a class="amount" href="#note-\d+">([\d,.]+)<sup>\d+</sup></a>', cell.strip())
        assert found is not None, f"{cell!r} leads to no rows"
        return Decimal(found[1].replace(",", ""))

    def rows_behind(self, cell: str) -> list[int]:
        """The rows that are named; the note must say that these are all."""
        found = re.search(r"#note-(\d+)", cell)
        assert found is not None, f"{cell!r} leads to no rows"
        note = self._notes[found[1]]
        assert " more in " not in note
        return [int(row) for row in re.findall(r'href="#row-0-(\d+)"', note)]


@dataclass(frozen=True)
class _Row:
    payer: str
    payee: str
    traced: Decimal
    fee: Decimal


def evidence_by_row(path: Path) -> dict[int, _Row]:
    with path.open(newline="") as file:
        return {
            int(row["row"]): _Row(
                row["payer"], row["payee"], Decimal(row["traced"]), Decimal(row["traced_fee"])
            )
            for row in csv.DictReader(file)
        }


def test_the_page_needs_nothing_from_outside(example: Report):
    page = render(example)

    outside = re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", page.partition("<h2>Evidence")[0])
    assert outside == []
    assert "default-src 'none'" in page


def test_every_link_of_the_page_leads_somewhere(example: Report):
    page = render(example)

    links = set(re.findall(r'href="#([^"]+)"', page))
    anchors = set(re.findall(r'id="([^"]+)"', page))
    assert links <= anchors
    assert {f"row-{m.file}-{m.row}" for m in example.result.movements} <= anchors


def test_every_amount_of_a_table_is_the_sum_of_the_rows_it_leads_to(example: Report, files: Path):
    page = _Rendered(render(example))
    rows = evidence_by_row(files / "evidence.csv")
    n_checked = 0

    for name, *cells in page.table_after("Accounts"):
        cell_of = {
            figure: cells[at]
            for at, figure in ((1, "received"), (2, "paid"), (3, "fees"), (4, "kept"))
            if cells[at] != NOTHING
        }
        for figure, cell in cell_of.items():
            behind = [rows[at] for at in page.rows_behind(cell)]
            came = sum(row.traced for row in behind if row.payee == name)
            went = sum(row.traced for row in behind if row.payer == name)
            fees = sum(row.fee for row in behind if row.payer == name)
            expected = {"received": came, "paid": went, "fees": fees, "kept": came - went - fees}[figure]
            assert page.amount(cell) == expected, (name, figure)
            n_checked += 1
    for title in ("Conduits", "Round trips"):
        for _, _, cell in page.table_after(title):
            assert page.amount(cell) == sum(rows[at].traced for at in page.rows_behind(cell))
            n_checked += 1
    figures = [(a.received, a.paid, a.fees, a.kept) for a in example.result.accounts]
    signs = [pattern for pattern in example.result.patterns if pattern.kind in {"conduit", "round_trip"}]
    assert n_checked == sum(map(bool, chain.from_iterable(figures))) + len(signs) > 50


def test_hostile_names_are_text_in_the_page(hostile: Report):
    page = render(hostile)

    assert "document.title=" in page
    assert "<script>document.title" not in page
    assert "<img src=x" not in page


def test_graphml_reads_back_with_its_amounts(example: Report, files: Path, tmp_path: Path):
    write_report(example, files, tmp_path / "report")

    flow = nx.read_graphml(tmp_path / "report" / "flow.graphml", force_multigraph=True)

    edge = flow.get_edge_data("Vertex Capital", "Oyster Holdings")
    assert next(iter(edge.values()))["traced"] == pytest.approx(368_509.61)


def test_an_answer_is_held_against_the_trace(example: Report):
    def answer(text: str) -> Answer:
        return Answer(text, 0.9, "confirmed", (), Usage(), "answered")

    assert (
        compare(answer("Meridian Trading -> Kestrel Partners"), example.result)
        == "Every hop of it is in the trace."
    )
    assert "Meridian Trading → Oyster Holdings" in compare(
        answer("Meridian Trading -> Oyster Holdings"), example.result
    )
    assert compare(answer("12,000"), example.result) == ""


def test_reasoning_is_part_of_the_page(example: Report):
    answer = Answer(
        "Meridian Trading -> <b>Kestrel</b>", 0.7, "confirmed", (), Usage(think_tokens=321), "answered"
    )

    page = render(example, Reasoning(question_of(example.result), answer, "Every hop of it is in the trace."))

    assert "Meridian Trading -&gt; &lt;b&gt;Kestrel&lt;/b&gt;" in page
    assert "321 tokens" in page


def test_the_trace_of_the_reasoning_is_in_the_folder_with_its_long_texts(
    example: Report, files: Path, tmp_path: Path
):
    run, report = tmp_path / "run.jsonl", tmp_path / "report"
    run.write_text("{}\n")
    blob = keep_blob(run, "long " * 1_000, ())
    answer = Answer("Kestrel Partners", 0.7, "confirmed", (), Usage(), "answered", trace=run)

    write_report(example, files, report, Reasoning("who?", answer, ""))

    assert (report / "trace.jsonl").read_text() == "{}\n"
    assert load_blob(report / "trace.jsonl", blob.sha256) == "long " * 1_000

    write_report(example, files, report)

    assert not list(report.glob("trace.jsonl*"))


def test_a_diagram_draws_the_way_to_the_target_however_narrow():
    def edge(payer: str, payee: str, traced: int) -> Edge:
        return Edge(payer, payee, "", 1, traced, "2024-01-01", "2024-01-01", ((0, 2),))

    wide = [edge("Ann", f"P{i}", 1_000 + i) for i in range(2 * MOST_DRAWN)]
    apart = [edge("Kim", "Lee", 9_999)]
    narrow = [edge("Ann", "Zed", 5), edge("Zed", "Oyster", 4)]
    edges = sorted([*wide, *apart, *narrow], key=lambda edge: -edge.traced)
    chains = (Chain(("Ann", "Zed", "Oyster"), "", 4, "2024-01-01", "2024-01-02"),)

    drawn = drawn_edges(replace(EMPTY, edges=tuple(edges), chains=chains), "")

    assert len(drawn) == MOST_DRAWN
    assert drawn[:2] == narrow
    assert drawn[2:] == [edge for edge in edges if edge in wide][: MOST_DRAWN - 2]


def test_the_charts_hold_the_traced_amounts(example: Report):
    page = render(example)

    figures = json.loads(re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page)[0])
    (link,) = [figure["sankey"]["data"][0]["link"] for figure in figures]
    assert max(link["value"]) == pytest.approx(522_059.51)
