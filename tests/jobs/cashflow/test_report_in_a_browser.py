"""The report as Chromium has it: drawn, printed, and with names in it that would like to run."""

import re
import subprocess
import unicodedata
import zlib
from pathlib import Path

import anyio
import pytest

from agent_runtime.jobs.cashflow.process import run_trace
from agent_runtime.jobs.cashflow.report import write_report
from agent_runtime.jobs.cashflow.types import TraceRequest

EXAMPLE = Path(__file__).parents[3] / "examples" / "transfers.csv"
EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic",
    "--no-first-run", "--disable-sync", "--disable-component-update", "--virtual-time-budget=10000",
)  # fmt: skip

pytestmark = [pytest.mark.chromium, pytest.mark.slow]


def report_of(folder: Path, table: Path, source: str, target: str) -> Path:
    """Trace, and the path of the page."""
    found = anyio.run(run_trace, TraceRequest((str(table),), source, target), folder)
    return write_report(found, folder, folder / "report")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_of(tmp_path_factory.mktemp("report"), EXAMPLE, "Meridian Trading", "Oyster Holdings")


def browse(page: Path, profile: Path, *wanted: str) -> str:
    command = ["chromium", *FLAGS, f"--user-data-dir={profile}", *wanted, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_browser_draws_both_charts(page: Path, tmp_path: Path):
    dom = browse(page, tmp_path, "--dump-dom")

    assert dom.count("sankey-link") > 20
    assert dom.count("annotation-arrow") > 20 or dom.count('class="annotation"') > 20
    assert "Oyster Holdings" in dom


def test_no_name_of_the_diagram_is_written_to_the_left_over_the_column_before(page: Path, tmp_path: Path):
    dom = browse(page, tmp_path, "--dump-dom")

    labels = re.findall(
        r'<text class="node-label" [^>]*text-anchor="(\w+)"[^>]*>([^<]+)<', dom.replace("\n", " ")
    )
    assert len(labels) > 20
    assert {anchor for anchor, _ in labels} == {"start"}


def test_hostile_names_run_nothing(tmp_path: Path):
    quoted = EVIL.replace('"', '""')
    table = tmp_path / "a.csv"
    table.write_text(f'date,payer,payee,amount,memo\n2024-01-01,Ann,"{quoted}",5,"{quoted}"\n')

    dom = browse(report_of(tmp_path, table, "Ann", EVIL), tmp_path / "profile", "--dump-dom")

    assert "<title>Where the money of Ann went</title>" in dom
    assert "sankey-link" in dom


def test_on_paper_the_diagrams_and_the_evidence_are_there(page: Path, tmp_path: Path):
    printed = tmp_path / "report.pdf"

    browse(page, tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}")

    pages = pages_of(printed.read_bytes())
    evidence = (page.parent / "evidence.csv").read_text().count("\n") - 1
    assert 5 < len(pages) < evidence
    everything = "".join(pages)
    drawn = [text for text in pages if "Whereitwent:widthsaretracedamounts" in text]
    assert [name in drawn[0] for name in ("KestrelPartners", "LotusProperties", "OysterHoldings")] == [
        True
    ] * 3
    assert "368,509.61" in pages[0]
    assert everything.count("transfers.csv") > evidence  # each row of the evidence names its file
    assert "Whereeachnumbercomesfrom" in everything


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page without its spaces, as the fonts' own tables translate it (ISO 32000-1, 9.10.3)."""
    objects = {int(n): body for n, body in re.findall(rb"(?<!\d)(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)}
    fonts = {
        n: _glyphs(_stream(objects[int(found[1])]))
        for n, body in objects.items()
        if (found := re.search(rb"/ToUnicode (\d+) 0 R", body))
    }
    contents = [
        _stream(objects[int(found[1])])
        for body in objects.values()
        if re.search(rb"/Type /Page\b", body) and (found := re.search(rb"/Contents (\d+) 0 R", body))
    ]
    return [_text(content, fonts) for content in contents]


def _stream(body: bytes) -> bytes:
    found = re.search(rb"stream\n(.*)\nendstream", body, re.DOTALL)
    assert found is not None
    return zlib.decompress(found[1]) if b"/FlateDecode" in body else found[1]


def _glyphs(table: bytes) -> dict[int, str]:
    """Glyph -> character."""
    found: dict[int, str] = {}
    for is_range, lines in re.findall(r"beginbf(char|range)\n(.*?)\nendbf", table.decode(), re.DOTALL):
        for line in lines.splitlines():
            numbers = [int(number, 16) for number in re.findall(r"<(\w+)>", line)]
            first, last = numbers[0], numbers[-2] if is_range == "range" else numbers[0]
            found |= {glyph: chr(numbers[-1] + glyph - first) for glyph in range(first, last + 1)}
    return found


def _text(content: bytes, fonts: dict[int, dict[int, str]]) -> str:
    font: dict[int, str] = {}
    text = []
    for name, glyphs in re.findall(r"/F(\d+) [\d.]+ Tf|<([0-9A-F]+)> Tj", content.decode("latin-1")):
        if name:
            font = fonts[int(name)]
        text += [font.get(int(glyphs[at : at + 4], 16), "") for at in range(0, len(glyphs), 4)]
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", "".join(text)))
