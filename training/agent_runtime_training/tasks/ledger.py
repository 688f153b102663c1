"""Ledgers: who paid whom, how much and when, in a schema drawn at random.

`Ledger.transfers` is what oracles look at; `Ledger.table` is what queries see. Amounts and dates come as several
types, so `amount_sql` and `day_sql` say how to read them.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.example import Cell, Split, TableData
from agent_runtime_training.tasks.rendering import identifier
from agent_runtime_training.tasks.schemas import Schema


@dataclass(frozen=True, slots=True)
class Transfer:
    """One payment."""

    payer: str
    payee: str
    amount: float
    day: date


@dataclass(frozen=True, slots=True)
class Ledger:
    """Transfers as a table; the other fields are SQL, quoted where they must be."""

    transfers: tuple[Transfer, ...]
    table: TableData
    name: str
    payer: str
    payee: str
    amount_sql: str
    day_sql: str

    @property
    def columns(self) -> list[str]:
        return [identifier(name) for name, _ in self.table.columns]


_AMOUNT_TYPES = ("DOUBLE", "DOUBLE", "DOUBLE", "DECIMAL(14,2)", "VARCHAR")
_DAY_TYPES = ("DATE", "DATE", "DATE", "TIMESTAMP", "VARCHAR")
_DECOYS: dict[str, Callable[[random.Random], Cell]] = {
    "memo": lambda rng: (
        f"{rng.choice(('invoice', 'rent', 'goods', 'loan', 'services', 'refund'))} {rng.randrange(100)}"
    ),
    "currency": lambda rng: rng.choice(("EUR", "EUR", "USD", "CHF")),
    "channel": lambda rng: rng.choice(("online", "branch", "swift", "card")),
    "flag": lambda rng: rng.choice(("ok", "hold", "manual", None)),
    "branch": lambda rng: rng.choice(names.PLACES),
}


def ledger_of(rng: random.Random, split: Split, transfers: Sequence[Transfer]) -> Ledger:
    """Shuffle the transfers into a table of a schema drawn at random."""
    schema = Schema(rng, split)
    table_name = schema.draw("ledger").name
    shared = schema.qualifier("payer")
    payer, payee = schema.draw("payer", shared).name, schema.draw("payee", shared).name
    amount, day = schema.draw("amount").name, schema.draw("date").name
    amount_type, day_type = rng.choice(_AMOUNT_TYPES), rng.choice(_DAY_TYPES)
    shuffled = list(transfers)
    rng.shuffle(shuffled)

    cells: dict[str, tuple[str, list[Cell]]] = {
        payer: ("VARCHAR", [transfer.payer for transfer in shuffled]),
        payee: ("VARCHAR", [transfer.payee for transfer in shuffled]),
        amount: (amount_type, [_amount_cell(transfer.amount, amount_type) for transfer in shuffled]),
        day: (day_type, [_day_cell(transfer.day, day_type, rng) for transfer in shuffled]),
    }
    for decoy in rng.sample(sorted(_DECOYS), rng.randrange(3)):
        cells[schema.draw("decoy").name] = ("VARCHAR", [_DECOYS[decoy](rng) for _ in shuffled])
    order = list(cells)
    if rng.random() < 0.4:
        rng.shuffle(order)
    if rng.random() < 0.4:
        key = schema.draw("id").name
        start = rng.choice((1, 1, 1000, 50_001))
        cells[key] = ("INTEGER", list(range(start, start + len(shuffled))))
        order.insert(0, key)

    rows = tuple(zip(*(cells[name][1] for name in order), strict=True))
    table = TableData(table_name, tuple((name, cells[name][0]) for name in order), rows)
    return Ledger(
        transfers=tuple(shuffled),
        table=table,
        name=identifier(table_name),
        payer=identifier(payer),
        payee=identifier(payee),
        amount_sql=_amount_sql(identifier(amount), amount_type),
        day_sql=identifier(day) if day_type == "DATE" else f"{identifier(day)}::DATE",
    )


def _amount_cell(value: float, kind: str) -> Cell:
    if kind == "VARCHAR":
        return f"{value:,.2f}"
    return Decimal(f"{value:.2f}") if kind.startswith("DECIMAL") else value


def _amount_sql(column: str, kind: str) -> str:
    return f"REPLACE({column}, ',', '')::DOUBLE" if kind == "VARCHAR" else column


def _day_cell(value: date, kind: str, rng: random.Random) -> Cell:
    if kind == "TIMESTAMP":
        return datetime.combine(value, time(rng.randrange(24), rng.randrange(60)))
    return value.isoformat() if kind == "VARCHAR" else value


def background(
    rng: random.Random, parties: Sequence[str], n: int, first: date | None = None
) -> list[Transfer]:
    """`n` transfers between random pairs, within about three months."""
    first = first or names.day(rng)
    found = []
    for _ in range(n):
        payer, payee = rng.sample(list(parties), 2)
        found.append(Transfer(payer, payee, names.amount(rng), names.day(rng, first, 90)))
    return found


def later(day: date, rng: random.Random, most: int = 6) -> date:
    """A day after `day`."""
    return day + timedelta(days=rng.randrange(1, most + 1))


def literal(text: str) -> str:
    """A text value as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
