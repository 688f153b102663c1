"""Ways to write dates, times and durations. Between points the day comes first; between slashes either may.

Times with an offset become UTC. A column with offsets in some cells only has no reading: what the others mean
nobody can tell.
"""

from collections.abc import Iterator

from agent_runtime_tools.tables.styles import Style

DAY, MONTH, YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"\d{4}"
WORD = r"[A-Za-z]{3,9}"
CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?"
HALF = r"(?:0?[1-9]|1[0-2]):[0-5]\d(?::[0-5]\d)? ?[AaPp][Mm]"
OFFSET = r" ?(?:Z|[-+]\d{2}(?::?\d{2})?)"
CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p")
ISO = rf"{YEAR}-\d{{1,2}}-\d{{1,2}}"
AS_UTC = (
    "make_timestamp(epoch_us(TRY_CAST(regexp_replace(replace({x}, ' Z', 'Z'),"
    r" '\s?([-+]\d\d):?(\d\d)?$', '\1:\2') AS TIMESTAMPTZ)))"
)


def date_styles() -> Iterator[Style]:
    """All of them, the plainest first."""
    yield Style("date:ymd", "date", "date, year first", ISO, "TRY_CAST({x} AS DATE)", "DATE")
    yield from _iso_times()
    for sign in "/.-":
        yield from _numeric(sign)
    yield from _named()
    yield from _clock_styles()


def _iso_times() -> Iterator[Style]:
    tail = rf"(?:[T ]{CLOCK})?"
    yield Style(
        "timestamp", "timestamp", "date and time", f"{ISO}{tail}", "TRY_CAST({x} AS TIMESTAMP)", "TIMESTAMP"
    )
    note = "times of several zones or of one, all in UTC here"
    pattern = rf"{ISO}[T ]{CLOCK}{OFFSET}"
    yield Style(
        "timestamp", "timestamp", "date and time with a zone", pattern, AS_UTC, "TIMESTAMP", note=note
    )


def _numeric(sign: str) -> Iterator[Style]:
    mark = rf"\{sign}"
    short = r"\d{2}"
    orders = {
        "date:dmy": (f"{DAY}{mark}{MONTH}{mark}", "%d{0}%m{0}", "date, day first"),
        "date:mdy": (f"{MONTH}{mark}{DAY}{mark}", "%m{0}%d{0}", "date, month first"),
    }
    for year, code, note in (
        (YEAR, "%Y", ""),
        (short, "%y", "years of two digits: 69 to 99 are 1969 to 1999"),
    ):
        for key, (pattern, form, label) in orders.items():
            yield from _dated(
                key,
                label,
                pattern + year,
                form.format(sign) + code,
                note=note,
                is_usual=sign == "." and key == "date:dmy",
            )
    if sign != "-":
        pattern = rf"{YEAR}{mark}{MONTH}{mark}{DAY}"
        yield from _dated("date:ymd", "date, year first", pattern, f"%Y{sign}%m{sign}%d")
    pattern = rf"{short}{mark}{MONTH}{mark}{DAY}"
    note = "years of two digits: 69 to 99 are 1969 to 1999"
    yield from _dated("date:ymd", "date, year first", pattern, f"%y{sign}%m{sign}%d", note=note)


def _named() -> Iterator[Style]:
    for sign in "- /.":
        for year, code in ((YEAR, "%Y"), (r"\d{2}", "%y")):
            forms = [f"%d{sign}%b{sign}{code}", f"%d{sign}%B{sign}{code}"]
            pattern = rf"{DAY}[{sign}]{WORD}[{sign}]{year}"
            yield from _dated("date:dmy", "date, month in words", pattern, *forms)
    pattern = rf"{WORD} {DAY},? {YEAR}"
    forms = ["%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"]
    yield from _dated("date:mdy", "date, month in words", pattern, *forms)


def _dated(
    key: str, label: str, pattern: str, *forms: str, note: str = "", is_usual: bool = False
) -> Iterator[Style]:
    """The date alone, and with a time of day."""
    listed = ", ".join(f"'{form}'" for form in forms)
    value = f"CAST(try_strptime({{x}}, [{listed}]) AS DATE)"
    yield Style(key, "date", label, pattern, value, "DATE", note=note, is_usual=is_usual)
    timed = ", ".join(f"'{form} {clock}'" for form in forms for clock in CLOCKS)
    value = f"try_strptime({{x}}, [{timed}, {listed}])"
    pattern = rf"{pattern}(?: (?:{CLOCK}|{HALF}))?"
    yield Style(
        key, "timestamp", f"{label}, with a time", pattern, value, "TIMESTAMP", note=note, is_usual=is_usual
    )


def _clock_styles() -> Iterator[Style]:
    listed = ", ".join(f"'{clock}'" for clock in CLOCKS)
    value = f"CAST(try_strptime({{x}}, [{listed}]) AS TIME)"
    yield Style("time", "time", "time of day", rf"{CLOCK}|{HALF}", value, "TIME")
    pattern = r"-?\d{1,4}:[0-5]\d:[0-5]\d(?:\.\d{1,6})?"
    yield Style("duration", "duration", "duration", pattern, "TRY_CAST({x} AS INTERVAL)", "INTERVAL")


BOOLEAN = Style("boolean", "boolean", "true or false", "(?i:true|false)", "lower({x}) = 'true'", "BOOLEAN")
