"""Text to tokens: what may be written at all, and what a number looks like.

One pass over at most 4,000 characters, with patterns that cannot backtrack: the front end stays linear for any
input. Quotes, braces, `__`, `#`, `;` and every letter outside ASCII (Python would fold full-width ones into
builtins) end here.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

MAX_CHARACTERS = 4_000
MAX_DIGITS = 1_000
MAX_EXPONENT = 400

_DECIMALS = r"(?:\.(?!\.)\d*)?(?:[eE][+-]?\d+)?"
_SHORT = (
    rf"(?P<number>\d+(?:_\d+)*{_DECIMALS}|\.\d+(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[A-Za-z](?:[A-Za-z0-9]|_(?!_))*|[π∞]|°[CF](?![A-Za-z0-9]))"
    r"|(?P<operator>\*\*|//|\.\.|->|→|<=|>=|==|!=|<>|!!|[-+*/^%!=<>≤≥≠≈√²³°()\[\],|.])"
    r"|(?P<currency>[$€£¥])"
    r"|(?P<space>\s+)"
)
_LONG = (
    r"(?P<based>0[xX][0-9a-fA-F]\w*|0[bB]\d\w*|0[oO]\d\w*|\d+_\d{1,2}(?![\d_])|[0-9A-F]{2,}_\d{1,2}(?!\w))"
    r"|(?P<european>\d{1,3}(?:\.\d{3})+,\d+(?![\d.,]))"
    r"|(?P<grouped>\d{1,3}(?:(?:,\d{3})+|(?:'\d{3})+|(?: \d{3}){2,}|(?:,\d{2})+,\d{3})(?!\d|[,']\d)"
    rf"{_DECIMALS})|"
)
_TOKEN = re.compile(_SHORT, re.ASCII)
_ANY_TOKEN = re.compile(_LONG + _SHORT, re.ASCII)
_NEEDS_ANY = re.compile(
    r"\d[,_']|\d \d|0[xXbBoO]|[A-F]_\d", re.ASCII
)  # else the short pattern reads the same
_AFTER_NUMBER = re.compile(r"(?P<times>[xX])(?=\d)|(?P<chosen>[CP])(?=\d+(?![A-Za-z0-9]))", re.ASCII)
_ONE_POINT = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_CHOSEN = {"C": "choose", "P": "permute"}
_BASES = frozenset({*range(2, 17), 20, 32, 36})  # 12_34 is a slip, not a base


class CalculationError(ValueError):
    """A calculation cannot be carried out as written; the message says what would be right, in one line."""


class Token(NamedTuple):
    """`kind` is number, name or the operator itself; `end` closes every list of tokens.

    `gap`: a blank stands before it. `money`: the sign of a currency beside it. `is_european`: 1.234,56.
    """

    kind: str
    text: str
    number: int | Fraction = 0
    gap: bool = False
    money: str = ""
    is_european: bool = False


def tokenize(text: str) -> list[Token]:
    """Split `text` into tokens. `1,234` is one number: `commas` has settled what stands inside argument lists.

    Raises:
        CalculationError: Something is written that no calculation holds.
    """
    check_line(text)
    pattern = _ANY_TOKEN if _NEEDS_ANY.search(text) else _TOKEN
    tokens: list[Token] = []
    position, end, gap, money, last = 0, len(text), False, "", ""
    currencies: set[str] = set()
    while position < end:
        match = (last == "number" and not gap and _AFTER_NUMBER.match(text, position)) or pattern.match(
            text, position
        )
        if match is None:
            raise CalculationError(_unreadable(text[position]))
        position = match.end()
        kind, word = match.lastgroup or "", match.group()
        if kind == "space":
            gap = True
        elif kind == "operator":
            tokens.append(Token(word, word, 0, gap))
            gap, money, last = False, "", word
        elif kind == "currency":
            currencies.add(word)
            money = _attach(tokens, word)
        else:
            token = _READERS[kind](kind, word, gap, money)
            tokens.append(token)
            gap, money, last = False, "", token.kind
    if currencies or pattern is _ANY_TOKEN:
        _check_points(tokens)
    if len(currencies) > 1:
        raise CalculationError("two currencies in one calculation: convert one of them first")
    tokens.append(Token("end", ""))
    return tokens


def _check_points(tokens: list[Token]) -> None:
    """`1.000` is one, or a thousand beside a decimal comma and in euros."""
    has_comma = any(token.kind == "number" and token.is_european for token in tokens)
    for token in tokens:
        is_suspect = has_comma or token.money == "€"
        if is_suspect and not token.is_european and _ONE_POINT.fullmatch(token.text):
            without, decimal = token.text.replace(".", ""), token.text.rstrip("0").rstrip(".")
            raise CalculationError(f"{token.text} has two readings: write {without} or {decimal}")


def check_line(text: str) -> None:
    """One line, neither empty nor too long."""
    if not text.strip():
        raise CalculationError("nothing to calculate: write an expression such as 15% of 2,340")
    if len(text) > MAX_CHARACTERS:
        raise CalculationError(f"{len(text)} characters: an expression has at most {MAX_CHARACTERS}")
    if "\n" in text or "\r" in text:
        raise CalculationError("one expression in one line, please")


def read_number(word: str) -> int | Fraction:
    """The exact value of a literal."""
    if word.isdecimal() and len(word) <= MAX_DIGITS:
        return int(word)
    word = word.replace(",", "").replace("_", "").replace("'", "").replace(" ", "")
    mantissa, _, exponent = word.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise CalculationError(f"a number too long: at most {MAX_DIGITS} digits and exponent {MAX_EXPONENT}")
    value = Fraction(word + "0" if word.endswith(".") else word.replace(".e", ".0e"))
    return value.numerator if value.denominator == 1 else value


def _number(kind: str, word: str, gap: bool, money: str) -> Token:
    return Token("number", word, read_number(word), gap, money)


def _based(kind: str, word: str, gap: bool, money: str) -> Token:
    return Token("number", word, _read_based(word), gap, money)


def _european(kind: str, word: str, gap: bool, money: str) -> Token:
    word = word.replace(".", "").replace(",", ".")
    return Token("number", word, read_number(word), gap, money, is_european=True)


_READERS: dict[str, Callable[[str, str, bool, str], Token]] = {
    "name": lambda kind, word, gap, money: Token("name", word, 0, gap),
    "number": _number,
    "grouped": _number,
    "based": _based,
    "european": _european,
    "times": lambda kind, word, gap, money: Token("times", word, 0, gap),
    "chosen": lambda kind, word, gap, money: Token("name", _CHOSEN[word], 0, gap),
}


def _attach(tokens: list[Token], sign: str) -> str:
    """`5 €` belongs to the number before it, `€5` to the one that follows."""
    if tokens and tokens[-1].kind == "number" and not tokens[-1].money:
        tokens[-1] = tokens[-1]._replace(money=sign)
        return ""
    return sign


def _read_based(word: str) -> int:
    """A number in another base: 0x1F, 0b101, 101_2."""
    digits, _, base = word.partition("_")
    try:
        if not base or word[:2].lower() in ("0x", "0b", "0o"):
            return int(word, 0)
        if int(base) not in _BASES:
            raise ValueError
        return int(digits, int(base))
    except ValueError:
        raise CalculationError(
            f"{word[:40]} is no number in that base: write 0b101, 0o17, 0xFF or 101_2; thousands as 1_000"
        ) from None


def _unreadable(character: str) -> str:
    if character in "\"'`":
        return "quotes have no place in a calculation: write numbers, operators and functions"
    if character == "#":
        return "a comment (#) has no place in a calculation: leave it out"
    if character in "&~":
        return f"{character} is no operator here: write bitand(17, 5), bitor(17, 5) or bitxor(17, 5)"
    if character == ":":
        return "a colon is read in a time (17:30) and between blanks in a ratio (4 : 2): write 4/2 for the quotient"
    return f"unexpected character {character!a}: write numbers, operators and functions"
