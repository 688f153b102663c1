"""Names of tables and columns: clean, distinct, and the error that says why a table cannot be used."""

import re
from collections.abc import Collection, Sequence
from functools import cache


@cache
def keywords() -> frozenset[str]:
    """The words that DuckDB reads as its own where a name stands: a table called `order` or `left` needs quotes."""
    import duckdb  # noqa: PLC0415 - only names that are asked about need it

    with duckdb.connect() as database:
        rows = database.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
        ).fetchall()
    return frozenset(row[0] for row in rows)


class TableError(Exception):
    """A file cannot be used as a table; the message is one line that says what would be right."""


def identifier(name: str, taken: Collection[str]) -> str:
    """A name that needs no quotes, made from a file's or sheet's, and in no other case in `taken`."""
    word = re.sub(r"\W+", "_", name).strip("_") or "data"
    if word[0].isdigit():
        word = f"t_{word}"
    if word.lower() in keywords():
        word = f"{word}_table"
    candidate, number = word, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{word}_{number}"
    return candidate


def distinct(names: Sequence[object]) -> tuple[str, ...]:
    """Column names as they are, but none empty, none broken over lines, none twice (in any case)."""
    seen: set[str] = set()
    columns: list[str] = []
    for position, name in enumerate(names, 1):
        text = " ".join(str("" if name is None else name).split()) or f"column_{position}"
        text = "".join(character for character in text if character.isprintable()) or f"column_{position}"
        candidate, number = text, 0
        while candidate.lower() in seen:
            number += 1
            candidate = f"{text}_{number}"
        seen.add(candidate.lower())
        columns.append(candidate)
    return tuple(columns)


def quoted(name: str) -> str:
    """A name as SQL writes it anywhere."""
    return '"' + name.replace('"', '""') + '"'


def as_written(name: str) -> str:
    """A name as a check has to write it: quoted only where it must be."""
    return name if re.fullmatch(r"[^\W\d]\w*", name) and name.lower() not in keywords() else quoted(name)


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
