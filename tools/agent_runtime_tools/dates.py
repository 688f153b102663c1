"""Dates: differences, shifts and weekdays on the calendar, for lines that hold a date.

ISO dates (`2024-02-01`), written ones (`1 March 2024`, `March 1, 2024`) and numbers with the year last where only one
day can be meant (`31/01/2024`). A date is never read as a subtraction or a division: `02/01/2024`, which is two days,
is refused. Without blanks, `24/6/2000` is a date; with them, `24 / 6 / 2000` is a number.
Not covered: public holidays, time zones; times of day are read by `clock`.
"""

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

from agent_runtime_tools import workdays
from agent_runtime_tools.relations import COMPARISONS, Truth
from agent_runtime_tools.tokens import MAX_CHARACTERS, CalculationError

MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_abbr) if name}
MAX_SHIFT = 100_000
HELP = "write days between 2024-01-02 and 2024-03-01, 2024-01-31 + 30 days, or weekday(2024-03-01)"

_ISO = re.compile(r"\b(\d{4})[-/](\d{1,2})[-/](\d{1,2})\b", re.ASCII)
_LOOKS_LIKE_A_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{4}/\d{2}/\d{2}\b", re.ASCII)
_YEAR_LAST = re.compile(r"(?<![\w./-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-])(?!\.\d)", re.ASCII)
_YEAR = re.compile(r"1[5-9]\d\d|2[01]\d\d", re.ASCII)
_UNPADDED = re.compile(r"\b(?:1[5-9]|2[01])\d\d([-/])\d{1,2}\1\d{1,2}\b", re.ASCII)
_ASKS_FOR_DATES = re.compile(
    r"\b(?:between|from|since|after|before|week ?day|day of)\b", re.ASCII | re.IGNORECASE
)
_DAY_FIRST = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)? (?:of )?([A-Za-z]{3,9})\.?,? (\d{4})\b", re.ASCII)
_MONTH_FIRST = re.compile(r"\b([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})\b", re.ASCII)

_MONTH_OF = re.compile(r"(?:how many |number of )?days (?:are )?in ([a-z]{3,9}) (\d{4})", re.ASCII)
_YEAR_OF = re.compile(r"(?:how many |number of )?days (?:are )?in (?:the year )?(\d{4})", re.ASCII)
_LEAP = re.compile(r"is (\d{4}) a leap year", re.ASCII)
_OF_A_MONTH = re.compile(
    r"\bdays (?:are )?in (?:[a-z]{3,9} |the year )?\d{4}\b|leap year", re.ASCII | re.IGNORECASE
)
_CONSTRUCTED = re.compile(r"\b(?:date|datetime|DATE)\( ?(\d{4}) ?, ?(\d{1,2}) ?, ?(\d{1,2}) ?\)", re.ASCII)
_RELATIVE = re.compile(r"\b(?:today|tomorrow|yesterday|now)\b", re.ASCII | re.IGNORECASE)

_HINT = re.compile(  # what every line with a date has: most lines are read no further
    r"\d[-/.]\d{1,2}[-/.]\d|(?:jan|feb|ma[ry]|apr|ju[nl]|aug|sep|oct|nov|dec|dat|day|lea|tod|tom|yes|now)",
    re.ASCII | re.IGNORECASE,
)

_DATE = r"(\d{4}-\d{2}-\d{2})"
_UNIT = r"(day|week|month|year)s?"
_BETWEEN = re.compile(
    rf"(?:(?:how many|number of|the|full|whole) )*{_UNIT} (?:between|from|since) {_DATE} (?:and|to|until|till) {_DATE}",
    re.ASCII,
)
_CALL = re.compile(rf"{_UNIT}(?:_between)? ?\( ?{_DATE} ?, ?{_DATE} ?\)", re.ASCII)
_DIFFERENCE = re.compile(rf"\(?{_DATE} ?- ?{_DATE}\)?(?: in {_UNIT})?", re.ASCII)
_SPAN = re.compile(rf"(?:from )?{_DATE} (?:to|until|till) {_DATE}(?: in {_UNIT})?", re.ASCII)
_AGE = re.compile(rf"(?:the )?age (?:from|of|between|born) {_DATE} (?:to|on|at|and|until) {_DATE}", re.ASCII)
_AGE_ON = re.compile(rf"(?:the )?age on {_DATE} (?:if )?(?:born|since|from) (?:on )?{_DATE}", re.ASCII)
_BUSINESS = r"(?:business|working|work|week) ?days?"
_WORKDAYS = re.compile(
    rf"(?:(?:how many|number of|the) )*{_BUSINESS} (?:between|from|since) {_DATE} (and|to|until|till|through) {_DATE}"
    r"( inclusive| exclusive)?",
    re.ASCII,
)
_WORK_SHIFT = re.compile(rf"{_DATE} ?([+-]) ?(\d{{1,6}}) {_BUSINESS}", re.ASCII)
_WORK_NAMED_SHIFT = re.compile(rf"(\d{{1,6}}) {_BUSINESS} (after|from|before) {_DATE}", re.ASCII)
_SHIFT = re.compile(rf"{_DATE}((?: ?[+-] ?\d{{1,6}} {_UNIT})+)", re.ASCII)
_STEP = re.compile(rf"([+-]) ?(\d{{1,6}}) {_UNIT}", re.ASCII)
_NAMED_SHIFT = re.compile(rf"(\d{{1,6}}) {_UNIT} (after|from|before) {_DATE}", re.ASCII)
_WEEKDAY = re.compile(
    r"(?:(?:what|which) (?:week)?day(?: of the week)? (?:is|was)(?: it on)?"
    r"|(?:the )?(?:weekday|day ?of ?(?:the )?week)) ?"
    rf"(?:of|on|for)? ?\(? ?{_DATE} ?\)?",
    re.ASCII,
)
_RELATION = re.compile(rf"{_DATE} ?(==|=|!=|<=|>=|<|>) ?{_DATE}", re.ASCII)
_ALONE = re.compile(_DATE, re.ASCII)

_QUESTION = re.compile(r"^(?:what(?: is|'s)(?: the)?|calculate|compute|find) ", re.ASCII)

Result = int | Fraction | date | str | Truth


def has_date(text: str) -> bool:
    """Whether a line holds a date, so that `evaluate` and nothing else may read it."""
    if not _HINT.search(text) or len(text) > MAX_CHARACTERS:
        return False
    return (
        bool(_LOOKS_LIKE_A_DATE.search(text))
        or any(_written(match) for match in _written_dates(text))
        or any(_has_year_last(match) for match in _YEAR_LAST.finditer(text))
        or _has_unpadded_dates(text)
        or bool(_CONSTRUCTED.search(text) or _OF_A_MONTH.search(text) or _RELATIVE.search(text))
    )


def evaluate(text: str) -> Result:
    """Compute what a line with dates asks for.

    Raises:
        CalculationError: A date is not on the calendar, or the form is unknown.
    """
    if _RELATIVE.search(text):
        raise CalculationError("the day of today is not known here: write the date, such as 2024-03-01")
    line = _QUESTION.sub("", normalise(text)).replace(" plus ", " + ").replace(" minus ", " - ")
    for pattern, compute in _FORMS:
        if match := pattern.fullmatch(line):
            return compute(match)
    raise CalculationError(f"this is no form of date calculation: {HELP}")


def normalise(text: str) -> str:
    """Lower case, single spaces, every date in ISO form."""
    text = _CONSTRUCTED.sub(lambda m: f"{m[1]}-{int(m[2]):02}-{int(m[3]):02}", text)
    text = _DAY_FIRST.sub(lambda m: _iso_text(m, m[3], m[2], m[1]), text)
    text = _MONTH_FIRST.sub(lambda m: _iso_text(m, m[3], m[1], m[2]), text)
    text = _YEAR_LAST.sub(_read_year_last, text)
    text = _ISO.sub(lambda m: f"{m[1]}-{int(m[2]):02}-{int(m[3]):02}", text)
    return " ".join(text.lower().rstrip("?= ").split())


def _iso_text(match: re.Match[str], year: str, month: str, day: str) -> str:
    number = MONTHS.get(month[:3].lower())
    return match[0] if number is None else f"{year}-{number:02}-{int(day):02}"


def _has_unpadded_dates(text: str) -> bool:
    """`2024-1-2` alone may be a subtraction; beside another such, or after a word that asks for dates, it is none."""
    n_found = len(_UNPADDED.findall(text))
    return n_found > 1 or bool(n_found and _ASKS_FOR_DATES.search(text))


def _has_year_last(match: re.Match[str]) -> bool:
    """Whether `1/2/2024` is a date by its numbers; one with two digits for the year, only by a leading zero."""
    is_padded = "0" in (match[1][0], match[3][0]) and len(match[1]) == len(match[3]) == 2
    is_plausible = bool(_YEAR.fullmatch(match[4])) or is_padded
    return is_plausible and bool(_readings(match))


def _readings(match: re.Match[str]) -> list[str]:
    """The one or two days that a date with the year last can be, in ISO form."""
    year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
    first, second = int(match[1]), int(match[3])
    pairs = dict.fromkeys(((second, first), (first, second)))
    return [f"{year}-{month:02}-{day:02}" for month, day in pairs if 1 <= month <= 12 and 1 <= day <= 31]


def _read_year_last(match: re.Match[str]) -> str:
    if not _has_year_last(match):
        return match[0]
    readings = _readings(match)
    if len(readings) > 1 or len(match[4]) == 2:
        days = " or ".join(readings)
        raise CalculationError(
            f"{match[0]} has several readings: write {days}; a division or difference with blanks"
        )
    return readings[0]


def _written_dates(text: str) -> list[re.Match[str]]:
    return [*_DAY_FIRST.finditer(text), *_MONTH_FIRST.finditer(text)]


def _written(match: re.Match[str]) -> bool:
    return (match[1] if match[1].isalpha() else match[2])[:3].lower() in MONTHS


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CalculationError(f"{text} is not on the calendar") from None


def _difference(start: date, end: date, unit: str) -> int | Fraction:
    """Days exactly; weeks as a fraction; months and years completed."""
    days = (end - start).days
    if unit == "day":
        return days
    if unit == "week":
        return days // 7 if days % 7 == 0 else Fraction(days, 7)
    if days < 0:
        return -int(_difference(end, start, unit))
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    return months if unit == "month" else months // 12


def _shift(start: date, sign: int, n: int, unit: str) -> date:
    if n > MAX_SHIFT:
        raise CalculationError(f"shift a date by at most {MAX_SHIFT} {unit}s")
    try:
        if unit in ("day", "week"):
            return start + sign * timedelta(days=n * (7 if unit == "week" else 1))
        months = start.year * 12 + start.month - 1 + sign * n * (12 if unit == "year" else 1)
        year, month = divmod(months, 12)
        return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
    except (ValueError, OverflowError):
        raise CalculationError("the result is not on the calendar (years 1 to 9999)") from None


def _shifted(match: re.Match[str]) -> date:
    day = _date(match[1])
    for sign, n, unit in _STEP.findall(match[2]):
        day = _shift(day, -1 if sign == "-" else 1, int(n), unit)
    return day


def _relation(match: re.Match[str]) -> Truth:
    left, right = _date(match[1]), _date(match[3])
    return Truth(COMPARISONS[match[2]](left.toordinal(), right.toordinal()), left, match[2], right)


def _days_of_month(match: re.Match[str]) -> int:
    month = MONTHS.get(match[1][:3])
    if month is None:
        raise CalculationError(f"{match[1]} is no month")
    return calendar.monthrange(int(match[2]), month)[1]


def _leap(year: str) -> bool:
    return calendar.isleap(int(year))


def _workdays(match: re.Match[str]) -> int:
    start, end = _date(match[1]), _date(match[3])
    if match[2] == "through" or match[4] == " inclusive":
        return workdays.n_through(start, end)
    if match[2] in ("until", "till") or match[4] == " exclusive":
        return workdays.n_between(start, end)
    return workdays.between(start, end)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Result]], ...] = (
    (_BETWEEN, lambda m: _difference(_date(m[2]), _date(m[3]), m[1])),
    (_CALL, lambda m: _difference(_date(m[2]), _date(m[3]), m[1])),
    (_DIFFERENCE, lambda m: _difference(_date(m[2]), _date(m[1]), m[3] or "day")),
    (_SPAN, lambda m: _difference(_date(m[1]), _date(m[2]), m[3] or "day")),
    (_AGE, lambda m: _difference(_date(m[1]), _date(m[2]), "year")),
    (_AGE_ON, lambda m: _difference(_date(m[2]), _date(m[1]), "year")),
    (_WORKDAYS, _workdays),
    (_WORK_SHIFT, lambda m: workdays.shifted(_date(m[1]), int(m[2] + m[3]))),
    (_WORK_NAMED_SHIFT, lambda m: workdays.shifted(_date(m[3]), int(m[1]) * (-1 if m[2] == "before" else 1))),
    (_MONTH_OF, _days_of_month),
    (_YEAR_OF, lambda m: 366 if _leap(m[1]) else 365),
    (_LEAP, lambda m: _leap(m[1])),
    (_SHIFT, _shifted),
    (_NAMED_SHIFT, lambda m: _shift(_date(m[4]), -1 if m[3] == "before" else 1, int(m[1]), m[2])),
    (_WEEKDAY, lambda m: calendar.day_name[_date(m[1]).weekday()]),
    (_RELATION, _relation),
    (_ALONE, lambda m: _date(m[1])),
)
