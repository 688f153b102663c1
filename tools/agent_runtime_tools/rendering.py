"""Values to text: exact first, a decimal beside it where that says more, and the short form that a model reads.

The short form (`brief`) is what the embedded weights were trained on: the number alone, two decimals at most, half to
even, no trailing zeros, no exponent.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Literal

from agent_runtime_tools.calculated import Calculated, Typed
from agent_runtime_tools.exact import Inexact, Rational
from agent_runtime_tools.relations import NEGATIONS, Chain, Truth

SIGNIFICANT_DIGITS = 10
MAX_EXACT_DIGITS = 1_000
MAX_CHARACTERS = 4_000
MAX_BRIEF_CHARACTERS = 200
MAX_FRACTION_CHARACTERS = 200  # a longer one says less than twenty digits of it
LONG_DIGITS = 20
MAX_PLAIN_EXPONENT = 16
MAX_VALUE_BITS = 3_000
BRIEF_DECIMALS = 2


def render(value: object) -> Calculated:
    """Render any value of the exact evaluators."""
    if isinstance(value, int | Fraction):
        return _number(value)
    if isinstance(value, Truth):
        return render_truth(value.holds, side(value.left), value.relation, side(value.right))
    if isinstance(value, Chain):
        return render_chain(value, side)
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        text = exact(value)
        return clip(text, text, value=typed(value))
    if isinstance(value, list):
        decimals = [decimal(item) if _is_fraction(item) else exact(item) for item in value]
        text = f"[{', '.join(exact(item) for item in value)}]"
        beside = f" ≈ [{', '.join(decimals)}]" if any(_is_fraction(item) for item in value) else ""
        return clip(text + beside, ", ".join(brief(item) for item in value), value=typed(value))
    return clip(exact(value), brief(value), value=typed(value))


def _number(value: Rational) -> Calculated:
    text = exact(value)
    if not isinstance(value, Fraction):
        return clip(text, text, value=typed(value))
    if isinstance(value, Inexact) or len(text) > MAX_FRACTION_CHARACTERS:
        return clip(f"≈ {decimal(value, LONG_DIGITS)}", brief(value), value=typed(value))
    return clip(f"{text} ≈ {decimal(value)}", brief(value), value=typed(value))


def render_truth(holds: bool, left: str, relation: str, right: str) -> Calculated:
    """Render a decided relation; one that fails shows what holds instead."""
    shown = relation if holds else NEGATIONS[relation]
    return _decided(holds, f"{left} {shown} {right}")


def render_chain(chain: Chain, side: Callable[[object], str]) -> Calculated:
    """Render several relations; of a chain that fails, the first link that does not hold."""
    links = chain.links
    if not chain.word and chain.holds:
        said = side(links[0].left) + "".join(f" {link.relation} {side(link.right)}" for link in links)
        return _decided(chain.holds, said)
    if not chain.word:
        links = tuple(link for link in links if not link.holds)[:1]
    parts = [
        f"{side(link.left)} {link.relation if link.holds else NEGATIONS[link.relation]} {side(link.right)}"
        for link in links
    ]
    return _decided(chain.holds, f" {chain.word} ".join(parts) if chain.word != "or" else "; ".join(parts))


def _decided(holds: bool, said: str) -> Calculated:
    truth = "true" if holds else "false"
    text = f"{truth} ({said})"
    return clip(text, text, "ok" if holds else "false", Typed("boolean", truth))


def typed(value: object) -> Typed | None:
    """The exact value with its type; None where it is too long to carry."""
    if isinstance(value, bool):
        return Typed("boolean", str(value).lower())
    if isinstance(value, int):
        return Typed("integer", exact(value)) if value.bit_length() < MAX_VALUE_BITS else None
    if isinstance(value, Fraction):
        if isinstance(value, Inexact):
            return Typed("decimal", decimal(value, LONG_DIGITS))
        is_long = max(value.numerator.bit_length(), value.denominator.bit_length()) >= MAX_VALUE_BITS
        return None if is_long else Typed("fraction" if value.denominator != 1 else "integer", str(value))
    if isinstance(value, date):
        return Typed("date", exact(value))
    if isinstance(value, list):
        items = [typed(item) for item in value]
        if any(item is None for item in items):
            return None
        known = tuple(item for item in items if item is not None)
        return Typed("list", f"[{', '.join(item.text for item in known)}]", items=known)
    return Typed("text" if isinstance(value, str) else "expression", str(value))


def side(value: object) -> str:
    """One side of a relation: a decimal where that is exact, else a fraction."""
    if isinstance(value, Fraction):
        shown = decimal(value)
        return shown if "e" not in shown and Fraction(shown) == value else exact(value)
    return exact(value)


def clip(
    text: str, brief_text: str, outcome: Literal["ok", "false"] = "ok", value: Typed | None = None
) -> Calculated:
    """Keep the whole within what a prompt and a trace can hold."""
    is_truncated = len(text) > MAX_CHARACTERS
    text = text[: MAX_CHARACTERS - 3] + "..." if is_truncated else text
    if len(brief_text) > MAX_BRIEF_CHARACTERS:
        brief_text = brief_text[: MAX_BRIEF_CHARACTERS - 3] + "..."
    return Calculated(text, brief_text, outcome, is_truncated, value)


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
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if value.second == 0 else f"{value:%Y-%m-%d %H:%M:%S}"
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
