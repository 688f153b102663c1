"""What a trace amounts to: accounts, edges, movements and totals, and the check that the books balance.

What an account received, paid and lost in fees is added up by SQL from the transfers; what it kept is what the pools
held at the end. The two are counted apart, so that `check_books` can fail.

A long trace is listed in part, but every count and every sum is of the whole, and what was asked about (the target
and the ways to it) is listed whatever else is not.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from agent_runtime.errors import PartError
from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.sql import first_row, only_row
from agent_runtime.jobs.cashflow.tracing import Trace
from agent_runtime.jobs.cashflow.types import AccountFlow, Edge, Movement, Rows, Total, format_units, rows_of

MOST_ACCOUNTS = 5_000  # besides the target and the accounts of the edges listed
MOST_EDGES = 5_000  # besides the ways to the target
MOST_MOVEMENTS = 5_000
MOST_DETAILED = 200  # accounts, the target apart, with the rows of their figures: those in a report's table
MOST_ROWS = 200  # of one amount; a report names the rest by their number


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


def first_rows(test: str = "") -> str:
    """SQL of the first rows of a group, in the order in which money moved; NULL where it has none."""
    only = f" FILTER (WHERE {test})" if test else ""
    return f"arg_min((file, row), id, {MOST_ROWS}){only}"


def add_up(ledger: Ledger, source: int) -> None:
    """Add the movements up by account and by edge, and check the books.

    Leaves tables `edge` and `flow`, and view `named_flow` with the names in it.
    """
    ledger.con.execute(
        "CREATE TABLE edge AS SELECT payer, payee, currency, count(*) AS n, sum(traced)::BIGINT AS traced,"
        " min(booked) AS first, max(booked) AS last FROM movement WHERE traced > 0 GROUP BY payer, payee, currency"
    )
    ledger.con.execute(f"""
        CREATE TABLE flow AS
        WITH came AS (
            SELECT payee AS account, currency, sum(traced) AS received, sum(n) AS n_in, min(first) AS first,
                   max(last) AS last FROM edge WHERE payee <> {source} GROUP BY ALL),
        went AS (
            SELECT payer AS account, currency, sum(traced) AS paid, sum(traced_fee) AS fees, max(booked) AS last,
                   count(*) AS n_moved, count(*) FILTER (traced > 0) AS n_out,
                   count(*) FILTER (traced_fee > 0) AS n_fees
            FROM movement WHERE payer <> {source} GROUP BY ALL),
        met AS (SELECT payer AS account, currency, count(*) AS n_payees FROM edge GROUP BY ALL)
        SELECT h.*, coalesce(c.received, 0) AS received, coalesce(w.paid, 0) AS paid, coalesce(w.fees, 0) AS fees,
               c.first, greatest(c.last, w.last) AS last, coalesce(m.n_payees, 0) AS n_payees,
               coalesce(c.n_in, 0)::BIGINT AS n_in, coalesce(w.n_out, 0) AS n_out, coalesce(w.n_fees, 0) AS n_fees,
               (coalesce(c.n_in, 0) + coalesce(w.n_moved, 0))::BIGINT AS n_all
        FROM held h LEFT JOIN came c USING (account, currency) LEFT JOIN went w USING (account, currency)
        LEFT JOIN met m USING (account, currency)""")
    ledger.con.execute(
        "CREATE VIEW named_flow AS SELECT f.*, n.name, c.code FROM flow f"
        " JOIN account n ON n.id = f.account JOIN currency c ON c.id = f.currency"
    )
    check_books(ledger)


def accounts(ledger: Ledger, target: int | None) -> tuple[AccountFlow, ...]:
    """The accounts that the source's money reached, nearest first, then by what arrived.

    The target and the accounts of the listed edges (`edges` goes first) are among them in any case.
    """
    ledger.con.execute(f"""
        CREATE TABLE listed_account AS
        SELECT *, row_number() OVER (ORDER BY hops, received DESC, account) AS place FROM flow
        QUALIFY place <= {MOST_ACCOUNTS} OR account = {_id(target)} OR (account, currency) IN (
            SELECT (payer, currency) FROM listed_edge UNION ALL SELECT (payee, currency) FROM listed_edge)""")
    _detail(ledger, target)
    rows = ledger.con.execute(f"""
        SELECT n.name, c.code, hops, received::BIGINT, paid::BIGINT, fees::BIGINT, kept,
               {ledger.moment_sql("first")}, {ledger.moment_sql("last")}, n_payees,
               n_in, rows_in, n_out, rows_out, n_fees, fee_rows, n_all, all_rows
        FROM listed_account l LEFT JOIN detail d USING (account, currency)
        JOIN account n ON n.id = l.account JOIN currency c ON c.id = l.currency ORDER BY place""").fetchall()
    return tuple(AccountFlow(*row[:10], *_rows_of_each(row[10:])) for row in rows)


def _id(account: int | None) -> int:
    return -1 if account is None else account


def _detail(ledger: Ledger, target: int | None) -> None:
    """Leave table `detail`: the first rows of each figure of the accounts that a report lists."""
    ledger.con.execute(f"""
        CREATE TABLE detail AS
        WITH wanted AS (
            SELECT account, currency FROM listed_account WHERE place <= {MOST_DETAILED} OR account = {_id(target)}),
        side AS (
            SELECT w.account, w.currency, id, file, row, TRUE AS came, traced, 0 AS traced_fee
            FROM movement m JOIN wanted w ON w.account = m.payee AND w.currency = m.currency WHERE traced > 0
            UNION ALL
            SELECT w.account, w.currency, id, file, row, FALSE, traced, traced_fee
            FROM movement m JOIN wanted w ON w.account = m.payer AND w.currency = m.currency)
        SELECT account, currency, {first_rows("came")} AS rows_in, {first_rows("NOT came AND traced > 0")} AS rows_out,
               {first_rows("traced_fee > 0")} AS fee_rows, {first_rows()} AS all_rows FROM side GROUP BY ALL""")


def _rows_of_each(found: tuple[Any, ...]) -> Iterator[Rows]:
    """Counts and first rows by turns."""
    return (rows_of(n, first) for n, first in zip(found[::2], found[1::2], strict=True))


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
    sent, back, fee = f"payer = {source}", f"payee = {source}", "traced_fee > 0"
    rows = ledger.con.execute(f"""
        WITH moved AS (
            SELECT currency, sum(traced) FILTER ({sent}) AS sent, sum(traced) FILTER ({back}) AS returned,
                   count(*) FILTER ({sent}) AS n_sent, {first_rows(sent)} AS sent_rows,
                   count(*) FILTER ({back}) AS n_returned, {first_rows(back)} AS returned_rows,
                   count(*) FILTER ({fee}) AS n_fees, {first_rows(fee)} AS fee_rows,
                   count(*) AS n_all, {first_rows()} AS all_rows
            FROM movement WHERE traced > 0 OR traced_fee > 0 GROUP BY currency),
        rest AS (
            SELECT currency, sum(kept) AS kept, sum(fees) AS fees, count(*) AS n_accounts,
                   count(*) FILTER (kept > 0) AS n_keeping FROM flow GROUP BY currency),
        ways AS (
            SELECT currency, count(*) AS n_edges, count(*) FILTER ({sent}) AS n_payees FROM edge GROUP BY currency)
        SELECT c.code, sent::BIGINT, coalesce(returned, 0)::BIGINT, coalesce(kept, 0)::BIGINT,
               coalesce(fees, 0)::BIGINT, coalesce(n_payees, 0), coalesce(n_accounts, 0), coalesce(n_keeping, 0),
               coalesce(n_edges, 0), n_sent, sent_rows, n_returned, returned_rows, n_fees, fee_rows, n_all, all_rows
        FROM moved JOIN currency c ON c.id = currency LEFT JOIN rest USING (currency) LEFT JOIN ways USING (currency)
        WHERE sent > 0 ORDER BY sent DESC""").fetchall()
    found = tuple(Total(*row[:9], *_rows_of_each(row[9:])) for row in rows)
    for total in found:
        if total.sent != total.returned + total.kept + total.fees:
            raise PartError(
                f"the totals in {total.currency!r} do not add up: an error in the tracing, please report it"
            )
    return found


def edges(ledger: Ledger, source: int) -> tuple[Edge, ...]:
    """The traced transfers added up by payer, payee and currency, the largest first.

    As many of every currency, where they are too many to list all; the ways to the target (`find_chains` goes first)
    and the widest out of the source are among them in any case. Leaves `listed_edge`.
    """
    rank = "row_number() OVER (PARTITION BY currency, payer = {} ORDER BY traced DESC, payer, payee)"
    ledger.con.execute(f"""
        CREATE TABLE listed_edge AS
        SELECT * FROM edge SEMI JOIN way USING (payer, payee, currency)
        UNION SELECT * FROM (FROM edge ORDER BY {rank.format(source)}, traced DESC, payer, payee LIMIT {MOST_EDGES})""")
    rows = ledger.con.execute(f"""
        SELECT p.name, q.name, c.code, e.n, e.traced, {ledger.moment_sql("e.first")},
               {ledger.moment_sql("e.last")}, shown
        FROM listed_edge e JOIN (
            SELECT payer, payee, currency, {first_rows()} AS shown
            FROM movement SEMI JOIN listed_edge USING (payer, payee, currency) WHERE traced > 0 GROUP BY ALL
        ) USING (payer, payee, currency)
        JOIN account p ON p.id = payer JOIN account q ON q.id = payee JOIN currency c ON c.id = currency
        ORDER BY e.traced DESC, payer, payee""").fetchall()
    return tuple(
        Edge(
            payer=payer,
            payee=payee,
            currency=code,
            n=n,
            traced=total,
            first=first,
            last=last,
            rows=rows_of(n, shown).first,
        )
        for payer, payee, code, n, total, first, last, shown in rows
    )


def movements(ledger: Ledger, target: int | None) -> tuple[tuple[Movement, ...], int]:
    """The movements into the target and the largest, in the order of time; and how many there are in all."""
    rows = ledger.con.execute(
        f"SELECT * FROM ({evidence_sql(ledger)} ORDER BY payee = {_id(target)} DESC, traced DESC, id"
        f" LIMIT {MOST_MOVEMENTS}) ORDER BY id"
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
