"""Tracing money through a mixed account by the three rules of the courts: FIFO, pro rata, lowest intermediate balance.

The oracle simulates the account lot by lot with exact numbers; the teacher lists the account's movements and
computes each allocation with the calculator. Amounts are drawn so that no step has to be rounded.

Reference: the rules as in Clayton's Case (1816) for first in, first out, and Re Hallett's Estate (1880) for the
lowest intermediate balance.
"""

import random
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.draft import Builder, Draft
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.ledger import Ledger, Transfer, background, later, ledger_of, literal
from agent_runtime_training.tasks.rendering import render_number
from agent_runtime_training.tasks.slips import ask
from agent_runtime_training.tasks.teacher import Rejected, Teacher


@dataclass(frozen=True, slots=True)
class _Account:
    """A mixed account: its movements in order, the party whose money is traced, the last payment's payee."""

    name: str
    tainted: str
    payee: str
    movements: tuple[Transfer, ...]
    ledger: Ledger


def _draw(rng: random.Random, split: Split) -> _Account:
    account, tainted, clean, other, payee, *rest = names.parties(rng, 8)
    plan = [tainted, clean] if rng.random() < 0.5 else [clean, tainted]
    day = names.day(rng)
    movements: list[Transfer] = []
    balance = 0

    def move(payer: str, to: str, value: int) -> None:
        nonlocal day, balance
        day = later(day, rng)
        balance += value if to == account else -value
        movements.append(Transfer(payer, to, float(value), day))

    for payer in plan:
        move(payer, account, rng.randrange(2, 60) * 500)
    for _ in range(rng.randrange(0, 2)):
        move(account, other, max(500, balance * rng.randrange(1, 8) // 10 // 500 * 500))
    if rng.random() < 0.4:
        move(clean, account, rng.randrange(2, 40) * 500)
    move(account, payee, max(500, balance * rng.randrange(2, 10) // 10 // 500 * 500))
    if balance < 0:
        raise Rejected
    noise = background(rng, rest, rng.randrange(3, 12), movements[0].day)
    return _Account(account, tainted, payee, tuple(movements), ledger_of(rng, split, movements + noise))


def _list_movements(teacher: Teacher, account: _Account, rng: random.Random) -> None:
    ledger, who = account.ledger, literal(account.name)
    query = (
        f"SELECT {ledger.day_sql} AS d, {ledger.payer}, {ledger.payee}, {ledger.amount_sql} AS x "
        f"FROM {ledger.name} WHERE {ledger.payer} = {who} OR {ledger.payee} = {who} ORDER BY d"
    )
    ask(teacher, rng, f"Movements of {account.name} in order.", query, ledger.columns)


def _pro_rata(rng: random.Random, split: Split) -> Draft:
    """Each payment carries the account's tainted share at its moment."""
    account = _draw(rng, split)
    oracle = _simulate_pro_rata(account)
    teacher = Teacher([account.ledger.table])
    teacher.plan(
        f"List the movements of {account.name}", "Tainted share of each payment", "Report the last one"
    )
    _list_movements(teacher, account, rng)
    balance, tainted, part = "0", "0", "0"
    for move in account.movements:
        value = render_number(move.amount)
        if move.payee == account.name:
            balance = teacher.calc(f"Balance after {move.payer} pays in.", f"{balance} + {value}")
            tainted = (
                render_number(Fraction(tainted) + Fraction(value))
                if move.payer == account.tainted
                else tainted
            )
            continue
        part = teacher.calc(
            f"Tainted part of the payment to {move.payee}.", f"{value} * {tainted} / {balance}"
        )
        if Fraction(part) != Fraction(value) * Fraction(tainted) / Fraction(balance):
            raise Rejected
        if move is not account.movements[-1]:
            tainted = teacher.calc("Tainted money left.", f"{tainted} - {part}")
            balance = teacher.calc("Balance left.", f"{balance} - {value}")
    teacher.answer(part)
    return _finish(account, teacher, oracle)


def _simulate_pro_rata(account: _Account) -> Fraction:
    lots: dict[str, Fraction] = {}
    carried = Fraction(0)
    for move in account.movements:
        value = Fraction(str(move.amount))
        if move.payee == account.name:
            lots[move.payer] = lots.get(move.payer, Fraction(0)) + value
            continue
        keep = 1 - value / sum(lots.values())
        carried = lots.get(account.tainted, Fraction(0)) * (1 - keep)
        lots = {party: lot * keep for party, lot in lots.items()}
    return carried


def _fifo(rng: random.Random, split: Split) -> Draft:
    """Money leaves in the order in which it came."""
    account = _draw(rng, split)
    oracle = _simulate_fifo(account)
    teacher = Teacher([account.ledger.table])
    teacher.plan(
        f"List the movements of {account.name}",
        "Use up deposits in their order",
        f"Part of {account.tainted}",
    )
    _list_movements(teacher, account, rng)
    queue: deque[tuple[str, str]] = deque()
    for move in account.movements:
        value = render_number(move.amount)
        if move.payee == account.name:
            queue.append((move.payer, value))
            continue
        answer = _pay_from(teacher, queue, value, move.payee, account.tainted)
        if move is account.movements[-1]:
            teacher.answer(answer)
    return _finish(account, teacher, oracle)


def _pay_from(teacher: Teacher, queue: deque[tuple[str, str]], value: str, payee: str, tainted: str) -> str:
    """Take `value` from the front of the queue, saying what comes from whom; the tainted part of it."""
    need, parts = value, list[str]()
    while Fraction(need) > 0:
        owner, lot = queue.popleft()
        taken = need if Fraction(lot) >= Fraction(need) else lot
        parts += [taken] if owner == tainted else []
        if Fraction(lot) > Fraction(need):
            left = teacher.calc(f"{payee}: {taken} from {owner}, whose rest is", f"{lot} - {need}")
            queue.appendleft((owner, left))
            need = "0"
        else:
            need = teacher.calc(f"{payee}: all {taken} from {owner}, still needed", f"{need} - {lot}")
    if len(parts) > 1:
        return teacher.calc(f"Part of {tainted}.", " + ".join(parts))
    return parts[0] if parts else "0"


def _simulate_fifo(account: _Account) -> Fraction:
    """Unit by unit: every deposit is a range of serial numbers, and payments take the lowest ones."""
    received, spent, carried = Fraction(0), Fraction(0), Fraction(0)
    ranges: list[tuple[Fraction, Fraction]] = []
    for move in account.movements:
        value = Fraction(str(move.amount))
        if move.payee == account.name:
            if move.payer == account.tainted:
                ranges.append((received, received + value))
            received += value
            continue
        span = (spent, spent + value)
        carried = sum((max(Fraction(0), min(b, span[1]) - max(a, span[0])) for a, b in ranges), Fraction(0))
        spent += value
    return carried


def _lowest_balance(rng: random.Random, split: Split) -> Draft:
    """What can still be traced is at most the lowest balance since the money came in."""
    account = _draw(rng, split)
    oracle = _simulate_lowest(account)
    teacher = Teacher([account.ledger.table])
    teacher.plan(
        f"List the movements of {account.name}", "Balance after each", "Lowest one since the deposit"
    )
    _list_movements(teacher, account, rng)
    balance, deposit, since = "0", "0", list[str]()
    for move in account.movements:
        is_in = move.payee == account.name
        sign, whom = ("+", move.payer) if is_in else ("-", move.payee)
        balance = teacher.calc(f"Balance after {whom}.", f"{balance} {sign} {render_number(move.amount)}")
        if is_in and move.payer == account.tainted:
            deposit = render_number(move.amount)
        if deposit != "0":
            since.append(balance)
    lowest = min(since, key=Fraction)
    traced = min(deposit, lowest, key=Fraction)
    teacher.step(
        f"The deposit was {deposit}, the lowest balance since then {lowest}; the smaller one counts."
    )
    teacher.answer(traced)
    return _finish(account, teacher, oracle)


def _simulate_lowest(account: _Account) -> Fraction:
    """The holder's own money leaves first, the tainted money only when nothing else is left."""
    own, tainted = Fraction(0), Fraction(0)
    for move in account.movements:
        value = Fraction(str(move.amount))
        if move.payee != account.name:
            from_own = min(own, value)
            own, tainted = own - from_own, tainted - (value - from_own)
        elif move.payer == account.tainted:
            tainted += value
        else:
            own += value
    return tainted


def _finish(account: _Account, teacher: Teacher, oracle: Fraction) -> Draft:
    fields = {"account": account.name, "tainted": account.tainted, "payee": account.payee}
    fields["day"] = account.movements[-1].day.isoformat()
    return Draft(teacher, fields, render_number(oracle), [account.ledger.table])


TRACING_BUILDERS: dict[str, Builder] = {
    "pro_rata": _pro_rata,
    "fifo": _fifo,
    "lowest_balance": _lowest_balance,
}
