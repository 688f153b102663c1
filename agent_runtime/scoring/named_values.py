"""The numbers and dates that a text names, as values, whatever way they are written.

A number is read where it stands alone: `3pointplay` and `Q3` name none. `12 %` is 12 and 0.12, `1.2k` is 1,200. A
date is read in the international form; every part of a text that is a date is no number any more. What is written in
words is left to whoever reads the language.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

_DATE = re.compile(r"(?<![\w-])\d{4}-\d{1,2}(?:-\d{1,2})?(?![\w-])")
_NUMBER = re.compile(
    r"(?<![\w.,])(?P<digits>\d{1,3}(?:[,\u202f\u00a0]\d{3})+|\d+)(?P<decimals>\.\d+)?(?:\s?(?P<scale>%|‰)|(?P<times>[kKmM])\b)?(?![\w]|[.,]\d)"
)
_TIMES = {"k": 1_000, "m": 1_000_000}
_SCALES = {"%": 100, "‰": 1_000}


@dataclass(frozen=True, slots=True)
class NamedNumber:
    """A number as it is written, and the values that it may stand for."""

    text: str
    values: frozenset[Fraction]


def dates(text: str) -> tuple[str, ...]:
    """The dates of a text, each once, in order."""
    return tuple(dict.fromkeys(_DATE.findall(text)))


def numbers(text: str) -> tuple[NamedNumber, ...]:
    """The numbers of a text, each once, in order."""
    found = (_number(match) for match in _NUMBER.finditer(_DATE.sub(" ", text)))
    return tuple(dict.fromkeys(found))


def values(text: str) -> frozenset[Fraction]:
    """Every value that a number of a text may stand for, those within dates and names included."""
    spelled = re.findall(r"\d+(?:\.\d+)?", text.replace(",", ""))
    return frozenset(
        (*(Fraction(one) for one in spelled), *(value for one in numbers(text) for value in one.values))
    )


def _number(match: re.Match[str]) -> NamedNumber:
    digits = re.sub(r"\D", "", match["digits"])
    value = Fraction(digits + (match["decimals"] or ""))
    if match["times"]:
        return NamedNumber(match[0], frozenset({value * _TIMES[match["times"].lower()]}))
    if match["scale"]:
        return NamedNumber(match[0], frozenset({value, value / _SCALES[match["scale"]]}))
    return NamedNumber(match[0], frozenset({value}))
