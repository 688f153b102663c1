"""Worked examples of the three rules, with the figures computed by hand in the comments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.jobs.cashflow.pools import POOLS, FirstInFirstOut, LowestBalance, ProRata
from agent_runtime.jobs.cashflow.types import METHODS, Method


def test_fifo_pays_the_older_money_first():
    pool = FirstInFirstOut()
    pool.receive(100, 0)
    pool.receive(300, 300)

    # 250 out: the 100 of others came first, so 150 of it are the source's
    assert pool.pay(250) == 150
    assert (pool.balance, pool.traced) == (150, 150)


def test_fifo_follows_claytons_case_through_alternating_deposits():
    pool = FirstInFirstOut()
    pool.receive(500, 500)
    pool.receive(200, 0)
    pool.receive(100, 100)

    # lots 500 traced, 200 other, 100 traced: 600 takes the 500 and 100 of the other's; 150 takes 100 other, 50 traced
    assert pool.pay(600) == 500
    assert pool.pay(150) == 50
    assert (pool.balance, pool.traced) == (50, 50)


def test_pro_rata_pays_in_the_proportion_held():
    pool = ProRata()
    pool.receive(300, 300)
    pool.receive(100, 0)

    # three quarters are the source's: 200 out carry 150, and of the 200 left 150 are
    assert pool.pay(200) == 150
    assert (pool.balance, pool.traced) == (200, 150)


def test_pro_rata_follows_the_rolling_charge_when_new_money_dilutes():
    pool = ProRata()
    pool.receive(1_000, 1_000)
    pool.receive(1_000, 0)
    first = pool.pay(500)  # half of it: 250
    pool.receive(1_500, 0)  # 750 of 3,000 are left: a quarter

    assert first == 250
    assert pool.pay(1_200) == 300


def test_pro_rata_rounds_half_a_cent_up():
    pool = ProRata()
    pool.receive(2, 1)

    assert pool.pay(1) == 1
    assert (pool.balance, pool.traced) == (1, 0)


def test_libr_spends_the_holders_own_money_first():
    pool = LowestBalance()
    pool.receive(1_000, 1_000)
    pool.receive(400, 0)

    # 300 out of the holder's own 400; then 250 out, of which 100 are own and 150 the source's
    assert pool.pay(300) == 0
    assert pool.pay(250) == 150
    assert pool.traced == 850


def test_libr_does_not_refill_from_later_deposits():
    # Roscoe v Winder [1915] 1 Ch 62: 455l 18s 11d of the claimant's; the balance fell to 25l 18s, later 358l 5s 5d
    pool = LowestBalance()
    pool.receive(45_595, 45_595)
    pool.pay(45_595 - 2_590)
    pool.receive(33_237, 0)

    assert pool.balance == 35_827
    assert pool.traced == 2_590  # the lowest balance since, and no more


@pytest.mark.parametrize("method", METHODS)
def test_what_a_payment_needs_beyond_the_balance_is_not_the_sources(method: Method):
    pool = POOLS[method]()
    pool.receive(100, 100)

    assert pool.pay(250) == 100
    assert (pool.balance, pool.traced) == (0, 0)


moves = st.lists(
    st.one_of(
        st.tuples(st.just("in"), st.integers(0, 10_000), st.floats(0, 1)),
        st.tuples(st.just("out"), st.integers(0, 10_000), st.just(0.0)),
    ),
    max_size=40,
)


@given(moves=moves, method=st.sampled_from(METHODS))
def test_traced_money_is_neither_made_nor_lost(moves: list[tuple[str, int, float]], method: Method):
    pool, arrived, left = POOLS[method](), 0, 0

    for kind, units, share in moves:
        if kind == "in":
            traced = int(units * share)
            pool.receive(units, traced)
            arrived += traced
        else:
            out = pool.pay(units)
            assert 0 <= out <= units
            left += out
        assert 0 <= pool.traced <= pool.balance

    assert arrived == left + pool.traced
