"""How a column writes its numbers and dates, found from its values; and the SQL that reads them exactly.

A style is certain, or the user is asked: `1.234` alone may be a thousand or a bit more than one, `03/04/2024` may be
March or April, and a trace that guessed would look as sure as one that knew. Not covered: words in numbers
(`1.2 million`), calendars other than the Gregorian one.
"""

import re
from collections.abc import Iterable
from typing import Literal

from agent_runtime.jobs.cashflow.sql import quote

Decimal = Literal[".", ","]
Dates = Literal["iso", "ymd", "dmy", "mdy", "step", "epoch"]

# What may stand around a number: currency signs and codes, spaces of all kinds, apostrophes as in 1'234.50.
_AROUND = "[\\s\u00a0\u202f'\u2019$€£¥₹]|^[A-Za-z]{3}|[A-Za-z]{3}$"
_NUMBER = re.compile(r"[-+(]?\d[\d.,]*\)?-?(?:[eE][-+]?\d+)?|[-+(]?[.,]\d+\)?-?")
_CLOCK = r"(?:[T ,]+\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?)?\s*(?:[AaPp][Mm])?(?:Z|[+-]\d\d:?\d\d)?"
_ISO = re.compile(r"\d{4}-\d{1,2}-\d{1,2}" + _CLOCK)
_YMD = re.compile(r"(?:\d{4}[/.]\d{1,2}[/.]\d{1,2}|(?:19|20)\d{6})" + _CLOCK)
_PARTS = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](?:\d{4}|\d{2})" + _CLOCK)
_NAMED = re.compile(r"\d{1,2}[ -][A-Za-z]{3,9}\.?[ -]\d{2,4}" + _CLOCK)
_WHOLE = re.compile(r"\d{1,18}")

_CLOCKS = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p", " %H:%M:%S.%f")
_DAYS: dict[str, tuple[str, ...]] = {
    "ymd": ("%Y/%m/%d", "%Y.%m.%d", "%Y%m%d"),
    "dmy": (
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%d-%m-%Y",
        "%d.%m.%y",
        "%d/%m/%y",
        "%d-%m-%y",
        "%d %b %Y",
        "%d-%b-%Y",
        "%d %B %Y",
        "%d-%b-%y",
    ),
    "mdy": ("%m/%d/%Y", "%m-%d-%Y", "%m.%d.%Y", "%m/%d/%y", "%m-%d-%y"),
}
_EPOCH_FROM = 100_000_000  # smaller whole numbers are steps, larger ones seconds since 1970 (1973 and later)


def bare_number(text: str) -> str:
    """The number without what may stand around it."""
    return re.sub(_AROUND, "", text.strip())


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(bare_number(text)) is not None


def decimal_evidence(values: Iterable[str]) -> set[Decimal]:
    """Which decimal marks the values prove; empty where each could be either or there is none."""
    marks: set[Decimal] = set()
    for value in values:
        mark = _decimal_mark(bare_number(value).strip("-+()"))
        if mark:
            marks.add(mark)
    return marks


def has_separator(values: Iterable[str]) -> bool:
    return any("," in value or "." in value for value in values)


def _decimal_mark(number: str) -> Decimal | None:
    """The decimal mark that this one number proves."""
    dots, commas = number.count("."), number.count(",")
    if dots and commas:
        return "." if number.rfind(".") > number.rfind(",") else ","
    if dots > 1 or commas > 1:  # a mark that comes twice groups thousands
        return "," if dots else "."
    if not dots and not commas:
        return None
    mark: Decimal = "." if dots else ","
    before, after = number.split(mark)
    is_group = len(after) == 3 and 1 <= len(before) <= 3 and not before.startswith("0")
    return None if is_group else mark


def number_sql(column: str, decimal: Decimal) -> str:
    """SQL that reads a number exactly as DECIMAL, NULL where the text is none in this style.

    A minus may stand before or after, parentheses mean minus.
    """
    group = "," if decimal == "." else "."
    bare = f"regexp_replace(trim({column}), {quote(_AROUND)}, '', 'g')"
    digits = f"replace(replace(regexp_replace({bare}, '[-+()]', '', 'g'), '{group}', ''), ',', '.')"
    mark = re.escape(decimal)
    shape = rf"[-+(]?(\d+|\d{{1,3}}([{group}]\d{{2,3}})+)?({mark}\d*)?\)?-?"
    careful = (
        f"CASE WHEN regexp_full_match({bare}, {quote(shape)}) THEN TRY_CAST({digits} AS DECIMAL(38, 8))"
        f" * CASE WHEN regexp_matches({bare}, '^[-(]|-$') THEN -1 ELSE 1 END END"
    )
    if decimal == ",":
        return careful
    # The common form first, in 64 bits: a fifth of the time.
    return f"coalesce(TRY_CAST({column} AS DECIMAL(18, 8)), {careful})"


def date_styles(values: Iterable[str]) -> set[Dates]:
    """Every style that reads all the values; empty where none does."""
    styles: set[Dates] = {"iso", "ymd", "dmy", "mdy", "step", "epoch"}
    for value in values:
        styles &= _styles_of(value.strip())
        if not styles:
            break
    return styles


def _styles_of(text: str) -> set[Dates]:
    styles: set[Dates] = set()
    if _ISO.fullmatch(text):
        styles.add("iso")
    if _YMD.fullmatch(text):
        styles.add("ymd")
    if _WHOLE.fullmatch(text):
        styles.add("step" if int(text) < _EPOCH_FROM else "epoch")
    if _NAMED.fullmatch(text):
        styles.add("dmy")
    parts = _PARTS.fullmatch(text)
    if parts:
        first, second = int(parts[1]), int(parts[2])
        if 1 <= first <= 31 and 1 <= second <= 12:
            styles.add("dmy")
        if 1 <= first <= 12 and 1 <= second <= 31:
            styles.add("mdy")
    return styles


def time_sql(column: str, style: Dates) -> str:
    """SQL that reads a moment as TIMESTAMP, NULL where the text is none in this style; UTC where a zone is given.

    Steps count days from 1970-01-01, so that windows in days mean the same for them.
    """
    if style == "step":
        return f"TIMESTAMP '1970-01-01' + to_days(TRY_CAST({column} AS INTEGER))"
    if style == "epoch":
        number = f"TRY_CAST({column} AS BIGINT)"
        return f"make_timestamp(CASE WHEN {number} > 100000000000 THEN {number} * 1000 ELSE {number} * 1000000 END)"
    if style == "iso":
        zone = f"(ends_with({column}, 'Z') OR {column}[-6] IN ('+', '-') OR {column}[-5] IN ('+', '-'))"
        utc = f"timezone('UTC', TRY_CAST({column} AS TIMESTAMPTZ))"
        return (
            f"CASE WHEN length({column}) > 16 AND {zone} THEN {utc} ELSE TRY_CAST({column} AS TIMESTAMP) END"
        )
    formats = [day + clock for day in _DAYS[style] for clock in _CLOCKS]
    return f"try_strptime(trim({column}), [{', '.join(repr(form) for form in formats)}])"
