"""A query that DuckDB refuses, read as one of another database: what it would be in DuckDB's words.

A reading counts only where nothing is lost on the way: the other parser must know all that is written, DuckDB must
have a word for it, and no text, number or name may be missing afterwards. A text in double quotes is read as a text
only beside a column that it is compared with; elsewhere it is a name that is not there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from agent_runtime_tools.table_names import keywords

TARGET = "duckdb"
DIALECTS = ("mysql", "postgres", "sqlite", "tsql", "bigquery", "snowflake", "oracle")
COMPARED = (exp.EQ, exp.NEQ, exp.In, exp.Like, exp.ILike, exp.GT, exp.GTE, exp.LT, exp.LTE)


@dataclass(frozen=True, slots=True)
class Reading:
    """A query in DuckDB's words, and whose words it was taken to be in."""

    dialect: str
    query: str


def readings(text: str) -> Iterator[Reading]:
    """What a refused query could mean, each meaning once, under the first dialect that has it."""
    seen: set[str] = set()
    for dialect in DIALECTS:
        try:
            query = _translated(text, dialect)
        except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError, TypeError):
            continue
        plain = query.replace(" NULLS FIRST", "").replace(
            " NULLS LAST", ""
        )  # where NULLs stand is no other meaning
        if query and query != text and plain not in seen:
            seen.add(plain)
            yield Reading(dialect, query)


def _translated(text: str, dialect: str) -> str:
    parsed = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        return ""
    query = parsed[0].sql(TARGET, unsupported_level=ErrorLevel.RAISE)
    is_whole = _n_values(query, TARGET) >= _n_values(text, dialect) and _columns(parsed[0]) <= _columns(
        sqlglot.parse_one(query, read=TARGET)
    )
    return query if is_whole and all(map(_is_compared, _quoted_texts(text, parsed[0]))) else ""


def _n_values(text: str, dialect: str) -> int:
    """How many texts and numbers are written."""
    tokens = sqlglot.tokenize(text, read=dialect)
    return sum(token.token_type.name in ("STRING", "NUMBER") for token in tokens)


def _columns(tree: exp.Expr) -> set[str]:
    names = {column.name.lower() for column in tree.find_all(exp.Column)}
    return {name for name in names if name not in keywords()}


def _quoted_texts(text: str, tree: exp.Expr) -> list[exp.Literal]:
    """The texts that DuckDB reads as names, because they stand in double quotes."""
    return [one for one in tree.find_all(exp.Literal) if one.is_string and f'"{one.name}"' in text]


def _is_compared(literal: exp.Literal) -> bool:
    around = literal.parent
    return isinstance(around, COMPARED) and isinstance(around.this, exp.Column)
