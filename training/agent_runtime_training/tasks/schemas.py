"""Schemas composed at random: column and table names from parts, in many styles, with decoy columns.

Every name is built from parts of one split only, and no part belongs to both: a held-out schema has no
column-name part that training has seen (a test counts). What a name means is its `words`, which questions use.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime_training.tasks.example import Split


@dataclass(frozen=True, slots=True)
class Parts:
    """What names of one role are made of: a head that carries the meaning, and qualifiers."""

    heads: tuple[str, ...]
    qualifiers: tuple[str, ...]


def _parts(heads: str, qualifiers: str = "") -> Parts:
    return Parts(tuple(heads.split()), tuple(qualifiers.split()))


PARTS: dict[Split, dict[str, Parts]] = {
    "train": {
        "payer": _parts(
            "from src source sender payer debtor originator remitter giver",
            "account acct company party name entity client id code firm holder iban",
        ),
        "payee": _parts(
            "to dst dest target receiver payee creditor beneficiary recipient",
            "account acct company party name entity client id code firm holder iban",
        ),
        "amount": _parts("amount amt value sum total", "eur usd gbp paid sent net gross local"),
        "date": _parts("date day booked posted created timestamp", "booking entry payment tx"),
        "ledger": _parts(
            "transfers payments transactions bookings movements postings ledger entries",
            "bank all raw cash intercompany q1 q2 export main",
        ),
        "id": _parts("id no number key seq line", "tx row entry record"),
        "decoy": _parts(
            "memo channel currency purpose branch note type fee status batch reference description",
            "tx entry payment",
        ),
        "category": _parts(
            "region city status department colour category product team supplier store grade segment brand carrier "
            "country language material priority shift",
            "home main sales item current",
        ),
        "quantity": _parts(
            "price weight score quantity salary stock distance duration rating units hours cost revenue discount age "
            "visits points length width speed budget",
            "unit base total average max final monthly",
        ),
        "when": _parts("date day start opened due signed shipped updated", "order first last contract"),
        "name": _parts("name title label item code", "full short product customer"),
        "table": _parts(
            "orders items sales employees products projects visits deliveries contracts machines courses trips",
            "all open raw q3 export old",
        ),
    },
    "heldout": {
        "payer": _parts(
            "instigating outgoing drawer yielding initiator paying instructing",
            "member house side actor subject ref",
        ),
        "payee": _parts(
            "incoming accepting collecting obtaining benefitting getting enriched",
            "member house side actor subject ref",
        ),
        "amount": _parts("money funds settled figure quantum volume", "chf sek jpy moved cleared"),
        "date": _parts("when executed settlement processed moment on", "ratified closing clearing"),
        "ledger": _parts("wires payouts cashflows journal turnover", "desk archive clearing treasury h2"),
        "id": _parts("serial uid handle index slot", "wire sheet file"),
        "decoy": _parts("remark medium narrative tag bureau office message", "wire sheet swift"),
        "category": _parts(
            "district town condition division hue family crew vendor outlet tier manufacturer nation genre zone",
            "native usual chosen",
        ),
        "quantity": _parts(
            "tariff mass mark pieces wage reserve mileage minutes stars outlay proceeds rebate height pace votes",
            "single lone overall peak weekly",
        ),
        "when": _parts("when began lapses registered dispatched amended", "initial recent agreement"),
        "name": _parts("designation caption alias handle", "complete brief article"),
        "table": _parts(
            "shipments staff inventory tickets bookkeeping assets members flights", "draft merged h1 copy"
        ),
    },
}

STYLES = ("snake", "snake", "snake", "camel", "pascal", "upper", "title", "abbreviated", "joined")


@dataclass(frozen=True, slots=True)
class Name:
    """A name as the table has it and as people say it."""

    name: str
    words: str


def compose(parts: Sequence[str], style: str) -> str:
    """One identifier from lower-case parts."""
    if style == "camel":
        return parts[0] + "".join(part.capitalize() for part in parts[1:])
    if style == "pascal":
        return "".join(part.capitalize() for part in parts)
    if style == "upper":
        return "_".join(parts).upper()
    if style == "title":
        return " ".join(part.capitalize() for part in parts)
    if style == "joined":
        return "".join(parts)
    if style == "abbreviated":
        return "_".join(abbreviate(part) for part in parts)
    return "_".join(parts)


def abbreviate(part: str) -> str:
    """A part without the vowels after its first letter, four letters at most; short parts stay."""
    if len(part) <= 4:
        return part
    return (part[0] + "".join(letter for letter in part[1:] if letter not in "aeiou"))[:4]


class Schema:
    """Draws the names of one table or of tables that belong together: one style, no name twice."""

    def __init__(self, rng: random.Random, split: Split) -> None:
        self.rng = rng
        self.split: Split = split
        self.style = rng.choice(STYLES)
        self._taken: set[str] = set()

    def draw(self, role: str, qualifier: str | None = None) -> Name:
        """A new name for a role; `qualifier` fixes the second part (payer and payee share one)."""
        parts = PARTS[self.split][role]
        for _ in range(50):
            head = self.rng.choice(parts.heads)
            chosen = qualifier if qualifier is not None else self._qualifier(parts)
            words = [head, chosen] if role in _HEAD_FIRST else [chosen, head]
            words = [part for part in words if part]
            name = compose(words, self.style)
            if role in _TABLES:
                name = name.replace(" ", "_")  # a table is called after its file, in which no space is kept
            if name.lower() not in self._taken:
                self._taken.add(name.lower())
                return Name(name, " ".join(words))
        raise AssertionError(f"no free name for {role!r}")

    def qualifier(self, role: str) -> str:
        """A qualifier that two names of a table can share."""
        return self._qualifier(PARTS[self.split][role])

    def _qualifier(self, parts: Parts) -> str:
        return self.rng.choice(parts.qualifiers) if self.rng.random() < 0.55 else ""


_TABLES = {"ledger", "table"}
_HEAD_FIRST = {"payer", "payee", "amount"}  # from_account, amount_eur; but unit_price, bank_transfers
