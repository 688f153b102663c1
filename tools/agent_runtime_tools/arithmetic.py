"""Exact arithmetic over fractions: the evaluator that answers plain calculations, in process.

Every operation is bounded before it is carried out (`max_bits` of the result), so that no input costs more than
its length. What is not rational arithmetic raises `NotRational`, for the algebra worker to take over.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

from agent_runtime_tools import vocabulary
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
from agent_runtime_tools.lists import ON_LISTS
from agent_runtime_tools.program import Program
from agent_runtime_tools.relations import Chain, Link, Truth, join
from agent_runtime_tools.tokens import CalculationError
from agent_runtime_tools.vocabulary import MANY

MAX_BITS_IN_PROCESS = 1_024  # so that 2,000 operations stay below 20 ms
_HEAVY = "factorial binomial perm product pow variance pvariance stdev pstdev npv irr compound fv pv pmt"
HEAVY = frozenset(_HEAVY.split())
MAX_HEAVY_IN_PROCESS = 4  # a few milliseconds each, at worst
MAX_HEAVY_BITS_IN_PROCESS = 64
OF_LISTS = frozenset(function.name for function in vocabulary.FUNCTIONS.values() if function.max_args == MANY)
MADE_EXACT = frozenset({"round", "floor", "ceil", "trunc", "sign", "len"})


Value = Rational | list["Value"] | Truth | Chain | str


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
            stack.append(value)
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
            if op in _OF_SEVERAL:
                return self._of_several(op, str(name), operands)
            raise NotRational
        left = operands[0]
        right = operands[-1]
        if not isinstance(left, Rational) or not isinstance(right, Rational):
            if op == "*" and isinstance(left, list) and isinstance(right, list):
                raise NotRational
            raise CalculationError(f"{op} takes numbers, not a list or a relation")
        if op == "relation":
            return Link.read(str(name)).decide(left, right)
        if op == "**":
            return self._power(left, right)
        return self._bounded(operation(left, right), operands)

    def _of_several(self, op: str, name: str, operands: list[Value]) -> Value:
        """Chains, relations joined by a word, ranges, and what a comprehension keeps."""
        if op in ("and", "or"):
            if not all(isinstance(operand, Truth | Chain) for operand in operands):
                raise CalculationError(f"{op} joins relations, as in 5 > 3 {op} 2 > 1")
            return join(operands, op)  # type: ignore[arg-type]
        if op == "keep":
            kept = zip(operands[::2], operands[1::2], strict=True)
            return [value for value, truth in kept if isinstance(truth, Truth | Chain) and truth.holds]
        if op == "dot":
            if not all(isinstance(operand, list) for operand in operands):
                raise CalculationError(
                    "a point between blanks is the product of two lists: write 5.3 or 5 * 3"
                )
            raise NotRational
        if not all(isinstance(operand, int | Fraction) for operand in operands):
            raise CalculationError("a list or a relation stands where a number belongs")
        numbers: list[Rational] = operands  # type: ignore[assignment]
        if op == "range":
            return self._call("range", [numbers[0], numbers[1] + 1])
        if op == "share":
            return self._share(name, numbers)
        links = [Link.read(text) for text in name.split("\x1e")]
        pairs = zip(links, numbers, numbers[1:], strict=False)
        return join([link.decide(left, right) for link, left, right in pairs], "")

    def _share(self, sign: str, operands: Sequence[Rational]) -> Rational:
        """100 + 10% is 110."""
        left, share = operands
        if -1 < left < 1:
            raise CalculationError(share_readings(left, share))
        return self._bounded(tidy(left * (1 + share if sign == "+" else 1 - share)), operands)

    def _call(self, name: str, operands: list[Value]) -> Value:
        on_list = ON_LISTS.get(name)
        if on_list is not None:
            return self._called(on_list, operands)
        function = FUNCTIONS.get(name)
        if function is None:
            raise NotRational
        if name not in OF_LISTS and any(isinstance(operand, list) for operand in operands):
            raise CalculationError(f"{name} takes numbers, not a list")
        numbers = _flatten(operands)
        if self._max_bits < MAX_BITS and name in HEAVY:
            self._n_heavy += 1
            longest = max(n_bits(number) for number in numbers)
            if self._n_heavy > MAX_HEAVY_IN_PROCESS or longest > MAX_HEAVY_BITS_IN_PROCESS:
                raise NotRational
        return self._bounded(function(numbers), () if name in MADE_EXACT else numbers)

    def _called(self, function: Callable[[list[Value]], Value], operands: list[Value]) -> Value:
        """A function that takes or gives lists; its numbers are bounded like all others."""
        value = function(operands)
        numbers = _flatten([value]) if isinstance(value, list) and value else [value]
        if any(isinstance(number, int | Fraction) and n_bits(number) > self._max_bits for number in numbers):
            raise NotRational if self._max_bits < MAX_BITS else TooLarge("the result")
        return value

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
        elif isinstance(operand, Truth | Chain | str):
            raise CalculationError("a relation or a word is no number")
        else:
            numbers.append(operand)
    if not numbers:
        raise CalculationError("an empty list has no value")
    return numbers


def share_readings(left: object, share: object) -> str:
    """The refusal of `0.05 + 2%`: of the rate itself, or that much more."""
    shown = rational_percent(share)
    return (
        f"two readings: write {left}*(1 + {shown}), or {left} + {shown}/1 as two rates: {left} + ({shown})*1"
    )


def rational_percent(share: object) -> str:
    """A share as a per cent."""
    return f"{float(share * 100):g}%" if isinstance(share, int | Fraction) else str(share)


_OF_SEVERAL = frozenset({"and", "or", "keep", "dot", "range", "share", "chain"})
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
