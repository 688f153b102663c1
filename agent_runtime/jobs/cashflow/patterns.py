"""What an investigator looks for around the traced money: conduits, round trips, structuring, hubs, pass-through.

Signs, not proofs: a payroll bureau fans out and a shop's account fans in. All are found by SQL over the accounts
that the traced money reached (and the source), each with the rows behind it.

- conduit: passed on at least half of the source's money that it received.
- round trip: the source's money came back to it.
- structuring: one payer pays one payee at least three times in 30 days just below a limit (within a tenth of it), and
  together more than the limit (31 U.S.C. 5324; FATF Guidance on suspicious indicators calls it smurfing).
- fan-in, fan-out: at least five distinct payers, or payees, and more than the other accounts of the trace.
- pass-through: what went out is 90 % to 102 % of what came in, and money rested at most so many days: by Little's
  law, the amount-weighted mean time of the payments out less that of the payments in.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow.findings import first_rows
from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.sql import only_row
from agent_runtime.jobs.cashflow.types import Pattern, PatternKind, Rows, format_units, rows_of

MOST_OF_A_KIND = 10
_HUB_SIZE = 5
_STRUCTURING_PAYMENTS = 3
_STRUCTURING_DAYS = 30

_Found = tuple[list[Pattern], int]  # those to be listed, and how many there are


def find_patterns(
    ledger: Ledger, source: int, limit: str, days: int
) -> tuple[tuple[Pattern, ...], dict[PatternKind, int]]:
    """Kind by kind the patterns of the largest amounts (hubs: of the most accounts), and how many of a kind there are.

    Raises:
        InputError: `limit` is no amount.
    """
    ledger.con.execute(f"CREATE TABLE seen AS SELECT DISTINCT account FROM held UNION SELECT {source}")
    ledger.con.execute(
        "CREATE TABLE nearby AS FROM ledger WHERE payer IN (FROM seen) OR payee IN (FROM seen)"
    )
    found: dict[PatternKind, _Found] = {
        "conduit": _conduits(ledger),
        "round_trip": _round_trips(ledger, source),
        "structuring": _structuring(ledger, _limit_units(limit, ledger.digits)),
        "fan_in": _hubs(ledger, "fan_in"),
        "fan_out": _hubs(ledger, "fan_out"),
        "pass_through": _pass_through(ledger, source, days),
    }
    patterns = tuple(pattern for listed, _ in found.values() for pattern in listed)
    return patterns, {kind: n for kind, (_, n) in found.items()}


def _limit_units(limit: str, digits: int) -> int:
    try:
        units = int(Decimal(limit.replace(",", "")).scaleb(digits))
    except (InvalidOperation, ValueError, OverflowError):
        raise InputError(f"--limit {limit!r} is no amount; write it as 10000 or 9999.99") from None
    if units <= 0:
        raise InputError("--limit must be more than zero")
    return units


def _top(ledger: Ledger, groups: str, table: str, test: str) -> tuple[list[tuple[Any, ...]], int]:
    """The first of `groups` (payer, payee: ids or NULL; currency; more), ids as names, then the rows behind each.

    Only for the few groups that are shown are the rows gathered. How many groups there are comes second.
    """
    ledger.con.execute(f"CREATE OR REPLACE TEMP TABLE groups AS {groups}")
    rows = ledger.con.execute(f"""
        SELECT p.name, q.name, c.code, COLUMNS(g.* EXCLUDE (payer, payee, currency)), (
            SELECT {{'n': count(*), 'first': {first_rows()}}} FROM {table} t WHERE t.currency = g.currency AND {test})
        FROM (FROM groups LIMIT {MOST_OF_A_KIND}) g JOIN currency c ON c.id = g.currency
        LEFT JOIN account p ON p.id = g.payer LEFT JOIN account q ON q.id = g.payee
        ORDER BY g.total DESC, g.payer, g.payee""").fetchall()
    return [(*row[:-1], _rows(row[-1], table)) for row in rows], int(
        only_row(ledger.con, "SELECT count(*) FROM groups")[0]
    )


def _rows(found: dict[str, Any], table: str) -> Rows:
    return rows_of(found["n"], found["first"], are_traced=table == "movement")


def _conduits(ledger: Ledger) -> _Found:
    groups = (
        "SELECT account AS payer, NULL::INTEGER AS payee, currency, paid::BIGINT AS total, received::BIGINT AS received"
        " FROM flow WHERE paid * 2 >= received AND paid > 0 ORDER BY paid DESC, account"
    )
    text = "passed on {} of what it received of the source's money"
    top, n = _top(ledger, groups, "movement", "t.payer = g.payer AND t.traced > 0")
    return [
        Pattern("conduit", (name,), text.format(_percent(paid, received)), code, paid, rows)
        for name, _, code, paid, received, rows in top
    ], n


def _round_trips(ledger: Ledger, source: int) -> _Found:
    groups = (
        "SELECT payer, payee, currency, sum(traced)::BIGINT AS total, count(*) AS n FROM movement"
        f" WHERE payee = {source} AND traced > 0 GROUP BY payer, payee, currency ORDER BY total DESC, payer"
    )
    text = "paid the source's own money back to it in {}"
    test = "t.payer = g.payer AND t.payee = g.payee AND t.traced > 0"
    top, n_trips = _top(ledger, groups, "movement", test)
    return [
        Pattern("round_trip", (payer, own), text.format(_times(n)), code, total, rows)
        for payer, own, code, total, n, rows in top
    ], n_trips


def _structuring(ledger: Ledger, limit: int) -> _Found:
    below = f"units < {limit} AND units >= {limit} - {limit} // 10"
    groups = f"""
        WITH below AS (
            SELECT *, count(*) OVER w AS n, sum(units) OVER w AS together FROM nearby WHERE {below}
            WINDOW w AS (PARTITION BY payer, payee, currency ORDER BY booked
                         RANGE BETWEEN INTERVAL {_STRUCTURING_DAYS} DAY PRECEDING AND CURRENT ROW))
        SELECT payer, payee, currency, sum(units)::BIGINT AS total, count(*) AS n_payments,
               {ledger.moment_sql("min(booked)")} AS first, {ledger.moment_sql("max(booked)")} AS last
        FROM below GROUP BY payer, payee, currency
        HAVING bool_or(n >= {_STRUCTURING_PAYMENTS} AND together > {limit}) ORDER BY total DESC, payer, payee"""
    text = f"{{}} just below {format_units(limit, ledger.digits)}, {{}} to {{}}"
    test = f"t.payer = g.payer AND t.payee = g.payee AND {below}"
    top, n_pairs = _top(ledger, groups, "nearby", test)
    return [
        Pattern("structuring", (payer, payee), text.format(_times(n), first, last), code, total, rows)
        for payer, payee, code, total, n, first, last, rows in top
    ], n_pairs


def _hubs(ledger: Ledger, kind: PatternKind) -> _Found:
    """Accounts with many others on one side; the rows are of their transfers on that side."""
    here, there = ("payee", "payer") if kind == "fan_in" else ("payer", "payee")
    groups = (
        f"SELECT {here} AS payer, NULL::INTEGER AS payee, currency, sum(units)::BIGINT AS total,"
        f" count(DISTINCT {there}) AS others FROM nearby WHERE {here} IN (FROM seen)"
        f" GROUP BY {here}, currency HAVING others >= {_HUB_SIZE} ORDER BY others DESC, {here}"
    )
    text = "received from {} accounts" if kind == "fan_in" else "paid {} accounts"
    top, n_hubs = _top(ledger, groups, "nearby", f"t.{here} = g.payer")
    found = [
        (n, Pattern(kind, (name,), text.format(n), code, total, rows))
        for name, _, code, total, n, rows in top
    ]
    return [pattern for _, pattern in sorted(found, key=lambda pair: -pair[0])], n_hubs


def _pass_through(ledger: Ledger, source: int, days: int) -> _Found:
    groups = f"""
        WITH came AS (
            SELECT payee AS account, currency, sum(units) AS units, sum(epoch(booked) * units) AS weighed FROM nearby
            WHERE payee IN (FROM seen) GROUP BY payee, currency),
        went AS (
            SELECT payer AS account, currency, sum(units + fee) AS units, sum(epoch(booked) * (units + fee)) AS weighed
            FROM nearby WHERE payer IN (FROM seen) GROUP BY payer, currency)
        SELECT account AS payer, NULL::INTEGER AS payee, currency,
               went.units::BIGINT AS total, came.units::BIGINT AS came,
               (went.weighed / went.units - came.weighed / came.units) / 86400 AS rested
        FROM came JOIN went USING (account, currency) WHERE account <> {source}
        AND went.units BETWEEN 0.9 * came.units AND 1.02 * came.units AND rested BETWEEN 0 AND {int(days)}
        ORDER BY total DESC, account"""
    text = "paid out {} of all it received, {:.1f} days later on average"
    top, n = _top(ledger, groups, "nearby", "g.payer IN (t.payer, t.payee)")
    return [
        Pattern("pass_through", (name,), text.format(_percent(went, came), rested), code, went, rows)
        for name, _, code, went, came, rested, rows in top
    ], n


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _times(n: int) -> str:
    return "one payment" if n == 1 else f"{n} payments"
