"""What a trace amounts to: accounts, edges, movements and totals, and the check that the books balance.

What an account received, paid and lost in fees is added up by SQL from the transfers; what it kept is what the pools
held at the end. The two are counted apart, so that `check_books` can fail.
"""

import numpy as np

from agent_runtime.errors import PartError
from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.sql import first_row, only_row
from agent_runtime.jobs.cashflow.tracing import Trace
from agent_runtime.jobs.cashflow.types import AccountFlow, Edge, Movement, Total, format_units, pairs

MOST_ACCOUNTS = 5_000
MOST_EDGES = 5_000
MOST_MOVEMENTS = 5_000
MOST_ROWS = 200  # of one edge or pattern; a report names the rest by their number


def store(ledger: Ledger, trace: Trace) -> None:
    """Put the trace into tables: `held` and `movement` (the ledger's columns, and what was traced), also with names."""
    con = ledger.con
    moved = {"id": _ints(trace.ids), "traced": _ints(trace.traced), "traced_fee": _ints(trace.traced_fees)}
    con.register("moved", moved)
    con.execute(
        "CREATE TABLE movement AS SELECT l.*, m.traced, m.traced_fee FROM moved m JOIN ledger l USING (id) ORDER BY id"
    )
    con.unregister("moved")
    con.execute(
        "CREATE VIEW named_movement AS SELECT m.*, p.name AS payer_name, q.name AS payee_name, c.code FROM movement m"
        " JOIN account p ON p.id = m.payer JOIN account q ON q.id = m.payee JOIN currency c ON c.id = m.currency"
    )
    n = ledger.n_currencies
    keys = _ints(list(trace.pools))
    held = {
        "account": keys // n,
        "currency": keys % n,
        "kept": _ints([pool.traced for pool in trace.pools.values()]),
        "unexplained": _ints([trace.unexplained.get(key, 0) for key in trace.pools]),
        "hops": _ints([trace.hops[key] for key in trace.pools]),
    }
    con.register("held_now", held)
    con.execute("CREATE TABLE held AS SELECT * FROM held_now")
    con.unregister("held_now")


def _ints(values: object) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.asarray(values, np.int64)


def accounts(ledger: Ledger, source: int) -> tuple[AccountFlow, ...]:
    """Every account that the source's money reached, nearest first, then by what arrived; and check the books.

    Leaves table `flow`, and view `named_flow` with the names in it.
    """
    ledger.con.execute(f"""
        CREATE TABLE flow AS
        WITH came AS (
            SELECT payee AS account, currency, sum(traced) AS received, min(booked) AS first, max(booked) AS last
            FROM movement WHERE payee <> {source} AND traced > 0 GROUP BY ALL),
        went AS (
            SELECT payer AS account, currency, sum(traced) AS paid, sum(traced_fee) AS fees, max(booked) AS last
            FROM movement WHERE payer <> {source} GROUP BY ALL)
        SELECT h.*, coalesce(c.received, 0) AS received, coalesce(w.paid, 0) AS paid, coalesce(w.fees, 0) AS fees,
               c.first, greatest(c.last, w.last) AS last
        FROM held h LEFT JOIN came c USING (account, currency) LEFT JOIN went w USING (account, currency)""")
    ledger.con.execute(
        "CREATE VIEW named_flow AS SELECT f.*, n.name, c.code FROM flow f"
        " JOIN account n ON n.id = f.account JOIN currency c ON c.id = f.currency"
    )
    check_books(ledger)
    rows = ledger.con.execute(
        "SELECT name, code, hops, received::BIGINT, paid::BIGINT, fees::BIGINT, kept,"
        f" {ledger.moment_sql('first')}, {ledger.moment_sql('last')}"
        f" FROM named_flow ORDER BY hops, received DESC, account LIMIT {MOST_ACCOUNTS}"
    ).fetchall()
    return tuple(AccountFlow(*row) for row in rows)


def check_books(ledger: Ledger) -> None:
    """See that at every account: received = paid + fees + kept, to the unit.

    Raises:
        PartError: They do not, so nothing of this trace can be relied on.
    """
    wrong = first_row(
        ledger.con,
        "SELECT name, received - paid - fees - kept AS difference FROM named_flow WHERE difference <> 0 LIMIT 1",
    )
    if wrong:
        out_by = format_units(wrong[1], ledger.digits)
        raise PartError(
            f"the books of {wrong[0]!r} are out by {out_by}: an error in the tracing, please report it"
        )


def totals(ledger: Ledger, source: int) -> tuple[Total, ...]:
    """What the source sent in each currency, and what became of it.

    Raises:
        PartError: The parts do not add up to what was sent.
    """
    rows = ledger.con.execute(f"""
        WITH sent AS (SELECT currency, sum(traced) AS sent FROM movement WHERE payer = {source} GROUP BY currency),
             back AS (SELECT currency, sum(traced) AS returned FROM movement WHERE payee = {source} GROUP BY currency),
             rest AS (SELECT currency, sum(kept) AS kept, sum(fees) AS fees FROM flow GROUP BY currency)
        SELECT c.code, sent::BIGINT, coalesce(returned, 0)::BIGINT, coalesce(kept, 0)::BIGINT,
               coalesce(fees, 0)::BIGINT
        FROM sent JOIN currency c ON c.id = currency LEFT JOIN back USING (currency) LEFT JOIN rest USING (currency)
        ORDER BY sent DESC""").fetchall()
    found = tuple(Total(*row) for row in rows)
    for total in found:
        if total.sent != total.returned + total.kept + total.fees:
            raise PartError(
                f"the totals in {total.currency!r} do not add up: an error in the tracing, please report it"
            )
    return found


def edges(ledger: Ledger) -> tuple[Edge, ...]:
    """The traced transfers added up by payer, payee and currency, the largest first."""
    rows = ledger.con.execute(
        f"SELECT payer_name, payee_name, code, count(*), sum(traced)::BIGINT AS total,"
        f" {ledger.moment_sql('min(booked)')}, {ledger.moment_sql('max(booked)')},"
        f" list((file, row) ORDER BY id)[:{MOST_ROWS}] FROM named_movement WHERE traced > 0"
        f" GROUP BY payer, payee, payer_name, payee_name, code ORDER BY total DESC, payer, payee LIMIT {MOST_EDGES}"
    ).fetchall()
    return tuple(
        Edge(payer, payee, code, n, total, first, last, pairs(at))
        for payer, payee, code, n, total, first, last, at in rows
    )


def movements(ledger: Ledger) -> tuple[tuple[Movement, ...], int]:
    """The largest movements in the order of time, and how many there are in all."""
    rows = ledger.con.execute(
        f"SELECT * FROM ({evidence_sql(ledger)} ORDER BY traced DESC, id LIMIT {MOST_MOVEMENTS}) ORDER BY id"
    ).fetchall()
    return tuple(Movement(*row) for row in rows), int(
        only_row(ledger.con, "SELECT count(*) FROM movement")[0]
    )


def evidence_sql(ledger: Ledger) -> str:
    """SQL of all movements with the fields of `Movement`."""
    return (
        f"SELECT id, {ledger.moment_sql('booked')}, payer_name, payee_name, code, units, traced, fee, traced_fee,"
        " file, row, reference FROM named_movement"
    )
