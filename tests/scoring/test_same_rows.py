"""Two results are the same result: rows as multisets, numbers up to rounding."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.scoring.same_rows import same_rows
from agent_runtime.types import Cell, ResultTable

PAIRS = st.lists(st.tuples(st.text(max_size=3), st.integers(-99, 99)), max_size=6)


def table(*rows: tuple[Cell, ...], columns: Any = None, n_rows: int | None = None) -> ResultTable:
    width = len(rows[0]) if rows else 1
    columns = columns or tuple(
        (f"c{at}", "DOUBLE" if rows and isinstance(rows[0][at], float) else "VARCHAR") for at in range(width)
    )
    return ResultTable(tuple(columns), tuple(rows), len(rows) if n_rows is None else n_rows)


@given(PAIRS, st.randoms())
def test_the_order_of_rows_does_not_count(rows, random):
    assert same_rows(table(*rows), table(*random.sample(rows, len(rows))))


@given(PAIRS.filter(bool), st.randoms())
def test_the_order_of_columns_does_not_count_where_values_tell_them_apart(rows, random):
    turned = [(number, text) for text, number in rows]

    assert same_rows(
        table(*rows, columns=[("a", "VARCHAR"), ("b", "INTEGER")]),
        table(*turned, columns=[("n", "INTEGER"), ("t", "VARCHAR")]),
    )


@given(PAIRS, PAIRS)
def test_it_goes_both_ways(left, right):
    assert same_rows(table(*left), table(*right)) == same_rows(table(*right), table(*left))


def test_a_row_counts_as_often_as_it_is_there():
    assert not same_rows(table(("a",), ("a",), ("b",)), table(("a",), ("b",), ("b",)))


def test_columns_of_the_same_names_are_matched_by_name():
    sent, received = ("sent", "INTEGER"), ("received", "INTEGER")

    assert same_rows(table((1, 5), columns=[sent, received]), table((5, 1), columns=[received, sent]))
    assert not same_rows(table((1, 5), columns=[sent, received]), table((5, 1), columns=[sent, received]))


def test_cells_belong_to_their_row():
    assert not same_rows(table(("a", 1), ("b", 2)), table(("a", 2), ("b", 1)))


@pytest.mark.parametrize(
    ("left", "right"), [(0.1 + 0.2, 0.3), (1 / 3, 0.333333), (2.0, 2), (1e20, 1e20 + 1e9)]
)
def test_numbers_are_equal_up_to_rounding(left, right):
    assert same_rows(table((left,)), table((right,)))


@pytest.mark.parametrize(
    ("left", "right"), [(1 / 3, 0.3333), (1, 2), (True, 1), (None, 0), ("", None), ("1", 1), (1.0, 1.0001)]
)
def test_these_cells_differ(left, right):
    assert not same_rows(table((left,)), table((right,)))


def test_a_decimal_is_the_number_that_its_text_says():
    assert same_rows(
        table(("2.50",), columns=[("d", "DECIMAL(10,2)")]), table((2.5,), columns=[("f", "DOUBLE")])
    )
    assert not same_rows(
        table(("2.50",), columns=[("d", "VARCHAR")]), table((2.5,), columns=[("f", "DOUBLE")])
    )


def test_a_table_that_was_cut_is_the_same_as_no_other():
    assert not same_rows(table((1,), n_rows=5), table((1,)))


def test_columns_that_look_alike_are_tried_in_every_order():
    one = table((0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))
    other = table((1, 0, 1), (1, 1, 0), (0, 1, 1), (1, 1, 1), columns=[("x", "I"), ("y", "I"), ("z", "I")])

    assert same_rows(one, other)
