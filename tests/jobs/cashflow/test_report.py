"""The report folder, read as a file and, where Chromium is there, in a real browser."""

import json
import re
import shutil
import subprocess
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
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def example() -> Report:
    return anyio.run(run_trace, TraceRequest((str(EXAMPLE),), "Meridian Trading", "Oyster Holdings"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Report:
    table = tmp_path_factory.mktemp("hostile") / "a.csv"
    quoted = EVIL.replace('"', '""')
    table.write_text(f'date,payer,payee,amount,memo\n2024-01-01,Ann,"{quoted}",5,"{quoted}"\n')
    return anyio.run(run_trace, TraceRequest((str(table),), "Ann", EVIL))


def dom_of(page: Path, tmp_path: Path) -> str:
    """The page as Chromium has it after its scripts ran."""
    assert CHROMIUM is not None
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


def test_every_number_of_the_flow_leads_to_a_note_and_every_note_to_rows(example: Report):
    page = render(example)

    links = set(re.findall(r'href="#(note-\d+|row-\d+-\d+)"', page))
    anchors = set(re.findall(r'id="(note-\d+|row-\d+-\d+)"', page))
    assert links <= anchors
    assert len([link for link in links if link.startswith("note")]) > 50
    assert {f"row-{m.file}-{m.row}" for m in example.result.movements} <= anchors


def test_hostile_names_are_text_in_the_page(hostile: Report):
    page = render(hostile)

    assert "document.title=" in page
    assert "<script>document.title" not in page
    assert "<img src=x" not in page


def test_graphml_reads_back_with_its_amounts(example: Report, tmp_path: Path):
    (tmp_path / "evidence.csv").write_text("")
    write_report(example, tmp_path / "evidence.csv", tmp_path / "report")

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


@needs_browser
@pytest.mark.slow
def test_a_browser_draws_both_charts(example: Report, tmp_path: Path):
    (tmp_path / "evidence.csv").write_text("")
    page = write_report(example, tmp_path / "evidence.csv", tmp_path / "report")

    dom = dom_of(page, tmp_path)

    assert dom.count("sankey-link") > 20
    assert dom.count("annotation-arrow") > 20 or dom.count('class="annotation"') > 20
    assert "Oyster Holdings" in dom


@needs_browser
@pytest.mark.slow
def test_hostile_names_run_nothing_in_a_browser(hostile: Report, tmp_path: Path):
    (tmp_path / "evidence.csv").write_text("")
    page = write_report(hostile, tmp_path / "evidence.csv", tmp_path / "report")

    dom = dom_of(page, tmp_path)

    assert "<title>Where the money of Ann went</title>" in dom
    assert "sankey-link" in dom
