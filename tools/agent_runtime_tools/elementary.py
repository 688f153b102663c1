"""Elementary functions of symbolic numbers: logarithms, trigonometry, roots, rounding. Runs in a worker only."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import sympy
from sympy import Expr, Integer, S

from agent_runtime_tools import exact, exact_functions
from agent_runtime_tools.algebra import (
    MAX_EXPONENT,
    Function,
    Value,
    argument,
    divide,
    flatten,
    power,
    simple,
    symbolic,
    whole,
)
from agent_runtime_tools.tokens import CalculationError

MAX_DIGITS = 1_000
MAX_FACTORED_BITS = 128


def _log(value: Expr, base: Expr | None = None) -> Expr:
    if value == 0:
        raise CalculationError("log(0) is undefined")
    if base is None:
        return sympy.log(value)
    if base in (0, 1):
        raise CalculationError(f"a logarithm has no base {base}")
    return _log_ofpower(value, base) or sympy.log(value) / sympy.log(base)


def _log_ofpower(value: Expr, base: Expr) -> Expr | None:
    """log(8, 4) is 3/2, which the quotient of two logarithms does not always show."""
    if not (value.is_Rational and base.is_Rational and value > 0 and base > 0):
        return None
    if any(exact.n_bits(int(n)) > MAX_FACTORED_BITS for n in (value.p, value.q, base.p, base.q)):
        return None
    quotient = sympy.expand_log(sympy.log(value) / sympy.log(base))
    return quotient if quotient.is_Rational else None


def _gamma(value: Expr) -> Expr:
    if value.is_Integer:
        if value <= 0:
            raise CalculationError("gamma is undefined at 0 and the negative whole numbers")
        return Integer(exact.factorial(int(value) - 1))
    if value.is_Rational and abs(value) > MAX_EXPONENT:
        raise CalculationError(f"gamma of a fraction goes to {MAX_EXPONENT}")
    return sympy.gamma(value)


def numeric(value: Expr, digits: int = 15) -> Expr:
    """A decimal of so many digits."""
    return value.evalf(min(digits, MAX_DIGITS))


def rounded(values: Sequence[Value]) -> Value:
    """Round a real number that is no fraction, on enough of its digits."""
    places = whole(values[1], -MAX_DIGITS, MAX_DIGITS // 10, "the number of places") if len(values) > 1 else 0
    return exact_functions.rounded([to_fraction(symbolic(values[0]), 50 + max(places, 0)), places])


def to_fraction(value: Expr, digits: int) -> Fraction:
    """A real number to so many digits.

    Raises:
        CalculationError: It is no real number.
    """
    number = value.evalf(digits)
    if not number.is_Float and not number.is_Rational:
        raise CalculationError("this is no real number")
    rational = sympy.Rational(number)
    return Fraction(int(rational.p), int(rational.q))


def _spread(n_lost: int) -> Function:
    def stdev(values: Sequence[Value]) -> Value:
        numbers = [symbolic(value) for value in flatten(values)]
        if len(numbers) <= n_lost:
            raise CalculationError("the deviation of a sample takes two values or more")
        mean = sympy.Add(*numbers) / len(numbers)
        return sympy.sqrt(sympy.Add(*((x - mean) ** 2 for x in numbers)) / (len(numbers) - n_lost))

    return stdev


_ON_VALUES: dict[str, Function] = {
    "round": rounded,
    "mean": lambda v: sympy.Add(*map(symbolic, flatten(v))) / len(flatten(v)),
    "min": lambda v: sympy.Min(*map(argument, flatten(v))),
    "max": lambda v: sympy.Max(*map(argument, flatten(v))),
    "gcd": lambda v: sympy.gcd_list([symbolic(x) for x in flatten(v)]),
    "lcm": lambda v: sympy.lcm_list([symbolic(x) for x in flatten(v)]),
    "stdev": _spread(1),
    "pstdev": _spread(0),
    "len": lambda v: len(flatten(v)),
    "pow": lambda v: power(v[0], v[1]),
    "sqrt": lambda v: power(v[0], Fraction(1, 2)),
    "cbrt": lambda v: _cube_root(v[0]),
    "root": lambda v: power(v[0], Fraction(1, whole(v[1], 1, 64, "the degree of a root"))),
    "mod": lambda v: sympy.Mod(symbolic(v[0]), symbolic(v[1])),
    "n": lambda v: numeric(symbolic(v[0]), whole(v[1], 1, MAX_DIGITS, "the precision") if len(v) > 1 else 15),
}


def _cube_root(value: Value) -> Expr:
    """The real cube root of a real number."""
    expression = symbolic(value)
    if expression.is_negative:
        return -power(simple(-expression), Fraction(1, 3))
    return power(value, Fraction(1, 3))


_ON_ARGUMENTS: dict[str, Callable[..., Value]] = {
    "abs": sympy.Abs,
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
    "trunc": lambda x: sympy.sign(x) * sympy.floor(sympy.Abs(x)),
    "sign": sympy.sign,
    "rational": lambda x, y=S.One: divide(x, y),
    "factorial": sympy.factorial,
    "binomial": sympy.binomial,
    "exp": lambda x: power(sympy.E, x),
    "ln": _log,
    "log": _log,
    "log10": lambda x: _log(x, Integer(10)),
    "log2": lambda x: _log(x, Integer(2)),
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "cot": sympy.cot,
    "sec": sympy.sec,
    "csc": sympy.csc,
    "asin": sympy.asin,
    "acos": sympy.acos,
    "atan": sympy.atan,
    "atan2": sympy.atan2,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "asinh": sympy.asinh,
    "acosh": sympy.acosh,
    "atanh": sympy.atanh,
    "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    "degrees": lambda x: x * 180 / sympy.pi,
    "radians": lambda x: x * sympy.pi / 180,
    "gamma": _gamma,
    "erf": sympy.erf,
    "zeta": sympy.zeta,
    "beta": sympy.beta,
    "re": sympy.re,
    "im": sympy.im,
    "conjugate": sympy.conjugate,
}


def _on_arguments(function: Callable[..., Value]) -> Function:
    return lambda values: function(*(argument(value) for value in values))


FORMS: dict[str, Function] = _ON_VALUES | {
    name: _on_arguments(function) for name, function in _ON_ARGUMENTS.items()
}
