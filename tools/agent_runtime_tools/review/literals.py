"""Do the texts that a query compares with a column occur there, and do cells that differ only in writing escape it?

The database itself evaluates each predicate against the table that the column comes from. Near values are first those
that are equal up to case, spaces and accents, then the most similar ones (Winkler 1990, by DuckDB). A text that stands
as it is in another column is a doubt and no more.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from agent_runtime_tools.review.comparisons import Comparison, comparisons
from agent_runtime_tools.review.tree import QueryTree
from agent_runtime_tools.table_names import quoted

Ask = Callable[[str], list[tuple[Any, ...]]]
Found = tuple[str, str, bool]  # kind of remark, its text, whether it refutes

TEXTS = ("VARCHAR", "ENUM")
DAYS = ("DATE", "TIMESTAMP")
MAX_NEAR = 3
MAX_WORD = 80  # characters of a value in a message
MIN_SIMILARITY = 0.8
MAX_COLUMNS = 60  # that are searched for a text that its own column does not hold
FEW = 6  # values of a column that are shown where none is similar
SEARCHED_ROWS = 1_000_000


def literal_remarks(query: QueryTree, ask: Ask) -> Iterator[Found]:
    """What the comparisons of a query with texts miss."""
    found = list(dict.fromkeys((one.predicate, one.is_negative) for one in comparisons(query)))
    by_predicate = {(one.predicate, one.is_negative): one for one in comparisons(query)}
    asked: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in by_predicate.values():
        asked[one.subject.table, one.subject.column].append(one.predicate)
    for key in found:
        one = by_predicate[key]
        if one.subject.kind.startswith(TEXTS):
            yield from _text(one, asked[one.subject.table, one.subject.column], query.text_columns(), ask)
        elif one.subject.kind.startswith(DAYS) and not one.is_pattern and not one.is_negative:
            yield from _day(one, ask)


def _text(
    one: Comparison, predicates: Sequence[str], columns: Sequence[tuple[str, str]], ask: Ask
) -> Iterator[Found]:
    table, subject = quoted(one.subject.table), one.subject.sql
    ((n_rows,),) = ask(f"SELECT count({subject}) FROM {table}")
    if not n_rows:
        return
    ((written,),) = ask(f"SELECT CAST({one.constant} AS VARCHAR)")
    if written is None:
        return
    holds = bool(ask(f"SELECT 1 FROM {table} WHERE {one.predicate} LIMIT 1"))
    missed = _variants(one, written, () if not holds else predicates, ask) if n_rows <= SEARCHED_ROWS else []
    if holds:
        if missed:
            yield "variants", f"{one.subject.name} also holds {_differing(missed, written, one)}", False
    elif missed:
        yield "literal", _absent(one, written, missed), not one.is_choice
    elif not one.is_negative and (place := _elsewhere(one, columns, ask)):
        yield "literal", f"{_absent(one, written, ())}; it stands in {place}", False
    elif not one.is_negative:
        near = _similar(one, written, ask) if n_rows <= SEARCHED_ROWS else []
        yield "literal", _absent(one, written, near), not one.is_choice


def _elsewhere(one: Comparison, columns: Sequence[tuple[str, str]], ask: Ask) -> str:
    """Another column that holds the text exactly: who is never paid may well pay, which refutes nothing."""
    if one.is_pattern:
        return ""
    for table, column in sorted(columns, key=lambda place: place[0] != one.subject.table)[:MAX_COLUMNS]:
        ((n_rows,),) = ask(f"SELECT count(*) FROM {quoted(table)} WHERE {quoted(column)} = {one.constant}")
        if n_rows and (table, column) != (one.subject.table, one.subject.column):
            return f"{column if table == one.subject.table else f'{table}.{column}'} ({_rows(n_rows)})"
    return ""


def _variants(one: Comparison, written: str, predicates: Sequence[str], ask: Ask) -> list[tuple[str, int]]:
    """Values that are the text up to case, spaces and accents, and that no predicate of the query asks for."""
    subject = one.subject.sql
    if one.is_pattern:
        core = _core(written)
        if not core or one.operator not in ("LIKE", "ILIKE", "GLOB", "STARTSWITH", "ENDSWITH"):
            return []
        is_like = f"regexp_matches({_folded(subject)}, {_bounded(core)})"
    else:
        is_like = f"{_squeezed(subject)} = {_squeezed(one.constant)} AND {_squeezed(one.constant)} <> ''"
    unasked = [f"NOT coalesce({predicate}, false)" for predicate in (*predicates, one.predicate)]
    return _counted(one, " AND ".join([is_like, *unasked]), "2 DESC, 1", ask)


def _similar(one: Comparison, written: str, ask: Ask) -> list[tuple[str, int]]:
    """The values most like the text; all of them where there are few."""
    if one.operator in ("LIKE", "ILIKE"):
        alike = f"{_folded(one.subject.sql)} LIKE {_folded(one.constant)}"
        if near := _counted(one, alike, "2 DESC, 1", ask):
            return near
    core = "'" + (_core(written) if one.is_pattern else written).replace("'", "''") + "'"
    closeness = f"jaro_winkler_similarity({_squeezed(one.subject.sql)}, {_squeezed(core)})"
    near = _counted(one, f"{closeness} >= {MIN_SIMILARITY}", f"max({closeness}) DESC, 2 DESC, 1", ask)
    if near:
        return near
    table = quoted(one.subject.table)
    ((n_values,),) = ask(f"SELECT count(DISTINCT {one.subject.sql}) FROM {table}")
    return _counted(one, "true", "2 DESC, 1", ask, FEW) if n_values <= FEW else []


def _counted(
    one: Comparison, condition: str, order: str, ask: Ask, limit: int = MAX_NEAR
) -> list[tuple[str, int]]:
    subject, table = one.subject.sql, quoted(one.subject.table)
    return [
        (str(value), n_rows)
        for value, n_rows in ask(
            f"SELECT {subject}, count(*) FROM {table} WHERE {subject} IS NOT NULL AND {condition} "
            f"GROUP BY 1 ORDER BY {order} LIMIT {limit}"
        )
    ]


def _day(one: Comparison, ask: Ask) -> Iterator[Found]:
    """A day outside a column's days, or a day compared with points in time."""
    table, subject = quoted(one.subject.table), one.subject
    if ask(f"SELECT 1 FROM {table} WHERE {one.predicate} LIMIT 1"):
        return
    column = quoted(subject.column)
    ((first, last),) = ask(
        f"SELECT CAST(min({column}) AS VARCHAR), CAST(max({column}) AS VARCHAR) FROM {table}"
    )
    ((written, day),) = ask(f"SELECT CAST({one.constant} AS VARCHAR), TRY_CAST({one.constant} AS DATE)")
    if first is None or written is None:
        return
    runs = f"the column runs from {first} to {last}"
    if day is None:
        yield "literal", f"no {_shown(written)} in {subject.name}; {runs}", False
        return
    on_day = f"CAST({column} AS DATE) = DATE '{day}'"
    ((n_rows,),) = ask(f"SELECT count(*) FROM {table} WHERE {on_day}")
    if n_rows and subject.kind != "DATE":
        yield (
            "literal",
            f"no {subject.name} at {written}, but {_rows(n_rows)} on that day: compare the day",
            True,
        )
    elif ask(f"SELECT 1 FROM {table} HAVING NOT DATE '{day}' BETWEEN min({column}) AND max({column})"):
        yield "literal", f"no {subject.name} on {written}: {runs}", False


# --- how texts are compared


def _folded(sql: str) -> str:
    return f"lower(strip_accents(CAST({sql} AS VARCHAR)))"


def _squeezed(sql: str) -> str:
    return rf"regexp_replace({_folded(sql)}, '\s+', '', 'g')"


def _core(pattern: str) -> str:
    """What a pattern asks for, without its wildcards."""
    return pattern.strip("%_*?^$ ")


def _bounded(core: str) -> str:
    """A pattern for a text as whole words, blanks of any length."""
    words = [_escaped(word) for word in _bare(core).split()]
    return "'" + (r"(^|\W)" + r"\s+".join(words) + r"(\W|$)").replace("'", "''") + "'"


def _escaped(word: str) -> str:
    return "".join(one if one.isalnum() else f"\\{one}" if one.isascii() else one for one in word)


def _bare(text: str) -> str:
    """Without case and accents."""
    return "".join(
        one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)
    ).lower()


# --- how it is said


def _absent(one: Comparison, written: str, near: Sequence[tuple[str, int]]) -> str:
    shown = f"{one.operator} {_shown(written)}" if one.is_pattern else _shown(written)
    said = f"no {shown} in {one.subject.name}"
    return f"{said}; near: {', '.join(map(_with_rows, near))}" if near else said


def _differing(missed: Sequence[tuple[str, int]], written: str, one: Comparison) -> str:
    shown = ", ".join(map(_with_rows, missed))
    differs = "differs" if len(missed) == 1 else "differ"
    return (
        f"{shown}, which {differs} from {_shown(written)} only in {_difference(missed[0][0], written, one)}"
    )


def _difference(value: str, written: str, one: Comparison) -> str:
    if one.is_pattern:
        return "writing"
    if value.casefold() == written.casefold():
        return "case"
    if "".join(value.split()) == "".join(written.split()):
        return "spaces"
    return "accents" if _bare(value) == _bare(written) and value.lower() != written.lower() else "writing"


def _with_rows(value: tuple[str, int]) -> str:
    return f"{_shown(value[0])} ({_rows(value[1])})"


def _rows(n_rows: int) -> str:
    return f"{n_rows} row{'' if n_rows == 1 else 's'}"


def _shown(text: str) -> str:
    text = text if len(text) <= MAX_WORD else text[: MAX_WORD - 1] + "…"
    return "'" + text.replace("'", "''") + "'"
