"""What cannot be followed further in these tables, and why: a trace that hides its limits is worth nothing in court."""

from agent_runtime.jobs.cashflow.findings import MOST_ROWS
from agent_runtime.jobs.cashflow.ledger import Ledger
from agent_runtime.jobs.cashflow.types import Untraceable, pairs

_MOST = 20


def find_untraceable(ledger: Ledger) -> tuple[Untraceable, ...]:
    """Where the trail ends, where an account paid what no row brought it, where money changed currency."""
    return (*_ends(ledger), *_unexplained(ledger), *_exchanged(ledger), *ledger.left_out)


def _ends(ledger: Ledger) -> list[Untraceable]:
    rows = ledger.con.execute(f"""
        SELECT name, code, kept, (
            SELECT list((file, row) ORDER BY id)[:{MOST_ROWS}] FROM movement m
            WHERE m.payee = f.account AND m.currency = f.currency AND m.traced > 0)
        FROM (FROM named_flow f WHERE kept > 0 AND account NOT IN (SELECT payer FROM ledger)
              ORDER BY kept DESC, account LIMIT {_MOST}) f ORDER BY kept DESC, account""").fetchall()
    why = "the tables hold no payment out of this account; its own statement would be needed"
    return [
        Untraceable(f"the trail ends at {name}", why, code, kept, pairs(at)) for name, code, kept, at in rows
    ]


def _unexplained(ledger: Ledger) -> list[Untraceable]:
    rows = ledger.con.execute(f"""
        SELECT name, code, unexplained, (
            SELECT list((file, row) ORDER BY id)[:{MOST_ROWS}] FROM ledger l
            WHERE l.payer = f.account AND l.currency = f.currency)
        FROM (FROM named_flow WHERE unexplained > 0 ORDER BY unexplained DESC, account LIMIT {_MOST}) f
        ORDER BY unexplained DESC, account""").fetchall()
    why = (
        "it paid more than the tables show it had (an opening balance, an overdraft, a missing statement);"
        " taken as not the source's"
    )
    return [
        Untraceable(f"money of {name} from nowhere", why, code, n, pairs(at)) for name, code, n, at in rows
    ]


def _exchanged(ledger: Ledger) -> list[Untraceable]:
    if ledger.n_currencies == 1:
        return []
    rows = ledger.con.execute(f"""
        SELECT f.name, f.code, c.code, f.kept, list((l.file, l.row) ORDER BY l.id)[:{MOST_ROWS}]
        FROM named_flow f JOIN ledger l ON l.payer = f.account AND l.currency <> f.currency AND l.booked >= f.first
        JOIN currency c ON c.id = l.currency WHERE f.kept > 0
        GROUP BY f.account, f.name, f.code, c.code, f.kept ORDER BY f.kept DESC, f.account LIMIT {_MOST}""").fetchall()
    why = "it also paid in {}: if the money was exchanged, these tables hold no rate that would let it be followed"
    return [
        Untraceable(
            f"{code or 'money'} kept at {name}", why.format(other or "no currency"), code, kept, pairs(at)
        )
        for name, code, other, kept, at in rows
    ]
