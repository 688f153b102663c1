"""Dates and times of day in one way: `March 1, 2024`, `1 Mar 2024` and `2024-03-01 00:00:00` are `2024-03-01`.

A date in figures is read only where it can mean one day: `31/12/2024` can, `03/01/2024` cannot and stays a text. So do
years of two digits and times with an offset.
"""

import re
from datetime import date

_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH = rf"(?P<month>{'|'.join(f'{name[:3]}(?:{name[3:]})?' for name in _MONTHS)}|sept)\.?"
_WEEKDAY = r"(?:\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? +)?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_IN_WORDS = tuple(
    re.compile(rf"{_WEEKDAY}\b{form}\b(?![-/.]\d)", re.I)
    for form in (rf"{_DAY}(?: +of)?[ -]{_MONTH},?[ -]{_YEAR}", rf"{_MONTH} +{_DAY},? +{_YEAR}")
)
_MONTH_OF_YEAR = re.compile(rf"{_MONTH},? +{_YEAR}", re.I)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.0+)?)?)?"
    r"(?: ?(?P<half>[ap])\.?m\b\.?)?",
    re.I,
)


def with_dates(text: str) -> str:
    """The text with each date that names its month written in figures, year first."""
    if not any(character.isdigit() for character in text):
        return text
    for form in _IN_WORDS:
        text = form.sub(lambda match: _from_words(match) or match[0], text)
    return text


def moment(text: str) -> str | None:
    """A whole text as a day, a month, a time of day, or a day and a time; None where it is none beyond doubt."""
    if not text[-1:].isascii() or not any(character.isdigit() for character in text):
        return None
    if match := _MONTH_OF_YEAR.fullmatch(text):
        return f"{match['year']}-{_number(match['month']):02}"
    first, _, rest = text.replace("T", " ", 1).partition(" ")
    if day := _day(first):
        if not rest:
            return day
        time = _time(rest.strip())
        return None if time is None else day if time == "00:00" else f"{day} {time}"
    return _time(text)


def _from_words(match: re.Match[str]) -> str | None:
    return _valid(int(match["year"]), _number(match["month"]), int(match["day"]))


def _number(month: str) -> int:
    return next(at for at, name in enumerate(_MONTHS, 1) if name.startswith(month[:3].lower()))


def _day(text: str) -> str | None:
    if match := _YEAR_FIRST.fullmatch(text):
        return _valid(int(match[1]), int(match[3]), int(match[4]))
    if match := _YEAR_LAST.fullmatch(text):
        year, first, second = int(match[4]), int(match[1]), int(match[3])
        readings = {_valid(year, first, second), _valid(year, second, first)} - {None}
        return readings.pop() if len(readings) == 1 else None
    return None


def _valid(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _time(text: str) -> str | None:
    match = _TIME.fullmatch(text)
    if match is None or not (match["minute"] or match["half"]):
        return None
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match["half"] in "pP")
    if hour > 23 or minute > 59 or second > 59:
        return None
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")
