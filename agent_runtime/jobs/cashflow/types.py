"""The values of a cash-flow trace: what is asked, and what came of it.

Amounts are whole minor units (cents at `digits` 2): a sum of integers is exact, a sum of floats is not. An account
is one name in one currency, for money of two currencies never mixes here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Method = Literal["fifo", "pro-rata", "libr"]
METHODS: tuple[Method, ...] = ("fifo", "pro-rata", "libr")


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """What to trace: `tables` are paths, `FILE#SHEET_OR_TABLE` where a file holds several.

    `columns` settles what content leaves open: `ROLE` or `FILE:ROLE` -> column or setting (see `mapping.py`).
    `limit` is the amount that structured payments stay below; `days` is how long money may rest in an account
    that merely passes it on.
    """

    tables: tuple[str, ...]
    source: str
    target: str | None = None
    method: Method = "fifo"
    since: str | None = None
    until: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    limit: str = "10000"
    days: int = 5


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How one file was read: the role of each column used, the styles found, and what was left out."""

    file: str
    roles: dict[str, str]
    n_rows: int
    n_used: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Movement:
    """One transfer that carried the source's money: `traced` of its `units`. `row` is the row in `file`.

    `fee` and `traced_fee` left the payer with it and reached nobody in the tables.
    """

    id: int
    booked: str
    payer: str
    payee: str
    currency: str
    units: int
    traced: int
    fee: int
    traced_fee: int
    file: int
    row: int
    reference: str


@dataclass(frozen=True, slots=True)
class AccountFlow:
    """The source's money at one account: received = paid + kept + fees, to the unit."""

    name: str
    currency: str
    hops: int
    received: int
    paid: int
    fees: int
    kept: int
    first: str
    last: str

    @property
    def difference(self) -> int:
        """What the books are out by; 0 unless there is an error in the tracing itself."""
        return self.received - self.paid - self.kept - self.fees


@dataclass(frozen=True, slots=True)
class Edge:
    """All traced transfers from one account to another, added up. `rows` are (file, row)."""

    payer: str
    payee: str
    currency: str
    n: int
    traced: int
    first: str
    last: str
    rows: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """Accounts that traced money passed in order of time; at most `units` can have gone all the way."""

    names: tuple[str, ...]
    currency: str
    units: int
    first: str
    last: str


PatternKind = Literal["conduit", "round_trip", "structuring", "fan_in", "fan_out", "pass_through"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Something that an investigator would look at: who, what in words, how much, and the rows behind it."""

    kind: PatternKind
    names: tuple[str, ...]
    text: str
    currency: str
    units: int
    rows: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Untraceable:
    """Something that cannot be followed further, why, how much of it there is, and the rows it comes from."""

    what: str
    why: str
    currency: str = ""
    units: int = 0
    rows: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Total:
    """What the source sent in one currency and what became of it: sent = returned + kept + fees."""

    currency: str
    sent: int
    returned: int
    kept: int
    fees: int


@dataclass(frozen=True, slots=True)
class TraceResult:
    """What came of a trace. `movements` are the largest ones where there are more than a report can show."""

    source: str
    target: str | None
    method: Method
    digits: int
    totals: tuple[Total, ...]
    accounts: tuple[AccountFlow, ...]
    edges: tuple[Edge, ...]
    movements: tuple[Movement, ...]
    n_movements: int
    chains: tuple[Chain, ...]
    patterns: tuple[Pattern, ...]
    untraceable: tuple[Untraceable, ...]
    mappings: tuple[ColumnMap, ...]
    n_transfers: int
    first: str
    last: str
    since: str | None = None
    until: str | None = None
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    def reached(self, name: str) -> tuple[AccountFlow, ...]:
        """The source's money at one account, a value for each currency; empty where none arrived."""
        return tuple(account for account in self.accounts if account.name == name)


@dataclass(frozen=True, slots=True)
class Report:
    """A trace, and what its process needed."""

    result: TraceResult
    peak_memory_bytes: int
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """What the worker program reads: a request, a folder of its own, its limits."""

    request: TraceRequest
    scratch: str
    memory_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """What the worker program writes: a report, or why the user must act (refusal), or what broke (failure)."""

    report: Report | None = None
    refusal: str = ""
    failure: str = ""


def pairs(rows: Iterable[tuple[int, int]] | None) -> tuple[tuple[int, int], ...]:
    """(file, row) pairs as SQL hands them over, an empty list being NULL there."""
    return tuple((file, row) for file, row in rows or ())


def format_units(units: int, digits: int) -> str:
    """Render minor units for people: 123456 at two digits is `1,234.56`."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**digits)
    return f"{sign}{whole:,}" + (f".{part:0{digits}d}" if digits else "")
