"""Which column of a bank's export means what: found from content, with column names as hints, and never guessed.

Three forms are read: two parties and an amount a row; one account's statement with a counterparty and a signed
amount; the same with separate columns for money in and money out. Where content leaves a role open, the error names
the columns in question and the setting that decides: `--map ROLE=COLUMN`, or `--map FILE:ROLE=COLUMN` for one file.

Settings that are no columns: `decimal` (`.` or `,`), `dates` (`dmy`, `mdy`, `ymd`, `iso`, `step`, `epoch`),
`own` (whose statement it is), `sign` (`out-negative` or `out-positive`: what a statement's signed amounts mean).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow import hints, styles

COLUMN_ROLES = (
    "time", "clock", "payer", "payee", "account", "counterparty", "amount", "in", "out", "direction",
    "currency", "reference", "fee",
)  # fmt: skip
SETTINGS = {
    "decimal": (".", ","),
    "dates": ("iso", "ymd", "dmy", "mdy", "step", "epoch"),
    "own": (),
    "sign": ("out-negative", "out-positive"),
}
_MOST = 0.95  # the share of a column's values that must fit a type: exports end in totals and remarks


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file: its header, a sample of its values (none empty)."""

    name: str
    values: tuple[str, ...]
    is_native_number: bool = False  # the file itself says number: no separator to interpret

    @property
    def is_number(self) -> bool:
        return self._share(styles.is_number) >= _MOST

    @property
    def is_time(self) -> bool:
        return bool(self.values) and bool(self.date_styles() - {"step", "epoch"})

    @property
    def is_identity(self) -> bool:
        """A running number or key: whole, and never the same twice."""
        return (
            len(self.values) > 3
            and len(set(self.values)) == len(self.values)
            and self._share(str.isdigit) == 1
        )

    def date_styles(self) -> set[styles.Dates]:
        fitting = [value for value in self.values if styles.date_styles([value])]
        if len(fitting) < _MOST * len(self.values):
            return set()
        return styles.date_styles(fitting)

    def _share(self, fits: Callable[[str], bool]) -> float:
        return sum(map(fits, self.values)) / len(self.values) if self.values else 0.0


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of one file by role, and the styles in which they are written."""

    columns: dict[str, str]  # role -> header
    decimal: styles.Decimal = "."
    dates: styles.Dates = "iso"
    own: str = ""
    is_out_positive: bool = False

    @property
    def is_statement(self) -> bool:
        return "counterparty" in self.columns

    def shown(self) -> dict[str, str]:
        """The mapping as the user reads it, and may write it back as `--map`."""
        settings = {"decimal": self.decimal, "dates": self.dates}
        return self.columns | settings | ({"own": self.own} if self.own else {})


def map_columns(file: str, columns: Sequence[Column], chosen: Mapping[str, str]) -> Roles:
    """Give every role its column. `chosen` (role -> header or setting) comes first, unread.

    Raises:
        InputError: A role is open or a choice names no column; the message says what decides it.
    """
    found = _Mapper(file, columns, chosen)
    found.map_time()
    found.map_amounts()
    found.map_parties()
    found.map_rest()
    return found.roles()


class _Mapper:
    """Takes the roles one after the other; a column that has one is out of the running for the next."""

    def __init__(self, file: str, columns: Sequence[Column], chosen: Mapping[str, str]) -> None:
        self.file = file
        self.columns = {column.name: column for column in columns}
        self.settings = {key: value for key, value in chosen.items() if key in SETTINGS}
        self.taken: dict[str, str] = {}
        for role, name in chosen.items():
            self._check_choice(role, name)
            if role in COLUMN_ROLES:
                self.taken[role] = name

    def _check_choice(self, role: str, name: str) -> None:
        if role in SETTINGS:
            if SETTINGS[role] and name not in SETTINGS[role]:
                raise InputError(f"--map {role}={name}: it must be one of {', '.join(SETTINGS[role])}")
        elif role not in COLUMN_ROLES:
            raise InputError(
                f"--map {role}=...: no such role; roles are {', '.join((*COLUMN_ROLES, *SETTINGS))}"
            )
        elif name not in self.columns:
            raise InputError(
                f"{self.file}: --map {role}={name!r} names no column; it has {self._names(self.columns)}"
            )

    def map_time(self) -> None:
        if "time" not in self.taken:
            dated = self._free(lambda column: column.is_time)
            stepped = self._free(
                lambda c: (
                    c.is_number and bool(c.date_styles()) and self._hinted(c, hints.STEP | {"timestamp"})
                )
            )
            self._take(
                "time", self._best(dated, hints.TIME, hints.VALUE_DATE) or self._best(stepped, hints.TIME)
            )
        if "time" not in self.taken:
            self._fail("time", "no column with dates was found", list(self.columns))

    def map_amounts(self) -> None:
        if self.taken.keys() & {"amount", "in", "out"}:
            return
        numbers = self._free(lambda c: c.is_number and self._may_be_amount(c))
        money_in = [c for c in numbers if self._hinted(c, hints.MONEY_IN)]
        money_out = [c for c in numbers if self._hinted(c, hints.MONEY_OUT) and c not in money_in]
        if len(money_in) == len(money_out) == 1:
            self.taken |= {"in": money_in[0].name, "out": money_out[0].name}
            return
        named = [c for c in numbers if self._hinted(c, hints.AMOUNT) and not self._hinted(c, hints.FEE)]
        if not named:
            parties = hints.PAYER | hints.PAYEE | hints.IDENTITY | hints.OWN_ACCOUNT | hints.FEE
            named = [c for c in numbers if not self._hinted(c, parties)]
        if len(named) != 1:
            why = (
                "no column with amounts was found" if not named else "more than one column may be the amount"
            )
            self._fail("amount", why, [c.name for c in named or numbers or self.columns.values()])
        self._take("amount", named[0])

    def _may_be_amount(self, column: Column) -> bool:
        is_key = column.is_identity and not self._hinted(column, hints.AMOUNT)
        return not is_key and not self._hinted(column, hints.BALANCE)

    def map_parties(self) -> None:
        if self.taken.keys() & {"payer", "payee"} or not self._is_statement():
            self._map_pair()
        else:
            self._map_statement()

    def _is_statement(self) -> bool:
        if self.taken.keys() & {"in", "out", "counterparty", "account"} or "own" in self.settings:
            return True
        payers, payees = self._sided(hints.PAYER), self._sided(hints.PAYEE)
        return not (payers and payees) and bool(
            self._best(self._sided(hints.COUNTERPARTY), hints.COUNTERPARTY)
        )

    def _map_pair(self) -> None:
        for role, side in (("payer", hints.PAYER), ("payee", hints.PAYEE)):
            if role not in self.taken:
                self._take(role, self._first_ranked(self._sided(side)))
        missing = {"payer", "payee"} - self.taken.keys()
        if len(missing) == 1:
            self._complete_pair(missing.pop())
        elif missing:
            pair = self._most_alike(self._free(lambda c: not c.is_time and len(set(c.values)) > 1))
            self._fail("payer and payee", "content cannot tell who pays whom", list(pair or self.columns))

    def _complete_pair(self, role: str) -> None:
        """Give `role` the column that shares most names with the other party's."""
        other = self.columns[self.taken["payee" if role == "payer" else "payer"]]
        candidates = self._free(lambda c: not c.is_time and not c.is_identity and _overlap(c, other) > 0)
        best = max(candidates, key=lambda c: _overlap(c, other), default=None)
        if best is None:
            self._fail(role, f"no column shares a name with {other.name!r}", list(self.columns))
        self._take(role, best)

    def _map_statement(self) -> None:
        if "counterparty" not in self.taken:
            sides = hints.COUNTERPARTY | hints.PAYER | hints.PAYEE
            self._take(
                "counterparty",
                self._first_ranked([c for c in self._sided(sides) if not self._hinted(c, hints.REFERENCE)]),
            )
        if "counterparty" not in self.taken:
            self._fail("counterparty", "a statement needs the other party's name", list(self.columns))
        if "account" not in self.taken and "own" not in self.settings:
            self._take("account", self._first_ranked(self._sided(hints.OWN_ACCOUNT)))
        if "account" not in self.taken and "own" not in self.settings:
            raise InputError(
                f"{self.file}: this is a statement, but no column says whose. Say it with"
                f" --map '{self.file}:own=NAME', or name the column with --map '{self.file}:account=COLUMN'"
            )

    def map_rest(self) -> None:
        self._take_first("currency", lambda c: self._hinted(c, hints.CURRENCY))
        self._take_first("fee", lambda c: self._hinted(c, hints.FEE) and c.is_number)
        self._take_first("reference", lambda c: self._hinted(c, hints.REFERENCE))
        if "amount" in self.taken and "counterparty" in self.taken:
            self._take_first("direction", lambda c: _is_direction(c.values))
        self._take_first("clock", lambda c: bool(c.values) and all(map(_is_clock, c.values)))

    def _take_first(self, role: str, fits: Callable[[Column], bool]) -> None:
        if role not in self.taken:
            self._take(role, next(iter(self._free(fits)), None))

    def roles(self) -> Roles:
        return Roles(
            dict(sorted(self.taken.items(), key=lambda item: COLUMN_ROLES.index(item[0]))),
            self._decimal(),
            self._dates(),
            self.settings.get("own", ""),
            self.settings.get("sign") == "out-positive",
        )

    def _decimal(self) -> styles.Decimal:
        chosen = self.settings.get("decimal")
        if chosen:
            return "," if chosen == "," else "."
        used = [
            self.columns[self.taken[role]] for role in ("amount", "in", "out", "fee") if role in self.taken
        ]
        values = [styles.bare_number(v) for c in used if not c.is_native_number for v in c.values]
        marks = styles.decimal_evidence(values)
        if len(marks) == 2 or (not marks and styles.has_separator(values)):
            shown = next(value for value in values if "," in value or "." in value)
            raise InputError(
                f"{self.file}: {shown!r} in {used[0].name!r} can be read with a decimal point or a decimal comma;"
                " say which with --map decimal=. or --map decimal=,"
            )
        return marks.pop() if marks else "."

    def _dates(self) -> styles.Dates:
        chosen = self.settings.get("dates")
        column = self.columns[self.taken["time"]]
        possible = column.date_styles()
        if chosen:
            return next(style for style in ("iso", "ymd", "dmy", "mdy", "step", "epoch") if style == chosen)
        if not possible:
            raise InputError(
                f"{self.file}: the dates in {column.name!r} are in no known style, such as {column.values[:1]}"
            )
        if possible >= {"dmy", "mdy"}:
            raise InputError(
                f"{self.file}: {column.values[0]!r} in {column.name!r} can be day-month or month-day;"
                " say which with --map dates=dmy or --map dates=mdy"
            )
        order: tuple[styles.Dates, ...] = ("iso", "ymd", "dmy", "mdy", "step", "epoch")
        return next(style for style in order if style in possible)

    # --- choosing among columns

    def _free(self, fits: Callable[[Column], bool]) -> list[Column]:
        return [c for c in self.columns.values() if c.name not in self.taken.values() and fits(c)]

    def _hinted(self, column: Column, side: frozenset[str] | set[str]) -> bool:
        return bool(hints.words(column.name) & side)

    def _sided(self, side: frozenset[str]) -> list[Column]:
        return self._free(
            lambda c: (
                self._hinted(c, side)
                and not c.is_time
                and not self._hinted(c, hints.BALANCE | hints.CURRENCY)
            )
        )

    def _best(
        self, candidates: list[Column], side: frozenset[str], less: frozenset[str] = frozenset()
    ) -> Column | None:
        """The candidate whose name fits best; the first of equals, for exports put the leading one first."""
        return max(candidates, key=lambda c: self._hinted(c, side) - 2 * self._hinted(c, less), default=None)

    def _first_ranked(self, candidates: list[Column]) -> Column | None:
        return max(candidates, key=lambda c: hints.party_rank(c.name), default=None)

    def _most_alike(self, candidates: list[Column]) -> tuple[str, str] | None:
        pairs = [
            (_overlap(a, b), a.name, b.name) for i, a in enumerate(candidates) for b in candidates[i + 1 :]
        ]
        best = max(pairs, default=(0.0, "", ""))
        return (best[1], best[2]) if best[0] > 0 else None

    def _take(self, role: str, column: Column | None) -> None:
        if column is not None:
            self.taken[role] = column.name

    def _fail(self, role: str, why: str, names: Sequence[str]) -> NoReturn:
        first = role.split()[0]
        raise InputError(
            f"{self.file}: {why}. Say which column is the {role} with --map '{self.file}:{first}=COLUMN';"
            f" the choice is between {self._names(names)}"
        )

    def _names(self, names: Sequence[str] | Mapping[str, Column]) -> str:
        return ", ".join(repr(name) for name in names)


DEBIT = frozenset({"D", "DR", "DEBIT", "DBIT", "OUT", "S", "SOLL", "-"})
CREDIT = frozenset({"C", "CR", "CREDIT", "CRDT", "IN", "H", "HABEN", "+"})


def _overlap(left: Column, right: Column) -> float:
    """The share of the smaller column's distinct values that the other one has too."""
    a, b = set(left.values), set(right.values)
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0


def _is_direction(values: Sequence[str]) -> bool:
    flags = {value.upper() for value in values}
    return bool(flags & DEBIT) and bool(flags & CREDIT) and flags <= DEBIT | CREDIT


def _is_clock(text: str) -> bool:
    hour, _, rest = text.strip().partition(":")
    return hour.isdigit() and len(hour) <= 2 and rest[:2].isdigit()
