"""Symbolic calculation from program to text: `sqrt(2) ≈ 1.414213562`. Runs in a worker only."""

from dataclasses import replace
from decimal import MAX_EMAX, MIN_EMIN, Decimal, localcontext
from fractions import Fraction

import sympy
from sympy import Expr, I, Symbol

from agent_runtime_tools import rendering
from agent_runtime_tools.algebra import Approach, Machine, Range, Value, simple
from agent_runtime_tools.calculated import Calculated, Kind, Typed
from agent_runtime_tools.calculus import FORMS, solve
from agent_runtime_tools.decisions import Relation, decide, n_terms
from agent_runtime_tools.elementary import to_fraction
from agent_runtime_tools.program import Program
from agent_runtime_tools.relations import Chain, Truth
from agent_runtime_tools.tokens import CalculationError

MAX_WHOLE_DIGITS = 300
IMAGINARY = Symbol("i")
MAX_EXPANDED = 100
NEGLIGIBLE = sympy.Rational(1, 10**12)
MAX_ROOTS_CHARACTERS = 200  # of cubic roots and the like; beyond that only their decimals are read


def evaluate(program: Program) -> Calculated:
    """Run a program over sympy and render its value.

    A bare equation in a variable is solved, any other relation decided.

    Raises:
        CalculationError: It has no value, or one too large.
    """
    value: Value = Machine(FORMS).run(program)
    if isinstance(value, Relation):
        value = _decided(value)
    elif isinstance(value, list) and value and all(isinstance(item, Relation) for item in value):
        value = solve([value])
    if isinstance(value, Truth):
        return rendering.render_truth(value.holds, _side(value.left), value.relation, _side(value.right))
    if isinstance(value, Chain):
        return rendering.render_chain(value, _side)
    if isinstance(value, Range | Approach):
        raise CalculationError("a range is an argument: write sum(i, i=1..10)")
    if isinstance(value, Expr):
        return _expression(_shortest(value))
    if isinstance(value, list) and any(isinstance(item, Expr) for item in value):
        return _list(value)
    if isinstance(value, list) and not value:
        return rendering.clip("no solution", "no solution", value=Typed("list", "[]"))
    return rendering.render(value)


def _decided(relation: Relation) -> Value:
    """A relation with a variable is solved for it, any other decided; `i` may be the imaginary unit."""
    names = (relation.left - relation.right).free_symbols
    if names == {IMAGINARY} and relation.relation in ("=", "==", "≈"):
        with_unit = replace(
            relation, left=relation.left.subs(IMAGINARY, I), right=relation.right.subs(IMAGINARY, I)
        )
        truth = decide(with_unit)
        if truth.holds:
            return truth
        if sympy.degree(sympy.expand(relation.left - relation.right), IMAGINARY) != 1:
            raise CalculationError(
                "two readings: false with i as the imaginary unit; for a variable write solve(..., i)"
            )
    if names and relation.relation in ("<", "<=", ">", ">=", "!="):
        return solve([relation])
    truth = decide(relation)
    return solve([relation]) if names and relation.relation == "=" and not truth.holds else truth


def _shortest(value: Expr) -> Expr:
    """A number in its shorter form: (1+sqrt(2))*(1-sqrt(2)) is -1."""
    if value.free_symbols or not value.has(sympy.Add) or n_terms(value) > MAX_EXPANDED:
        return value
    expanded = sympy.expand(value)
    return expanded if expanded.count_ops() < value.count_ops() else value


def _expression(value: Expr) -> Calculated:
    text = _exact(value)
    if value.free_symbols or value.is_infinite:
        return rendering.clip(text, text, value=Typed("expression", text))
    shown, brief = _decimal(value), _brief(value)
    kind: Kind = "decimal" if value.is_Float else "expression"
    both = text if value.is_Float or shown == text else f"{text} ≈ {shown}"
    return rendering.clip(both, brief, value=Typed(kind, text))


def _list(values: list[Value]) -> Calculated:
    """Roots side by side; decimals beside them where one is irrational."""
    text = f"[{', '.join(_exact(value) for value in values)}]"
    typed = Typed("list", text, items=tuple(_item(value) for value in values))
    numbers = [value for value in values if isinstance(value, Expr) and not value.free_symbols]
    if len(numbers) == len(values) or (numbers and not any(_has_symbols(value) for value in values)):
        shown = [_decimal(value) if isinstance(value, Expr) else rendering.decimal(value) for value in values]
        briefs = [_brief(value) for value in values]
        decimals = f"[{', '.join(shown)}]"
        if len(text) > MAX_ROOTS_CHARACTERS:
            text = f"≈ {decimals}"
        elif text != decimals:
            text = f"{text} ≈ {decimals}"
        return rendering.clip(text, ", ".join(briefs), value=typed)
    return rendering.clip(text, text.strip("[]"), value=typed)


def _item(value: Value) -> Typed:
    plain = rendering.typed(value) if isinstance(value, int | Fraction) else None
    return plain or Typed("decimal" if isinstance(value, sympy.Float) else "expression", _exact(value))


def _has_symbols(value: Value) -> bool:
    return isinstance(value, dict) or (isinstance(value, Expr) and bool(value.free_symbols))


def _side(value: object) -> str:
    return rendering.side(simple(value)) if isinstance(value, sympy.Rational) else _exact(value)


def _exact(value: object) -> str:
    try:
        return rendering.exact(value)
    except ValueError:
        raise CalculationError("the result is too large to write out") from None


def _decimal(value: Expr) -> str:
    """Ten significant digits; real and imaginary part where there are two."""
    real, imaginary = _parts(value, rendering.SIGNIFICANT_DIGITS + 5)
    return _complex(_digits(real), _digits(imaginary))


def _parts(value: Expr, digits: int) -> tuple[Expr, Expr]:
    """Real and imaginary part; one that is only an error of rounding is 0."""
    number = value.evalf(digits)
    if not number.is_number or number.has(sympy.nan, sympy.Integral, sympy.Sum):
        raise CalculationError("no decimal value could be found")
    real, imaginary = number.as_real_imag()
    if abs(imaginary) < abs(real) * NEGLIGIBLE:
        return real, sympy.S.Zero
    if abs(real) < abs(imaginary) * NEGLIGIBLE:
        return sympy.S.Zero, imaginary
    return real, imaginary


def _complex(real: str, imaginary: str) -> str:
    if imaginary == "0":
        return real
    sign, size = ("-", imaginary[1:]) if imaginary.startswith("-") else ("+", imaginary)
    unit = "I" if size == "1" else f"{size}*I"
    if real == "0":
        return unit if sign == "+" else f"-{unit}"
    return f"{real} {sign} {unit}"


def _digits(number: Expr) -> str:
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = rendering.SIGNIFICANT_DIGITS, MAX_EMAX, MIN_EMIN
        digits = Decimal(str(number.evalf(rendering.SIGNIFICANT_DIGITS + 5)))
        return rendering.plain((+digits).normalize())


def _brief(value: Value) -> str:
    """Two decimals at most, for each part of a complex number."""
    if isinstance(value, int | Fraction):
        return rendering.brief_number(value)
    real, imaginary = _parts(value, 30)
    return _complex(_two_decimals(real, value, 0), _two_decimals(imaginary, value, 1))


def _two_decimals(part: Expr, whole: Expr, index: int) -> str:
    n_bits = _binary_exponent(part)
    if n_bits < -MAX_WHOLE_DIGITS:  # too small to be seen; its fraction would be huge
        return "0"
    if n_bits > 3 * MAX_WHOLE_DIGITS:
        return _digits(part)
    if n_bits > 40:  # too few digits were computed
        part = whole.evalf(n_bits // 3 + 20).as_real_imag()[index]
    return rendering.brief_number(to_fraction(part, MAX_WHOLE_DIGITS + 20))


def _binary_exponent(number: Expr) -> int:
    """The n of the power of 2 next above a number."""
    if not number.is_Float:
        return 0
    _, mantissa, exponent, _ = number._mpf_
    return int(exponent) + int(mantissa).bit_length()
