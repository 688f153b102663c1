"""The whole trace of one request, in this process: load, trace, add up, look for patterns.

Callers want `run_trace` (`process.py`), which does this in a process that can be killed.
"""

import time
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow import findings
from agent_runtime.jobs.cashflow.chains import find_chains
from agent_runtime.jobs.cashflow.evidence import write_evidence, write_moves
from agent_runtime.jobs.cashflow.graphml import write_graphml
from agent_runtime.jobs.cashflow.ledger import Ledger, key_sql, load
from agent_runtime.jobs.cashflow.patterns import find_patterns
from agent_runtime.jobs.cashflow.sql import first_row, only_row, quote
from agent_runtime.jobs.cashflow.tracing import Row, trace
from agent_runtime.jobs.cashflow.types import FILES, METHODS, TraceRequest, TraceResult
from agent_runtime.jobs.cashflow.untraceable import find_untraceable

_CHUNK = 50_000
_SUGGESTIONS = 3


def trace_tables(
    request: TraceRequest, con: duckdb.DuckDBPyConnection, scratch: Path, files: Collection[str] = FILES
) -> TraceResult:
    """Carry out one request on an open connection; leave `files`, some of `FILES`, in `scratch`.

    Raises:
        InputError: A table, name, date or amount of the request cannot be used.
    """
    started = time.perf_counter()
    if request.method not in METHODS:
        raise InputError(f"--method {request.method!r}: it must be one of {', '.join(METHODS)}")
    ledger = load(con, request.tables, request.columns, scratch)
    con.execute("SET enable_external_access = false")
    source = find_account(ledger, request.source, "--from")
    target = find_account(ledger, request.target, "--to") if request.target else None
    first_id, until = _window(ledger, request.since, request.until)
    n = ledger.n_currencies
    own = frozenset(range(source * n, (source + 1) * n))
    findings.store(ledger, trace(_rows(ledger, until), own, request.method, first_id))
    con.execute(f"DELETE FROM ledger WHERE id > {until}")
    findings.add_up(ledger, source)
    totals = findings.totals(ledger, source)
    chains = find_chains(ledger, source, target)
    edges = findings.edges(ledger, source)
    movements, n_movements = findings.movements(ledger, target)
    patterns, n_of_kind = find_patterns(ledger, source, request.limit, request.days)
    _write_files(ledger, source, target, scratch, files)
    first, last = _span(ledger)
    return TraceResult(
        source=_name(ledger, source),
        target=None if target is None else _name(ledger, target),
        method=request.method,
        digits=ledger.digits,
        totals=totals,
        accounts=findings.accounts(ledger, target),
        edges=edges,
        movements=movements,
        n_movements=n_movements,
        chains=chains,
        patterns=patterns,
        n_of_kind=n_of_kind,
        untraceable=find_untraceable(ledger),
        mappings=ledger.mappings,
        n_transfers=ledger.n_transfers,
        first=first,
        last=last,
        since=request.since,
        until=request.until,
        seconds=time.perf_counter() - started,
    )


def _write_files(
    ledger: Ledger, source: int, target: int | None, scratch: Path, files: Collection[str]
) -> None:
    if "evidence.csv" in files:
        write_evidence(ledger, scratch / "evidence.csv")
    if "flow.graphml" in files:
        write_graphml(ledger, source, target, scratch / "flow.graphml")
    if "transfers.csv" in files:
        write_moves(ledger, scratch / "transfers.csv")


def find_account(ledger: Ledger, name: str, flag: str) -> int:
    """The number of the account that goes by `name`.

    Raises:
        InputError: None does; the message names the most similar ones.
    """
    row = first_row(ledger.con, f"SELECT id FROM account WHERE key = {key_sql(quote(name))}")
    if row:
        return int(row[0])
    near = ledger.con.execute(
        "SELECT name FROM account ORDER BY jaro_winkler_similarity(lower(name), lower(?)) DESC, id LIMIT ?",
        [name, _SUGGESTIONS],
    ).fetchall()
    raise InputError(
        f"{flag} {name!r} is in no table; the names most like it are {', '.join(repr(n) for (n,) in near)}"
    )


def _name(ledger: Ledger, account: int) -> str:
    return str(only_row(ledger.con, "SELECT name FROM account WHERE id = ?", [account])[0])


def _rows(ledger: Ledger, until: int) -> Iterator[Row]:
    """The ledger for the tracing pass: an account and a currency make one number."""
    n = ledger.n_currencies
    columns = ledger.con.execute(
        f"SELECT id, payer::BIGINT * {n} + currency, payee::BIGINT * {n} + currency, units, fee FROM ledger"
        f" WHERE id <= {until} ORDER BY id"
    ).fetchnumpy()
    arrays = list(columns.values())
    for start in range(0, len(arrays[0]), _CHUNK):
        yield from zip(*(array[start : start + _CHUNK].tolist() for array in arrays), strict=True)


def _window(ledger: Ledger, since: str | None, until: str | None) -> tuple[int, int]:
    """The first id at or after `since`, and the last one at or before `until` (a day means its end)."""
    start = _moment(ledger, since, "--since") or "1000-01-01"
    first = only_row(
        ledger.con, "SELECT coalesce(min(id), 0), count(*) FROM ledger WHERE booked >= ?::TIMESTAMP", [start]
    )
    end = _moment(ledger, until, "--until") or "9999-01-01"
    last = only_row(
        ledger.con,
        "SELECT coalesce(max(id), -1), count(*) FROM ledger WHERE booked < ?::TIMESTAMP + CASE WHEN"
        " ?::TIMESTAMP = date_trunc('day', ?::TIMESTAMP) THEN INTERVAL 1 DAY ELSE INTERVAL 1 MICROSECOND END",
        [end] * 3,
    )
    if not first[1] or not last[1] or first[0] > last[0]:
        low, high = _span(ledger)
        raise InputError(f"no transfer lies between --since and --until; the tables run from {low} to {high}")
    return int(first[0]), int(last[0])


def _moment(ledger: Ledger, text: str | None, flag: str) -> str | None:
    """A moment as the user writes it, as SQL reads it."""
    if text is None:
        return None
    if ledger.is_stepped and text.isdigit():
        query = "SELECT (TIMESTAMP '1970-01-01' + to_days(?::INTEGER))::VARCHAR"
    else:
        query = "SELECT TRY_CAST(? AS TIMESTAMP)::VARCHAR"
    moment = only_row(ledger.con, query, [text])[0]
    if moment is None:
        form = "a step such as 12" if ledger.is_stepped else "a date such as 2024-05-31"
        raise InputError(f"{flag} {text!r} cannot be read; write {form}")
    return str(moment)


def _span(ledger: Ledger) -> tuple[str, str]:
    row = only_row(
        ledger.con,
        f"SELECT {ledger.moment_sql('min(booked)')}, {ledger.moment_sql('max(booked)')} FROM ledger",
    )
    return str(row[0]), str(row[1])
