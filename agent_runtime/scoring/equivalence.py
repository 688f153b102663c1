"""When two answers are the same answer: what voting counts, pure and exact.

Numbers are equal by value however they are written (1,200 = 1200.00 = $1200 = 1.2e3 = 1200.), a percentage only
to a percentage. Chains (`A -> B`) and lists are equal item by item, sets whatever their order, text up to case,
blanks, quotes and a full stop at its end; one item in brackets is that item: (A) is A. Polynomials are equal when
they expand to the same (`x+1` = `1 + x`, `(x+1)(x-1)` = `x^2-1`). `equal(a, b)` is `normalise(a) == normalise(b)`,
and so an equivalence relation.

Not covered: algebra beyond polynomials (roots, functions, equations); the calculator's `equal(a, b)` decides those, in
a check that a branch writes.
"""

import re
from fractions import Fraction

from agent_runtime.scoring import polynomial

MAX_CHARACTERS = 10_000
MAX_DIGITS = 400
MAX_WRAPPINGS = 20

_NUMBER = re.compile(
    r"(?P<sign>[-+\u2212]?)(?P<currency>[$€£¥]?)(?P<inner>[-+\u2212]?)"
    r"(?P<digits>\d{1,3}(?:,\d{3})+|\d+)?(?P<decimals>\.\d*)?(?P<exponent>e[-+]?\d{1,3})?"
    r"(?P<percent> ?%| percent)?(?P<after> ?[€$£¥])?"
)
_FRACTION = re.compile(r"([-+\u2212]?\d{1,50})/(\d{1,50})")
_ARROW = re.compile(r"\s*(?:->|=>|\u2192|\u27f6)\s*")
_SEPARATOR = re.compile(r"\s*[,;]\s+|\s*;\s*")
_BLANKS = re.compile(r"\s+")
_LATEX = re.compile(r"\\boxed\{([^{}]*)\}")
_WRAPPING = " \"'`\u201c\u201d\u2018\u2019*$"


def equal(left: str, right: str) -> bool:
    """Whether two answers say the same."""
    return normalise(left) == normalise(right)


def normalise(answer: str) -> str:
    """The one way to write an answer; normalising it again changes nothing."""
    text = _BLANKS.sub(" ", answer[:MAX_CHARACTERS]).strip().casefold()
    text = _LATEX.sub(r"\1", text)
    for _ in range(MAX_WRAPPINGS):  # quotes in brackets in quotes
        unwrapped = _compound(text)
        if unwrapped == text:
            break
        text = unwrapped
    return text


def _compound(text: str) -> str:
    if algebraic := _polynomial(text):  # before brackets: (x+1)(x-1) is no list
        return algebraic
    if _ARROW.search(text):
        return " -> ".join(_atom(part) for part in _ARROW.split(text))
    inner = text.rstrip(". ")
    if len(inner) > 1 and inner[0] + inner[-1] in ("[]", "()", "{}"):
        items = [_atom(item) for item in _split(inner[1:-1])]
        if len(items) == 1:
            return items[0]
        return f"{{{', '.join(sorted(set(items)))}}}" if inner[0] == "{" else f"[{', '.join(items)}]"
    items = _split(inner)
    if len(items) > 1:
        return f"[{', '.join(_atom(item) for item in items)}]"
    return _atom(text)


def _split(text: str) -> list[str]:
    """Items between commas; a comma without a blank behind it may belong to a number."""
    return [part for part in _SEPARATOR.split(text) if part.strip()]


def _atom(text: str) -> str:
    bare = text.strip(_WRAPPING)
    end = bare.rstrip(". ")
    return _number(bare) or _number(end) or _polynomial(end) or end.strip(_WRAPPING) or text.strip()


def _polynomial(text: str) -> str | None:
    """A polynomial in canonical form; `2e-5` is a number."""
    return None if _number(text) else polynomial.canonical(text)


def _number(text: str) -> str | None:
    """A number in canonical form: a whole number, a fraction in lowest terms, either with `%`."""
    if match := _FRACTION.fullmatch(text):
        return _ratio(match[1], match[2])
    match = _NUMBER.fullmatch(text)
    if (
        match is None
        or len(text) > MAX_DIGITS
        or not (match["digits"] or (match["decimals"] or "").strip("."))
    ):
        return None
    digits = (match["digits"] or "0").replace(",", "") + (match["decimals"] or "").rstrip(".")
    value = Fraction(digits + (match["exponent"] or ""))
    signs = (match["sign"] + match["inner"]).replace("\u2212", "-")
    return _written(-value if signs.count("-") == 1 else value) + ("%" if match["percent"] else "")


def _ratio(numerator: str, denominator: str) -> str | None:
    if int(denominator) == 0:
        return None
    return _written(Fraction(int(numerator.replace("\u2212", "-")), int(denominator)))


def _written(value: Fraction) -> str:
    return str(value)
