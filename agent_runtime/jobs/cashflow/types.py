"""The values of a cash-flow trace: what is asked, and what came of it.

Amounts are whole minor units (cents at `digits` 2): a sum of integers is exact, a sum of floats is not. An account
is one name in one currency, for money of two currencies never mixes here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Method = Literal["fifo", "pro-rata", "libr"]
METHODS: tuple[Method, ...] = ("fifo", "pro-rata", "libr")

# What a trace can leave in a folder: for a report every traced transfer and the whole flow; for a model the traced
# transfers as a table.
REPORT_FILES = ("evidence.csv", "flow.graphml")
MODEL_FILE = "transfers.csv"
FILES = (*REPORT_FILES, MODEL_FILE)


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
class Rows:
    """The rows behind an amount: how many there are in all, and the first of them as (file, row).

    `are_traced` rows carried the source's money, so evidence.csv has every one of them.
    """

    n: int = 0
    first: tuple[tuple[int, int], ...] = ()
    are_traced: bool = True


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
    """The source's money at one account: received = paid + kept + fees, to the unit.

    The rows of each figure say how many there are at every account, and which at those that a report lists.
    """

    name: str
    currency: str
    hops: int
    received: int
    paid: int
    fees: int
    kept: int
    first: str
    last: str
    n_payees: int = 0
    rows_in: Rows = Rows()
    rows_out: Rows = Rows()
    fee_rows: Rows = Rows()
    all_rows: Rows = Rows()

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
    rows: Rows = Rows()


PatternKind = Literal["conduit", "round_trip", "structuring", "fan_in", "fan_out", "pass_through"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Something that an investigator would look at: who, what in words, how much, and the rows behind it."""

    kind: PatternKind
    names: tuple[str, ...]
    text: str
    currency: str
    units: int
    rows: Rows


@dataclass(frozen=True, slots=True)
class Untraceable:
    """Something that cannot be followed further, why, how much of it there is, and the rows it comes from."""

    what: str
    why: str
    currency: str = ""
    units: int = 0
    rows: Rows = Rows()


@dataclass(frozen=True, slots=True)
class Total:
    """What the source sent in one currency and what became of it: sent = returned + kept + fees.

    The numbers of payees, accounts and edges are of all that there are, however many a result lists.
    """

    currency: str
    sent: int
    returned: int
    kept: int
    fees: int
    n_payees: int = 0
    n_accounts: int = 0
    n_keeping: int = 0
    n_edges: int = 0
    sent_rows: Rows = Rows()
    returned_rows: Rows = Rows()
    fee_rows: Rows = Rows()
    all_rows: Rows = Rows()


@dataclass(frozen=True, slots=True)
class TraceResult:
    """What came of a trace.

    A long one is listed in part: the nearest `accounts`, the widest `edges`, the largest `movements` and `patterns`,
    and always the target, the chains to it and every account of an edge; `Total`, `n_movements` and `n_of_kind` count
    all that there are.
    """

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
    n_of_kind: dict[PatternKind, int]
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
    """What the worker program reads: a request, which of `FILES` to leave in a folder of its own, its limits."""

    request: TraceRequest
    files: tuple[str, ...]
    scratch: str
    memory_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """What the worker program writes: a report, or why the user must act (refusal), or what broke (failure)."""

    report: Report | None = None
    refusal: str = ""
    failure: str = ""


def rows_of(n: int | None, first: Iterable[tuple[int, int]] | None, *, are_traced: bool = True) -> Rows:
    """Rows as SQL hands them over, where nothing is NULL."""
    return Rows(n or 0, tuple((file, row) for file, row in first or ()), are_traced)


def format_units(units: int, digits: int) -> str:
    """Render minor units for people: 123456 at two digits is `1,234.56`."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**digits)
    return f"{sign}{whole:,}" + (f".{part:0{digits}d}" if digits else "")


def plain_units(units: int, digits: int) -> str:
    """Render minor units for programs: 123456 at two digits is `1234.56`."""
    return format_units(units, digits).replace(",", "")
