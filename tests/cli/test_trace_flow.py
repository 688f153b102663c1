"""`trace-flow` as a user types it, without the model."""

import json
from pathlib import Path

import pytest

from agent_runtime.cli import main
from agent_runtime.trace.reader import read as read_trace

EXAMPLE = Path(__file__).parents[2] / "examples" / "transfers.csv"
ASKED = ["trace-flow", str(EXAMPLE), "--from", "Meridian Trading", "--no-model"]

Capture = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_tree_shows_the_flow_the_mapping_and_the_rows(capsys: Capture):
    assert run(*ASKED, "--to", "Oyster Holdings") == 0

    out = " ".join(capsys.readouterr().out.split())
    assert "368,509.61 of it reached Oyster Holdings" in out
    assert "payer=from_company" in out
    assert "522,059.51 Kestrel Partners kept 3,919.06 row 5 +20" in out
    assert "round trip: Fjord Exports" in out


def test_json_is_one_document_with_amounts_in_whole_units(capsys: Capture):
    assert run(*ASKED, "--json", "--method", "libr") == 0

    found = json.loads(capsys.readouterr().out)
    assert found["result"]["totals"][0]["sent"] == 105_481_782
    assert found["result"]["method"] == "libr"
    assert found["reasoning"] is None


@pytest.mark.weights
@pytest.mark.slow
def test_the_report_folder_has_its_four_kinds_of_file(tmp_path: Path, capsys: Capture):
    asked = [*ASKED[:-1], "--question", "What is 15 * 2340 / 100?", "--report", str(tmp_path / "report")]

    assert run(*asked) == 0

    assert "report:" in capsys.readouterr().out
    assert names_in(tmp_path / "report") == {"report.html", "evidence.csv", "flow.graphml", "trace.jsonl"}
    trace = read_trace(tmp_path / "report" / "trace.jsonl")
    answer = trace.finished.answer if trace.finished else None
    assert answer is not None
    assert (answer.text or "Not established.") in (tmp_path / "report" / "report.html").read_text()


def test_without_a_model_there_is_no_run_to_have_a_trace_of(tmp_path: Path, capsys: Capture):
    assert run(*ASKED, "--report", str(tmp_path / "report")) == 0

    assert "report:" in capsys.readouterr().out
    assert names_in(tmp_path / "report") == {"report.html", "evidence.csv", "flow.graphml"}
    assert "no model" in (tmp_path / "report" / "report.html").read_text()


def test_money_that_comes_back_is_said_to_have_reached_its_source(capsys: Capture):
    assert run(*ASKED, "--to", "Meridian Trading") == 0

    assert "53,338.75 of it came back to Meridian Trading" in capsys.readouterr().out


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trace-flow", "missing.csv", "--from", "A", "--no-model"], "is no file"),
        ([*ASKED, "--method", "lifo"], "fifo, pro-rata, libr"),
        ([*ASKED, "--map", "payer"], "write ROLE=COLUMN"),
        ([*ASKED, "--map", "payer=nobody"], "names no column"),
        ([*ASKED, "--to", "Nobody Ltd"], "names most like it"),
        ([*ASKED, "--since", "soon"], "write a date such as 2024-05-31"),
        ([*ASKED, "--limit", "much"], "is no amount"),
    ],
)
def test_bad_input_gets_one_line_that_says_what_is_right(arguments: list[str], words: str, capsys: Capture):
    assert run(*arguments) == 2

    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


def test_a_name_that_would_steer_a_terminal_is_shown_as_text(tmp_path: Path, capsys: Capture):
    table = tmp_path / "a.csv"
    table.write_text("date,payer,payee,amount\n2024-01-01,Ann,\x1b[2J[bold]Bob[/bold],5.00\n")

    assert run("trace-flow", str(table), "--from", "Ann", "--no-model") == 0

    out = capsys.readouterr().out
    assert "\x1b[2J" not in out
    assert "[bold]Bob[/bold]" in out
