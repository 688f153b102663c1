"""What a cell looks like, told from its text alone: missing, data (a number, a date, a time), or words."""

import re
import unicodedata

CURRENCY = "".join(sign for code in range(0x3000) if unicodedata.category(sign := chr(code)) == "Sc")
BLANK = " \u00a0\u2007\u2009\u202f"  # blanks that group digits in French, Swedish, Russian
MINUS = "\\-\u2212\u2013"

# Words for "nothing here". They count as missing only in a column whose other cells are numbers, dates or
# booleans: Null is a surname, NA is Namibia. Excel's errors (#DIV/0!) are among them.
DASHES = "\u2013\u2014"
MISSING = (
    r"(?i:#?n[./]?a\.?|null|\(null\)|none|nan|nil|nat|<na>|\\n|#[a-z0-9/]+[!?]?|\s*"
    rf"|[-{DASHES}]{{1,3}}|\.{{1,3}}|\?{{1,3}})"
)
_MISSING = re.compile(MISSING)
_DATA = re.compile(
    rf"[({MINUS}+]?\s*(?:[A-Z]{{0,3}}[{CURRENCY}]|[A-Z]{{3}} )?\s*[{MINUS}+]?[\d{BLANK}.,'\u2019]*\d[\d.,]*"
    rf"(?:[eE][-+]?\d+)?\s*(?:%|[{CURRENCY}]|[A-Z]{{3}})?\s*[-)]?"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/. ](?:\d{1,2}|[A-Za-z]{3,9})[-/. ]\d{2,4}( .*)?"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp]\.?[Mm]\.?)?|(?i:true|false)"
)
_YEAR = re.compile(r"(19|20)\d\d")


def is_missing(text: str) -> bool:
    """Is it empty, or a word for nothing?"""
    return bool(_MISSING.fullmatch(text.strip()))


def is_data(text: str) -> bool:
    """Could it be a number, an amount, a date, a time or a boolean?"""
    return bool(_DATA.fullmatch(text.strip()))


def is_year(text: str) -> bool:
    """A year may be data, and it may head a column."""
    return bool(_YEAR.fullmatch(text.strip()))


def shown(texts: list[str] | tuple[str, ...], limit: int = 80) -> str:
    """A row on one short line."""
    line = ", ".join(" ".join(text.split()) for text in texts if text.strip())
    return line if len(line) <= limit else line[: limit - 1] + "…"
