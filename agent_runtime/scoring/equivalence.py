"""When two answers are the same answer: what voting counts, pure and exact.

Numbers are equal by value however they are written (1,200 = 1200.00 = 1.2e3 = twelve hundredths of 10^5), a percentage
only to a percentage, quantities with their unit, dates and times by what they mean. Chains (`A -> B`) and lists are
equal item by item, sets whatever their order, text up to case, blanks, quotes and a full stop at its end; one item in
brackets is that item: (A) is A. A name with a comma in it (`Acme, Inc.`) is one name. Mathematics is equal when it
expands to the same (`(x+1)(x-1)` = `x^2-1`), or comes to the same value (`mathematics`).

Answers with the same normal form are the same, which is an equivalence relation. Beyond it `equal` lets one of two
answers say less: `5` agrees with `$5`, with `5 EUR` and with `x = 5`; `$5` does not agree with `5 EUR`, nor `x = 5`
with `y = 5`. `groups` sorts many answers so that this never brings two of a different currency together.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from agent_runtime.scoring import mathematics, polynomial
from agent_runtime.scoring.moments import moment, with_dates
from agent_runtime.scoring.quantities import CURRENCY, quantity

MAX_CHARACTERS = 10_000
MAX_WRAPPINGS = 20

_ARROW = re.compile(r"\s*(?:->|=>|\u2192|\u27f6)\s*")
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r"\s*\n\s*")
_BULLET = re.compile(r"[-*\u2022] +")
_SIGNS = str.maketrans({
    "\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2018": "'", "\u2019": "'",
    "\u201c": '"', "\u201d": '"', "√": "sqrt", "\u00d7": "*", "·": "*", "∞": "infinity", "º": "°",
})  # fmt: skip
_ROOT = re.compile(r"sqrt\s*(\d+|[a-z])\b")
_PI = re.compile(r"(?<![^\W\d])π(?![^\W\d])")
_LEGAL_FORM = re.compile(
    r",\s+(?=(?:inc|incorporated|ltd|limited|llc|llp|lp|plc|corp|co|gmbh|ag|kg|s\.?a|s\.?l|b\.?v|n\.?v|jr|sr)"
    r"\b\.?(?:\s*[,;\n\])}]|\s*$|\s+and\b))",
    re.I,
)
_OPENING, _CLOSING = "([{", ")]}"
_PAIRS = ("()", "[]", "{}", "[)", "(]")
_LABEL = re.compile(r"([^\W\d]\w{0,30}(?:\([a-z]\))?) ?= ?([^=]+)")
_OPTIONAL = re.compile(rf"(?<=\d) {CURRENCY}\b|^[^\W\d]\w*(?:\([a-z]\))? = ")
_WRAPPING = " \"'`*"


def equal(left: str, right: str) -> bool:
    """Whether two answers say the same."""
    if left == right:
        return True
    first, second = _form(left), _form(right)
    if first == second or _agree(first, second):
        return True
    if not (mathematics.is_made_of_signs(first) and mathematics.is_made_of_signs(second)):
        return False
    first, second = normalise(left), normalise(right)
    return first == second or _agree(first, second)


def groups(answers: Sequence[str]) -> list[list[int]]:
    """The places of equal answers together, in the order of the first of each.

    An answer that says less (`5`) joins those that agree with it if they are of one kind; between `$5` and `5 EUR` it
    stands alone.
    """
    by_form: dict[str, list[int]] = {}
    for at, answer in enumerate(answers):
        by_form.setdefault(normalise(answer), []).append(at)
    found = list(by_form.items())
    for form, places in found:
        fuller = [other for other in by_form if other != form and _says_less(form, other)]
        if len(fuller) == 1:
            by_form[fuller[0]] = sorted(by_form[fuller[0]] + places)
            del by_form[form]
    return sorted(by_form.values())


def normalise(answer: str) -> str:
    """The one way to write an answer; normalising it again changes nothing."""
    form = _form(answer)
    return _valued(form) if mathematics.is_made_of_signs(form) else form


@lru_cache(maxsize=4096)
def _form(answer: str) -> str:
    """The normal form but for mathematics, which takes a parser to compare."""
    text = answer[:MAX_CHARACTERS]
    for _ in range(MAX_WRAPPINGS):  # quotes in brackets in quotes
        unwrapped = _compound(_tidied(text))
        if unwrapped == text:
            break
        text = unwrapped
    return text


def _valued(form: str) -> str:
    """A normal form with the expressions in it as what they come to."""
    if _is_enclosed(form):
        items = [_valued(item) for item in _split(form[1:-1], is_bracketed=True)]
        return f"{form[0]}{', '.join(items)}{form[-1]}"
    label, sign, value = form.rpartition(" = ")
    return f"{label}{sign}{mathematics.canonical(value) or value}"


def _tidied(text: str) -> str:
    """The same text with one kind of each sign, dates in figures, LaTeX as text, and no comma inside a name."""
    if text.isascii() is False:
        text = "".join(_fraction(sign) for sign in text.translate(_SIGNS))
        text = _ROOT.sub(r"sqrt(\1)", _PI.sub("pi", text))
    text = _LINES.sub("\n", _BLANKS.sub(" ", mathematics.plain(text))).strip()
    return _LEGAL_FORM.sub(" ", with_dates(text))


def _fraction(sign: str) -> str:
    """`½` as ` 1/2`."""
    if not 0xBC <= ord(sign) <= 0xBE and not 0x2150 <= ord(sign) <= 0x215E:
        return sign
    return f" {unicodedata.normalize('NFKC', sign).replace(chr(0x2044), '/')}"


def _compound(text: str) -> str:
    if "\n" in text:
        lines = [_BULLET.sub("", line, count=1) if _BULLET.match(line) else line for line in text.split("\n")]
        return _listed([_item(line) for line in lines if line.strip()])
    if algebraic := _polynomial(text.casefold()):  # before brackets: (x+1)(x-1) is no list
        return algebraic
    if _ARROW.search(text):
        return " -> ".join(_item(part) for part in _ARROW.split(text))
    inner = text.rstrip(". ")
    if _is_enclosed(inner):
        return _bracketed(inner)
    items = _split(inner, is_bracketed=False)
    return _listed([_item(item) for item in items]) if len(items) > 1 else _atom(text)


def _bracketed(text: str) -> str:
    items = [_item(item) for item in _split(text[1:-1], is_bracketed=True)]
    kind = text[0] + text[-1]
    if kind in ("[)", "(]"):  # an interval
        return f"{text[0]}{', '.join(items)}{text[-1]}"
    if len(items) == 1:
        return items[0]
    return f"{{{', '.join(sorted(set(items)))}}}" if kind == "{}" else _listed(items)


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"[{', '.join(items)}]"


def _item(text: str) -> str:
    """An item of a list or a chain: a list of its own where it has brackets, else one thing."""
    stripped = text.strip()
    return _compound(stripped) if _is_enclosed(stripped) else _atom(text)


def _is_enclosed(text: str) -> bool:
    """Whether a text is one pair of brackets with something inside; an interval may close with the other kind."""
    if text[:1] + text[-1:] not in _PAIRS:
        return False
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth == 0:
            return at == len(text) - 1 or not _is_balanced(text[1:-1])
    return True


def _is_balanced(text: str) -> bool:
    return sum(sign in _OPENING for sign in text) == sum(sign in _CLOSING for sign in text)


def _split(text: str, is_bracketed: bool) -> list[str]:
    """The items of a list: between semicolons, else between commas and a last `and`, outside of inner brackets."""
    pieces = list(_pieces(text, ";"))
    if len(pieces) == 1:
        commas = [at for at in _outside(text) if text[at] == "," and _separates(text, at, is_bracketed)]
        pieces = list(_cut(text, commas))
        pieces = [part for piece in pieces for part in _ANDS.split(piece.strip())]
    return [piece.strip() for piece in pieces if piece.strip()]


_ANDS = re.compile(r"(?:^|(?<=\S)\s+)and\s+(?=\S)", re.I)
_THOUSANDS = re.compile(r"[^,]*?\b\d{1,3}(?:,\d{3})+(?:\.\d*)?\s*")


def _separates(text: str, at: int, is_bracketed: bool) -> bool:
    """Whether a comma stands between two items: with a blank behind it, or not inside a number."""
    if text[at + 1 : at + 2] in ("", " "):
        return True
    if not (text[at - 1 : at].isdigit() and text[at + 1].isdigit()):
        return text[at - 1 : at] not in ("", ",")
    return is_bracketed and not _THOUSANDS.fullmatch(text)  # `1,200` may be one number, `[1,2]` cannot


def _outside(text: str) -> Iterator[int]:
    """The places outside of brackets; all where brackets do not match."""
    is_balanced = _is_balanced(text)
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign in _OPENING) - (sign in _CLOSING)
        if depth <= 0 or not is_balanced:
            yield at


def _pieces(text: str, separator: str) -> Iterator[str]:
    return _cut(text, [at for at in _outside(text) if text[at] == separator])


def _cut(text: str, places: Sequence[int]) -> Iterator[str]:
    start = 0
    for at in places:
        yield text[start:at]
        start = at + 1
    yield text[start:]


def _atom(text: str) -> str:
    bare = text.strip(_WRAPPING)
    end = bare.rstrip(". ")
    if end.endswith("!") and not end[-2:-1].isdigit() and end[-2:-1] != ")":
        end = end.rstrip("! ")
    return _read(end) or _labelled(end) or end.strip(_WRAPPING).casefold() or text.strip().casefold()


def _read(text: str) -> str | None:
    """A text as a moment, a quantity or mathematics, in canonical form."""
    folded = text.casefold()
    return (
        moment(text)
        or quantity(text)
        or quantity(f"{text}.")  # a decimal point with nothing behind it
        or _polynomial(folded)
        or (folded if mathematics.is_expression(folded) else None)
    )


def _labelled(text: str) -> str | None:
    match = _LABEL.fullmatch(text)
    if match is None:
        return None
    written = match[2].strip()
    value = _read(written[1:-1] if _is_enclosed(written) else written)
    return f"{match[1].casefold()} = {value}" if value else None


def _polynomial(text: str) -> str | None:
    """A polynomial in canonical form; `2e-5` is a number."""
    return None if quantity(text) else polynomial.canonical(text)


def _agree(first: str, second: str) -> bool:
    """Whether two answers differ at most in a currency or a name that one of them leaves out."""
    one, two = _optional(first), _optional(second)
    return (
        bool(one[1] or two[1])
        and one[0] == two[0]
        and all(two[1].get(place, mark) == mark for place, mark in one[1].items())
    )


def _says_less(form: str, other: str) -> bool:
    return not _optional(form)[1] and _agree(form, other)


def _optional(form: str) -> tuple[str, dict[int, str]]:
    """A normal form without what it may leave out, and that by place."""
    marks: dict[int, str] = {}
    bare, end = "", 0
    for match in _OPTIONAL.finditer(form):
        bare += form[end : match.start()]
        marks[len(bare)] = match[0]
        end = match.end()
    return bare + form[end:], marks
