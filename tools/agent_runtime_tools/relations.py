"""Relations between exact values: what was compared, whether it holds, and chains of them.

An equality beside a decimal with n places (`100/3 = 33.33`) holds when the decimal is the other side's rounding: people
and models write results so. `==` stays exact, and where both sides are literals so does `=`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from agent_runtime_tools.tokens import CalculationError

Rational = int | Fraction
NEGATIONS = {"=": "!=", "==": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "≈": "!="}
COMPARISONS: dict[str, Callable[[Rational, Rational], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "≈": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True, slots=True)
class Truth:
    """A relation that was decided, with both sides as they came out."""

    holds: bool
    left: object
    relation: str
    right: object


@dataclass(frozen=True, slots=True)
class Chain:
    """`a = b < c`, or relations joined by and/or: what was decided, one after another."""

    holds: bool
    links: tuple[Truth, ...]
    word: str = ""  # and, or; empty between the links of one chain


class Link(NamedTuple):
    """One relation as it was written. `exponent`: of the last digit of a decimal beside it, None where exact.

    `resumes`: the number with which the right side goes on, where `3*4 = 12 + 5 = 17` may be steps that run on; `steps`
    says them apart.
    """

    relation: str
    exponent: int | None = None
    resumes: int | None = None
    steps: str = ""

    def write(self) -> str:
        """As one text, for a program."""
        if self[1:] == (None, None, ""):
            return self.relation
        fields = ("" if field is None else str(field) for field in self)
        return "\x1f".join(fields)

    @classmethod
    def read(cls, text: str) -> "Link":
        """The inverse of `write`."""
        if text in COMPARISONS:
            return cls(text)
        relation, exponent, resumes, steps = text.split("\x1f")
        return cls(relation, int(exponent) if exponent else None, int(resumes) if resumes else None, steps)

    def decide(self, left: Rational, right: Rational) -> Truth:
        """Whether it holds between two numbers."""
        holds = COMPARISONS[self.relation](left, right)
        if holds or self.exponent is None:
            self.check_steps(left, holds)
            return Truth(holds, left, self.relation, right)
        is_near = is_rounding(left, right, self.exponent)
        self.check_steps(left, is_near)
        return Truth(is_near, left, "≈" if is_near else self.relation, right)

    def check_steps(self, left: object, holds: bool) -> None:
        """Refuse `3*4 = 12 + 5 = 17`, which is false as a chain and right as two steps."""
        if not holds and self.resumes is not None and left == self.resumes:
            raise CalculationError(
                f"two readings: {self.steps}, one step after another, or one chain, which is false: write them apart"
            )


def is_rounding(left: Rational, right: Rational, exponent: int) -> bool:
    """Whether one side is the other, rounded at a power of ten (half to either side); 0 is no rounding of anything."""
    unit = Fraction(10**exponent) if exponent >= 0 else Fraction(1, 10**-exponent)
    return bool(left and right) and -unit <= 2 * (left - right) <= unit


def join(truths: Sequence[Truth | Chain], word: str) -> Chain:
    """Relations joined by a word: `5 > 3 and 2 > 1`."""
    links = tuple(
        link for truth in truths for link in (truth.links if isinstance(truth, Chain) else (truth,))
    )
    holds = all(truth.holds for truth in truths) if word != "or" else any(truth.holds for truth in truths)
    return Chain(holds, links, word)
