"""Ways to write numbers: plain, with separators of five habits, with a currency or percent, negative in five ways.

A grouped number must have its groups in the right places, so that 1.2.3 or 12,34 is never one. Leading zeros are no
number: they mark identifiers.
"""

import re
from collections.abc import Iterator, Sequence

from agent_runtime_tools.table_names import literal
from agent_runtime_tools.tables.cells import BLANK, CURRENCY, MINUS
from agent_runtime_tools.tables.styles import Style

SIGN = rf"[{MINUS}+]"
QUOTES = "'\u2019\u02bc"
WHOLE = r"(?:0|[1-9]\d*)"
PLAIN = rf"{SIGN}?(?:{WHOLE}(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{{1,3}})?"
PLUS_MINUS = "replace(replace(replace({x}, '\u2212', '-'), '\u2013', '-'), '+', '')"
# a currency: a sign with up to three letters before it (US$, R$), three capitals, or a short local word
MONEY = re.compile(
    rf"[A-Za-z]{{0,3}}[{CURRENCY}]|[A-Z]{{3}}|(?:Rs|Fr|SFr|kr|K\u010d|z\u0142|Ft|lei|\u0440\u0443\u0431|\u043b\u0432)\.?"
)
AFFIX = re.compile(rf"[({MINUS}+\s]*(.*?)[{MINUS}+\s]*[.,]?\d(?:.*\d)?[.,]?\s*(.*?)[\s{MINUS})]*")
IDENTIFIER = re.compile(r"0\d+")
PHONE = re.compile(r"\+\d{7,15}")
CODE = re.compile(r"\d+[eE]\d+")  # 12E4: a number, or the name of a part
EIGHT_DIGITS = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")

# (setting, what groups the digits, decimal mark, groups of two as in India, in words)
HABITS = (
    ("decimal-point", "", ".", False, "decimal point"),
    ("decimal-point", ",", ".", True, "commas group, decimal point"),
    ("decimal-comma", ".", ",", False, "points group, decimal comma"),
    ("decimal-comma", "", ",", False, "decimal comma"),
    ("decimal-point", QUOTES, ".", False, "apostrophes group, decimal point"),
    ("decimal-comma", QUOTES, ",", False, "apostrophes group, decimal comma"),
    ("decimal-comma", BLANK, ",", False, "blanks group, decimal comma"),
    ("decimal-point", BLANK, ".", False, "blanks group, decimal point"),
)
# the commonest, as cheap as can be: a million cells are matched for each column
INTEGER = Style("number", "number", "number", f"-?{WHOLE}", "{x}")
DECIMAL = Style("decimal-point", "number", "number", rf"-?{WHOLE}(?:\.\d+)?", "{x}")
NUMBER = Style("number", "number", "number", PLAIN, PLUS_MINUS)
SIMPLE = (INTEGER, DECIMAL)


def affixes(texts: Sequence[str]) -> tuple[frozenset[str], bool]:
    """The currencies that stand beside the numbers, and whether a percent sign does."""
    found = {affix for text in texts if (match := AFFIX.fullmatch(text)) for affix in match.groups() if affix}
    money = frozenset(affix for affix in found if MONEY.fullmatch(affix))
    return money, "%" in found


def number_styles(texts: Sequence[str]) -> Iterator[Style]:
    """The styles that these cells could be written in; none where they are of several currencies."""
    money, is_percent = affixes(texts)
    if len(money) > 1:
        return
    unit = next(iter(money), "%" if is_percent else "")
    has_marks = any(text.startswith("(") or text.endswith(("-", "\u2212")) for text in texts)
    for key, group, decimal, is_indian, label in HABITS:
        yield _style(
            key, _core(group, decimal, is_indian=is_indian), group, decimal, label, unit, has_marks=has_marks
        )


def _core(group: str, decimal: str, *, is_indian: bool) -> str:
    tail = rf"(?:{re.escape(decimal)}\d*)?"
    if not group:
        return rf"(?:{WHOLE}{tail}|{re.escape(decimal)}\d+)"
    inner = r"\d{2,3}" if is_indian else r"\d{3}"
    mark = f"[{group}]"
    grouped = rf"[1-9]\d{{0,2}}(?:{mark}{inner})*{mark}\d{{3}}"
    return rf"(?:(?:{grouped}|{WHOLE}){tail}|{re.escape(decimal)}\d+)"


def _style(key: str, core: str, group: str, decimal: str, label: str, unit: str, *, has_marks: bool) -> Style:
    if not (unit or has_marks):
        return Style(
            key, "number", label, f"{SIGN}?{core}", _plain(PLUS_MINUS, group, decimal), decimal=decimal
        )
    mark = re.escape(unit)
    before = rf"(?:{mark})?" if unit and unit != "%" else ""
    after = rf"\s*{mark}" if unit == "%" else rf"(?:\s*{mark})?" if unit else ""
    pattern = rf"\(?\s*{SIGN}?\s*{before}\s*{SIGN}?\s*({core}){after}\s*[{MINUS}]?\s*\)?"
    digits = f"regexp_extract({{x}}, {literal(pattern)}, 1)"
    is_negative = rf"regexp_matches({{x}}, '^\s*[(]|^[^0-9.,]*[{MINUS}]|[{MINUS}]\s*[)]?$')"
    value = f"(CASE WHEN {is_negative} THEN '-' ELSE '' END || {_plain(digits, group, decimal)})"
    words = {"%": "in percent"}.get(unit, f"in {unit}" if unit else "")
    return Style(key, "number", label, pattern, value, decimal=decimal, note=words)


def _plain(x: str, group: str, decimal: str) -> str:
    for mark in group:
        x = f"replace({x}, {literal(mark)}, '')"
    return f"replace({x}, ',', '.')" if decimal == "," else x


def plain_number(text: str, style: Style) -> str:
    """The digits of a cell with its decimal mark as a point: enough to tell whether two styles differ on it."""
    kept = "".join(mark for mark in text if mark.isdigit() or mark == style.decimal)
    return kept.replace(style.decimal, ".").rstrip(".")
