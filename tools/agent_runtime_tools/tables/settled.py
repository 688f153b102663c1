"""The style that a user's setting asks for."""

from collections.abc import Sequence
from dataclasses import replace

from agent_runtime_tools.table_names import literal
from agent_runtime_tools.tables.dates import date_styles
from agent_runtime_tools.tables.numbers import NUMBER, number_styles
from agent_runtime_tools.tables.styles import Style, coverage

DIGITS = r"-?\d{1,15}(?:\.\d+)?"
EPOCH = "TRY_CAST(make_timestamp(CAST(CAST({x} AS DOUBLE) * %s AS BIGINT)) AS TIMESTAMP)"
EXCEL_DAY = (
    "TIMESTAMP '1899-12-30' + to_microseconds(CAST(round(CAST({x} AS DOUBLE) * 86400) * 1000000 AS BIGINT))"
)
COUNTED = {
    "epoch": Style("epoch", "timestamp", "seconds since 1970, UTC", DIGITS, EPOCH % "1000000", "TIMESTAMP"),
    "epoch-ms": Style(
        "epoch-ms", "timestamp", "milliseconds since 1970, UTC", DIGITS, EPOCH % "1000", "TIMESTAMP"
    ),
    "excel-day": Style("excel-day", "timestamp", "Excel's day numbers", DIGITS, EXCEL_DAY, "TIMESTAMP"),
}


def settled_style(reading: str, texts: Sequence[str]) -> Style | None:
    """The style that a setting stands for, fitted to the cells; None for text."""
    if reading == "text":
        return None
    if reading in COUNTED:
        return COUNTED[reading]
    if reading.startswith("date:%"):
        form = reading.removeprefix("date:")
        has_time = any(code in form for code in ("%H", "%I", "%M", "%S"))
        kind = "TIMESTAMP" if has_time else "DATE"
        value = f"CAST(try_strptime({{x}}, {literal(form)}) AS {kind})"
        return Style(reading, kind.lower(), f"date written {form}", r"(?s:.*)", value, kind)
    if reading == "number":
        styles = [NUMBER, *number_styles(texts)]
    else:
        pool = [*number_styles(texts), *date_styles()]
        styles = [style for style in pool if style.key == reading]
    best = max(styles, key=lambda style: coverage(style, texts), default=NUMBER)
    return replace(best, key=reading)
