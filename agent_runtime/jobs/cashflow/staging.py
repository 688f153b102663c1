"""A file's rows read as transfers, before names are matched: table `staged`, and what had to be left out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow import mapping, styles
from agent_runtime.jobs.cashflow.sources import Source, open_source
from agent_runtime.jobs.cashflow.sql import first_row, quote
from agent_runtime.jobs.cashflow.types import Untraceable, rows_of

ROWS_SHOWN = 20
_SAMPLE_ROWS = 5_000
_MOST_UNUSABLE = 0.05  # beyond this share of unusable rows the mapping is wrong, not the rows
_NEGATIVE = "rows with a negative amount between two parties"
_ZERO = "rows of amount zero"
_PROBLEMS = (
    ("payer IS NULL OR payer = '' OR payee IS NULL OR payee = ''", "rows without a payer or a payee"),
    ("booked IS NULL", "rows whose date cannot be read"),
    ("amount IS NULL", "rows whose amount cannot be read"),
    ("amount = 0", _ZERO),
    ("amount < 0", _NEGATIVE),
)


def create(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE TABLE staged (file SMALLINT, row BIGINT, booked TIMESTAMP, payer VARCHAR, payee VARCHAR,"
        " amount DECIMAL(38, 8), fee DECIMAL(38, 8), currency VARCHAR, reference VARCHAR)"
    )


def stage(
    con: duckdb.DuckDBPyConnection, table: str, index: int, chosen: Mapping[str, str], scratch: Path
) -> tuple[Source, mapping.Roles]:
    """Read one of the user's tables into `staged`.

    Raises:
        InputError: It cannot be read, or its columns cannot be told apart.
    """
    source = open_source(con, table, index, scratch)
    try:
        source, columns = _sample_of(con, source)
        roles = mapping.map_columns(source.file, columns, chosen)
        con.execute(f"INSERT INTO staged {_canonical(source, roles, index)}")
    except duckdb.OutOfMemoryException:  # no fault of the file's
        raise
    except duckdb.Error as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"{source.file} cannot be read: {reason}") from None
    return source, roles


def _sample_of(con: duckdb.DuckDBPyConnection, source: Source) -> tuple[Source, list[mapping.Column]]:
    """The source by the way it can be read, and its sample."""
    try:
        return source, _sample(con, source)
    except duckdb.InvalidInputException:
        if not source.lenient:
            raise
        source = replace(source, relation=source.lenient)
        return source, _sample(con, source)


def _sample(con: duckdb.DuckDBPyConnection, source: Source) -> list[mapping.Column]:
    """Rows from all over the file, as columns."""
    rows = con.execute(
        f"SELECT * EXCLUDE (row) FROM {source.relation}"
        f" USING SAMPLE reservoir({_SAMPLE_ROWS} ROWS) REPEATABLE (1)"
    ).fetchall()
    if not rows:
        raise InputError(f"{source.file} has no rows")
    return [
        mapping.Column(
            name, tuple(v.strip() for v in values if v and v.strip()), name in source.native_numbers
        )
        for name, values in zip(source.headers, zip(*rows, strict=True), strict=True)
    ]


def _canonical(source: Source, roles: mapping.Roles, index: int) -> str:
    """SQL that reads a source's rows as canonical transfers."""
    at = {role: f"c{source.headers.index(name)}" for role, name in roles.columns.items()}
    amount, is_out = _amount_sql(at, roles)
    payer, payee = at.get("payer", ""), at.get("payee", "")
    if roles.is_statement:
        own, other = at.get("account") or quote(roles.own), at["counterparty"]
        payer = f"CASE WHEN {is_out} THEN {own} ELSE {other} END"
        payee = f"CASE WHEN {is_out} THEN {other} ELSE {own} END"
        amount = f"abs({amount})"
    booked = styles.time_sql(at["time"], roles.dates)
    if "clock" in at:
        booked = (
            f"({booked} + coalesce(TRY_CAST(TRY_CAST({at['clock']} AS TIME) AS INTERVAL), INTERVAL 0 SECOND))"
        )
    fee = f"abs(coalesce({styles.number_sql(at['fee'], roles.decimal)}, 0))" if "fee" in at else "0"
    currency, reference = (f"coalesce({at.get(role, 'NULL')}, '')" for role in ("currency", "reference"))
    return (
        f"SELECT {index}, row, {booked}, trim({payer}), trim({payee}), {amount}, {fee},"
        f" upper(trim({currency})), {reference} FROM {source.relation}"
    )


def _amount_sql(at: Mapping[str, str], roles: mapping.Roles) -> tuple[str, str]:
    """SQL of the amount, and of whether it left the account whose statement it is."""
    if "in" in at and "out" in at:
        money_in, money_out = (
            f"abs(coalesce({styles.number_sql(at[role], roles.decimal)}, 0))" for role in ("in", "out")
        )
        return f"nullif({money_in} - {money_out}, 0)", f"{money_out} > {money_in}"
    amount = styles.number_sql(at["amount"], roles.decimal)
    if "direction" in at:
        flags = ", ".join(quote(flag) for flag in sorted(mapping.DEBIT))
        return amount, f"upper(trim({at['direction']})) IN ({flags})"
    return amount, f"{amount} {'>' if roles.is_out_positive else '<'} 0"


def drop_unusable(con: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> list[Untraceable]:
    """Take rows that can be no transfer out of `staged`, and say which they were.

    Raises:
        InputError: They are too many to be exceptions: something was mapped wrongly.
    """
    cases = " ".join(f"WHEN {test} THEN {i}" for i, (test, _) in enumerate(_PROBLEMS))
    con.execute(
        f"CREATE TEMP TABLE problem AS SELECT file, row, CASE {cases} END AS kind FROM staged WHERE kind IS NOT NULL"
    )
    found = con.execute(
        f"SELECT kind, count(*), list((file, row) ORDER BY file, row)[:{ROWS_SHOWN}]"
        " FROM problem GROUP BY kind ORDER BY kind"
    ).fetchall()
    if found:
        _fail_if_too_many(con, sources)
        con.execute("DELETE FROM staged WHERE (file, row) IN (SELECT (file, row) FROM problem)")
    con.execute("DROP TABLE problem")
    why = "left out: they are no transfer as they stand"
    return [
        Untraceable(f"{n} {_PROBLEMS[kind][1]}", why, rows=rows_of(n, rows, are_traced=False))
        for kind, n, rows in found
    ]


def _fail_if_too_many(con: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
    zero = [name for _, name in _PROBLEMS].index(_ZERO)
    worst = first_row(
        con,
        "SELECT p.file, p.kind, count(*) AS n, min(p.row), any_value(s.n) FROM problem p"
        f" JOIN (SELECT file, count(*) AS n FROM staged GROUP BY file) s USING (file) WHERE kind <> {zero}"
        f" GROUP BY p.file, p.kind HAVING n > greatest(1, {_MOST_UNUSABLE} * any_value(s.n)) ORDER BY n DESC LIMIT 1",
    )
    if worst:
        file, kind, n, row, total = worst
        name = _PROBLEMS[kind][1]
        hint = (
            "swap payer and payee in them, or" if name == _NEGATIVE else "check the columns and styles, and"
        )
        raise InputError(
            f"{sources[file].file}: {n} of {total} are {name}, the first is row {row};"
            f" {hint} set what is wrong with --map ROLE=COLUMN"
        )
