"""Is an answer right? Numbers within half a cent, names and paths without regard to case and spaces.

Deliberately small: it judges generated tasks, whose answers have one form, and nothing else.
"""

import re

ABSOLUTE = 0.0051  # answers carry two decimals
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?|[-+]?\.\d+")


def is_right(answer: str | None, gold: str) -> bool:
    """Whether `answer` says what the oracle's `gold` says."""
    if answer is None:
        return False
    if _plain(answer) == _plain(gold):
        return True
    expected, given = _number(gold), _number(answer)
    return expected is not None and given is not None and abs(expected - given) <= ABSOLUTE


def is_rounded_otherwise(answer: str, gold: str) -> bool:
    """Whether two numbers are one hundredth apart: a tie that float and decimal round differently."""
    expected, given = _number(gold), _number(answer)
    return expected is not None and given is not None and round(abs(expected - given), 6) == 0.01


def _plain(text: str) -> str:
    text = re.sub(r"\s*(->|[,;:|])\s*", r"\1", text.strip().casefold())
    return re.sub(r"\s+", " ", text).rstrip(".")


def _number(text: str) -> float | None:
    """The number that a text is, apart from a unit or a currency around it."""
    text = text.strip().rstrip(".%").replace("$", "").replace("€", "").strip()
    match = _NUMBER.fullmatch(text)
    return float(match.group().replace(",", "")) if match else None
