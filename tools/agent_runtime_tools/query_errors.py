"""DuckDB's errors as one short line for the model: what is wrong, then the names that were probably meant.

The model reads the first 100 characters of an error, so the names come early.
"""

import re
from collections.abc import Iterable, Mapping

import duckdb

from agent_runtime_tools.sql_gate import near

MISSING_COLUMN = (
    re.compile(r'Referenced column "(.*?)" (?:was )?not found'),
    re.compile(r'does not have a column named "(.*?)"'),
    re.compile(r'column "(.*?)" (?:does not exist|not found)', re.IGNORECASE),
    re.compile(r'Column "(.*?)" in .* list not found'),
)
MISSING_TABLE = re.compile(r'(?:Table with name|Referenced table) "?(.*?)"? (?:does not exist|not found)')
CANDIDATES = re.compile(r"Candidate (?:bindings|tables|functions): (.*)")
# what DuckDB says at length, and what would be right
REMEDIES = (
    (
        re.compile(r"types '!?~~\*?\((DATE|TIMESTAMP\w*|TIME|[A-Z]*INT\w*|DOUBLE|DECIMAL[^)]*?),"),
        "LIKE compares texts, not {0}: CAST(x AS VARCHAR), or year(x) and month(x) of a day",
    ),
    (re.compile(r"types '\+\((?:VARCHAR|STRING_LITERAL), "), "texts are joined by ||, not by +"),
    (
        re.compile(r"Cannot compare values of type (DATE|TIMESTAMP\w*) and type [A-Z]*INT"),
        "{0} and a number cannot be compared: year(x) = 2023, or x >= DATE '2023-01-01'",
    ),
)
PREFIX = re.compile(r"^(?:[A-Z][A-Za-z-]* )+Error: ")
MAX_MESSAGE = 300


def explain(error: duckdb.Error, tables: Mapping[str, tuple[str, ...]], text: str) -> str:
    """One line on `error`, which the statement `text` over `tables` met."""
    message = str(error)
    for pattern in MISSING_COLUMN:
        if match := pattern.search(message):
            return f'no column "{match[1]}"{near(match[1], _columns(tables, text, message))}'
    if match := MISSING_TABLE.search(message):
        return f'no table "{match[1]}"{near(match[1], tables)}'
    for pattern, remedy in REMEDIES:
        if match := pattern.search(message):
            return remedy.format(*match.groups())
    if isinstance(error, duckdb.OutOfMemoryException):
        return "the query needs more memory than a check may use: aggregate or filter more"
    first = next((line.strip() for line in message.splitlines() if line.strip()), "the query failed")
    return PREFIX.sub("", first)[:MAX_MESSAGE]


def _columns(tables: Mapping[str, tuple[str, ...]], text: str, message: str) -> Iterable[str]:
    """Columns that could be meant: what the binder offers, then those of the tables named in the statement."""
    offered = CANDIDATES.search(message)
    names = re.findall(r'"([^"]+)"', offered[1]) if offered else []
    words = set(re.findall(r"\w+", text.lower()))
    for table, columns in tables.items():
        if table.lower() in words:
            names += columns
    return dict.fromkeys(names)
