"""Write `transfers.csv`: half a year of a trading company's bank transfers, with money leaving through four shells.

Everything is invented and seeded: the same seed writes the same bytes. What is hidden in it is what a forensic
accountant looks for: a chain of shell companies that each keep a cut, payments just below 10,000, a round trip
dressed up as sales, and enough honest business around it that sorting by amount does not find the chain.

Run: python examples/make_transfers.py
"""

import csv
import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

SEED = 7
FIRST_DAY = date(2024, 1, 8)
LAST_DAY = date(2024, 6, 28)
HEADER = ("id", "from_company", "to_company", "amount", "date", "reference")

SOURCE = "Meridian Trading"
SHELLS = ("Kestrel Partners", "Lotus Properties", "Ridge Consulting", "Vertex Capital")
RECIPIENT = "Oyster Holdings"
ROUND_TRIP = "Fjord Exports"  # pays the source's own money back to it as a customer
BANK = "Harbor Bank"
CUSTOMERS = (
    "Amber Foods",
    "Birch Systems",
    "Delta Marine",
    "Elm Hotels",
    "Gale Shipping",
    "Ivory Media",
    "Opal Retail",
)
SUPPLIERS = ("Cedar Paper", "Iron Works", "Maple Minerals", "Quartz Energy")
STAFF = ("A. Novak", "B. Ortiz", "C. Dubois", "D. Haas", "E. Lindgren", "F. Rossi", "G. Okafor", "H. Tanaka")
CUTS = (0.02, 0.03, 0.025, 0.015)  # what each shell keeps


@dataclass(frozen=True, slots=True)
class Transfer:
    day: date
    payer: str
    payee: str
    amount: float
    reference: str


def make_transfers(seed: int = SEED) -> list[Transfer]:
    """All transfers in the order of their days."""
    chance = random.Random(seed)  # noqa: S311 - invented data, not a secret
    transfers = [*_honest_business(chance), *_shell_chain(chance), *_bystanders(chance)]
    return sorted((t for t in transfers if t.day <= LAST_DAY), key=lambda t: t.day)


def _honest_business(chance: random.Random) -> list[Transfer]:
    """Customers pay the source; the source pays suppliers, rent, tax and, through a bureau, its staff."""
    rows = []
    for customer in CUSTOMERS:
        for day in _days(chance, 8):
            rows.append(
                Transfer(
                    day,
                    customer,
                    SOURCE,
                    _amount(chance, 9_000, 34_000),
                    f"invoice {chance.randrange(900, 999)}",
                )
            )
    for supplier in SUPPLIERS:
        for day in _days(chance, 6):
            rows.append(
                Transfer(
                    day,
                    SOURCE,
                    supplier,
                    _amount(chance, 4_000, 21_000),
                    f"goods {chance.randrange(100, 999)}",
                )
            )
    for month in range(1, 7):
        payday = date(2024, month, 25)
        rows.append(
            Transfer(date(2024, month, 9), SOURCE, "Tower Estates", 6_500.0, f"rent {month:02d}/2024")
        )
        rows.append(Transfer(payday, SOURCE, "Clover Payroll", 27_900.0, f"wages {month:02d}/2024"))
        for person in STAFF:
            rows.append(
                Transfer(
                    payday + timedelta(1), "Clover Payroll", person, _amount(chance, 2_600, 4_100), "salary"
                )
            )
    rows += [Transfer(date(2024, month, 15), SOURCE, "Tax Office", 14_250.0, "VAT") for month in (2, 5)]
    return rows


def _shell_chain(chance: random.Random) -> list[Transfer]:
    """Two dozen payments to the first shell; each shell passes them on within days and keeps its cut."""
    rows = []
    large = [
        (day, _amount(chance, 41_000, 68_000), f"consulting {n}") for n, day in enumerate(_days(chance, 7), 1)
    ]
    small = [
        (day, _amount(chance, 9_150, 9_990), "services") for day in _days(chance, 14)
    ]  # just below 10,000
    for day, amount, reference in sorted(large + small):
        payer = SOURCE
        rows.append(Transfer(day, payer, SHELLS[0], amount, reference))
        for payer, payee, cut in zip(SHELLS, (*SHELLS[1:], RECIPIENT), CUTS, strict=True):
            day += timedelta(chance.randint(1, 4))
            amount = round(amount * (1 - cut), 2)
            if payer == SHELLS[2] and reference in {"consulting 2", "consulting 5"}:
                rows += _round_trip(day, round(amount * 0.4, 2))
                amount = round(amount * 0.6, 2)
            rows.append(Transfer(day, payer, payee, amount, f"loan {chance.randrange(10, 99)}"))
    for shell in SHELLS:
        rows += [Transfer(date(2024, month, 28), shell, BANK, 35.0, "account fee") for month in range(2, 7)]
    return rows


def _round_trip(day: date, amount: float) -> list[Transfer]:
    return [
        Transfer(day, SHELLS[2], ROUND_TRIP, amount, "advance"),
        Transfer(day + timedelta(3), ROUND_TRIP, SOURCE, round(amount * 0.99, 2), "goods 77"),
    ]


def _bystanders(chance: random.Random) -> list[Transfer]:
    """Money of others that mixes with the source's in the shells, and companies that have nothing to do with it."""
    rows = []
    for day in _days(chance, 10):
        rows.append(
            Transfer(
                day,
                chance.choice(("Sterling Labs", "Willow Energy")),
                SHELLS[1],
                _amount(chance, 1_500, 5_000),
                "rent",
            )
        )
    for day in _days(chance, 8):
        rows.append(
            Transfer(day, "Crest Investors", SHELLS[3], _amount(chance, 5_000, 20_000), "subscription")
        )
    for shell, payee, n in (
        (0, "Beacon Media", 3),
        (1, "Stone Repairs", 6),
        (2, "Beacon Media", 2),
        (3, "Juniper Fund", 6),
    ):
        rows += [
            Transfer(day, SHELLS[shell], payee, _amount(chance, 600, 4_500), "services")
            for day in _days(chance, n)
        ]
    others = (
        "Sterling Labs",
        "Willow Energy",
        "Crest Investors",
        "Stone Repairs",
        "Iron Works",
        "Gale Shipping",
        "Delta Marine",
    )
    for day in _days(chance, 60):
        payer, payee = chance.sample(others, 2)
        rows.append(
            Transfer(day, payer, payee, _amount(chance, 800, 26_000), f"invoice {chance.randrange(100, 899)}")
        )
    return rows


def _days(chance: random.Random, n: int) -> list[date]:
    """`n` distinct working days in order."""
    span = (LAST_DAY - FIRST_DAY).days - 20
    days = [FIRST_DAY + timedelta(d) for d in range(span) if (FIRST_DAY + timedelta(d)).weekday() < 5]
    return sorted(chance.sample(days, n))


def _amount(chance: random.Random, low: int, high: int) -> float:
    return round(chance.uniform(low, high), 2)


def write(path: Path) -> None:
    """Write the table as CSV."""
    with path.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEADER)
        for number, t in enumerate(make_transfers(), 1):
            out.writerow((number, t.payer, t.payee, f"{t.amount:.2f}", t.day.isoformat(), t.reference))


if __name__ == "__main__":
    write(Path(__file__).with_name("transfers.csv"))
