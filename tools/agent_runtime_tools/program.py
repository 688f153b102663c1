"""Programs: what the grammar hands to an evaluator, a flat list of postfix instructions.

Evaluating one needs no recursion: 20,000 terms are a loop. Names are resolved by then; none that is unknown is in it.
"""

from fractions import Fraction
from typing import Any, NamedTuple


class Instruction(NamedTuple):
    """One postfix step: `op` takes `n` values off the stack and puts one on it; `value` is its constant."""

    op: str
    value: int | Fraction | str = 0
    n: int = 0


Program = list[Instruction]


def encode(program: Program) -> list[list[object]]:
    """A program as JSON: numbers as pairs of whole numbers."""
    return [
        [op, value if isinstance(value, str) else [value.numerator, value.denominator], n]
        for op, value, n in program
    ]


def decode(items: list[list[Any]]) -> Program:
    """The inverse of `encode`."""
    return [Instruction(op, value if isinstance(value, str) else _ratio(*value), n) for op, value, n in items]


def _ratio(numerator: int, denominator: int) -> int | Fraction:
    return numerator if denominator == 1 else Fraction(numerator, denominator)
