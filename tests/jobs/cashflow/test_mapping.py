"""Columns of real exports' shapes, and the questions that content cannot answer."""

import pytest

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow.mapping import Column, Roles, map_columns


def columns(**values: list[str]) -> list[Column]:
    return [Column(name.replace("_", " "), tuple(cells)) for name, cells in values.items()]


def mapped(table: list[Column], **chosen: str) -> Roles:
    return map_columns("bank.csv", table, chosen)


def test_two_parties_are_found_by_name():
    roles = mapped(
        columns(
            id=["1", "2", "3", "4"],
            Booking_date=["2024-01-02"] * 4,
            From=["A", "B", "C", "A"],
            To=["B", "C", "A", "C"],
            Amount=["1.50", "20", "3", "4"],
            Memo=["x"] * 4,
        )
    )

    assert roles.columns == {
        "time": "Booking date",
        "payer": "From",
        "payee": "To",
        "amount": "Amount",
        "reference": "Memo",
    }


def test_a_party_is_its_account_rather_than_its_bank():
    roles = mapped(
        columns(
            Timestamp=["2022/09/01 00:20"] * 3,
            From_Bank=["10", "3208", "10"],
            From_Account=["A1", "A2", "A3"],
            To_Bank=["10", "1", "3"],
            To_Account=["A2", "A3", "A1"],
            Amount_Paid=["1.00", "2.00", "3.00"],
        )
    )

    assert (roles.columns["payer"], roles.columns["payee"], roles.dates) == (
        "From Account",
        "To Account",
        "ymd",
    )


def test_a_statement_with_money_in_and_out():
    roles = mapped(
        columns(
            Datum=["03.01.2024", "27.01.2024"],
            Konto=["DE01", "DE01"],
            Gegenpartei=["Meier", "Huber"],
            Soll=["1.200,50"],
            Haben=["75,00"],
            Saldo=["0,00", "75,00"],
        )
    )

    assert roles.is_statement
    assert (roles.columns["out"], roles.columns["in"]) == ("Soll", "Haben")
    assert (roles.decimal, roles.dates) == (",", "dmy")


def test_a_statement_with_signed_amounts_asks_whose_it_is():
    table = columns(Date=["2024-01-02"] * 2, Counterparty=["Meier", "Huber"], Amount=["-12.50", "3.00"])

    with pytest.raises(InputError, match=r"--map 'bank\.csv:own=NAME'"):
        mapped(table)
    assert mapped(table, own="Acme").own == "Acme"


def test_who_pays_whom_is_asked_when_no_name_tells():
    table = columns(day=["2024-01-02"] * 3, x=["A", "B", "A"], y=["B", "C", "C"], amount=["1", "2", "3"])

    with pytest.raises(InputError, match="who pays whom") as caught:
        mapped(table)
    assert "--map 'bank.csv:payer=COLUMN'" in str(caught.value)
    assert mapped(table, payer="y").columns["payee"] == "x"


@pytest.mark.parametrize(
    ("dates", "style"),
    [
        (["2024-01-31", "2024-02-01"], "iso"),
        (["31/01/2024", "01/02/2024"], "dmy"),
        (["01/31/2024", "02/01/2024"], "mdy"),
        (["20240131", "20240201"], "ymd"),
        (["5 Jan 2024", "12 Feb 2024"], "dmy"),
        (["2024-01-31T10:00:00Z", "2024-02-01T11:00:00+02:00"], "iso"),
    ],
)
def test_date_styles_are_told_apart(dates: list[str], style: str):
    assert mapped(columns(date=dates, payer=["A", "B"], payee=["B", "C"], amount=["1", "2"])).dates == style


def test_a_date_that_can_be_two_days_is_asked_about():
    table = columns(date=["03/04/2024", "05/06/2024"], payer=["A", "B"], payee=["B", "C"], amount=["1", "2"])

    with pytest.raises(InputError, match="dates=dmy or --map dates=mdy"):
        mapped(table)
    assert mapped(table, dates="mdy").dates == "mdy"


@pytest.mark.parametrize(
    ("amounts", "mark"),
    [
        (["1,234.50", "7"], "."),
        (["1.234,50", "7"], ","),
        (["1.234.567", "7"], ","),
        (["12,5", "7"], ","),
        (["0.125", "7"], "."),
        (["1'234.50", "EUR 7.00"], "."),
        (["(1,234.50)", "7-"], "."),
    ],
)
def test_decimal_marks_are_told_apart(amounts: list[str], mark: str):
    table = columns(date=["2024-01-31"] * 2, payer=["A", "B"], payee=["B", "C"], amount=amounts)

    assert mapped(table).decimal == mark


@pytest.mark.parametrize("amounts", [["1.234", "7"], ["1,234", "12,500"], ["1,5", "1.5"]])
def test_an_amount_that_can_be_two_is_asked_about(amounts: list[str]):
    table = columns(date=["2024-01-31"] * 2, payer=["A", "B"], payee=["B", "C"], amount=amounts)

    with pytest.raises(InputError, match=r"decimal=\. or --map decimal=,"):
        mapped(table)


def test_a_choice_that_names_no_column_lists_those_there_are():
    table = columns(date=["2024-01-31"] * 2, payer=["A", "B"], payee=["B", "C"], amount=["1", "2"])

    with pytest.raises(InputError, match="it has 'date', 'payer', 'payee', 'amount'"):
        mapped(table, fee="charge")


def test_two_amounts_are_asked_about():
    table = columns(
        date=["2024-01-31"] * 2,
        payer=["A", "B"],
        payee=["B", "C"],
        amount_paid=["1", "2"],
        amount_received=["1", "3"],
    )

    with pytest.raises(InputError, match="between 'amount paid', 'amount received'"):
        mapped(table)
