"""The algebra machine: runs a program over sympy objects where fractions are not enough. Runs in a worker only.

No string ever reaches sympy: every one of its entry points that takes one evaluates it. Objects are built one
instruction at a time, and the size of a result is checked before the operation: a bomb is an error here, and what is
missed is killed at the time limit. Rational results go back to plain fractions at once, so that the exact
evaluator's bounds hold for them too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy
from sympy import Expr, Integer, S, Symbol

from agent_runtime_tools import arithmetic
from agent_runtime_tools.decisions import Relation, decide
from agent_runtime_tools.exact import MAX_BITS, Rational, TooLarge, n_bits
from agent_runtime_tools.exact_functions import NotRational
from agent_runtime_tools.program import Program
from agent_runtime_tools.relations import Chain, Link, Truth, join
from agent_runtime_tools.tokens import CalculationError

MAX_EXPONENT = 500  # of anything with a symbol or a root in it
MAX_ROOT_BITS = 512  # a root factors its radicand
MAX_ARGUMENT_BITS = 8_192  # of a number inside a function: reducing sin(10**10**6) takes minutes


@dataclass(frozen=True, slots=True)
class Range:
    """`i = 1..n`."""

    variable: Symbol
    start: Expr
    end: Expr


@dataclass(frozen=True, slots=True)
class Approach:
    """`x -> 0`."""

    variable: Symbol
    target: Expr


Value = Any  # int | Fraction | Expr | list | Truth | Relation | Range | Approach | dict | str
Function = Callable[[Sequence[Value]], Value]


class Machine(arithmetic.Machine):
    """The exact machine, which falls back on sympy for what is not rational."""

    def __init__(self, forms: dict[str, Function]) -> None:
        super().__init__(MAX_BITS)
        self._forms = forms

    def run(self, program: Program) -> Value:
        """Run a program to its value.

        Raises:
            CalculationError: It has no value, or one too large.
        """
        stack: list[Value] = []
        for op, value, n in program:
            if op == "number":
                stack.append(value)
                continue
            operands = stack[len(stack) - n :]
            del stack[len(stack) - n :]
            stack.append(self._step(op, value, operands))
        return stack.pop()

    def _step(self, op: str, name: object, operands: list[Value]) -> Value:
        if op in ("list", "keep") or all(_is_decided(operand) for operand in operands):
            try:
                return self.apply(op, name, operands)
            except NotRational:
                pass
        if op == "dot" or (op == "*" and all(isinstance(operand, list) for operand in operands)):
            op, name = "call", "dot" if op == "dot" else "matmul"
        if op == "call":
            return simple(self._call_form(str(name), operands))
        return simple(_OPERATIONS[op](name, operands))

    def _call_form(self, name: str, operands: list[Value]) -> Value:
        form = self._forms.get(name)
        if form is None:
            raise CalculationError(f"{name} takes numbers only")
        return form(operands)


# --- values


def symbolic(value: Value) -> Expr:
    """A value as a sympy expression."""
    if isinstance(value, int):
        return Integer(value)
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    if isinstance(value, Expr):
        return value
    if isinstance(value, list):
        raise CalculationError("a list stands where a number belongs")
    raise CalculationError("a relation stands where a number belongs")


def argument(value: Value) -> Expr:
    """A value as the argument of a function: numbers of moderate length only."""
    if isinstance(value, int | Fraction) and n_bits(value) > MAX_ARGUMENT_BITS:
        raise CalculationError("a number too long for this function")
    return symbolic(value)


def variable(value: Value) -> Symbol:
    """A value that must be a variable."""
    if not isinstance(value, Symbol):
        raise CalculationError("a variable belongs here, such as x")
    return value


def whole(value: Value, low: int, high: int, what: str) -> int:
    """A value that must be a whole number in a range."""
    if not isinstance(value, int) or not low <= value <= high:
        raise CalculationError(f"{what} is a whole number from {low} to {high}")
    return value


def simple(value: Value) -> Value:
    """Undefined results are errors; rational ones go back to fractions."""
    if isinstance(value, sympy.Rational) and value.is_finite:
        value = Fraction(int(value.p), int(value.q)) if value.q != 1 else int(value.p)
        if n_bits(value) > MAX_BITS:
            raise TooLarge("the result")
    elif isinstance(value, Expr) and (value is S.NaN or value.has(S.ComplexInfinity)):
        raise CalculationError("undefined: a division by zero or the logarithm of 0")
    return value


def _is_decided(value: Value) -> bool:
    """Whether the exact machine can go on with a value."""
    if isinstance(value, list):
        return all(_is_decided(item) for item in value)
    return isinstance(value, int | Fraction | Truth | Chain)


# --- operators


def power(base: Value, exponent: Value) -> Expr:
    """`base ** exponent`, refused where the result would be too long or the root too hard."""
    left, right = symbolic(base), symbolic(exponent)
    if isinstance(base, int | Fraction) and isinstance(exponent, int | Fraction):
        _check_root(base, exponent)
    if isinstance(right, sympy.Rational) and not left.is_Atom and abs(right) > MAX_EXPONENT:
        raise CalculationError(f"an exponent is at most {MAX_EXPONENT} here")
    if isinstance(left, Symbol) and isinstance(right, sympy.Rational) and abs(right) > MAX_EXPONENT:
        raise CalculationError(f"an exponent of a variable is at most {MAX_EXPONENT}")
    if left == 0 and right.is_negative:
        raise CalculationError("division by zero")
    return left**right


def _check_root(base: Rational, exponent: Rational) -> None:
    length = n_bits(base)
    if length > MAX_ROOT_BITS or length * abs(Fraction(exponent)) > MAX_BITS:
        raise TooLarge("this power")


def flatten(values: Sequence[Value]) -> list[Value]:
    """One list argument stands for its elements."""
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def divide(left: Expr, right: Expr) -> Expr:
    """A quotient, never of 0."""
    if right == 0:
        raise CalculationError("division by zero")
    return left / right


def _relation(written: str, left: Value, right: Value) -> Relation:
    link = Link.read(written)
    return Relation(symbolic(left), link.relation, symbolic(right), link)


def _chain(written: str, values: list[Value]) -> Chain:
    links = written.split("\x1e")
    pairs = zip(links, values, values[1:], strict=False)
    chain = join([decide(_relation(link, left, right)) for link, left, right in pairs], "")
    if not chain.holds and any(symbolic(value).free_symbols for value in values):
        raise CalculationError("a chain with variables: write its equations apart, as in solve(x = y, y = 3)")
    return chain


def _joined(word: str, values: list[Value]) -> Value:
    """Relations joined by a word; equations with variables are a system."""
    is_system = word == "and" and all(isinstance(value, Relation | list) for value in values)
    if is_system:
        return flatten(values)
    truths = [decide(value) if isinstance(value, Relation) else value for value in values]
    if not all(isinstance(truth, Truth | Chain) for truth in truths):
        raise CalculationError(f"{word} joins relations, as in 5 > 3 {word} 2 > 1")
    return join(truths, word)


def _share(sign: str, values: list[Value]) -> Expr:
    left, share = map(symbolic, values)
    if left.free_symbols or abs(left) < 1:
        raise CalculationError(arithmetic.share_readings(left, share))
    return left * (1 + share if sign == "+" else 1 - share)


def _no_range() -> Value:
    raise CalculationError("a range goes between whole numbers: write sum(f, i=1..n)")


_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "i": sympy.I, "infinity": sympy.oo, "tau": 2 * sympy.pi}
_ANGLES = {"degree": sympy.pi / 180, "radian": S.One, "turn": 2 * sympy.pi}

_OPERATIONS: dict[str, Callable[[Any, list[Value]], Value]] = {
    "symbol": lambda name, _: Symbol(name),
    "constant": lambda name, _: _CONSTANTS[name],
    "angle": lambda name, _: _ANGLES[name],
    "degree": lambda _, v: symbolic(v[0]) * sympy.pi / 180,
    "convert": lambda _, v: divide(symbolic(v[0]), symbolic(v[1])),
    "+": lambda _, v: symbolic(v[0]) + symbolic(v[1]),
    "-": lambda _, v: symbolic(v[0]) - symbolic(v[1]),
    "*": lambda _, v: symbolic(v[0]) * symbolic(v[1]),
    "/": lambda _, v: divide(symbolic(v[0]), symbolic(v[1])),
    "//": lambda _, v: sympy.floor(divide(symbolic(v[0]), symbolic(v[1]))),
    "%": lambda _, v: sympy.Mod(symbolic(v[0]), symbolic(v[1])),
    "off": lambda _, v: (1 - symbolic(v[0])) * symbolic(v[1]),
    "**": lambda _, v: power(v[0], v[1]),
    "negate": lambda _, v: -symbolic(v[0]),
    "percent": lambda _, v: symbolic(v[0]) / 100,
    "!": lambda _, v: sympy.factorial(symbolic(v[0])),
    "!!": lambda _, v: sympy.factorial2(symbolic(v[0])),
    "relation": lambda name, v: _relation(name, v[0], v[1]),
    "chain": _chain,
    "and": lambda _, v: _joined("and", v),
    "or": lambda _, v: _joined("or", v),
    "share": _share,
    "range": lambda _, v: (
        Range(variable(v[0]), symbolic(v[1]), symbolic(v[2])) if len(v) == 3 else _no_range()
    ),
    "approach": lambda _, v: Approach(variable(v[0]), symbolic(v[1])),
}
