"""Equal answers: the laws of an equivalence relation, and the forms people write."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.equivalence import equal, normalise

WRITTEN = st.text(alphabet="0123456789.,-+$%/e ()[]{}>;aB\"'*→\u2212", max_size=25) | st.text(max_size=25)


@given(WRITTEN)
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)

    assert normalise(once) == once


@given(WRITTEN)
def test_every_answer_equals_itself(text):
    assert equal(text, text)


@given(WRITTEN, WRITTEN)
def test_equality_goes_both_ways(left, right):
    assert equal(left, right) == equal(right, left)


@given(st.lists(WRITTEN, min_size=3, max_size=3))
def test_equality_is_transitive(texts):
    first, second, third = texts

    if equal(first, second) and equal(second, third):
        assert equal(first, third)


@given(st.integers(-(10**15), 10**15))
def test_a_whole_number_equals_itself_however_it_is_written(n):
    forms = [str(n), f"{n:,}", f"{n}.00", f" {n} ", f"{n}.", f"**{n}**", f"{n}e0"]

    assert {normalise(form) for form in forms} == {str(n)}


@given(st.fractions(max_denominator=10**6))
def test_fractions_are_compared_in_lowest_terms(value):
    assert equal(f"{value.numerator * 6}/{value.denominator * 6}", str(value))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_decimal_equals_the_fraction_of_the_same_value(value):
    assert normalise(f"{value:f}") == str(Fraction(f"{value:f}"))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1,200", "1200.00"),
        ("1200", "$1200"),
        ("$1,200.00", "1.2e3"),
        ("-$5", "$-5"),
        ("1200 €", "1200"),
        ("50%", "50.0 %"),
        ("50 percent", "50%"),
        ("0.5", "1/2"),
        ("\u22123", "-3"),
        ("(A)", "a"),
        ("Acme  Ltd.", "acme ltd"),
        ('"Acme"', "Acme"),
        ("A -> B -> C", "a→b→ C"),
        ("A -> 1,200", "A -> 1200.0"),
        ("[2, 3]", "2, 3"),
        ("{3, 2}", "{2, 3.0}"),
        ("\\boxed{42}", "42"),
        ("42.", "42"),
    ],
)
def test_these_are_the_same_answer(left, right):
    assert equal(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("50%", "0.5"),
        ("50%", "50"),
        ("1", "1.0001"),
        ("A -> B", "B -> A"),
        ("[2, 3]", "[3, 2]"),
        ("1,200", "1, 200"),
        ("1/0", "0"),
        ("", "0"),
        ("x + 1", "x"),
    ],
)
def test_these_are_different_answers(left, right):
    assert not equal(left, right)
