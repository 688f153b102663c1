"""Whole traces over files of every kind, in this process; the worker has tests of its own."""

import csv
import sqlite3
from pathlib import Path

import duckdb
import openpyxl
import pytest

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow.job import trace_tables
from agent_runtime.jobs.cashflow.types import METHODS, Method, TraceRequest, TraceResult

EXAMPLE = Path(__file__).parents[3] / "examples" / "transfers.csv"
HEADER = "date,payer,payee,amount\n"
SMALL = HEADER + "2024-01-01,Ann,Bob,100.00\n2024-01-02,Bob,Cy,60.10\n"


@pytest.fixture
def traced(tmp_path: Path):
    def run(*tables: str | Path, source: str = "Ann", **asked: object) -> TraceResult:
        with duckdb.connect() as con:
            request = TraceRequest(tuple(map(str, tables)), source, **asked)  # type: ignore[arg-type]
            return trace_tables(request, con, tmp_path)

    return run


def write(tmp_path: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return path


def edges(result: TraceResult) -> dict[tuple[str, str], int]:
    return {(edge.payer, edge.payee): edge.traced for edge in result.edges}


@pytest.mark.parametrize("method", METHODS)
def test_the_example_leads_through_four_shells(traced, method: Method):
    result = traced(EXAMPLE, source="meridian trading", target="OYSTER HOLDINGS", method=method)

    assert result.chains[0].names == (
        "Meridian Trading",
        "Kestrel Partners",
        "Lotus Properties",
        "Ridge Consulting",
        "Vertex Capital",
        "Oyster Holdings",
    )
    assert all(account.difference == 0 for account in result.accounts)
    (total,) = result.totals
    assert total.sent == total.returned + total.kept + total.fees
    kinds = {(pattern.kind, pattern.names[0]) for pattern in result.patterns}
    assert {
        ("round_trip", "Fjord Exports"),
        ("structuring", "Meridian Trading"),
        ("pass_through", "Kestrel Partners"),
    } <= kinds


def test_a_number_comes_with_the_row_a_spreadsheet_shows(traced, tmp_path: Path):
    result = traced(write(tmp_path, "a.csv", SMALL))

    assert [(m.row, m.units, m.traced) for m in result.movements] == [(2, 10_000, 10_000), (3, 6_010, 6_010)]


def test_every_kind_of_file_gives_the_same_trace(traced, tmp_path: Path):
    rows = [("2024-01-01", "Ann", "Bob", 100.0), ("2024-01-02", "Bob", "Cy", 60.1)]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(("Statement of transfers",))
    sheet.append(("date", "payer", "payee", "amount"))
    for row in rows:
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    con = sqlite3.connect(tmp_path / "a.sqlite")
    con.execute("CREATE TABLE t (date TEXT, payer TEXT, payee TEXT, amount REAL)")
    con.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    con.commit()
    con.close()
    csv_file = write(tmp_path, "a.csv", SMALL)
    with duckdb.connect(str(tmp_path / "a.duckdb")) as db:
        db.execute(f"CREATE TABLE t AS FROM read_csv('{csv_file}')")
        db.execute(f"COPY t TO '{tmp_path / 'a.parquet'}'")

    found = [edges(traced(tmp_path / f"a.{kind}")) for kind in ("csv", "xlsx", "sqlite", "duckdb", "parquet")]

    assert found == [{("Ann", "Bob"): 10_000, ("Bob", "Cy"): 6_010}] * 5


def test_exports_of_several_banks_make_one_ledger(traced, tmp_path: Path):
    english = write(tmp_path, "one.csv", 'Date,From,To,Amount\n2024-01-01,Ann Ltd.,Bob GmbH,"1,000.50"\n')
    german = write(
        tmp_path,
        "zwei.csv",
        "Buchungstag;Gegenpartei;Soll;Haben;Verwendungszweck\n"
        "13.01.2024;Cy;900,25;;Miete\n14.01.2024;ann limited;;50,00;zurück\n",
        "latin-1",
    )

    result = traced(english, german, source="ANN LTD", columns={"zwei.csv:own": "bob gmbh"})

    assert edges(result) == {("Ann Ltd.", "Bob GmbH"): 105_050, ("Bob GmbH", "Cy"): 90_025}


def test_a_transfer_in_two_exports_is_counted_once(traced, tmp_path: Path):
    payer_side = write(
        tmp_path, "ann.csv", "date,counterparty,amount\n2024-01-01,Bob,-100.00\n2024-01-01,Bob,-100.00\n"
    )
    payee_side = write(
        tmp_path, "bob.csv", "date,counterparty,amount\n2024-01-01,Ann,100.00\n2024-01-03,Cy,-30.00\n"
    )

    result = traced(payer_side, payee_side, columns={"ann.csv:own": "Ann", "bob.csv:own": "Bob"})

    assert edges(result) == {("Ann", "Bob"): 20_000, ("Bob", "Cy"): 3_000}
    assert "1 transfers listed in two files" in [gap.what for gap in result.untraceable]


def test_currencies_are_never_mixed(traced, tmp_path: Path):
    text = "date,payer,payee,amount,currency\n2024-01-01,Ann,Bob,100,EUR\n2024-01-02,Bob,Cy,90,USD\n"

    result = traced(write(tmp_path, "a.csv", text))

    assert edges(result) == {("Ann", "Bob"): 10_000}
    assert any(gap.what == "EUR kept at Bob" and "USD" in gap.why for gap in result.untraceable)


def test_steps_stand_for_dates(traced, tmp_path: Path):
    text = "tx_id,from_account,to_account,amount,step\n1,11,12,5.00,3\n2,12,13,4.00,4\n3,12,13,4.00,9\n"

    result = traced(write(tmp_path, "a.csv", text), source="11", until="5")

    assert (result.first, result.last) == ("3", "4")
    assert edges(result) == {("11", "12"): 500, ("12", "13"): 400}


def test_a_company_whose_name_is_sql_traces_fine(traced, tmp_path: Path):
    evil = "'; DROP TABLE transfers; --"
    tag = "<script>alert(1)</script>"
    text = f'{HEADER}2024-01-01,"{evil}",{tag},5\n2024-01-02,{tag},<answer>Z,4\n'

    result = traced(write(tmp_path, "a.csv", text), source=evil, target="<answer>Z")

    assert edges(result) == {
        (evil, "<script>alert(1)</script>"): 500,
        ("<script>alert(1)</script>", "<answer>Z"): 400,
    }
    assert result.chains[0].units == 400


def test_evidence_is_safe_to_open_in_a_spreadsheet(traced, tmp_path: Path):
    text = "date,payer,payee,amount,memo\n2024-01-01,Ann,=cmd|' /C calc'!A0,5,@SUM(A1)\n"

    traced(write(tmp_path, "a.csv", text))

    with (tmp_path / "evidence.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["payee"] == "'=cmd|' /C calc'!A0"
    assert row["reference"] == "'@SUM(A1)"
    assert row["traced"] == "5.00"


def test_rows_that_are_no_transfer_are_left_out_and_named(traced, tmp_path: Path):
    lines = "".join(f"2024-01-02,Bob,Cy,{n}\n" for n in range(1, 40))
    result = traced(write(tmp_path, "a.csv", f"{HEADER}2024-01-01,Ann,Bob,900\n{lines},,,1680\n"))

    (gap,) = [gap for gap in result.untraceable if "without a payer" in gap.what]
    assert gap.rows.first == ((0, 42),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "no column with dates"),
        (HEADER, "has no rows"),
        (HEADER + "2024-01-01,Ann,Bob,-5\n2024-01-02,Ann,Bob,-6\n", "negative amount"),
    ],
)
def test_a_table_that_cannot_be_used_gets_one_clear_line(traced, tmp_path: Path, text: str, message: str):
    with pytest.raises(InputError, match=message):
        traced(write(tmp_path, "a.csv", text))


def test_a_name_that_is_not_there_gets_the_nearest_ones(traced):
    with pytest.raises(InputError, match="'Meridian Trading'"):
        traced(EXAMPLE, source="Meridian Tradng")


def test_a_window_without_transfers_says_how_far_the_tables_reach(traced):
    with pytest.raises(InputError, match="2024-01-08 to 2024-06-28"):
        traced(EXAMPLE, source="Meridian Trading", since="2030-01-01")


def test_a_duckdb_files_view_cannot_read_another_file(traced, tmp_path: Path):
    secret = write(tmp_path, "secret.csv", SMALL)
    with duckdb.connect(str(tmp_path / "a.duckdb")) as db:
        db.execute(f"CREATE VIEW t AS FROM read_csv('{secret}')")

    with pytest.raises(InputError, match="holds nothing"):
        traced(tmp_path / "a.duckdb")
