"""The pass over the ledger: worked examples and the laws that hold for any ledger."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.jobs.cashflow.tracing import Row, Trace, trace
from agent_runtime.jobs.cashflow.types import METHODS, Method

S, A, B, C = 0, 1, 2, 3


def run(rows: list[tuple[int, int, int]], method: Method = "fifo", first_id: int = 0) -> Trace:
    return trace([(i, *row, 0) for i, row in enumerate(rows)], {S}, method, first_id)


def moved(found: Trace) -> dict[int, int]:
    return dict(zip(found.ids, found.traced, strict=True))


def test_money_is_followed_over_two_hops():
    found = run([(S, A, 100), (A, B, 60)])

    assert moved(found) == {0: 100, 1: 60}
    assert found.pools[A].traced == 40
    assert found.pools[B].traced == 60
    assert found.hops == {S: 0, A: 1, B: 2}


def test_money_cannot_leave_before_it_arrives():
    found = run([(A, B, 60), (S, A, 100)])

    assert moved(found) == {1: 100}
    assert B not in found.pools


@pytest.mark.parametrize(("method", "onward"), [("fifo", 50), ("pro-rata", 75), ("libr", 50)])
def test_the_rules_divide_a_mixed_account(method: Method, onward: int):
    # A holds 100 of C's money, then 100 of the source's, and pays 150 to B.
    # FIFO: 100 of C's, then 50. Pro-rata: half of 150. LIBR: C's 100 first, then 50.
    rows = [(C, A, 100), (S, A, 100), (A, B, 150)]

    assert moved(run(rows, method))[2] == onward


def test_fifo_and_libr_differ_when_the_others_money_came_last():
    rows = [(S, A, 100), (C, A, 100), (A, B, 120)]

    assert moved(run(rows, "fifo"))[2] == 100  # the source's 100 are older
    assert moved(run(rows, "libr"))[2] == 20  # C's 100 go first


def test_money_that_comes_back_ends_at_the_source_and_is_sent_anew():
    found = run([(S, A, 100), (A, S, 80), (S, B, 30)])

    assert moved(found) == {0: 100, 1: 80, 2: 30}
    assert S not in found.pools
    assert found.pools[A].traced == 20


def test_what_an_account_had_before_counts_when_the_source_pays_in():
    found = run([(C, A, 50), (A, B, 20), (S, A, 100), (A, B, 40)])

    assert moved(found) == {2: 100, 3: 10}  # 30 of C's are left and go first


def test_a_fee_leaves_with_the_payment_and_reaches_nobody():
    rows: list[Row] = [(0, S, A, 100, 0), (1, A, B, 60, 5)]

    found = trace(rows, {S}, "fifo")

    assert list(found.traced_fees) == [0, 5]
    assert found.pools[A].traced == 35
    assert found.pools[B].traced == 60


def test_transfers_before_the_window_only_fill_the_accounts():
    found = run([(S, A, 100), (S, A, 70), (A, B, 120)], first_id=1)

    assert moved(found) == {1: 70, 2: 20}  # the 100 of before go first


def test_payments_beyond_the_recorded_balance_are_noted():
    found = run([(S, A, 100), (A, B, 130)])

    assert found.unexplained == {A: 30}
    assert moved(found)[1] == 100


ledgers = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 5_000), st.integers(0, 50)).filter(
        lambda t: t[0] != t[1]
    ),
    max_size=60,
)


@given(transfers=ledgers, method=st.sampled_from(METHODS))
def test_the_books_of_every_account_balance(transfers: list[tuple[int, int, int, int]], method: Method):
    rows: list[Row] = [(i, *transfer) for i, transfer in enumerate(transfers)]

    found = trace(rows, {S}, method)

    balance: Counter[int] = Counter()
    for id, traced, fee in zip(found.ids, found.traced, found.traced_fees, strict=True):
        _, payer, payee, units, charged = rows[id]
        assert 0 <= traced <= units
        assert 0 <= fee <= charged
        balance[payer] -= traced + fee
        balance[payee] += traced
    assert {account: pool.traced for account, pool in found.pools.items() if pool.traced} == {
        account: kept for account, kept in balance.items() if kept and account != S
    }
    sent = sum(units for _, payer, _, units, _ in rows if payer == S)
    returned = sum(t for id, t in zip(found.ids, found.traced, strict=True) if rows[id][2] == S)
    assert sent == returned + sum(pool.traced for pool in found.pools.values()) + sum(found.traced_fees)


@given(transfers=ledgers, method=st.sampled_from(METHODS), cut=st.integers(0, 60))
def test_what_happens_later_changes_nothing_before(
    transfers: list[tuple[int, int, int, int]], method: Method, cut: int
):
    rows: list[Row] = [(i, *transfer) for i, transfer in enumerate(transfers)]

    whole, part = moved(trace(rows, {S}, method)), moved(trace(rows[:cut], {S}, method))

    assert part == {id: units for id, units in whole.items() if id < cut}


@given(transfers=ledgers, method=st.sampled_from(METHODS))
def test_money_moves_only_where_a_path_in_time_leads(
    transfers: list[tuple[int, int, int, int]], method: Method
):
    rows: list[Row] = [(i, *transfer) for i, transfer in enumerate(transfers)]
    reached = {S}
    allowed = set()
    for id, payer, payee, _, _ in rows:
        if payer in reached:
            allowed.add(id)
            reached.add(payee)

    assert set(trace(rows, {S}, method).ids) <= allowed
