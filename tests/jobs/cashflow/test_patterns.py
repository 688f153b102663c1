"""Each sign where it must show, and next to it where it must not."""

from pathlib import Path

import duckdb
import pytest

from agent_runtime.jobs.cashflow.job import trace_tables
from agent_runtime.jobs.cashflow.types import Pattern, TraceRequest


@pytest.fixture
def signs(tmp_path: Path):
    def run(kind: str, *rows: str, **asked: object) -> list[Pattern]:
        path = tmp_path / "a.csv"
        path.write_text("date,payer,payee,amount\n" + "\n".join(rows) + "\n")
        with duckdb.connect() as con:
            result = trace_tables(TraceRequest((str(path),), "Ann", **asked), con, tmp_path)  # type: ignore[arg-type]
        return [pattern for pattern in result.patterns if pattern.kind == kind]

    return run


def test_three_payments_just_below_the_limit_are_structuring(signs):
    (found,) = signs("structuring", *(f"2024-01-0{day},Ann,Bob,9500" for day in (1, 5, 9)))

    assert found.units == 2_850_000
    assert found.rows.first == ((0, 2), (0, 3), (0, 4))


@pytest.mark.parametrize(
    "rows",
    [
        [f"2024-01-0{day},Ann,Bob,10000" for day in (1, 5, 9)],  # at the limit, not below it
        [f"2024-01-0{day},Ann,Bob,8900" for day in (1, 5, 9)],  # not just below
        [f"2024-0{month}-01,Ann,Bob,9500" for month in (1, 3, 5)],  # months apart
        [f"2024-01-0{day},Ann,Bob,9500" for day in (1, 5)],  # two
    ],
)
def test_other_payments_are_no_structuring(signs, rows: list[str]):
    assert signs("structuring", *rows) == []


def test_the_limit_is_the_users(signs):
    rows = [f"2024-01-0{day},Ann,Bob,2900" for day in (1, 5, 9)]

    assert [found.names for found in signs("structuring", *rows, limit="3000")] == [("Ann", "Bob")]


def test_money_that_rests_a_day_passes_through(signs):
    rows = ["2024-01-01,Ann,Bob,100", "2024-01-02,Bob,Cy,95"]

    (found,) = signs("pass_through", *rows)

    assert found.text == "paid out 95.0 % of all it received, 1.0 days later on average"
    assert found.rows.first == ((0, 2), (0, 3))


@pytest.mark.parametrize("second", ["2024-01-20,Bob,Cy,95", "2024-01-02,Bob,Cy,60"])
def test_money_that_rests_long_or_stays_does_not(signs, second: str):
    assert signs("pass_through", "2024-01-01,Ann,Bob,100", second) == []


def test_money_that_comes_back_is_a_round_trip_with_its_row(signs):
    rows = ["2024-01-01,Ann,Bob,100", "2024-01-02,Bob,Cy,90", "2024-01-03,Cy,Ann,80"]

    (found,) = signs("round_trip", *rows)

    assert (found.names, found.units, found.rows.first) == (("Cy", "Ann"), 8_000, ((0, 4),))


def test_five_payees_make_a_hub_and_four_do_not(signs):
    rows = [f"2024-01-01,Ann,P{i},10" for i in range(5)]

    assert [found.text for found in signs("fan_out", *rows)] == ["paid 5 accounts"]
    assert signs("fan_out", *rows[:4]) == []
