"""Polynomials in one-letter variables, written in one way: how voting sees that `x+1` and `1 + x` are one answer.

The same rules give the value of an expression in numbers alone. Pure and exact, and what it expands is bounded;
nothing is ever evaluated as code. Text that is no polynomial beyond doubt is none: words, `1/2x` (two readings), a
division by a variable, codes such as `b-2-1`.

    sum     = ["-" | "+"] product { ("+" | "-") product }
    product = power { ("*" | "/" | nothing) power }
    power   = (number | letter | "(" sum ")") ["^" whole number]
"""

import re
from collections import Counter
from fractions import Fraction

MAX_CHARACTERS = 200
MAX_GROUPS = 20  # pairs of parentheses
MAX_EXPONENT = 10
MAX_DEGREE = 20
MAX_TERMS = 100
MAX_BITS = 256  # of a coefficient

_ALIASES = str.maketrans({"\u2212": "-", "\u00b7": "*", "\u00d7": "*", "²": "^2", "³": "^3"})
_SHAPE = re.compile(r"(?=.*[a-z])(?=.*[-+*/^(])[a-z0-9.+\-*/^() ]*")
_ARITHMETIC = re.compile(
    r"(?=.*\d)(?=.*(?:[+*(]| [-/] ))[0-9.+\-*/^() ]*"
)  # `3-4` may be a score, `1-2-2020` a day
_UNCLEAR = re.compile(
    r"[a-z] ?[a-z0-9.]|[a-z0-9]+(?:-[a-z0-9]+){2,}$|\de[-+]\d|/ ?[\d.]+ ?[a-z(]|[\d.] [\d.]"
)
_TOKEN = re.compile(r" ?(\d{1,30}(?:\.\d{1,30})?|[a-z]|[-+*/^()]) ?")

Terms = dict[str, Fraction]  # the letters of a product, sorted -> its coefficient


class _NoPolynomial(Exception):
    """The text is something else, or too large to expand."""


def canonical(text: str) -> str | None:
    """The one way to write a polynomial given in lower case; None where `text` is none, or holds no variable."""
    terms = _expanded(text, _SHAPE)
    return None if terms is None else _written(terms)


def value(text: str) -> Fraction | None:
    """What an arithmetic expression such as `(5 * 6) - (10 - 4)` comes to; None where `text` is none beyond doubt."""
    terms = _expanded(text, _ARITHMETIC)
    return None if terms is None else terms.get("", Fraction())


def _expanded(text: str, shape: re.Pattern[str]) -> Terms | None:
    text = text.translate(_ALIASES).replace("**", "^")
    if len(text) > MAX_CHARACTERS or not shape.fullmatch(text) or _UNCLEAR.search(text):
        return None
    try:
        return _Parser(text).polynomial()
    except _NoPolynomial:
        return None


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), ""]
        self._index = 0
        self._n_groups = 0

    def polynomial(self) -> Terms:
        terms = self._sum()
        if self._next():
            raise _NoPolynomial
        return terms

    def _sum(self) -> Terms:
        sign = -1 if self._take("-") else 1
        if sign == 1:
            self._take("+")
        total = _scaled(self._product(), Fraction(sign))
        while self._next() in ("+", "-"):
            sign = -1 if self._take("-") else 1
            if sign == 1:
                self._take("+")
            total = _added(total, _scaled(self._product(), Fraction(sign)))
        return total

    def _product(self) -> Terms:
        product = self._power()
        while self._next() not in ("", "+", "-", ")"):
            if self._take("/"):
                divisor = self._power()
                if set(divisor) - {""} or not divisor.get(""):
                    raise _NoPolynomial
                product = _scaled(product, 1 / divisor[""])
            else:
                self._take("*")
                product = _multiplied(product, self._power())
        return product

    def _power(self) -> Terms:
        base = self._atom()
        if not self._take("^"):
            return base
        exponent = self._next()
        self._index += 1
        if not exponent.isdecimal() or int(exponent) > MAX_EXPONENT or self._next() == "^":
            raise _NoPolynomial
        power: Terms = {"": Fraction(1)}
        for _ in range(int(exponent)):
            power = _multiplied(power, base)
        return power

    def _atom(self) -> Terms:
        if self._take("("):
            return self._group()
        word = self._next()
        self._index += 1
        if word.isalpha():
            return {word: Fraction(1)}
        if not word[:1].isdigit():
            raise _NoPolynomial
        return _bounded({"": Fraction(word)})

    def _group(self) -> Terms:
        self._n_groups += 1
        if self._n_groups > MAX_GROUPS:
            raise _NoPolynomial
        inner = self._sum()
        if not self._take(")"):
            raise _NoPolynomial
        return inner

    def _next(self) -> str:
        return self._tokens[min(self._index, len(self._tokens) - 1)]

    def _take(self, token: str) -> bool:
        is_next = self._next() == token
        self._index += is_next
        return is_next


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _NoPolynomial
        tokens.append(match[1])
        position = match.end()
    return tokens


def _added(left: Terms, right: Terms) -> Terms:
    return _bounded(
        {key: left.get(key, Fraction()) + right.get(key, Fraction()) for key in {**left, **right}}
    )


def _scaled(terms: Terms, factor: Fraction) -> Terms:
    return _bounded({key: value * factor for key, value in terms.items()})


def _multiplied(left: Terms, right: Terms) -> Terms:
    product: Terms = {}
    for first, a in left.items():
        for second, b in right.items():
            key = "".join(sorted(first + second))
            product[key] = product.get(key, Fraction()) + a * b
    return _bounded(product)


def _bounded(terms: Terms) -> Terms:
    kept = {key: value for key, value in terms.items() if value}
    longest = max((max(abs(v.numerator), v.denominator).bit_length() for v in kept.values()), default=0)
    if len(kept) > MAX_TERMS or longest > MAX_BITS or max(map(len, kept), default=0) > MAX_DEGREE:
        raise _NoPolynomial
    return kept


def _written(terms: Terms) -> str:
    """Highest degree first: `3x^2/2 - x*y + 1`."""
    text = ""
    for letters in sorted(terms, key=lambda key: (-len(key), key)):
        value = terms[letters]
        sign = "-" if value < 0 else "+"
        term = _term(letters, abs(value))
        text += f" {sign} {term}" if text else ("-" if value < 0 else "") + term
    return text or "0"


def _term(letters: str, value: Fraction) -> str:
    if not letters:
        return str(value)
    powers = "*".join(name if n == 1 else f"{name}^{n}" for name, n in sorted(Counter(letters).items()))
    numerator = "" if value.numerator == 1 else str(value.numerator)
    return numerator + powers + ("" if value.denominator == 1 else f"/{value.denominator}")
