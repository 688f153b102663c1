"""Literals: what a decimal's last digit says, fractions of whole numbers, powers of them."""

from fractions import Fraction

from agent_runtime_tools.program import Program
from agent_runtime_tools.tokens import CalculationError, Token


def rounded_at(word: str, left: list[Token], right: list[Token]) -> int | None:
    """At which power of ten one side of an equality is rounded: that of a decimal beside what is none."""
    has_point = any("." in token.text or token.kind == "%" for side in (left, right) for token in side)
    if word != "≈" and (word != "=" or not has_point):
        return None
    places = [exponent_of(side) for side in (left, right)]
    written = next((place for place in reversed(places) if place is not None), None)
    if word == "=":
        is_decimal = (
            written is not None
            and None in places
            and any(
                place is not None and any("." in token.text or token.kind == "%" for token in side)
                for place, side in zip(places, (left, right), strict=True)
            )
        )
        return written if is_decimal else None
    if written is None:
        raise CalculationError("≈ takes a decimal number on one side, as in 1/3 ≈ 0.333")
    side = right if places[1] is not None else left
    number = next(token.number for token in side if token.kind == "number")
    while written >= 0 and isinstance(number, int) and number and number % 10 ** (written + 1) == 0:
        written += 1  # 1234 ≈ 1200
    return written


def exponent_of(side: list[Token]) -> int | None:
    """The power of ten of the last digit of a literal; None for anything else."""
    kinds = [token.kind for token in side if token.kind not in ("-", "+")]
    if kinds not in (["number"], ["number", "%"]):
        return None
    text = next(token.text for token in side if token.kind == "number").lower().replace(",", "")
    mantissa, _, exponent = text.partition("e")
    if not (exponent or "0").lstrip("+-").isdecimal() or text[:2] in ("0x", "0b", "0o"):
        return None
    return int(exponent or 0) - len(mantissa.partition(".")[2]) - 2 * (kinds[-1] == "%")


def proper(tokens: list[Token], index: int, *, any_size: bool = False) -> Fraction | None:
    """The fraction `a/b` of whole numbers, written without blanks, that begins at a token."""
    if index + 2 >= len(tokens) or [t.kind for t in tokens[index : index + 3]] != ["number", "/", "number"]:
        return None
    top, slash, bottom = tokens[index : index + 3]
    if slash.gap or bottom.gap or not isinstance(top.number, int) or not isinstance(bottom.number, int):
        return None
    if bottom.number == 0 or not (any_size or top.number < bottom.number):
        return None
    return Fraction(top.number, bottom.number)


def is_whole_power(part: Program) -> bool:
    """Whether a program is a literal to the power of a literal."""
    ops = [instruction.op for instruction in part]
    is_literal = ops in (["number", "number", "**"], ["number", "number", "negate", "**"])
    return is_literal and all(isinstance(i.value, int) for i in part if i.op == "number")
