"""Money over time, exact: the same formulas as numpy-financial, over fractions instead of floats.

`npv` discounts its first cash flow by nothing (it happens now), as numpy-financial and textbooks do; a spreadsheet's
NPV starts one period later. Interest is compounded at the end of each period.
"""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

from agent_runtime_tools.exact import Rational, carry, inexact, power, tidy
from agent_runtime_tools.tokens import CalculationError

MAX_PERIODS = 100_000
IRR_DIGITS = 30
MIN_RATE, MAX_RATE = Fraction(-999, 1000), Fraction(1000)


def npv(rate: Rational, flows: Sequence[Rational]) -> Rational:
    """Net present value of `flows`, the first of which happens now."""
    factor = _growth(rate)
    value = Fraction(0)
    for flow in reversed(flows):
        value = value / factor + flow
    return tidy(value)


def irr(flows: Sequence[Rational]) -> Rational:
    """The rate at which `flows` are worth nothing; exact where it is a simple fraction, else to 30 digits."""
    signs = [flow > 0 for flow in flows if flow]
    n_changes = sum(left != right for left, right in pairwise(signs))
    if n_changes == 0:
        raise CalculationError("irr takes cash flows of both signs, such as irr(-100, 60, 60)")
    if n_changes > 1:
        raise CalculationError(
            "the sign of the cash flows changes more than once, so irr is not unique: use npv"
        )
    rate = Fraction(_bisect(flows))
    simple = rate.limit_denominator(100_000)
    return tidy(simple) if npv(simple, flows) == 0 else inexact(rate)


def compound(principal: Rational, rate: Rational, years: Rational, per_year: Rational = 1) -> Rational:
    """What `principal` grows to, at a yearly `rate`, compounded `per_year` times a year."""
    if per_year <= 0:
        raise CalculationError("compound takes at least one period a year")
    growth = power(_growth(Fraction(rate) / per_year), _periods(years * per_year))
    return carry(principal * growth, [growth])


def future_value(rate: Rational, n: Rational, payment_: Rational, present: Rational = 0) -> Rational:
    """What `present` and a `payment_` at the end of each of `n` periods grow to (both counted as paid in)."""
    growth, annuity = _grown(rate, n)
    return carry(present * growth + payment_ * annuity, [growth])


def present_value(rate: Rational, n: Rational, payment_: Rational, future: Rational = 0) -> Rational:
    """What `payment_` at the end of each of `n` periods, and `future` after the last, are worth now."""
    growth, annuity = _grown(rate, n)
    return carry((payment_ * annuity + future) / Fraction(growth), [growth])


def payment(rate: Rational, n: Rational, present: Rational, future: Rational = 0) -> Rational:
    """The payment at the end of each of `n` periods that pays off `present` and leaves a debt of `future`."""
    growth, annuity = _grown(rate, n)
    if annuity == 0:
        raise CalculationError("pmt takes at least one period")
    return carry((present * growth - future) / annuity, [growth])


def _growth(rate: Rational) -> Fraction:
    if rate <= -1:
        raise CalculationError("a rate is above -100 %; write 5% or 0.05")
    return 1 + Fraction(rate)


def _periods(n: Rational) -> int:
    if n != int(n) or not 0 <= n <= MAX_PERIODS:
        raise CalculationError(f"periods are a whole number from 0 to {MAX_PERIODS}")
    return int(n)


def _grown(rate: Rational, n: Rational) -> tuple[Rational, Fraction]:
    """What 1 now, and 1 at the end of each period, grow to over `n` periods."""
    per_period, periods = _growth(rate), _periods(n)
    growth = power(per_period, periods)
    annuity = Fraction(periods) if rate == 0 else (growth - 1) / Fraction(rate)
    return growth, annuity


def _bisect(flows: Sequence[Rational]) -> Decimal:
    """The one root of the present value, to `IRR_DIGITS` digits."""
    with localcontext() as context:
        context.prec = IRR_DIGITS + 20
        amounts = [Decimal(Fraction(flow).numerator) / Decimal(Fraction(flow).denominator) for flow in flows]
        low, high = (Decimal(end.numerator) / Decimal(end.denominator) for end in (MIN_RATE, MAX_RATE))
        rises = _present(low, amounts) < 0
        if (_present(high, amounts) < 0) == rises:
            raise CalculationError("irr is outside -99.9 % to 100,000 %")
        for _ in range(4 * IRR_DIGITS):
            middle = (low + high) / 2
            if (_present(middle, amounts) < 0) == rises:
                low = middle
            else:
                high = middle
        context.prec = IRR_DIGITS
        return +((low + high) / 2)


def _present(rate: Decimal, amounts: Sequence[Decimal]) -> Decimal:
    value = Decimal(0)
    for amount in reversed(amounts):
        value = value / (1 + rate) + amount
    return value
