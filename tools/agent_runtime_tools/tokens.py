"""Text to tokens: what may be written at all, and which comma is a thousands separator.

One pass over at most 4,000 characters, with patterns that cannot backtrack: the front end stays linear for any
input. Quotes, braces, `__`, `#`, `;` and every letter outside ASCII (Python would fold full-width ones into
builtins) end here.
"""

import re
from fractions import Fraction
from typing import NamedTuple

from agent_runtime_tools.vocabulary import FUNCTIONS

MAX_CHARACTERS = 4_000
MAX_DIGITS = 1_000
MAX_EXPONENT = 400

# Signs that look like an ASCII operator and are one: times, middle dot, divide, minus, dash, slash, blanks.
ALIASES = str.maketrans("\u00d7\u00b7\u00f7\u2212\u2013\u2044\u00a0\t", "**/--/  ")

_DECIMALS = r"(?:\.(?!\.)\d*)?(?:[eE][+-]?\d+)?"
_NUMBER = rf"(?P<number>\d+(?:_\d+)*{_DECIMALS}|\.\d+(?:[eE][+-]?\d+)?)"
_REST = (
    r"|(?P<name>[A-Za-z](?:[A-Za-z0-9]|_(?!_))*|[π∞]|°[CF](?![A-Za-z0-9]))"
    r"|(?P<operator>\*\*|//|\.\.|->|→|<=|>=|==|!=|<>|!!|[-+*/^%!=<>≤≥≠√²³°()\[\],|])"
    r"|(?P<currency>[$€£¥])"
    r"|(?P<space>\s+)"
)
_TOKEN = re.compile(_NUMBER + _REST, re.ASCII)
_GROUPED_TOKEN = re.compile(
    rf"(?P<grouped>\d{{1,3}}(?:,\d{{3}})+(?!\d){_DECIMALS})|" + _NUMBER + _REST, re.ASCII
)


class CalculationError(ValueError):
    """A calculation cannot be carried out as written; the message says what would be right, in one line."""


class Token(NamedTuple):
    """`kind` is number, name or the operator itself; `end` closes every list of tokens."""

    kind: str
    text: str
    number: int | Fraction = 0


def tokenize(text: str) -> list[Token]:
    """Split `text` into tokens; `1,234` is one number, except among the arguments of a call or list.

    Raises:
        CalculationError: Something is written that no calculation holds.
    """
    text = text.strip().rstrip("?").rstrip().translate(ALIASES)
    _check(text)
    tokens: list[Token] = []
    brackets = _Brackets()
    currencies: set[str] = set()
    position, end = 0, len(text)
    while position < end:
        pattern = _TOKEN if brackets.n_argument_lists else _GROUPED_TOKEN
        match = pattern.match(text, position)
        if match is None:
            raise CalculationError(_unreadable(text[position]))
        position = match.end()
        kind, word = match.lastgroup, match.group()
        if kind == "number" or kind == "grouped":
            tokens.append(Token("number", word, read_number(word)))
        elif kind == "currency":
            currencies.add(word)
        elif kind != "space":
            if word in "()[]":
                brackets.track(word, tokens)
            tokens.append(Token("name" if kind == "name" else word, word))
    if len(currencies) > 1:
        raise CalculationError("two currencies in one calculation: convert one of them first")
    tokens.append(Token("end", ""))
    return tokens


def read_number(word: str) -> int | Fraction:
    """The exact value of a literal."""
    if word.isdecimal() and len(word) <= MAX_DIGITS:
        return int(word)
    word = word.replace(",", "").replace("_", "")
    mantissa, _, exponent = word.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 5 or abs(int(exponent or 0)) > MAX_EXPONENT:
        raise CalculationError(f"a number too long: at most {MAX_DIGITS} digits and exponent {MAX_EXPONENT}")
    value = Fraction(word + "0" if word.endswith(".") else word.replace(".e", ".0e"))
    return value.numerator if value.denominator == 1 else value


def _check(text: str) -> None:
    if not text:
        raise CalculationError("nothing to calculate: write an expression such as 15% of 2,340")
    if len(text) > MAX_CHARACTERS:
        raise CalculationError(f"{len(text)} characters: an expression has at most {MAX_CHARACTERS}")
    if "\n" in text or "\r" in text:
        raise CalculationError("one expression in one line, please")


class _Brackets:
    """The open brackets, and in how many of them a comma separates arguments."""

    def __init__(self) -> None:
        self._open: list[bool] = []
        self.n_argument_lists = 0

    def track(self, bracket: str, tokens: list[Token]) -> None:
        if bracket in "([":
            is_list = bracket == "[" or (bool(tokens) and tokens[-1].text.lower() in FUNCTIONS)
            self._open.append(is_list)
            self.n_argument_lists += is_list
        elif self._open:
            self.n_argument_lists -= self._open.pop()


def _unreadable(character: str) -> str:
    if character in "\"'`":
        return "quotes have no place in a calculation: write numbers, operators and functions"
    return f"unexpected character {character!a}: write numbers, operators and functions"
