"""Quantities with units, exact, through pint. Runs in a worker only: pint takes a second to read its units.

Unit names come from the vocabulary and reach pint as its own canonical names, never as text to parse. A degree
Celsius is a temperature, not a difference, when a number stands before it.
"""

import logging
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pint

from agent_runtime_tools import arithmetic, exact, rendering
from agent_runtime_tools.calculated import Calculated
from agent_runtime_tools.exact_functions import NotRational
from agent_runtime_tools.program import Instruction, Program
from agent_runtime_tools.relations import COMPARISONS, Link, Truth
from agent_runtime_tools.tokens import CalculationError
from agent_runtime_tools.vocabulary import UNITS

Quantity = Any  # pint's are generic in ways that help nobody here
MAX_EXPONENT = 12

_REGISTRY: Any = pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)
logging.getLogger("pint.util").setLevel(logging.ERROR)  # it would warn of the line below
_REGISTRY.define(
    "survey_foot = foot"
)  # since 2023 there is one foot: an acre has 43,560 square feet, a furlong 660
MIN_LETTERS = 4
_FULL_NAMES = frozenset(
    str(definition.name) for definition in _REGISTRY._units.values() if definition.is_multiplicative
)
_DERIVED = ("newton", "joule", "watt", "pascal")  # what kg, m and s are together called
_TEMPERATURES = (["degree_Celsius"], ["degree_Fahrenheit"])


def evaluate(program: Program) -> Calculated:
    """Run a program with units.

    Raises:
        CalculationError: The units do not fit, or a name in it is no unit.
    """
    try:
        value = _run(program)
    except pint.DimensionalityError as error:
        sides = " and ".join(f"{_writable(units)}" for units in (error.units1, error.units2))
        raise CalculationError(f"{sides} are not of one kind") from None
    except pint.OffsetUnitCalculusError:
        raise CalculationError(
            "temperatures in degrees cannot be added or scaled: convert to kelvin first"
        ) from None
    except NotRational:
        raise CalculationError("this function does not take units") from None
    if isinstance(value, Truth):
        return rendering.render_truth(value.holds, str(value.left), value.relation, str(value.right))
    is_conversion = program[-1].op == "convert"
    return _render(value if is_conversion else _named(value), is_conversion=is_conversion)


def _named(quantity: Quantity) -> Quantity:
    """kg*m/s^2 is a newton."""
    if len(quantity.unit_items()) < 2:
        return quantity
    return next((quantity.to(name) for name in _DERIVED if _is_same(quantity, name)), quantity)


def _is_same(quantity: Quantity, name: str) -> bool:
    """Whether the units are kilogram, metre and second alone, and the named unit is exactly theirs."""
    names = {unit for unit, _ in quantity.unit_items()}
    if not names <= {"kilogram", "meter", "second"}:
        return False
    unit = _REGISTRY.Quantity(Fraction(1), name)
    return bool(unit.dimensionality == quantity.dimensionality)


def _run(program: Program) -> Quantity:
    stack: list[Quantity] = []
    for instruction in program:
        n = instruction.n
        operands = stack[len(stack) - n :]
        del stack[len(stack) - n :]
        stack.append(_step(instruction, operands))
    return stack.pop()


def _step(instruction: Instruction, operands: list[Quantity]) -> Quantity:
    op, value, _ = instruction
    if op == "number":
        return _REGISTRY.Quantity(Fraction(value))
    if op in ("unit", "symbol"):
        return _unit(str(value))
    if op == "convert":
        return _convert(operands[0], operands[1])
    if op == "*":
        return _multiply(operands[0], operands[1])
    if op == "**":
        return _power(operands[0], operands[1])
    if op == "relation":
        return _relation(Link.read(str(value)).relation, operands[0], operands[1])
    if op == "share":
        return _bounded(operands[0] * (1 + operands[1] if value == "+" else 1 - operands[1]))
    if op in _OPERATIONS:
        return _bounded(_OPERATIONS[op](*operands))
    return _dimensionless(instruction, operands)


def _dimensionless(instruction: Instruction, operands: Sequence[Quantity]) -> Quantity:
    """Everything else is arithmetic on plain numbers."""
    numbers = [_number(operand) for operand in operands]
    result = arithmetic.Machine(exact.MAX_BITS).apply(instruction.op, instruction.value, list(numbers))
    if not isinstance(result, int | Fraction):
        raise CalculationError("a list stands where a quantity belongs")
    return _REGISTRY.Quantity(Fraction(result))


def _unit(name: str) -> Quantity:
    known = UNITS.get(name) or _looked_up(name)
    if known is None:
        raise CalculationError(f"{name!r} is no unit here")
    return _REGISTRY.Quantity(Fraction(1), known)


def _looked_up(name: str) -> str | None:
    """A unit that the vocabulary lacks, by its full name: short ones are too easily a variable or a typing error."""
    if len(name) < MIN_LETTERS or not name.replace("_", "").isalpha() or not name.islower():
        return None
    for singular in (name, name.removesuffix("s"), name.removesuffix("es")):
        if singular in _FULL_NAMES:
            return singular
    return None


def _number(quantity: Quantity) -> Fraction:
    if not quantity.dimensionless:
        raise CalculationError("a quantity with a unit stands where a number belongs")
    return Fraction(quantity.to("").magnitude)


def _convert(quantity: Quantity, target: Quantity) -> Quantity:
    if target.magnitude != 1:
        raise CalculationError("convert to a unit, as in 5 km in miles")
    return _bounded(quantity.to(target.units))


def _multiply(left: Quantity, right: Quantity) -> Quantity:
    is_temperature = [name for name, _ in right.unit_items()] in _TEMPERATURES
    if is_temperature and right.magnitude == 1 and left.unitless:
        return _REGISTRY.Quantity(left.magnitude, right.units)
    return _bounded(left * right)


def _divide(left: Quantity, right: Quantity) -> Quantity:
    if right.magnitude == 0:
        raise CalculationError("division by zero")
    return left / right


def _power(base: Quantity, exponent: Quantity) -> Quantity:
    n = _number(exponent)
    if base.unitless and n.denominator == 1:
        return _REGISTRY.Quantity(Fraction(exact.power(Fraction(base.magnitude), int(n))))
    if n.denominator != 1 or abs(n) > MAX_EXPONENT:
        raise CalculationError(f"the power of a unit is a whole number up to {MAX_EXPONENT}")
    return _bounded(base ** int(n))


def _relation(relation: str, left: Quantity, right: Quantity) -> Truth:
    difference = left.to(right.units).magnitude - right.magnitude
    return Truth(COMPARISONS[relation](difference, 0), _render(left).text, relation, _render(right).text)


def _bounded(quantity: Quantity) -> Quantity:
    if exact.n_bits(Fraction(quantity.magnitude)) > exact.MAX_BITS:
        raise exact.TooLarge("the result")
    return quantity


def _render(quantity: Quantity, *, is_conversion: bool = False) -> Calculated:
    """The value with its unit; the short form of a conversion is the number alone, its unit was asked for."""
    magnitude = Fraction(quantity.magnitude)
    number = magnitude.numerator if magnitude.denominator == 1 else magnitude
    plain = rendering.render(number)
    unit = "" if quantity.unitless else f" {_writable(quantity.units):~C}".replace("**", "^")
    beside = f" ≈ {rendering.decimal(number)}{unit}" if isinstance(number, Fraction) else ""
    brief = plain.brief if is_conversion else plain.brief + unit
    value = replace(plain.value, kind="quantity", unit=unit.strip()) if plain.value and unit else plain.value
    return rendering.clip(rendering.exact(number) + unit + beside, brief, value=value)


def _writable(units: Quantity) -> Quantity:
    """The same unit with exponents that pint can write: whole numbers, not fractions that are whole."""
    powers = {name: int(power) for name, power in _REGISTRY.Quantity(1, units).unit_items()}
    return _REGISTRY.Unit(pint.util.UnitsContainer(powers))


_OPERATIONS: dict[str, Callable[..., Quantity]] = {
    "+": operator.add,
    "-": operator.sub,
    "/": _divide,
    "negate": operator.neg,
    "percent": lambda quantity: quantity / 100,
    "off": lambda part, quantity: quantity - part * quantity,
}
