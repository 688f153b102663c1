"""Values to text: exact first, a decimal beside it where that says more, and the short form that a model reads.

The short form (`brief`) is what the embedded weights were trained on: the number alone, two decimals at most, half to
even, no trailing zeros, no exponent.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Literal

from agent_runtime_tools.arithmetic import Truth
from agent_runtime_tools.exact import Inexact, Rational

SIGNIFICANT_DIGITS = 10
MAX_EXACT_DIGITS = 1_000
MAX_CHARACTERS = 4_000
MAX_BRIEF_CHARACTERS = 200
MAX_FRACTION_CHARACTERS = 200  # a longer one says less than twenty digits of it
LONG_DIGITS = 20
MAX_PLAIN_EXPONENT = 16
BRIEF_DECIMALS = 2
NEGATIONS = {"=": "!=", "==": "!=", "!=": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A result as it is shown: exact, short, and whether a relation in it fails."""

    text: str
    brief: str
    outcome: Literal["ok", "false"] = "ok"
    is_truncated: bool = False


def render(value: object) -> Rendered:
    """Render any value of the exact evaluators."""
    if isinstance(value, Truth):
        return render_truth(value.holds, side(value.left), value.relation, side(value.right))
    if isinstance(value, list):
        decimals = [decimal(item) if _is_fraction(item) else exact(item) for item in value]
        text = f"[{', '.join(exact(item) for item in value)}]"
        beside = f" ≈ [{', '.join(decimals)}]" if any(_is_fraction(item) for item in value) else ""
        return clip(text + beside, ", ".join(brief(item) for item in value))
    if isinstance(value, Fraction):
        text = exact(value)
        if isinstance(value, Inexact) or len(text) > MAX_FRACTION_CHARACTERS:
            return clip(f"≈ {decimal(value, LONG_DIGITS)}", brief(value))
        return clip(f"{text} ≈ {decimal(value)}", brief(value))
    return clip(exact(value), brief(value))


def render_truth(holds: bool, left: str, relation: str, right: str) -> Rendered:
    """Render a decided relation; one that fails shows what holds instead."""
    shown = relation if holds else NEGATIONS[relation]
    text = f"{'true' if holds else 'false'} ({left} {shown} {right})"
    return clip(text, text, "ok" if holds else "false")


def side(value: object) -> str:
    """One side of a relation: a decimal where that is exact, else a fraction."""
    if isinstance(value, Fraction):
        shown = decimal(value)
        return shown if "e" not in shown and Fraction(shown) == value else exact(value)
    return exact(value)


def clip(text: str, brief_text: str, outcome: Literal["ok", "false"] = "ok") -> Rendered:
    """Keep the whole within what a prompt and a trace can hold."""
    is_truncated = len(text) > MAX_CHARACTERS
    text = text[: MAX_CHARACTERS - 3] + "..." if is_truncated else text
    if len(brief_text) > MAX_BRIEF_CHARACTERS:
        brief_text = brief_text[: MAX_BRIEF_CHARACTERS - 3] + "..."
    return Rendered(text, brief_text, outcome, is_truncated)


def exact(value: object) -> str:
    """The value in full; one too long to read, by its leading digits and its length."""
    if isinstance(value, int):
        if value.bit_length() < MAX_EXACT_DIGITS * 3:
            return str(value)
        digits = Decimal(value).adjusted() + 1
        return (
            str(Decimal(value)) if digits <= MAX_EXACT_DIGITS else f"{_scientific(value)} ({digits} digits)"
        )
    if isinstance(value, Fraction):
        return f"{exact(value.numerator)}/{exact(value.denominator)}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(exact(item) for item in value)}]"
    return str(value)


def decimal(value: object, digits: int = SIGNIFICANT_DIGITS) -> str:
    """A decimal of so many significant digits, without an exponent where it reads well."""
    assert isinstance(value, int | Fraction)
    with localcontext() as context:
        context.prec = digits
        number = Decimal(value.numerator) / Decimal(value.denominator)
        number = number.normalize()
    return plain(number)


def plain(number: Decimal) -> str:
    """A decimal number as people write it: an exponent only where there would be many zeros."""
    if number == 0:
        return "0"
    if -7 < number.adjusted() < MAX_PLAIN_EXPONENT:
        return f"{number:f}"
    return str(number).replace("E+", "e+").replace("E-", "e-")


def brief(value: object) -> str:
    """The number alone, two decimals at most, no trailing zeros, no exponent."""
    if isinstance(value, Fraction):
        return brief_number(value)
    return exact(value)


def brief_number(value: Rational) -> str:
    """Round half to even, on the exact value."""
    scaled = round(Fraction(value) * 10**BRIEF_DECIMALS)
    sign, scaled = ("-" if scaled < 0 else ""), abs(scaled)
    whole, cents = divmod(scaled, 10**BRIEF_DECIMALS)
    return f"{sign}{exact(whole)}.{cents:0{BRIEF_DECIMALS}}".rstrip("0").rstrip(".")


def _scientific(value: int) -> str:
    return f"{Decimal(value):.{SIGNIFICANT_DIGITS - 1}e}"


def _is_fraction(value: object) -> bool:
    return isinstance(value, Fraction) and value.denominator != 1
