"""Functions of exact numbers: rounding, divisors, roots, statistics and money, over fractions.

A function whose value is no fraction (`sqrt(2)`) raises `NotRational`, for the algebra worker to take over.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from agent_runtime_tools import finance
from agent_runtime_tools.exact import (
    MAX_BITS,
    Rational,
    TooLarge,
    binomial,
    divide,
    exact_root,
    factorial,
    modulo,
    n_bits,
    short,
    tidy,
)
from agent_runtime_tools.tokens import CalculationError

MAX_PLACES = 100


class NotRational(Exception):
    """The calculation needs more than fractions, or larger ones than are computed in process."""


def _whole(value: Rational, what: str) -> int:
    if isinstance(value, Fraction) and value.denominator != 1:
        raise CalculationError(f"{what} takes whole numbers, not {short(value)}")
    return int(value)


def _absolute(values: Sequence[Rational]) -> Rational:
    return -values[0] if values[0] < 0 else values[0]


def rounded(values: Sequence[Rational]) -> Rational:
    """Half to even, on the exact value: 2.675 is 2.68 to two places."""
    places = _whole(values[1], "round") if len(values) > 1 else 0
    if abs(places) > MAX_PLACES:
        raise CalculationError(f"round to at most {MAX_PLACES} places")
    return tidy(round(Fraction(values[0]), places))


def _roots(value: Rational, degree: int) -> Rational:
    root = exact_root(value, degree) if 0 < degree <= 64 else None
    if root is None:
        raise NotRational
    return root


def _pow(values: Sequence[Rational]) -> Rational:
    if len(values) == 2:
        raise NotRational  # the operator does it, bounded
    base, exponent, modulus = (_whole(value, "pow") for value in values)
    if modulus == 0:
        raise CalculationError("modulo by zero")
    try:
        return pow(base, exponent, modulus)
    except ValueError:
        raise CalculationError(f"{base} has no inverse modulo {modulus}") from None


def _mean(values: Sequence[Rational]) -> Rational:
    return divide(sum(values), len(values))


def _median(values: Sequence[Rational]) -> Rational:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else divide(ordered[middle - 1] + ordered[middle], 2)


def _mode(values: Sequence[Rational]) -> Rational:
    return max(values, key=values.count)


def variance(values: Sequence[Rational], n_lost: int) -> Rational:
    """The variance of a sample (`n_lost` 1) or of a whole population (0)."""
    if len(values) <= n_lost:
        raise CalculationError("the variance of a sample takes two values or more")
    mean = _mean(values)
    return divide(sum((value - mean) ** 2 for value in values), len(values) - n_lost)


def _product(values: Sequence[Rational]) -> Rational:
    result: Rational = 1
    for value in values:
        if n_bits(result) > MAX_BITS:
            raise TooLarge("the product")
        result *= value
    return tidy(result)


FUNCTIONS: dict[str, Callable[[list[Rational]], Rational]] = {
    "abs": _absolute,
    "floor": lambda v: math.floor(v[0]),
    "ceil": lambda v: math.ceil(v[0]),
    "trunc": lambda v: math.trunc(v[0]),
    "round": rounded,
    "sign": lambda v: int(v[0] > 0) - int(v[0] < 0),
    "min": lambda v: min(v),
    "max": lambda v: max(v),
    "gcd": lambda v: math.gcd(*(_whole(x, "gcd") for x in v)),
    "lcm": lambda v: math.lcm(*(_whole(x, "lcm") for x in v)),
    "mod": lambda v: modulo(v[0], v[1]),
    "pow": _pow,
    "rational": lambda v: divide(v[0], v[1]) if len(v) > 1 else v[0],
    "factorial": lambda v: factorial(v[0]),
    "binomial": lambda v: binomial(v[0], v[1]),
    "perm": lambda v: binomial(v[0], v[1]) * factorial(v[1]),
    "sqrt": lambda v: _roots(v[0], 2),
    "cbrt": lambda v: _roots(v[0], 3),
    "root": lambda v: _roots(v[0], _whole(v[1], "root")),
    "sum": lambda v: tidy(sum(v)),
    "product": _product,
    "mean": _mean,
    "median": _median,
    "mode": _mode,
    "len": lambda v: len(v),
    "variance": lambda v: variance(v, 1),
    "pvariance": lambda v: variance(v, 0),
    "stdev": lambda v: _roots(variance(v, 1), 2),
    "pstdev": lambda v: _roots(variance(v, 0), 2),
    "npv": lambda v: finance.npv(v[0], v[1:]),
    "irr": finance.irr,
    "compound": lambda v: finance.compound(*v),
    "interest": lambda v: v[0] * v[1] * v[2],
    "fv": lambda v: finance.future_value(*v),
    "pv": lambda v: finance.present_value(*v),
    "pmt": lambda v: finance.payment(*v),
}
