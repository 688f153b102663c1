"""Times of day and moments: differences and shifts, for lines that hold a time such as 17:30.

A time alone is no length: `3:15 in minutes` and a difference that is negative, or runs over midnight, have two readings
and are refused with both. Not covered: time zones.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction

from agent_runtime_tools import rendering
from agent_runtime_tools.calculated import Calculated, Typed
from agent_runtime_tools.tokens import MAX_CHARACTERS, CalculationError

HELP = "write 17:30 - 08:00, hours between 08:00 and 17:30, or 08:00 + 90 minutes"
SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
DAY = SECONDS["day"]
MAX_SHIFT = 10**7

_WRITTEN = re.compile(
    r"(?<![\d:.])(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?(?: ?([ap])\.?m\b\.?)?(?![\d:])", re.ASCII | re.IGNORECASE
)
_HAS_COLON = re.compile(r"(?<![\d:.])\d{1,2}:\d{2}(?::\d{2})?(?![\d:])", re.ASCII)
_HALVES = re.compile(r"\b\d{1,2} ?[ap]\.?m\b", re.ASCII | re.IGNORECASE)
_ZONE = re.compile(r"\d{2}:\d{2}(?::\d{2})?(?:z|[+-]\d{2}:?\d{2})\b|\b(?:utc|gmt)\b", re.IGNORECASE)

_TIME = r"<(\d+)>"
_MOMENT = r"(\d{4}-\d{2}-\d{2})[t ]<(\d+)>"
_UNIT = r"(second|minute|hour|day|week)s?"
_LENGTH = re.compile(rf"(\d{{1,4}}):([0-5]\d):([0-5]\d) (?:in|to|as) {_UNIT}", re.ASCII)
_STEPS = rf"((?: ?[+-] ?\d{{1,7}} {_UNIT})+)"
_STEP = re.compile(rf"([+-]) ?(\d{{1,7}}) {_UNIT}", re.ASCII)
_COUNT = rf"(?:(?:how many|number of|the) )*{_UNIT} (?:between|from) "
Shape = Callable[[re.Match[str]], Calculated]


def has_time(text: str) -> bool:
    """Whether a line holds a time of day, so that nothing else may read it."""
    if len(text) > MAX_CHARACTERS:
        return False
    has_halves = "m" in text.lower() and len(_HALVES.findall(text)) > 1
    return has_halves or (":" in text and bool(_HAS_COLON.search(text)))


def evaluate(text: str) -> Calculated:
    """Compute what a line with times asks for; its dates are in ISO form.

    Raises:
        CalculationError: There is no such time, the form is unknown, or it has two readings.
    """
    if _ZONE.search(text):
        raise CalculationError("time zones are not known here: write both times in one zone")
    line = " ".join(text.lower().rstrip("?= ").split())
    if match := _LENGTH.fullmatch(line):  # hours, minutes and seconds say what they are
        hours, minutes, seconds = map(int, match.groups()[:3])
        return _count(hours * 3_600 + minutes * 60 + seconds, match[4])
    line = _WRITTEN.sub(_seconds, line)
    line = re.sub(r"^(?:what(?: is|'s) |calculate |compute )+", "", line)
    for pattern, compute in _FORMS:
        if match := pattern.fullmatch(line):
            return compute(match)
    raise CalculationError(f"this is no form of a calculation with times: {HELP}")


def _seconds(match: re.Match[str]) -> str:
    """A time as its second of the day: `<63000>`; a number that is no time stays."""
    hour, minute, second, half = match.groups()
    if minute is None and half is None:
        return match[0]
    hours, minutes, seconds = int(hour), int(minute or 0), int(second or 0)
    if minutes > 59 or seconds > 59 or (half and not 1 <= hours <= 12):
        raise CalculationError(f"{match[0].strip()} is no time of day")
    if half:
        hours = hours % 12 + 12 * (half == "p")
    return f"<{hours * 3_600 + minutes * 60 + seconds}>"


def written(seconds: int) -> str:
    """Seconds as hours and minutes: 9:30."""
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    hours, rest = divmod(seconds, 3_600)
    text = f"{sign}{hours}:{rest // 60:02}"
    return f"{text}:{rest % 60:02}" if rest % 60 else text


def _length(seconds: int) -> Calculated:
    hours = rendering.render(Fraction(seconds, 3_600) if seconds % 3_600 else seconds // 3_600).brief
    text = written(seconds)
    return rendering.clip(f"{text} ({hours} hours)", text, value=Typed("time", text))


def _between(start: int, end: int) -> int:
    for time in (start, end):
        if time > DAY:
            raise CalculationError(f"{written(time)} is no time of day")
    if end < start:
        short, long = written(end - start), written(end - start + DAY)
        raise CalculationError(
            f"two readings: {short} on one day, or {long} over midnight: write the dates, too"
        )
    return end - start


def _count(seconds: int, unit: str) -> Calculated:
    value = Fraction(seconds, SECONDS[unit])
    return rendering.render(value.numerator if value.denominator == 1 else value)


def _difference(match: re.Match[str]) -> Calculated:
    return _length(_between(int(match[2]), int(match[1])))


def _range(match: re.Match[str]) -> Calculated:
    return _length(_between(int(match[1]), int(match[2])))


def _in_unit(match: re.Match[str]) -> Calculated:
    """Two numbers do not say whether they are hours and minutes, or minutes and seconds."""
    hours, minutes = divmod(int(match[1]) // 60, 60)
    raise CalculationError(
        f"two readings: write {hours} hours {minutes} minutes in {match[2]}s, "
        f"or {hours} minutes {minutes} seconds in {match[2]}s"
    )


def _total(steps: str) -> int:
    total = 0
    for sign, n, unit in _STEP.findall(steps):
        total += (-1 if sign == "-" else 1) * int(n) * SECONDS[unit]
    if abs(total) > MAX_SHIFT * DAY:
        raise CalculationError(f"shift a time by at most {MAX_SHIFT} days")
    return total


def _shifted(start: int, seconds: int) -> Calculated:
    if start >= DAY:
        raise CalculationError(f"{written(start)} is no time of day")
    days, rest = divmod(start + seconds, DAY)
    text = written(rest)
    later = "" if days == 0 else f" (day {days:+})"
    return rendering.clip(text + later, text + later, value=Typed("time", text + later))


def _added(match: re.Match[str]) -> Calculated:
    """Two times added: one of them is a length; over 24 hours the sum is a length or a time of the next day."""
    total = int(match[1]) + int(match[2])
    if total >= DAY:
        raise CalculationError(
            f"two readings: {written(total)} hours, or {written(total % DAY)} on the next day"
        )
    return _length(total)


def _moment(day: str, seconds: str) -> datetime:
    try:
        return datetime.fromisoformat(day) + timedelta(
            seconds=int(seconds)
        )  # of one zone, which nobody names
    except ValueError:
        raise CalculationError(f"{day} is not on the calendar") from None


def _moments(match: re.Match[str], first: int) -> int:
    start, end = _moment(match[first], match[first + 1]), _moment(match[first + 2], match[first + 3])
    return round((end - start).total_seconds())


def _shifted_moment(match: re.Match[str]) -> Calculated:
    try:
        moment = _moment(match[1], match[2]) + timedelta(seconds=_total(match[3]))
    except OverflowError:
        raise CalculationError("the result is not on the calendar (years 1 to 9999)") from None
    return rendering.render(moment)


def _form(pattern: str, compute: Shape) -> tuple[re.Pattern[str], Shape]:
    return re.compile(pattern, re.ASCII), compute


_FORMS = (
    _form(rf"{_COUNT}{_MOMENT} (?:and|to|until) {_MOMENT}", lambda m: _count(_moments(m, 2), m[1])),
    _form(rf"{_MOMENT} ?- ?{_MOMENT}", lambda m: _length(-_moments(m, 1))),
    _form(rf"{_MOMENT} (?:to|until) {_MOMENT}", lambda m: _length(_moments(m, 1))),
    _form(rf"{_MOMENT}{_STEPS}", _shifted_moment),
    _form(
        rf"{_COUNT}{_TIME} (?:and|to|until) {_TIME}", lambda m: _count(_between(int(m[2]), int(m[3])), m[1])
    ),
    _form(rf"{_TIME} ?- ?{_TIME}", _difference),
    _form(rf"{_TIME} ?- ?{_TIME} in {_UNIT}", lambda m: _count(_between(int(m[2]), int(m[1])), m[3])),
    _form(rf"(?:(?:time )?(?:between|from) )?{_TIME} (?:and|to|until) {_TIME}", _range),
    _form(
        rf"{_TIME} (?:to|until) {_TIME} in {_UNIT}", lambda m: _count(_between(int(m[1]), int(m[2])), m[3])
    ),
    _form(rf"{_TIME} ?\+ ?{_TIME}", _added),
    _form(rf"{_TIME} (?:in|to|as) {_UNIT}", _in_unit),
    _form(rf"{_TIME}{_STEPS}", lambda m: _shifted(int(m[1]), _total(m[2]))),
    _form(rf"(\d{{1,7}}) {_UNIT} after {_TIME}", lambda m: _shifted(int(m[3]), int(m[1]) * SECONDS[m[2]])),
    _form(rf"(\d{{1,7}}) {_UNIT} before {_TIME}", lambda m: _shifted(int(m[3]), -int(m[1]) * SECONDS[m[2]])),
)
