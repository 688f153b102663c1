"""Faults that people make, as changes of one line: the fault is what the tests then show, not what we call it."""

import random
import re
from collections.abc import Iterator

# (what stands there, what a tired person writes); tried wherever the left side is found
_SWAPS: tuple[tuple[str, str], ...] = (
    (r" < ", " <= "),
    (r" <= ", " < "),
    (r" > ", " >= "),
    (r" >= ", " > "),
    (r" > ", " < "),
    (r" < ", " > "),
    (r" == ", " != "),
    (r" != ", " == "),
    (r" \+ 1", ""),
    (r" \+ 1", " + 2"),
    (r" - 1", ""),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r" \* ", " + "),
    (r" // ", " / "),
    (r" / ", " // "),
    (r" % ", " // "),
    (r"\[0\]", "[1]"),
    (r"\[1\]", "[0]"),
    (r" = 0$", " = 1"),
    (r" = 1$", " = 0"),
    (r", 0\)", ", 1)"),
    (r", 0\)", ")"),
    (r"\.append\(", ".add("),
    (r"\.add\(", ".append("),
    (r"\.get\(", ".fetch("),
    (r"\.split\(", ".splt("),
    (r"len\(", "lenght("),
    (r"range\(2, ", "range("),
    (r"range\(", "range(1, "),
    (r"not in", "in"),
    (r" and ", " or "),
    (r"return True", "return False"),
    (r"return False", "return True"),
    (r"return (\w+)$", "return"),
    (r"return (\w+)$", r"return \1s"),
    (r"for (\w+) in (\w+):", r"for \1 in range(\2):"),
    (r"sorted\((\w+)\)", r"\1"),
    (r"float\((.*?)\)", r"\1"),
    (r"str\((.*?)\)", r"\1"),
    (r"\['balance'\]", "['amount']"),
    (r":$", ""),
    (r" \+= ", " = "),
    (r" -= ", " += "),
    (r"(\w+), (\w+) = (\w+), ", r"\2, \1 = \3, "),
    (r"\[(\w+)\]\[(\w+)\]", r"[\1]"),
    (r"\[1:\]", "[2:]"),
    (r"\[::-1\]", "[::1]"),
)


def changes(line: str) -> list[str]:
    """Every faulty form of a line, each different from it and from the others."""
    found = dict.fromkeys(_changed(line))
    found.pop(line, None)
    return list(found)


def _changed(line: str) -> Iterator[str]:
    for pattern, replacement in _SWAPS:
        for match in re.finditer(pattern, line):
            yield line[: match.start()] + match.expand(replacement) + line[match.end() :]


def draw_fault(source: str, rng: random.Random) -> tuple[int, str] | None:
    """A line (from 1) of the source and a faulty form of it; the first line is left alone."""
    lines = source.splitlines()
    candidates = [(at, form) for at, line in enumerate(lines, start=1) if at > 1 for form in changes(line)]
    return rng.choice(candidates) if candidates else None
