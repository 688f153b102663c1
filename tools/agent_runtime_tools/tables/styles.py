"""A style: one way to write the values of a column, as a pattern and as SQL that reads it.

The pattern is matched by Python on a sample and by DuckDB on the whole column, so it is written in what `re` and
RE2 have in common.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agent_runtime_tools.table_names import literal


@dataclass(frozen=True)
class Style:
    """`key` is the setting that asks for it. `value` is SQL for a cell `{x}` that fits `pattern`.

    For numbers it gives the number as plain text, its type being settled later from all of them; else a value of
    type `kind`, or NULL where the cell has the shape and no such value exists (31 February).
    """

    key: str
    family: str  # number, date, timestamp, time, duration, boolean
    label: str
    pattern: str
    value: str
    kind: str = ""
    decimal: str = "."
    note: str = ""
    is_usual: bool = False  # nobody means another one of the same shape

    @cached_property
    def _matcher(self) -> re.Pattern[str]:
        return re.compile(self.pattern, re.ASCII)

    def fits(self, text: str) -> bool:
        """Has the text this shape?"""
        return bool(self._matcher.fullmatch(text))

    def sql(self, x: str) -> str:
        """SQL for the value of the cell `x`, which has the shape."""
        return self.value.replace("{x}", x)

    def sql_fits(self, x: str) -> str:
        """SQL that says whether the cell `x` is written so and has a value."""
        shape = f"regexp_full_match({x}, {literal(self.pattern)})"
        return shape if self.family == "number" else f"({shape} AND {self.sql(x)} IS NOT NULL)"


def coverage(style: Style, texts: Sequence[str]) -> float:
    """The share of the texts that fit."""
    return sum(map(style.fits, texts)) / max(1, len(texts))
