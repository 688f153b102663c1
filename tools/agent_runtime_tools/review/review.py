"""All that is noticed about a query and its result, each part by itself: one that fails takes no other with it."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from agent_runtime.types import UNREAD
from agent_runtime_tools.review.literals import Ask, Found, literal_remarks
from agent_runtime_tools.review.results import emptiness, text_order
from agent_runtime_tools.review.shape import shape
from agent_runtime_tools.review.tree import QueryTree, Tables

MAX_REMARKS = 8


def read(text: str, tables: Tables) -> QueryTree | None:
    """The query as a tree, None where it cannot be read."""
    with contextlib.suppress(Exception):  # a parser's failure is no failure of the check
        return QueryTree(text, tables)
    return None


def shape_of(query: QueryTree | None) -> tuple[str, ...]:
    """How the query derives its result; queries that cannot be read all look alike."""
    if query is not None:
        with contextlib.suppress(Exception):
            return shape(query)
    return UNREAD


def remarks_on(
    query: QueryTree | None, ask: Ask, n_rows: int, is_null: bool, zeros: Sequence[int]
) -> list[Found]:
    """What speaks against a query and its result, as kind, text and whether it refutes."""
    parts: list[Callable[[], Iterator[Found]]] = [lambda: emptiness(query, n_rows, is_null, zeros)]
    if query is not None:
        parts += [lambda: literal_remarks(query, ask), lambda: text_order(query, ask)]
    found = list(chain.from_iterable(_survived(part) for part in parts))
    return list(dict.fromkeys(sorted(found, key=lambda one: not one[2])))[:MAX_REMARKS]


def _survived(part: Callable[[], Iterator[Found]]) -> Iterator[Found]:
    with contextlib.suppress(Exception):  # what cannot be reviewed is left alone
        yield from part()
