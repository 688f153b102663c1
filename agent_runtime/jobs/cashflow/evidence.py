"""Every transfer that carried the source's money, as CSV for the accountant's own tools.

A cell that a spreadsheet would run as a formula (`=`, `+`, `-`, `@`, tab or return first) is written with an apostrophe
in front (OWASP, CSV injection); amounts are written by us, plain, and stay numbers.
"""

import csv
from pathlib import Path

from agent_runtime.jobs.cashflow.findings import evidence_sql
from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.types import plain_units

HEADER = (
    "file",
    "row",
    "booked",
    "payer",
    "payee",
    "currency",
    "amount",
    "traced",
    "fee",
    "traced_fee",
    "reference",
)
_CHUNK = 50_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_evidence(ledger: Ledger, path: Path) -> None:
    """Write all movements, in the order of time."""
    files = [mapping.file for mapping in ledger.mappings]
    cursor = ledger.con.cursor()
    cursor.execute(f"{evidence_sql(ledger)} ORDER BY id")
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        while chunk := cursor.fetchmany(_CHUNK):
            for (
                _,
                booked,
                payer,
                payee,
                currency,
                units,
                traced,
                fee,
                traced_fee,
                at,
                row,
                reference,
            ) in chunk:
                money = (plain_units(amount, ledger.digits) for amount in (units, traced, fee, traced_fee))
                names = (as_text(payer), as_text(payee), as_text(currency))
                out.writerow((as_text(files[at]), row, booked, *names, *money, as_text(reference)))


def write_moves(ledger: Ledger, path: Path) -> None:
    """Write the traced part of every movement as a table of transfers: what a reasoning model asks about.

    Names are as they are, for the model's queries to find them; nobody opens this file in a spreadsheet.
    """
    cursor = ledger.con.cursor()
    cursor.execute(f"{evidence_sql(ledger)} WHERE traced > 0 ORDER BY id")
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(("id", "from_company", "to_company", "amount", "date", "reference"))
        while chunk := cursor.fetchmany(_CHUNK):
            for number, booked, payer, payee, _, _, traced, *_, reference in chunk:
                out.writerow(
                    (number + 1, payer, payee, plain_units(traced, ledger.digits), booked, reference)
                )


def as_text(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
