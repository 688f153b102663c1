"""One pass over the ledger in the order of time: which transfers carried the source's money, and how much of it.

Everything that the source pays out is its money; what an account does with mixed money is the rule's to say
(`pools.py`). Time order holds by construction: a transfer can only carry what earlier rows brought. Transfers of the
same moment move in the order of their rows. Money that comes back to the source is counted as returned and ends
there; what the source pays out later is counted as sent anew.

An account is a plain balance until the source's money reaches it, so the pass costs little where nothing of it goes.
"""

from array import array
from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from agent_runtime.jobs.cashflow.pools import POOLS, Pool
from agent_runtime.jobs.cashflow.types import Method

Row = tuple[int, int, int, int, int]  # id, payer, payee, units, fee: an account's number is for one currency


@dataclass(slots=True)
class Trace:
    """What the pass found: transfers in three columns, accounts by number.

    `hops` is the fewest transfers from the source. `unexplained` is what accounts that held traced money paid beyond
    all that the rows brought them.
    """

    ids: "array[int]" = field(default_factory=lambda: array("q"))
    traced: "array[int]" = field(default_factory=lambda: array("q"))
    traced_fees: "array[int]" = field(default_factory=lambda: array("q"))
    pools: dict[int, Pool] = field(default_factory=dict)
    hops: dict[int, int] = field(default_factory=dict)
    unexplained: dict[int, int] = field(default_factory=dict)

    def record(self, id: int, traced: int, traced_fee: int) -> None:
        self.ids.append(id)
        self.traced.append(traced)
        self.traced_fees.append(traced_fee)


def trace(rows: Iterable[Row], sources: Set[int], method: Method, first_id: int = 0) -> Trace:
    """Follow the money of `sources` (one name's accounts) through `rows`, which come in the order of time.

    Transfers before `first_id` only fill the accounts; the source's money is what it pays from there on.
    """
    found = Trace(hops=dict.fromkeys(sources, 0))
    pools, balances = found.pools, dict[int, int]()
    for id, payer, payee, units, fee in rows:
        traced = 0
        pool = pools.get(payer)
        if pool is not None:
            traced = _pay(found, pool, id, payer, units, fee)
        elif payer in sources:
            if id >= first_id:
                traced = units
                found.record(id, traced, 0)
        elif payer in balances:
            left = balances[payer] - units - fee
            balances[payer] = left if left > 0 else 0
        if traced:
            _arrive(found, method, balances, payer, payee, units, traced)
        elif payee in pools:
            pools[payee].receive(units, 0)
        elif payee not in sources:
            balances[payee] = balances.get(payee, 0) + units
    return found


def _pay(found: Trace, pool: Pool, id: int, payer: int, units: int, fee: int) -> int:
    """Take a payment and its fee out of an account; how much of the payment was the source's."""
    lacking = units + fee - pool.balance
    if lacking > 0:
        found.unexplained[payer] = found.unexplained.get(payer, 0) + lacking
    traced = pool.pay(units)
    traced_fee = pool.pay(fee) if fee else 0
    if traced or traced_fee:
        found.record(id, traced, traced_fee)
    return traced


def _arrive(
    found: Trace, method: Method, balances: dict[int, int], payer: int, payee: int, units: int, traced: int
) -> None:
    """Let a payment that carries the source's money arrive; at the source itself it ends."""
    distance = found.hops[payer] + 1
    if distance < found.hops.get(payee, distance + 1):
        found.hops[payee] = distance
    if found.hops[payee] == 0:
        return
    pool = found.pools.get(payee)
    if pool is None:
        pool = found.pools[payee] = POOLS[method]()
        pool.receive(balances.pop(payee, 0), 0)
    pool.receive(units, traced)
