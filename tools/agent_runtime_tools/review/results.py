"""What a query's form says of its result: nothing came back, a count of 0 behind a filter, numbers ordered as texts."""

from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from agent_runtime_tools.review.literals import Ask, Found
from agent_runtime_tools.review.tree import Based, QueryTree
from agent_runtime_tools.table_names import quoted

FILTERS = (exp.Where, exp.Having, exp.Join, exp.Qualify, exp.Filter, exp.Case, exp.If)
COUNTS = (exp.Count, exp.CountIf)
ORDERED = (exp.Max, exp.Min, exp.Ordered, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
DAY = r"^\s*\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b"  # ordered as a text it is ordered by the wrong part
LOOKS = 0.9  # of the cells of a column


def emptiness(query: QueryTree | None, n_rows: int, is_null: bool, zeros: Sequence[int]) -> Iterator[Found]:
    """Nothing came back, or nothing but NULL; `zeros` are the columns of a single row that hold 0."""
    if not n_rows:
        yield "empty", "no rows came back, which settles nothing by itself", False
    elif is_null:
        yield "empty", "nothing but NULL came back: no value passes", False
    elif query is not None and query.tree.find(*FILTERS) and any(_is_count(query, place) for place in zeros):
        yield "empty", "the count is 0: no row passes the conditions", False


def _is_count(query: QueryTree, place: int) -> bool:
    """Whether a column of the result is a count, here or in the query that it is taken from."""
    return any(
        place < len(scope.expression.selects) and bool(scope.expression.selects[place].find(*COUNTS))
        for scope in query.scopes
        if isinstance(scope.expression, exp.Select)
    )


def text_order(query: QueryTree, ask: Ask) -> Iterator[Found]:
    """Texts that look like numbers or days, ordered or compared as texts."""
    seen: set[tuple[str, str]] = set()
    for scope in query.scopes:
        for subject in _ordered(query, scope):
            if (subject.table, subject.column) not in seen and subject.kind == "VARCHAR":
                seen.add((subject.table, subject.column))
                yield from _misordered(subject, ask)


def _ordered(query: QueryTree, scope: Scope) -> Iterator[Based]:
    for node in scope.find_all(*ORDERED):
        subject = query.based(node.this, scope)
        if subject is not None and subject.is_plain:
            yield subject


def _misordered(subject: Based, ask: Ask) -> Iterator[Found]:
    table, column = quoted(subject.table), quoted(subject.column)
    number = rf"TRY_CAST(regexp_replace({column}, '[\s,$€£%]', '', 'g') AS DOUBLE)"
    ((n_cells, n_numbers, n_days, last, largest, first, smallest),) = ask(
        f"SELECT count({column}), count({number}), count(*) FILTER (regexp_matches({column}, '{DAY}')), "
        f"max({column}), arg_max({column}, {number}), min({column}), arg_min({column}, {number}) FROM {table}"
    )
    if n_cells and n_numbers >= LOOKS * n_cells and (last != largest or first != smallest):
        yield (
            "text order",
            f"{subject.column} is text that looks like numbers: {last!r} is the last as text, {largest!r} as a number",
            False,
        )
    elif n_cells and n_days >= LOOKS * n_cells:
        yield (
            "text order",
            f"{subject.column} is text that looks like dates: its order is not that of the days",
            False,
        )
