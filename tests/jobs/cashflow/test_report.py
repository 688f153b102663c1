"""The report folder, read as a file and, where Chromium is there, in a real browser."""

import csv
import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path

import anyio
import networkx as nx
import pytest

from agent_runtime.jobs.cashflow.process import run_trace
from agent_runtime.jobs.cashflow.reasoning import Reasoning, compare, question_of
from agent_runtime.jobs.cashflow.report import render, write_report
from agent_runtime.jobs.cashflow.types import Report, TraceRequest
from agent_runtime.types import Answer, Usage

EXAMPLE = Path(__file__).parents[3] / "examples" / "transfers.csv"
EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
NOTHING = "\N{EN DASH}"
CHROMIUM = shutil.which("chromium") or "chromium"


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


def dom_of(page: Path, tmp_path: Path) -> str:
    """The page as Chromium has it after its scripts ran."""
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-sync",
    ]
    flags += ["--disable-background-networking", "--disable-component-update", "--virtual-time-budget=10000"]
    command = [CHROMIUM, *flags, "--dump-dom", f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


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


def test_the_charts_hold_the_traced_amounts(example: Report):
    page = render(example)

    figures = json.loads(re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page)[0])
    (link,) = [figure["sankey"]["data"][0]["link"] for figure in figures]
    assert max(link["value"]) == pytest.approx(522_059.51)


@pytest.mark.chromium
@pytest.mark.slow
def test_a_browser_draws_both_charts(example: Report, files: Path, tmp_path: Path):
    page = write_report(example, files, tmp_path / "report")

    dom = dom_of(page, tmp_path)

    assert dom.count("sankey-link") > 20
    assert dom.count("annotation-arrow") > 20 or dom.count('class="annotation"') > 20
    assert "Oyster Holdings" in dom


@pytest.mark.chromium
@pytest.mark.slow
def test_hostile_names_run_nothing_in_a_browser(hostile: Report, hostile_files: Path, tmp_path: Path):
    page = write_report(hostile, hostile_files, tmp_path / "report")

    dom = dom_of(page, tmp_path)

    assert "<title>Where the money of Ann went</title>" in dom
    assert "sankey-link" in dom
