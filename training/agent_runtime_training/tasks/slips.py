"""Queries that fail, and the way out: the real error, then a query that heeds it.

The failing query is marked as a mistake, so nobody learns to write it; what is learned is the recovery.
"""

import random
import re

import duckdb

from agent_runtime_training.tasks.example import Row
from agent_runtime_training.tasks.rendering import identifier
from agent_runtime_training.tasks.teacher import Teacher, run_sql
from agent_runtime_training.tasks.wording import pick

SLIP_SHARE = 0.15


def ask(teacher: Teacher, rng: random.Random, thought: str, query: str, columns: list[str]) -> list[Row]:
    """Run a query; now and then a failing form of it comes first."""
    if rng.random() >= SLIP_SHARE:
        return teacher.sql(thought, query)
    return ask_after_slip(teacher, rng, thought, query, columns)


def ask_after_slip(
    teacher: Teacher, rng: random.Random, thought: str, query: str, columns: list[str]
) -> list[Row]:
    """Run a failing form of a query, read its error, then run the query."""
    slips = [
        _misspell(rng, query, columns),
        _rename(rng, query, columns),
        _unquote(query),
        _break(rng, query),
    ]
    rng.shuffle(slips)
    for wrong, lesson in slips:
        if wrong != query and _fails(wrong):
            teacher.wrong_sql(thought, wrong)
            if rng.random() < 0.3:
                teacher.backtrack(
                    pick(rng, "The query failed; correct it.", "That query cannot run. Write it anew.")
                )
            return teacher.sql(lesson, query)
    return teacher.sql(thought, query)


def _fails(query: str) -> bool:
    try:
        run_sql(query)
    except duckdb.Error:
        return True
    return False


def _misspell(rng: random.Random, query: str, columns: list[str]) -> tuple[str, str]:
    """A column with a letter lost or doubled."""
    used = _used(query, columns)
    if not used:
        return query, ""
    column = rng.choice(used)
    plain = column.strip('"')
    at = rng.randrange(len(plain))
    wrong = plain[:at] + plain[at + 1 :] if rng.random() < 0.5 else plain[:at] + plain[at] + plain[at:]
    return _swap(query, column, identifier(wrong or "x")), f"The column is called {column}."


def _rename(rng: random.Random, query: str, columns: list[str]) -> tuple[str, str]:
    """A column that the table might have had."""
    used = _used(query, columns)
    guesses = [
        "name",
        "amount",
        "value",
        "account",
        "date",
        "id",
        "sender",
        "receiver",
        "category",
        "total_amount",
    ]
    guess = rng.choice([guess for guess in guesses if guess not in {column.lower() for column in columns}])
    if not used:
        return query, ""
    column = rng.choice(used)
    return _swap(query, column, guess), f"There is no column {guess}; the table has {column}."


def _unquote(query: str) -> tuple[str, str]:
    """A text value without its quotes."""
    match = re.search(r"'[^']*'", query)
    if match is None:
        return query, ""
    wrong = query[: match.start()] + match.group().strip("'") + query[match.end() :]
    return wrong, "A text value needs single quotes."


def _break(rng: random.Random, query: str) -> tuple[str, str]:
    """A keyword lost or misspelt."""
    keywords = [word for word in ("GROUP BY", "ORDER BY", "FROM", "WHERE", "AND") if f" {word} " in query]
    keyword = rng.choice(keywords) if keywords else "SELECT"
    wrong = keyword.split()[0] if " " in keyword else keyword[:-1]
    return query.replace(keyword, wrong, 1), f"Write {keyword} in full."


def _used(query: str, columns: list[str]) -> list[str]:
    return [column for column in columns if _word(column).search(query)]


def _swap(query: str, column: str, replacement: str) -> str:
    return _word(column).sub(lambda _: replacement, query, count=1)


def _word(column: str) -> re.Pattern[str]:
    return re.compile(rf'(?<![\w"\']){re.escape(column)}(?![\w"\'])')
