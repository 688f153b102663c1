"""Functions that take or give lists: ranges, quantiles, small matrices, whole numbers in other writings. All exact."""

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from agent_runtime_tools.exact import Rational, divide, short, tidy
from agent_runtime_tools.exact_functions import NotRational
from agent_runtime_tools.tokens import CalculationError

MAX_ITEMS = 10_000
MAX_SIDE = 12  # of a matrix
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ROMAN = tuple(
    zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"],
        strict=True,
    )
)
Matrix = list[list[Rational]]
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


# --- vectors and matrices


def _vector(value: Value) -> list[Rational]:
    if not isinstance(value, list):
        raise CalculationError("a vector is a list of numbers, such as [1, 2, 3]")
    return _numbers(value)


def _matrix(value: Value, *, is_square: bool = False) -> Matrix:
    rows = value if isinstance(value, list) else []
    if not rows or not all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
        raise CalculationError("a matrix is a list of rows, such as [[1, 2], [3, 4]]")
    if max(len(rows), len(rows[0])) > MAX_SIDE:
        raise CalculationError(f"a matrix has at most {MAX_SIDE} rows and columns")
    if is_square and len(rows) != len(rows[0]):
        raise CalculationError(f"a square matrix is needed, not {len(rows)} by {len(rows[0])}")
    return [_numbers(row) for row in rows]


def _determinant(values: Values) -> Rational:
    rows = [list(map(Fraction, row)) for row in _matrix(values[0], is_square=True)]
    result = Fraction(1)
    for column in range(len(rows)):
        pivot = next((r for r in range(column, len(rows)) if rows[r][column]), None)
        if pivot is None:
            return 0
        if pivot != column:
            rows[column], rows[pivot] = rows[pivot], rows[column]
            result = -result
        result *= rows[column][column]
        _clear(rows, column, range(column + 1, len(rows)))
    return tidy(result)


def _inverse(values: Values) -> Matrix:
    rows = [list(map(Fraction, row)) for row in _matrix(values[0], is_square=True)]
    n = len(rows)
    for index, row in enumerate(rows):
        row += [Fraction(int(index == column)) for column in range(n)]
    for column in range(n):
        pivot = next((r for r in range(column, n) if rows[r][column]), None)
        if pivot is None:
            raise CalculationError("this matrix has no inverse: its determinant is 0")
        rows[column], rows[pivot] = rows[pivot], rows[column]
        rows[column] = [entry / rows[column][column] for entry in rows[column]]
        _clear(rows, column, (r for r in range(n) if r != column))
    return [[tidy(entry) for entry in row[n:]] for row in rows]


def _clear(rows: list[list[Fraction]], column: int, others: Iterable[int]) -> None:
    """Subtract the pivot's row, so that `others` have a 0 in its column."""
    for other in others:
        factor = rows[other][column] / rows[column][column]
        rows[other] = [a - factor * b for a, b in zip(rows[other], rows[column], strict=True)]


def _transpose(values: Values) -> Matrix:
    return [list(column) for column in zip(*_matrix(values[0]), strict=True)]


def _trace(values: Values) -> Rational:
    rows = _matrix(values[0], is_square=True)
    return tidy(sum(rows[i][i] for i in range(len(rows))))


def _matmul(values: Values) -> Matrix:
    left, right = values
    if not any(isinstance(row, list) for row in (*_list(left), *_list(right))):
        raise CalculationError("two lists side by side: write dot([1, 2], [3, 4]) for the scalar product")
    rows, columns = _matrix(left), _transpose([right])
    if len(rows[0]) != len(columns[0]):
        raise CalculationError("the columns of the left matrix are not as many as the rows of the right one")
    return [[_scalar(row, column) for column in columns] for row in rows]


def _list(value: Value) -> list[Any]:
    if not isinstance(value, list):
        raise CalculationError("a matrix is a list of rows, such as [[1, 2], [3, 4]]")
    return value


def _dot(values: Values) -> Rational:
    left, right = map(_vector, values)
    if len(left) != len(right):
        raise CalculationError("two vectors of one length are needed")
    return _scalar(left, right)


def _scalar(left: Sequence[Rational], right: Sequence[Rational]) -> Rational:
    return tidy(sum(a * b for a, b in zip(left, right, strict=True)))


def _cross(values: Values) -> list[Rational]:
    left, right = map(_vector, values)
    if not len(left) == len(right) == 3:
        raise CalculationError("the cross product takes two vectors of three numbers")
    (a, b, c), (d, e, f) = left, right
    return [tidy(b * f - c * e), tidy(c * d - a * f), tidy(a * e - b * d)]


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
    "matrix": lambda v: _matrix(v[0]),
    "det": _determinant,
    "inv": _inverse,
    "transpose": _transpose,
    "trace": _trace,
    "matmul": _matmul,
    "dot": _dot,
    "cross": _cross,
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
