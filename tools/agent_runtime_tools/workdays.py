"""Days from Monday to Friday: counted between dates, and shifted by. Public holidays are not known here."""

from datetime import date, timedelta

from agent_runtime_tools.tokens import CalculationError

MAX_SHIFT = 10_000
FRIDAY = 4


def n_between(start: date, end: date) -> int:
    """The working days from `start` up to and without `end`."""
    if end < start:
        return -n_between(end, start)
    weeks, rest = divmod((end - start).days, 7)
    return 5 * weeks + sum((start.weekday() + n) % 7 <= FRIDAY for n in range(rest))


def n_through(start: date, end: date) -> int:
    """The working days from `start` up to and with `end`."""
    return n_between(start, end) + (end.weekday() <= FRIDAY)


def between(start: date, end: date) -> int:
    """The working days between two dates.

    Raises:
        CalculationError: The last day is a working day itself, so that there are two readings.
    """
    without, with_last = n_between(start, end), n_through(start, end)
    if end <= start or without != with_last:
        raise CalculationError(
            f"two readings: {without} without the last day (write until {end}), "
            f"{with_last} with it (write through {end})"
        )
    return without


def shifted(start: date, n: int) -> date:
    """The n-th working day after (before, where negative) a date."""
    if abs(n) > MAX_SHIFT:
        raise CalculationError(f"shift by at most {MAX_SHIFT} business days")
    step = timedelta(days=1 if n > 0 else -1)
    day = start
    while n:
        day += step
        if day.weekday() <= FRIDAY:
            n -= 1 if n > 0 else -1
    return day
