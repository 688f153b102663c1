"""Exact numbers: bounded operations on whole numbers and fractions.

Every operation whose result can be much longer than its operands is refused before it is carried out.
"""

import math
from collections.abc import Iterable
from decimal import Decimal, localcontext
from fractions import Fraction

from agent_runtime_tools.tokens import CalculationError

Rational = int | Fraction
MAX_BITS = 64_000  # 19,000 digits; a worker carries these out
MAX_FACTORIAL = 5_000
INEXACT_DIGITS = 40
MAX_INEXACT_EXPONENT = 400


class Inexact(Fraction):
    """A decimal of forty digits that stands for a number that is irrational, or too long to write as a fraction."""

    __slots__ = ()


class TooLarge(CalculationError):
    """The result would be too long to write out."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is too large to write out")


def power(base: Rational, exponent: int, max_bits: int = MAX_BITS) -> Rational:
    """`base ** exponent`, refused before it is computed where the result would be too long."""
    if base == 0 and exponent < 0:
        raise CalculationError("division by zero")
    if base in (0, 1, -1):
        return base ** abs(exponent) if exponent else 1
    if n_bits(base) * abs(exponent) > max_bits:
        if isinstance(base, Fraction) and max_bits == MAX_BITS:
            return _inexact_power(base, exponent)
        raise TooLarge(f"{_operand(base)}**{_operand(exponent)}")
    return tidy(Fraction(base) ** exponent) if exponent < 0 or isinstance(base, Fraction) else base**exponent


def _inexact_power(base: Fraction, exponent: int) -> Inexact:
    """Growth over many periods, `(1 + 0.05/365)**10950`, has too many digits to be exact."""
    with localcontext() as context:
        context.prec = 2 * INEXACT_DIGITS
        result = (Decimal(base.numerator) / Decimal(base.denominator)) ** exponent
    if not result.is_finite() or abs(result.adjusted()) > MAX_INEXACT_EXPONENT:
        raise TooLarge(f"{_operand(base)}**{_operand(exponent)}")
    return inexact(Fraction(result))


def carry(value: Rational, sources: Iterable[object]) -> Rational:
    """A result as it should be marked: what is computed from an inexact number is inexact."""
    if any(type(source) is Inexact for source in sources):
        return inexact(value)
    return tidy(value)


def inexact(value: Rational) -> Inexact:
    """A fraction marked as inexact, cut to forty digits."""
    with localcontext() as context:
        context.prec = INEXACT_DIGITS
        return Inexact(Decimal(value.numerator) / Decimal(value.denominator))


def factorial(n: Rational) -> int:
    """The product of 1 to `n`."""
    if n != int(n) or n < 0:
        raise CalculationError(f"{short(n)}! is undefined: a factorial takes a whole number from 0")
    if n > MAX_FACTORIAL:
        raise CalculationError(f"{short(n)}! is too large to write out: at most {MAX_FACTORIAL}!")
    return math.factorial(int(n))


def binomial(n: Rational, k: Rational) -> int:
    """The number of ways to choose `k` of `n`."""
    whole, part = natural(n, "binomial"), natural(k, "binomial")
    part = min(part, whole - part)
    if part * max(whole.bit_length(), 1) > MAX_BITS:
        raise TooLarge(f"binomial({short(n)}, {short(k)})")
    return math.comb(whole, max(part, 0)) if part >= 0 else 0


def exact_root(value: Rational, degree: int) -> Rational | None:
    """The rational root of `value`, None where it is irrational."""
    if value < 0:
        root = exact_root(-value, degree) if degree % 2 else None
        return None if root is None else -root
    fraction = Fraction(value)
    top, bottom = _integer_root(fraction.numerator, degree), _integer_root(fraction.denominator, degree)
    return None if top is None or bottom is None else tidy(Fraction(top, bottom))


def n_bits(value: Rational) -> int:
    """The length of the longer of numerator and denominator."""
    if isinstance(value, int):
        return value.bit_length()
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def tidy(value: Rational) -> Rational:
    """A whole number as an int."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def short(value: Rational) -> str:
    """A number for an error message, cut where it is long."""
    if n_bits(value) > 200:
        return "..."
    return str(value)


def _operand(value: Rational) -> str:
    return f"({short(value)})" if isinstance(value, Fraction) or value < 0 else short(value)


def natural(value: Rational, what: str) -> int:
    """A value that must be a whole number from 0."""
    if value != int(value) or value < 0:
        raise CalculationError(f"{what} takes whole numbers from 0, not {short(value)}")
    return int(value)


def _integer_root(n: int, degree: int) -> int | None:
    if degree == 2:
        root = math.isqrt(n)
    else:
        low, high = 0, 1 << (n.bit_length() // degree + 1)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if middle**degree <= n else (low, middle - 1)
        root = low
    return root if root**degree == n else None


def divide(left: Rational, right: Rational) -> Rational:
    """The exact quotient."""
    if right == 0:
        raise CalculationError("division by zero")
    if isinstance(left, int) and isinstance(right, int) and left % right == 0:
        return left // right
    return tidy(Fraction(left) / right)


def floor_divide(left: Rational, right: Rational) -> int:
    """The quotient rounded down, as `//` does."""
    if right == 0:
        raise CalculationError("division by zero")
    return left // right


def modulo(left: Rational, right: Rational) -> Rational:
    """What a division leaves, with the sign of the divisor."""
    if right == 0:
        raise CalculationError("modulo by zero")
    return tidy(left % right)


def double_factorial(n: Rational) -> int:
    """The product of every second number down from `n`."""
    n = natural(n, "!!")
    if n > MAX_FACTORIAL:
        raise TooLarge(f"{short(n)}!!")
    return math.prod(range(n, 0, -2))
