"""Exact arithmetic over fractions: the evaluator that answers plain calculations, in process.

Every operation is bounded before it is carried out (`max_bits` of the result), so that no input costs more than
its length. What is not rational arithmetic raises `NotRational`, for the algebra worker to take over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent_runtime_tools.exact import (
    MAX_BITS,
    Rational,
    TooLarge,
    carry,
    divide,
    double_factorial,
    exact_root,
    factorial,
    floor_divide,
    modulo,
    n_bits,
    power,
    tidy,
)
from agent_runtime_tools.exact_functions import FUNCTIONS, NotRational
from agent_runtime_tools.expression import Program
from agent_runtime_tools.tokens import CalculationError

MAX_BITS_IN_PROCESS = 1_024  # so that 2,000 operations stay below 20 ms
_HEAVY = "factorial binomial perm product pow variance pvariance stdev pstdev npv irr compound fv pv pmt"
HEAVY = frozenset(_HEAVY.split())
MAX_HEAVY_IN_PROCESS = 4  # a few milliseconds each, at worst
MAX_HEAVY_BITS_IN_PROCESS = 64
MADE_EXACT = frozenset({"round", "floor", "ceil", "trunc", "sign", "len"})


@dataclass(frozen=True, slots=True)
class Truth:
    """A relation that was decided, with both sides as they came out."""

    holds: bool
    left: object
    relation: str
    right: object


Value = Rational | list["Value"] | Truth


def evaluate(program: Program, max_bits: int = MAX_BITS_IN_PROCESS) -> Value:
    """Run a program over exact fractions.

    Raises:
        CalculationError: It has no value (a division by zero, say), or one too large to write out.
        NotRational: Fractions are not enough.
    """
    machine = Machine(max_bits)
    stack: list[Value] = []
    for op, value, n in program:
        if op == "number":
            stack.append(value)  # type: ignore[arg-type]
            continue
        operands = stack[len(stack) - n :]
        del stack[len(stack) - n :]
        stack.append(machine.apply(op, value, operands))
    return stack.pop()


class Machine:
    """Carries out instructions whose operands are fractions and lists of them."""

    def __init__(self, max_bits: int) -> None:
        self._max_bits = max_bits
        self._n_heavy = 0

    def apply(self, op: str, name: object, operands: list[Value]) -> Value:
        """Carry out one instruction."""
        if op == "list":
            return operands
        if op == "call":
            return self._call(str(name), operands)
        operation = OPERATIONS.get(op)
        if operation is None:
            raise NotRational
        left = operands[0]
        right = operands[-1]
        if not isinstance(left, int | Fraction) or not isinstance(right, int | Fraction):
            raise CalculationError(f"{op} takes numbers, not a list or a relation")
        if op == "relation":
            return Truth(COMPARISONS[str(name)](left, right), left, str(name), right)
        if op == "**":
            return self._power(left, right)
        return self._bounded(operation(left, right), operands)

    def _call(self, name: str, operands: list[Value]) -> Rational:
        function = FUNCTIONS.get(name)
        if function is None:
            raise NotRational
        numbers = _flatten(operands)
        if self._max_bits < MAX_BITS and name in HEAVY:
            self._n_heavy += 1
            longest = max(n_bits(number) for number in numbers)
            if self._n_heavy > MAX_HEAVY_IN_PROCESS or longest > MAX_HEAVY_BITS_IN_PROCESS:
                raise NotRational
        return self._bounded(function(numbers), () if name in MADE_EXACT else numbers)

    def _power(self, base: Rational, exponent: Rational) -> Rational:
        if isinstance(exponent, Fraction):
            root = exact_root(base, exponent.denominator) if exponent.denominator <= 64 else None
            if root is None or base < 0:
                raise NotRational
            base, exponent = root, exponent.numerator
        if self._max_bits < MAX_BITS and n_bits(base) * abs(exponent) > self._max_bits:
            raise NotRational
        return self._bounded(power(base, exponent, self._max_bits), (base,))

    def _bounded(self, value: Rational, operands: Sequence[Value]) -> Rational:
        """Operands are bounded, so one operation cannot overshoot by much; the next one must not start."""
        value = carry(value, operands)
        if n_bits(value) > self._max_bits:
            if self._max_bits < MAX_BITS:
                raise NotRational
            raise TooLarge("the result")
        return value


def _flatten(operands: Sequence[Value]) -> list[Rational]:
    """The numbers of an argument list; one list argument stands for its elements."""
    numbers: list[Rational] = []
    for operand in operands:
        if isinstance(operand, list):
            numbers += _flatten(operand)
        elif isinstance(operand, Truth):
            raise CalculationError("a relation is no number")
        else:
            numbers.append(operand)
    if not numbers:
        raise CalculationError("an empty list has no value")
    return numbers


OPERATIONS: dict[str, Callable[[Rational, Rational], Rational]] = {
    "+": lambda a, b: tidy(a + b),
    "-": lambda a, b: tidy(a - b),
    "*": lambda a, b: tidy(a * b),
    "/": divide,
    "//": floor_divide,
    "%": modulo,
    "off": lambda a, b: tidy((1 - a) * b),
    "**": lambda a, b: a,  # bounded apart
    "relation": lambda a, b: a,
    "negate": lambda a, _: -a,
    "percent": lambda a, _: divide(a, 100),
    "!": lambda a, _: factorial(a),
    "!!": lambda a, _: double_factorial(a),
}

COMPARISONS: dict[str, Callable[[Rational, Rational], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
