"""The three rules that say whose money leaves a mixed account first.

Each is a pool: money comes in, some of it the source's; money goes out, and the rule says how much of that was the
source's. All are exact in whole minor units, and none lets more out than came in: what a payment needs beyond the
recorded balance is met by money that no row shows (an opening balance, an overdraft, a bank whose export is
missing), which is never the source's.

What they do not cover: interest, and the law's choice between the rules, which depends on the place and on who
competes for the money (Clayton's Case yields to pari passu between innocent victims: Barlow Clowes International v
Vaughan [1992] 4 All ER 22).
"""

from collections import deque
from typing import Protocol

from agent_runtime.jobs.cashflow.types import Method


class Pool(Protocol):
    """The money of one account: `balance` in all, `traced` of it the source's."""

    balance: int
    traced: int

    def receive(self, units: int, traced: int) -> None:
        """Take `units` in, `traced` of them the source's."""
        ...

    def pay(self, units: int) -> int:
        """Let `units` out; how many of them are the source's."""
        ...


class FirstInFirstOut:
    """What came in first goes out first.

    Devaynes v Noble, Clayton's Case (1816) 1 Mer 572: of a running account, "it is the sum first paid in, that is
    first drawn out". Accounting knows it as the FIFO cost formula (IAS 2.25). Of one receipt that is itself mixed,
    the source's part counts as first: the record has no order inside a single payment.
    """

    __slots__ = ("_lots", "balance", "traced")

    def __init__(self) -> None:
        self._lots: deque[tuple[int, bool]] = deque()  # units, and whether they are the source's
        self.balance = 0
        self.traced = 0

    def receive(self, units: int, traced: int) -> None:
        self.balance += units
        self.traced += traced
        self._put(traced, True)
        self._put(units - traced, False)

    def _put(self, units: int, is_traced: bool) -> None:
        if not units:
            return
        if self._lots and self._lots[-1][1] is is_traced:
            units += self._lots.pop()[0]
        self._lots.append((units, is_traced))

    def pay(self, units: int) -> int:
        lots, out = self._lots, 0
        left = min(units, self.balance)
        self.balance -= left
        while left:
            size, is_traced = lots.popleft()
            part = min(left, size)
            left -= part
            out += part if is_traced else 0
            if part < size:
                lots.appendleft((size - part, is_traced))
        self.traced -= out
        return out


class ProRata:
    """Every payment carries the source's money in the proportion in which the account holds it.

    Pari passu: Sinclair v Brougham [1914] AC 398; Re Diplock [1948] Ch 465 for mixed innocent money. Applied payment
    by payment it is the "rolling charge", or North American method, of Barlow Clowes v Vaughan [1992] 4 All ER 22.
    A part of a minor unit is rounded half up; both parts stay within what the account holds.
    """

    __slots__ = ("balance", "traced")

    def __init__(self) -> None:
        self.balance = 0
        self.traced = 0

    def receive(self, units: int, traced: int) -> None:
        self.balance += units
        self.traced += traced

    def pay(self, units: int) -> int:
        if units >= self.balance:
            out, self.balance = self.traced, 0
        else:
            out = (2 * units * self.traced + self.balance) // (2 * self.balance)
            self.balance -= units
        self.traced -= out
        return out


class LowestBalance:
    """The holder spends other money first; what was spent of the source's does not come back with later deposits.

    Lowest intermediate balance: Re Hallett's Estate (1880) 13 Ch D 696 (own money is presumed to go first) as
    limited by James Roscoe (Bolton) Ltd v Winder [1915] 1 Ch 62 (the claim cannot exceed the lowest balance since).
    """

    __slots__ = ("balance", "traced")

    def __init__(self) -> None:
        self.balance = 0
        self.traced = 0

    def receive(self, units: int, traced: int) -> None:
        self.balance += units
        self.traced += traced

    def pay(self, units: int) -> int:
        self.balance = max(0, self.balance - units)
        out = max(0, self.traced - self.balance)
        self.traced -= out
        return out


POOLS: dict[Method, type[FirstInFirstOut] | type[ProRata] | type[LowestBalance]] = {
    "fifo": FirstInFirstOut,
    "pro-rata": ProRata,
    "libr": LowestBalance,
}
