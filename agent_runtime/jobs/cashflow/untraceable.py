"""What cannot be followed further in these tables, and why: a trace that hides its limits is worth nothing in court.

The largest of a kind are named one by one, the others of each currency together, so the amounts are all there.
"""

from typing import Any

from agent_runtime.jobs.cashflow.findings import first_rows
from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.types import Untraceable, rows_of

_MOST = 20


def find_untraceable(ledger: Ledger) -> tuple[Untraceable, ...]:
    """Where the trail ends, where an account paid what no row brought it, where money changed currency."""
    return (*_ends(ledger), *_unexplained(ledger), *_exchanged(ledger), *ledger.left_out)


def _ends(ledger: Ledger) -> list[Untraceable]:
    gaps = """
        SELECT account, currency, kept AS units FROM flow
        WHERE kept > 0 AND account NOT IN (SELECT payer FROM ledger)"""
    why = "the tables hold no payment out of this account; its own statement would be needed"
    test = "t.payee = g.account AND t.currency = g.currency AND t.traced > 0"
    return [
        Untraceable(f"the trail ends at {who}", why, code, units, rows_of(n, first))
        for who, _, code, units, n, first in _largest(ledger, gaps, "movement", test)
    ]


def _unexplained(ledger: Ledger) -> list[Untraceable]:
    gaps = "SELECT account, currency, unexplained AS units FROM flow WHERE unexplained > 0"
    why = (
        "it paid more than the tables show it had (an opening balance, an overdraft, a missing statement);"
        " taken as not the source's"
    )
    test = "t.payer = g.account AND t.currency = g.currency"
    return [
        Untraceable(f"money of {who} from nowhere", why, code, units, rows_of(n, first, are_traced=False))
        for who, _, code, units, n, first in _largest(ledger, gaps, "ledger", test)
    ]


def _exchanged(ledger: Ledger) -> list[Untraceable]:
    if ledger.n_currencies == 1:
        return []
    gaps = """
        SELECT f.account, f.currency, f.first, any_value(f.kept) AS units,
               string_agg(DISTINCT coalesce(nullif(c.code, ''), 'no currency'), ', ') AS others
        FROM flow f JOIN ledger l ON l.payer = f.account AND l.currency <> f.currency AND l.booked >= f.first
        JOIN currency c ON c.id = l.currency WHERE f.kept > 0 GROUP BY f.account, f.currency, f.first"""
    why = "it also paid in {}: if the money was exchanged, these tables hold no rate that would let it be followed"
    test = "t.payer = g.account AND t.currency <> g.currency AND t.booked >= g.first"
    return [
        Untraceable(
            f"{code or 'money'} kept at {who}",
            why.format(others),
            code,
            units,
            rows_of(n, first, are_traced=False),
        )
        for who, others, code, units, n, first in _largest(ledger, gaps, "ledger", test, "others")
    ]


def _largest(ledger: Ledger, gaps: str, table: str, test: str, others: str = "''") -> list[tuple[Any, ...]]:
    """Who, in which `others`, currency, units, and how many and which rows `t` of `table` are behind it."""
    return ledger.con.execute(f"""
        WITH g AS (
            SELECT *, least(row_number() OVER (ORDER BY units DESC, account), {_MOST + 1}) AS place FROM ({gaps})),
        added AS (
            SELECT place, currency, count(*) AS n_gaps, any_value(account) AS account, sum(units)::BIGINT AS units,
                   any_value({others}) AS others FROM g GROUP BY ALL),
        behind AS (
            SELECT place, g.currency, count(*) AS n, {first_rows()} AS shown
            FROM g JOIN {table} t ON {test} GROUP BY ALL)
        SELECT if(n_gaps = 1, a.name, format('{{:,}} more accounts', n_gaps)),
               if(n_gaps = 1, others, 'another currency'), c.code, units, n, shown
        FROM added LEFT JOIN behind USING (place, currency) JOIN account a ON a.id = account
        JOIN currency c ON c.id = currency ORDER BY place, units DESC""").fetchall()
