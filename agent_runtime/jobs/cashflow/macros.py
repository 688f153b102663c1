"""SQL macros over a table of transfers, so that a reasoning model can ask about flows in one call.

Each is a table macro bound to the user's own columns; accounts are compared as text without regard to case, `since` and
`until` are inclusive, an account's transfers to itself are left out, and money moves on only at a strictly later
time than it arrived. Amounts are the table's own: exact tracing by a rule is the command's (`trace-flow`), for a rule
needs every row in order. A table without a payer and a payee gets no macros.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent_runtime.jobs.cashflow import hints
from agent_runtime.jobs.cashflow.sql import identifier
from agent_runtime.types import TableSchema

_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UBIGINT",
    "UINTEGER",
    "DOUBLE",
    "FLOAT",
    "DECIMAL",
)
_TIMES = ("DATE", "TIMESTAMP")

GUIDE = """\
flow_named([names]): kind, name, n: which of these names are accounts (or currencies), in how many transfers
flow_out(name): payee, total, n, first, last: whom an account paid
flow_in(name): payer, total, n, first, last: who paid it
flow_reach(name): account, hops, arrival: where its money can have gone, through any chain
flow_sources(name): account, hops, departure: where money that came to it can have been before
flow_path(a, b): hops, arrival, path: ways for money from a to b, fewest hops first
flow_round_trip(name): hops, arrival, path: ways on which money comes back
flow_between(a, b): account, first_in, last_out: who received from a and later paid b
flow_collectors(name): account, n, total: who is paid by the accounts that it paid, through how many
flow_onward(name): account, received, sent_on: what the accounts that it paid sent on afterwards
flow_hubs(): account, n_in, n_out, total_in, total_out: distinct payers and payees of every account
flow_shape([names]): shape: the pattern that transfers among these accounts form
pass_through(): account, total_in, total_out, days: accounts that pay out what comes in
structuring(): payer, payee, n, total, first, last: payments just below a limit
structuring takes below := 10000, pass_through max_days := 5.
All take since := , until := ; flow_reach, flow_sources, flow_path and flow_round_trip take max_hops := too."""

NAMES = tuple(line.partition("(")[0] for line in GUIDE.splitlines()[:-2])


@dataclass(frozen=True, slots=True)
class TransferColumns:
    """The columns that make a table one of transfers; `currency` may be missing."""

    table: str
    payer: str
    payee: str
    amount: str
    time: str
    currency: str | None = None
    is_stepped: bool = False  # time is a number of days, not a date


def transfer_columns(schema: TableSchema) -> TransferColumns | None:
    """The transfer columns of a table by names and types; None when it is no table of transfers."""
    taken: set[str] = set()

    def take(side: frozenset[str], fits: Callable[[str, str], bool]) -> str | None:
        found = [
            name
            for name, kind in schema.columns
            if name not in taken and hints.words(name) & side and fits(name, kind.upper())
        ]
        best = max(found, key=hints.party_rank, default=None)
        taken.add(best or "")
        return best

    time = take(hints.TIME, lambda _, kind: kind.startswith(_TIMES))
    is_stepped = time is None
    time = time or take(hints.STEP | {"timestamp", "time"}, lambda _, kind: kind.startswith(_NUMBERS))
    currency = take(hints.CURRENCY, lambda _, kind: kind == "VARCHAR")
    is_party = _is_party
    payer, payee = take(hints.PAYER, is_party), take(hints.PAYEE, is_party)
    amount = take(hints.AMOUNT, lambda _, kind: kind.startswith(_NUMBERS))
    if not (time and payer and payee and amount):
        return None
    return TransferColumns(
        table=schema.name,
        payer=payer,
        payee=payee,
        amount=amount,
        time=time,
        currency=currency,
        is_stepped=is_stepped,
    )


def _is_party(name: str, kind: str) -> bool:
    return not kind.startswith((*_TIMES, "BOOLEAN")) and not hints.words(name) & (
        hints.BALANCE | hints.CURRENCY
    )


def flow_macros(schemas: tuple[TableSchema, ...]) -> tuple[str, ...]:
    """The macros for the first of the tables that holds transfers; none where no table does."""
    found = next((columns for columns in map(transfer_columns, schemas) if columns), None)
    if found is None:
        return ()
    day = "t" if found.is_stepped else "epoch(t) / 86400"
    return (_moves(found), f"CREATE MACRO flow_day(t) AS {day}", *_MACROS)


def _moves(columns: TransferColumns) -> str:
    """The table in canonical columns, that every other macro reads."""
    payer, payee, amount, time = map(identifier, (columns.payer, columns.payee, columns.amount, columns.time))
    currency = f"CAST({identifier(columns.currency)} AS VARCHAR)" if columns.currency else "''"
    return f"""
        CREATE MACRO flow_moves(since := NULL, until := NULL) AS TABLE
        SELECT CAST({payer} AS VARCHAR) AS payer, CAST({payee} AS VARCHAR) AS payee, {amount} AS amount,
               {time} AS t, {currency} AS currency
        FROM {identifier(columns.table)}
        WHERE {payer} <> {payee} AND (since IS NULL OR {time} >= since) AND (until IS NULL OR {time} <= until)"""


_WINDOW = "since := NULL, until := NULL"
_PASSED = "since := since, until := until"
_REACH = """
    CREATE MACRO {name}(name, since := NULL, until := NULL, max_hops := 1000) AS TABLE
    WITH RECURSIVE edge AS MATERIALIZED (
        SELECT {near} AS near, {far} AS far, t FROM flow_moves(since := since, until := until)),
    reach(account, fewest, hops, t) USING KEY (account) AS (
        SELECT far, 1, 1, {best}(t) FROM edge WHERE lower(near) = lower(CAST(name AS VARCHAR)) GROUP BY far
        UNION
        SELECT n.far, least(n.hops, coalesce(s.fewest, n.hops)), n.hops, n.t FROM (
            SELECT e.far, min(r.hops) + 1 AS hops, {best}(e.t) AS t FROM reach r
            JOIN edge e ON e.near = r.account AND e.t {later} r.t WHERE r.hops < max_hops GROUP BY e.far) n
        LEFT JOIN recurring.reach s ON s.account = n.far WHERE s.t IS NULL OR n.t {earlier} s.t)
    SELECT account, fewest AS hops, t AS {when} FROM reach WHERE lower(account) <> lower(CAST(name AS VARCHAR))
    ORDER BY hops, {when}, account"""
_PATH = """
    WITH RECURSIVE edge AS MATERIALIZED (
        SELECT payer, payee, t FROM flow_moves(since := since, until := until)),
    way(account, hops, t, path) AS (
        SELECT payee, 1, min(t), [any_value(payer), payee] FROM edge
        WHERE lower(payer) = lower(CAST({start} AS VARCHAR)) GROUP BY payee
        UNION ALL
        SELECT e.payee, any_value(w.hops) + 1, min(e.t), list_append(arg_min(w.path, e.t), e.payee) FROM way w
        JOIN edge e ON e.payer = w.account AND e.t > w.t
        WHERE w.hops < max_hops AND lower(w.account) <> lower(CAST({end} AS VARCHAR)) AND {simple}
        GROUP BY e.payee)
    SELECT hops, t AS arrival, array_to_string(path, ' -> ') AS path FROM way
    WHERE lower(account) = lower(CAST({end} AS VARCHAR)) AND hops >= {least} ORDER BY hops, arrival"""

_MACROS = (
    """
    CREATE MACRO flow_named(names) AS TABLE
    SELECT kind, name, count(*) AS n
    FROM (SELECT DISTINCT lower(unnest(names)) AS asked) a JOIN (
        SELECT 'account' AS kind, payer AS name FROM flow_moves() UNION ALL
        SELECT 'account', payee FROM flow_moves() UNION ALL
        SELECT 'currency', currency FROM flow_moves()) m ON lower(name) = asked
    GROUP BY kind, name ORDER BY kind, name""",
    f"""
    CREATE MACRO flow_out(name, {_WINDOW}) AS TABLE
    SELECT payee, sum(amount) AS total, count(*) AS n, min(t) AS first, max(t) AS last FROM flow_moves({_PASSED})
    WHERE lower(payer) = lower(CAST(name AS VARCHAR)) GROUP BY payee ORDER BY total DESC, payee""",
    f"""
    CREATE MACRO flow_in(name, {_WINDOW}) AS TABLE
    SELECT payer, sum(amount) AS total, count(*) AS n, min(t) AS first, max(t) AS last FROM flow_moves({_PASSED})
    WHERE lower(payee) = lower(CAST(name AS VARCHAR)) GROUP BY payer ORDER BY total DESC, payer""",
    _REACH.format(
        name="flow_reach", near="payer", far="payee", best="min", later=">", earlier="<", when="arrival"
    ),
    _REACH.format(
        name="flow_sources", near="payee", far="payer", best="max", later="<", earlier=">", when="departure"
    ),
    f"CREATE MACRO flow_path(a, b, {_WINDOW}, max_hops := 12) AS TABLE"
    + _PATH.format(start="a", end="b", simple="NOT list_contains(w.path, e.payee)", least=1),
    f"CREATE MACRO flow_round_trip(name, {_WINDOW}, max_hops := 12) AS TABLE"
    + _PATH.format(start="name", end="name", simple="NOT list_contains(w.path[2:], e.payee)", least=3),
    f"""
    CREATE MACRO flow_between(a, b, {_WINDOW}) AS TABLE
    SELECT i.payee AS account, min(i.t) AS first_in, max(o.t) AS last_out
    FROM (SELECT payee, min(t) AS t FROM flow_moves({_PASSED})
          WHERE lower(payer) = lower(CAST(a AS VARCHAR)) GROUP BY payee) i
    JOIN flow_moves({_PASSED}) o ON o.payer = i.payee AND o.t > i.t AND lower(o.payee) = lower(CAST(b AS VARCHAR))
    WHERE lower(i.payee) <> lower(CAST(b AS VARCHAR)) GROUP BY i.payee ORDER BY account""",
    f"""
    CREATE MACRO flow_collectors(name, {_WINDOW}) AS TABLE
    SELECT o.payee AS account, count(DISTINCT o.payer) AS n, sum(o.amount) AS total
    FROM (SELECT payee, min(t) AS t FROM flow_moves({_PASSED})
          WHERE lower(payer) = lower(CAST(name AS VARCHAR)) GROUP BY payee) i
    JOIN flow_moves({_PASSED}) o ON o.payer = i.payee AND o.t > i.t
    WHERE lower(o.payee) <> lower(CAST(name AS VARCHAR)) GROUP BY o.payee ORDER BY n DESC, total DESC, account""",
    f"""
    CREATE MACRO flow_onward(name, {_WINDOW}) AS TABLE
    SELECT i.payee AS account, any_value(i.received) AS received, coalesce(sum(o.amount), 0) AS sent_on
    FROM (SELECT payee, min(t) AS t, sum(amount) AS received FROM flow_moves({_PASSED})
          WHERE lower(payer) = lower(CAST(name AS VARCHAR)) GROUP BY payee) i
    LEFT JOIN flow_moves({_PASSED}) o ON o.payer = i.payee AND o.t > i.t
    GROUP BY i.payee ORDER BY sent_on DESC, account""",
    f"""
    CREATE MACRO flow_hubs({_WINDOW}) AS TABLE
    SELECT coalesce(i.account, o.account) AS account, coalesce(n_in, 0) AS n_in, coalesce(n_out, 0) AS n_out,
           coalesce(total_in, 0) AS total_in, coalesce(total_out, 0) AS total_out
    FROM (SELECT payee AS account, count(DISTINCT payer) AS n_in, sum(amount) AS total_in FROM flow_moves({_PASSED})
          GROUP BY payee) i
    FULL JOIN (SELECT payer AS account, count(DISTINCT payee) AS n_out, sum(amount) AS total_out
               FROM flow_moves({_PASSED}) GROUP BY payer) o ON i.account = o.account
    ORDER BY least(coalesce(n_in, 0), coalesce(n_out, 0)) DESC, coalesce(n_in, 0) + coalesce(n_out, 0) DESC, account""",
    f"""
    CREATE MACRO flow_shape(names, {_WINDOW}) AS TABLE
    WITH inside AS (
        SELECT DISTINCT payer, payee FROM flow_moves({_PASSED})
        WHERE list_contains(names, payer) AND list_contains(names, payee)),
    role AS (
        SELECT account, bool_or(is_payer) AS pays, bool_or(NOT is_payer) AS is_paid
        FROM (SELECT payer AS account, TRUE AS is_payer FROM inside UNION ALL SELECT payee, FALSE FROM inside)
        GROUP BY account),
    counted AS (
        SELECT count(*) FILTER (pays AND NOT is_paid) AS sources, count(*) FILTER (is_paid AND NOT pays) AS ends,
               count(*) FILTER (pays AND is_paid) AS middles FROM role)
    SELECT CASE WHEN sources = 0 AND ends = 0 AND middles > 0 THEN 'CYCLE'
                WHEN middles = 0 AND ends = 1 THEN 'FAN-IN' WHEN middles = 0 AND sources = 1 THEN 'FAN-OUT'
                WHEN middles = 0 AND sources > 1 AND ends > 1 THEN 'BIPARTITE'
                WHEN middles = 1 AND sources + ends > 2 THEN 'GATHER-SCATTER'
                WHEN middles > 1 AND sources = 1 AND ends = 1 THEN 'SCATTER-GATHER'
                ELSE 'OTHER' END AS shape, sources, middles, ends FROM counted""",
    f"""
    CREATE MACRO pass_through({_WINDOW}, max_days := 5) AS TABLE
    SELECT i.account, total_in, total_out, round(o.mean - i.mean, 1) AS days
    FROM (SELECT payee AS account, sum(amount) AS total_in, sum(amount * flow_day(t)) / sum(amount) AS mean
          FROM flow_moves({_PASSED}) GROUP BY payee) i
    JOIN (SELECT payer AS account, sum(amount) AS total_out, sum(amount * flow_day(t)) / sum(amount) AS mean
          FROM flow_moves({_PASSED}) GROUP BY payer) o ON i.account = o.account
    WHERE total_out BETWEEN 0.9 * total_in AND 1.02 * total_in AND o.mean - i.mean BETWEEN 0 AND max_days
    ORDER BY total_out DESC, i.account""",
    f"""
    CREATE MACRO structuring(below := 10000, {_WINDOW}) AS TABLE
    SELECT payer, payee, count(*) AS n, sum(amount) AS total, min(t) AS first, max(t) AS last
    FROM flow_moves({_PASSED}) WHERE amount < below AND amount >= 0.9 * below
    GROUP BY payer, payee HAVING n >= 3 AND total > below ORDER BY total DESC, payer, payee""",
)
