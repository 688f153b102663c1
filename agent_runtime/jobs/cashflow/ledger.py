"""All the user's files as one ledger: every transfer once, in the order of time, with the row it came from.

In DuckDB: `account(id, name, key)`, `currency(id, code)` and `ledger(id, file, row, booked, payer, payee, currency,
units, fee, reference)`, where `id` is the order in which money can move: by time, then by file and row. Names are
matched without regard to case, accents, punctuation and the spelling of legal forms; the first spelling is shown.

One transfer in two banks' exports is counted once: of equal payer, payee, currency, amount and day, the ledger has
as many as the file that has the most. A bank that books a day later is not recognised as the same transfer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from agent_runtime.errors import InputError
from agent_runtime.jobs.cashflow import staging
from agent_runtime.jobs.cashflow.sources import split_name
from agent_runtime.jobs.cashflow.sql import only_row
from agent_runtime.jobs.cashflow.types import ColumnMap, Untraceable, rows_of

_MOST_UNITS = 9 * 10**17  # of one transfer; sums are SQL's HUGEINT and Python's int

# One spelling of a legal form for all: `ACME Limited` and `Acme Ltd.` are one company.
_LEGAL_FORMS = {"limited": "ltd", "incorporated": "inc", "corporation": "corp", "company": "co"}


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was loaded; the transfers themselves are in the connection."""

    con: duckdb.DuckDBPyConnection
    digits: int
    is_stepped: bool
    n_currencies: int
    mappings: tuple[ColumnMap, ...]
    left_out: tuple[Untraceable, ...]

    @property
    def n_transfers(self) -> int:
        return sum(mapping.n_used for mapping in self.mappings)

    def moment_sql(self, column: str) -> str:
        """SQL that renders a moment as the user's files write it: a day, a day with its time, or a step."""
        if self.is_stepped:
            return f"CAST(date_diff('day', TIMESTAMP '1970-01-01', {column}) AS VARCHAR)"
        return f"replace(strftime({column}, '%Y-%m-%d %H:%M:%S'), ' 00:00:00', '')"


def load(
    con: duckdb.DuckDBPyConnection, tables: Sequence[str], chosen: Mapping[str, str], scratch: Path
) -> Ledger:
    """Load every table into one ledger.

    Raises:
        InputError: A file cannot be read, or its columns cannot be told apart.
    """
    files = [split_name(table)[0].name for table in tables]
    _check_choices(files, chosen)
    staging.create(con)
    loaded = [
        staging.stage(con, table, index, _choices_for(files[index], chosen), scratch)
        for index, table in enumerate(tables)
    ]
    if len({roles.dates == "step" for _, roles in loaded}) > 1:
        raise InputError(
            "one table counts steps and another has dates; they cannot be put in one order of time"
        )
    n_rows: dict[int, int] = dict(con.execute("SELECT file, count(*) FROM staged GROUP BY file").fetchall())
    left_out = staging.drop_unusable(con, [source for source, _ in loaded])
    digits = _digits(con)
    _number_names(con)
    left_out += _write(con, digits)
    n_used: dict[int, int] = dict(con.execute("SELECT file, count(*) FROM ledger GROUP BY file").fetchall())
    mappings = tuple(
        ColumnMap(source.file, roles.shown(), n_rows.get(i, 0), n_used.get(i, 0))
        for i, (source, roles) in enumerate(loaded)
    )
    n_currencies = int(only_row(con, "SELECT count(*) FROM currency")[0])
    return Ledger(con, digits, loaded[0][1].dates == "step", n_currencies, mappings, tuple(left_out))


def _check_choices(files: Sequence[str], chosen: Mapping[str, str]) -> None:
    for key in chosen:
        file, colon, _ = key.rpartition(":")
        if colon and file not in files:
            raise InputError(
                f"--map {key}=...: no table is called {file!r}; there are {', '.join(sorted(set(files)))}"
            )


def _choices_for(file: str, chosen: Mapping[str, str]) -> dict[str, str]:
    """What the user said for all files, then what they said for this one."""
    general = {key: value for key, value in chosen.items() if ":" not in key}
    own = {key.rpartition(":")[2]: value for key, value in chosen.items() if key.rpartition(":")[0] == file}
    return general | own


def _digits(con: duckdb.DuckDBPyConnection) -> int:
    """How many decimals the amounts need: two, or as many as the finest of them has, up to eight."""
    if not only_row(con, "SELECT count(*) FROM staged")[0]:
        raise InputError("the tables hold no transfer")
    digits = next((d for d in (2, 3, 4, 6) if _fits(con, d)), 8)
    largest = only_row(con, "SELECT max(amount) FROM staged")[0]
    if largest * 10**digits > _MOST_UNITS:
        raise InputError(f"an amount of {largest:,.2f} is larger than can be traced exactly")
    return digits


def _fits(con: duckdb.DuckDBPyConnection, digits: int) -> bool:
    finer = (
        f"SELECT 1 FROM staged WHERE amount <> round(amount, {digits}) OR fee <> round(fee, {digits}) LIMIT 1"
    )
    return not con.execute(finer).fetchall()


def _number_names(con: duckdb.DuckDBPyConnection) -> None:
    """Give every account and currency a number; spellings of one name share it."""
    con.execute(f"""
        CREATE TABLE spelling AS SELECT raw, first_seen, {key_sql("raw")} AS key FROM (
            SELECT raw, min(seen) AS first_seen FROM (
                SELECT payer AS raw, (file, row, 0) AS seen FROM staged
                UNION ALL SELECT payee, (file, row, 1) FROM staged) GROUP BY raw)""")
    con.execute(
        "CREATE TABLE account AS SELECT (row_number() OVER (ORDER BY min(first_seen)) - 1)::INTEGER AS id,"
        " arg_min(raw, first_seen) AS name, key FROM spelling GROUP BY key"
    )
    con.execute("CREATE TABLE numbered AS SELECT s.raw, a.id FROM spelling s JOIN account a USING (key)")
    con.execute("DROP TABLE spelling")
    con.execute(
        "CREATE TABLE currency AS SELECT (row_number() OVER (ORDER BY code) - 1)::INTEGER AS id, code"
        " FROM (SELECT DISTINCT currency AS code FROM staged)"
    )


def key_sql(name: str) -> str:
    """SQL of what two spellings of one name have in common; an account number loses its spaces."""
    words = f"trim(regexp_replace(lower(strip_accents({name})), '[^\\p{{L}}\\p{{N}}]+', ' ', 'g'))"
    for form, short in _LEGAL_FORMS.items():
        words = f"regexp_replace({words}, '\\b{form}\\b', '{short}')"
    iban = "[A-Za-z]{2}\\d{2}( ?[A-Za-z0-9]{4}){2,8}( ?[A-Za-z0-9]{1,3})?"
    number = f"regexp_full_match(trim({name}), '{iban}')"
    return (
        f"CASE WHEN {number} THEN lower(replace({name}, ' ', ''))"
        f" WHEN {words} = '' THEN lower(trim({name})) ELSE {words} END"
    )


def _write(con: duckdb.DuckDBPyConnection, digits: int) -> list[Untraceable]:
    """Write the ledger in the order of time; say what was listed twice and what went nowhere."""
    con.execute(f"""
        CREATE TABLE matched AS
        SELECT s.file, s.row, s.booked, p.id AS payer, q.id AS payee, c.id AS currency,
               (s.amount * {10**digits})::BIGINT AS units, (s.fee * {10**digits})::BIGINT AS fee, s.reference
        FROM staged s JOIN numbered p ON p.raw = s.payer JOIN numbered q ON q.raw = s.payee
        JOIN currency c ON c.code = s.currency""")
    con.execute("DROP TABLE staged")
    con.execute("DROP TABLE numbered")
    left_out = [*_drop_copies(con), *_drop_own(con)]
    con.execute(
        "CREATE TABLE ledger AS SELECT (row_number() OVER () - 1)::BIGINT AS id, *"
        " FROM (SELECT * FROM matched ORDER BY booked, file, row)"
    )
    con.execute("DROP TABLE matched")
    return left_out


def _drop_copies(con: duckdb.DuckDBPyConnection) -> list[Untraceable]:
    """Leave out what another file lists too: the k-th copy within a file is the k-th within another."""
    if only_row(con, "SELECT count(DISTINCT file) FROM matched")[0] < 2:
        return []
    same = "payer, payee, currency, units, booked::DATE"
    con.execute(f"""
        CREATE TEMP TABLE copy AS SELECT file, row FROM (
            SELECT file, row, row_number() OVER (PARTITION BY {same}, nth ORDER BY file) AS copy FROM (
                SELECT *, row_number() OVER (PARTITION BY file, {same} ORDER BY row) AS nth FROM matched))
        WHERE copy > 1""")
    why = "counted once: payer, payee, amount and day are the same as in another file"
    found = _left_out(con, "copy", "transfers listed in two files", why)
    con.execute("DELETE FROM matched WHERE (file, row) IN (SELECT (file, row) FROM copy)")
    return found


def _drop_own(con: duckdb.DuckDBPyConnection) -> list[Untraceable]:
    why = "left out: payer and payee are the same account, so no money went anywhere"
    found = _left_out(con, "matched WHERE payer = payee", "transfers of an account to itself", why)
    if found:
        con.execute("DELETE FROM matched WHERE payer = payee")
    return found


def _left_out(con: duckdb.DuckDBPyConnection, rows: str, what: str, why: str) -> list[Untraceable]:
    n, shown = only_row(
        con, f"SELECT count(*), list((file, row) ORDER BY file, row)[:{staging.ROWS_SHOWN}] FROM {rows}"
    )
    return [Untraceable(f"{n} {what}", why, rows=rows_of(n, shown, are_traced=False))] if n else []
