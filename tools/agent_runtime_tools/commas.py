"""Commas inside argument lists: between arguments, or between thousands.

`average(12,000, 15,000)` can only mean two numbers (nobody writes 000); `sqrt(10,000)` has one argument; `max(1,234)`
would be a choice of one. What can be read both ways is refused with both readings: a blank after each comma, or no
comma inside the numbers, settles it.
"""

import re

from agent_runtime_tools.tokens import CalculationError
from agent_runtime_tools.vocabulary import FUNCTIONS, MANY, Function

_CANDIDATE = re.compile(r"(?<![\w.])(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3})(?!\d)", re.ASCII)
_SUSPECT = re.compile(r"\d,\d", re.ASCII)
_LIST = Function("", 0, MANY)
_NAME_BEFORE = re.compile(r"[A-Za-z][A-Za-z0-9_]*$", re.ASCII)
MAX_OPEN = 60  # brackets; the parser refuses such a line
_NEVER_GROUPED = frozenset({"range", "pair"})


def settle(text: str) -> str:
    """The line with no thousands separator left in any argument list.

    Raises:
        CalculationError: A comma has two readings.
    """
    if not _SUSPECT.search(text) or ("(" not in text and "[" not in text):
        return text
    opened: list[int] = []
    lists: list[tuple[int, int]] = []
    for index, character in enumerate(text):
        if character in "([":
            opened.append(index)
            if len(opened) > MAX_OPEN:
                return text
        elif character in ")]" and opened:
            lists.append((opened.pop(), index))
    is_inside = [False] * (len(text) + 1)
    removed: set[int] = set()
    for start, end in sorted(lists):
        function = _function(text, start, is_inside[start])
        if function is not None:
            is_inside[start : end + 1] = [True] * (end + 1 - start)
            removed |= _grouping(text, start, end, function)
    return _spread(text, is_inside, removed)


def _function(text: str, start: int, is_inside: bool) -> Function | None:
    """What takes the arguments in these brackets; None for a pair of parentheses around one value."""
    name = _NAME_BEFORE.search(text[max(start - 40, 0) : start].rstrip())
    if text[start] == "[":
        return _LIST
    word = name.group() if name else ""
    function = FUNCTIONS.get(word) or FUNCTIONS.get(word.lower())
    if function is None and word in ("C", "P"):
        return Function("binomial", 2, 2)
    return function or (_LIST if is_inside else None)


def _grouping(text: str, start: int, end: int, function: Function) -> set[int]:
    """The commas of this list that stand between thousands."""
    if end - start > 2_000 or function.name in _NEVER_GROUPED:
        return set()
    inside = _blank_brackets(text[start + 1 : end])
    groups = list(_CANDIDATE.finditer(inside))
    if not groups:
        return set()
    n_split = inside.count(",") + 1
    n_grouped = n_split - sum(match.group().count(",") for match in groups)
    takes = range(function.min_args, function.max_args + 1)
    commas = {start + 1 + i for m in groups for i in range(*m.span()) if inside[i] == ","}
    is_zeroed = [any(part[0] == "0" for part in m.group().split(",")[1:]) for m in groups]
    others = [i for i, c in enumerate(inside) if c == "," and start + 1 + i not in commas]
    is_spaced = all(inside[i + 1 : i + 2] == " " for i in others)
    has_zeros = any(is_zeroed) and (is_spaced or all(is_zeroed))  # nobody writes 000 for a number
    if has_zeros and n_grouped in takes:
        return commas
    if has_zeros:
        raise CalculationError(
            f"write the numbers inside {function.name}(...) without thousands separators, with a blank after each comma"
        )
    if n_grouped not in takes or (function.max_args == MANY and n_grouped == 1):
        return set()
    if n_split not in takes:
        return commas
    name = function.name
    together = "".join(c for i, c in enumerate(text[start : end + 1], start) if i not in commas)
    readings = [_tidy(f"{name}{together}"), _tidy(f"{name}{text[start : end + 1]}")]
    raise CalculationError(f"a comma has two readings: write {readings[0]} or {readings[1]}")


def _blank_brackets(text: str) -> str:
    """The text with everything inside deeper brackets blanked out, at the same length."""
    depth, characters = 0, []
    for character in text:
        depth += character in "(["
        characters.append(" " if depth else character)
        depth -= character in ")]"
    return "".join(characters)


def _tidy(text: str) -> str:
    shown = re.sub(r",\s*", ", ", text)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _spread(text: str, is_inside: list[bool], removed: set[int]) -> str:
    """Commas between arguments get a blank, those between thousands vanish: both are settled for the tokens."""
    characters = []
    for index, character in enumerate(text):
        if character == "," and index in removed:
            continue
        characters.append(", " if character == "," and is_inside[index] else character)
    return "".join(characters)
