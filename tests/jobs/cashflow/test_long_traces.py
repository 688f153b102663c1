"""A trace too long to list whole: what was asked about is in it all the same, and every count is of all."""

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import anyio
import pytest
from rich.console import Console

from agent_runtime.cli.flow_screen import flow_screen
from agent_runtime.jobs.cashflow.findings import (
    MOST_ACCOUNTS,
    MOST_DETAILED,
    MOST_EDGES,
    MOST_MOVEMENTS,
    MOST_ROWS,
)
from agent_runtime.jobs.cashflow.process import run_trace
from agent_runtime.jobs.cashflow.reasoning import compare
from agent_runtime.jobs.cashflow.report import render
from agent_runtime.jobs.cashflow.types import Report, TraceRequest
from agent_runtime.types import Answer, Usage

N_PAYEES = 6_000  # beyond every limit
N_PAIRS = 30  # accounts in a circle, so that pairs of them are signs
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("long")


@pytest.fixture(scope="module")
def long(folder: Path) -> Report:
    """Ann pays 6,000 payees large sums and, at last, through two others, 50.00 to Oyster."""
    table = folder / "many.csv"
    payees = "".join(f"2024-01-01,Ann,P{i:04},{1_000 + i}.00\n" for i in range(N_PAYEES))
    back = "".join(f"2024-01-02,P{i:04},Ann,{i + 1}.00\n" for i in range(N_PAIRS))
    way = "2024-01-02,Ann,Zed,60.00\n2024-01-03,Zed,Yew,55.00\n2024-01-04,Yew,Oyster,50.00\n"
    table.write_text(f"date,payer,payee,amount\n{payees}{back}{way}")
    return anyio.run(run_trace, TraceRequest((str(table),), "Ann", "Oyster"), folder)


def screen(report: Report) -> str:
    shown = io.StringIO()
    Console(width=200, file=shown).print(flow_screen(report.result))
    return shown.getvalue()


def test_the_table_is_longer_than_every_limit(long: Report):
    assert len(long.result.movements) == MOST_MOVEMENTS < long.result.n_movements == N_PAYEES + N_PAIRS + 3
    assert MOST_ACCOUNTS < long.result.totals[0].n_accounts == N_PAYEES + 3
    assert long.result.totals[0].n_edges > MOST_EDGES


def test_the_target_is_found_with_its_way_and_its_rows(long: Report):
    (oyster,) = long.result.reached("Oyster")
    row = N_PAYEES + N_PAIRS + 4

    assert (oyster.received, oyster.kept, oyster.hops) == (5_000, 5_000, 3)
    assert oyster.rows_in.first == ((0, row),)
    assert [chain.names for chain in long.result.chains] == [("Ann", "Zed", "Yew", "Oyster")]
    assert {("Ann", "Zed"), ("Zed", "Yew"), ("Yew", "Oyster")} <= {
        (edge.payer, edge.payee) for edge in long.result.edges
    }
    assert (0, row) in {(movement.file, movement.row) for movement in long.result.movements}


def test_every_account_of_an_edge_is_listed(long: Report):
    names = {account.name for account in long.result.accounts} | {"Ann"}

    assert {name for edge in long.result.edges for name in (edge.payer, edge.payee)} <= names


def test_the_screen_says_what_reached_the_target_and_counts_all(long: Report):
    shown = screen(long)

    assert "50.00 of it reached Oyster" in shown
    assert "None of it" not in shown
    assert "5,995 more," in shown  # of 6,001 payees, six are shown
    first_six = sum(1_000 + i for i in range(N_PAYEES - 6, N_PAYEES))
    rest = sum(1_000 + i for i in range(N_PAYEES)) + 60 - first_six
    assert f"5,995 more, {rest:,}.00" in shown
    assert f"and {N_PAIRS + 2 - 8} more such signs" in shown  # Zed and Yew pass through


def test_the_page_counts_all(long: Report):
    page = " ".join(render(long).split())

    assert "of it reached Oyster" in page
    assert f'is in <a href="#accounts">{N_PAYEES + 1 + 2:,} accounts</a>' in page
    assert f"{MOST_DETAILED + 1} of {N_PAYEES + 3:,} accounts: the nearest, and Oyster" in page
    assert f"and {N_PAYEES + 1 - MOST_ROWS:,} more in evidence.csv" in page
    assert f"60 of {N_PAYEES + N_PAIRS + 3:,} ways" in page
    assert f"10 of {N_PAIRS}: those of the largest amounts" in page
    assert f"{MOST_MOVEMENTS:,} of {N_PAYEES + N_PAIRS + 3:,}, first those into Oyster" in page


def test_the_notes_name_rows_wherever_there_are_some(long: Report):
    page = render(long)

    without = [line for line in page.splitlines() if "no row: nothing of this kind" in line]
    assert without
    assert all(": 0.00" in line for line in without)


def test_what_cannot_be_traced_adds_up_to_all_of_it(long: Report):
    ends = [gap for gap in long.result.untraceable if gap.what.startswith("the trail ends at")]

    kept_for_good = sum(1_000 + i for i in range(N_PAIRS, N_PAYEES)) + 50
    assert sum(gap.units for gap in ends) == 100 * kept_for_good
    assert ends[-1].what == f"the trail ends at {N_PAYEES - N_PAIRS + 1 - 20:,} more accounts"


def test_the_files_hold_everything(long: Report, folder: Path):
    flow = ET.parse(folder / "flow.graphml").getroot()
    with (folder / "evidence.csv").open(newline="") as file:
        evidence = list(csv.DictReader(file))

    assert len(flow.findall(f".//{GRAPHML}node")) == N_PAYEES + 3 + 1
    assert len(flow.findall(f".//{GRAPHML}edge")) == long.result.totals[0].n_edges
    assert len(evidence) == long.result.n_movements


def test_an_answer_is_not_called_wrong_for_an_edge_that_is_not_listed(long: Report):
    answer = Answer("Ann -> P0040", 0.9, "confirmed", (), Usage(), "answered")

    said = compare(answer, long.result)

    assert "Not borne out" not in said
    assert "flow.graphml" in said
