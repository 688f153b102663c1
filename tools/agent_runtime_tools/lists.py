"""Functions that take or give lists: ranges, quantiles, whole numbers in other writings. All exact."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from agent_runtime_tools.exact import Rational, divide, short, tidy
from agent_runtime_tools.exact_functions import NotRational
from agent_runtime_tools.tokens import CalculationError

MAX_ITEMS = 10_000
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROMAN = tuple(
    zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"],
        strict=True,
    )
)
Values = Sequence[Any]
Value = Any  # a number, a list, or what else a program can hold


def _items(values: Values) -> list[Any]:
    if len(values) == 1 and isinstance(values[0], list):
        return values[0]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _whole(value: Value, what: str) -> int:
    if not isinstance(value, int):
        raise CalculationError(f"{what} takes whole numbers")
    return value


def _range(values: Values) -> list[int]:
    bounds = [_whole(value, "range") for value in values]
    if len(bounds) == 3 and bounds[2] == 0:
        raise CalculationError("the step of a range is not 0")
    items = range(*bounds)
    if len(items) > MAX_ITEMS:
        raise CalculationError(f"a range has at most {MAX_ITEMS} numbers: use sum(f, x=1..n)")
    return list(items)


def _percentile(values: Values) -> Rational:
    """By linear interpolation between the two nearest, as numpy and spreadsheets do."""
    *rest, percent = values
    numbers = sorted(_numbers(_items(rest)))
    if not isinstance(percent, int | Fraction) or not 0 <= percent <= 100:
        raise CalculationError("percentile takes a list and a number from 0 to 100")
    place = Fraction(percent) / 100 * (len(numbers) - 1)
    low = math.floor(place)
    high = min(low + 1, len(numbers) - 1)
    return tidy(numbers[low] + (numbers[high] - numbers[low]) * (place - low))


def _numbers(items: Values) -> list[Rational]:
    if not items:
        raise CalculationError("an empty list has no value")
    if not all(isinstance(item, int | Fraction) for item in items):
        raise NotRational
    return list(items)


# --- whole numbers in other writings


def to_base(number: int, base: int) -> str:
    """A whole number in a base, its digits as 0 to 9 and A to Z."""
    if not 2 <= base <= len(DIGITS):
        raise CalculationError(f"a base is from 2 to {len(DIGITS)}")
    rest, digits = abs(number), []
    while rest:
        rest, digit = divmod(rest, base)
        digits.append(DIGITS[digit])
    return ("-" if number < 0 else "") + ("".join(reversed(digits)) or "0")


def roman(number: int) -> str:
    """A whole number from 1 to 3999 as a Roman numeral."""
    if not 1 <= number <= 3999:
        raise CalculationError(f"Roman numerals go from 1 to 3999, not {short(number)}")
    text = ""
    for value, letters in _ROMAN:
        text += letters * (number // value)
        number %= value
    return text


ON_LISTS: dict[str, Callable[[Any], Any]] = {
    "range": _range,
    "list": lambda v: _items(v),
    "sorted": lambda v: sorted(_numbers(_items(v))),
    "percentile": _percentile,
    "divmod": lambda v: [_quotient(v), tidy(v[0] - v[1] * _quotient(v))],
    "hex": lambda v: hex(_whole(v[0], "hex")),
    "bin": lambda v: bin(_whole(v[0], "bin")),
    "oct": lambda v: oct(_whole(v[0], "oct")),
    "to_base": lambda v: to_base(_whole(v[0], "a base"), _whole(v[1], "a base")),
    "roman": lambda v: roman(_whole(v[0], "roman")),
    "bitand": lambda v: _whole(v[0], "bitand") & _whole(v[1], "bitand"),
    "bitor": lambda v: _whole(v[0], "bitor") | _whole(v[1], "bitor"),
    "bitxor": lambda v: _whole(v[0], "bitxor") ^ _whole(v[1], "bitxor"),
}


def _quotient(values: Values) -> int:
    numbers = _numbers(values)
    return math.floor(divide(numbers[0], numbers[1]))
