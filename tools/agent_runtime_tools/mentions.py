"""Which cells of the tables a question names: what a check has to look at before its answer can be believed.

The value linking of text-to-SQL (Lei et al. 2020, "Re-examining the role of schema linking in text-to-SQL", EMNLP),
by exact whole words in any case: a cell that the question only hints at is not found.
"""

import re
from collections.abc import Iterable

LENGTHS = (2, 64)  # characters of a cell that is looked for: one letter is named by every question
MAX_FOUND = 200  # candidates from one column


def mention_query(table: str, column: str) -> str:
    """SQL for the distinct cells of a text column that occur in the question, its one parameter."""
    cell = f"trim({column})"
    return (
        f"SELECT DISTINCT {cell} FROM {table} WHERE length({cell}) BETWEEN {LENGTHS[0]} AND {LENGTHS[1]} "  # noqa: S608
        f"AND contains(lower($1), lower({cell})) LIMIT {MAX_FOUND}"
    )


def mentioned(values: Iterable[str], question: str, names: Iterable[str]) -> list[str]:
    """The longest whole words of the question that are among `values`, in its order.

    A value that is a word of a table's or a column's name is left out: there it is the name that was meant.
    """
    known = {word for name in names for word in re.findall(r"[a-z0-9]+", name.casefold())}
    found: list[tuple[int, int, str]] = []
    for value in sorted(values, key=lambda value: (-len(value), value)):
        if value.casefold() in known:
            continue
        for match in re.finditer(rf"(?<!\w){re.escape(value)}(?!\w)", question, re.IGNORECASE):
            if not any(start <= match.start() and match.end() <= end for start, end, _ in found):
                found.append((*match.span(), value))
    return list(dict.fromkeys(value for *_, value in sorted(found)))
