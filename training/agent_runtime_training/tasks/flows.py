"""Money flows, asked of a ledger by one or two queries: totals, ranks, patterns.

Paths and tracing have files of their own; `FLOWS` is all of them. Each builder ends in an oracle in plain Python
over the transfers.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from math import fsum

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.draft import Builder, Draft, Family
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.flow_paths import PATH_BUILDERS
from agent_runtime_training.tasks.flow_tracing import TRACING_BUILDERS
from agent_runtime_training.tasks.ledger import Ledger, Transfer, background, ledger_of, literal
from agent_runtime_training.tasks.rendering import render_cell, render_number
from agent_runtime_training.tasks.slips import ask
from agent_runtime_training.tasks.teacher import Rejected, Teacher
from agent_runtime_training.tasks.wording import pick, read_wordings


def _random_ledger(rng: random.Random, split: Split, extra: list[Transfer] | None = None) -> Ledger:
    parties = names.parties(rng, rng.randrange(4, 9))
    return ledger_of(rng, split, background(rng, parties, rng.randrange(10, 45)) + (extra or []))


# --- totals


def _total(
    where: Callable[[Ledger, Transfer], tuple[str, Callable[[Transfer], bool]]], *fields: str
) -> Builder:
    """A builder for one aggregate under one condition; `fields` name the parties asked about."""

    def build(rng: random.Random, split: Split) -> Draft:
        ledger = _random_ledger(rng, split)
        chosen = rng.choice(ledger.transfers)
        condition, holds = where(ledger, chosen)
        teacher = Teacher([ledger.table])
        teacher.plan(pick(rng, "Query the total", "Add up the matching transfers"), "Report it")
        query = f"SELECT SUM({ledger.amount_sql}) AS total FROM {ledger.name} WHERE {condition}"
        rows = ask(
            teacher, rng, pick(rng, "Ask the ledger.", "Sum the matching rows."), query, ledger.columns
        )
        teacher.answer(render_cell(rows[0][0]))
        oracle = render_number(fsum(t.amount for t in ledger.transfers if holds(t)))
        asked = {"payer": chosen.payer, "payee": chosen.payee}
        return Draft(teacher, {name: asked[name] for name in fields}, oracle, [ledger.table])

    return build


def _paid(ledger: Ledger, chosen: Transfer) -> tuple[str, Callable[[Transfer], bool]]:
    return f"{ledger.payer} = {literal(chosen.payer)}", lambda t: t.payer == chosen.payer


def _received(ledger: Ledger, chosen: Transfer) -> tuple[str, Callable[[Transfer], bool]]:
    return f"{ledger.payee} = {literal(chosen.payee)}", lambda t: t.payee == chosen.payee


def _between(ledger: Ledger, chosen: Transfer) -> tuple[str, Callable[[Transfer], bool]]:
    condition = f"{ledger.payer} = {literal(chosen.payer)} AND {ledger.payee} = {literal(chosen.payee)}"
    return condition, lambda t: (t.payer, t.payee) == (chosen.payer, chosen.payee)


def _period(rng: random.Random, split: Split) -> Draft:
    """The total that one party paid in a month or between two days."""
    ledger = _random_ledger(rng, split)
    chosen = rng.choice(ledger.transfers)
    first, last, said = _some_period(chosen.day, rng)
    days = f"{ledger.day_sql} BETWEEN '{first.isoformat()}' AND '{last.isoformat()}'"
    condition = f"{ledger.payer} = {literal(chosen.payer)} AND {days}"
    teacher = Teacher([ledger.table])
    teacher.plan("Sum the payments of the period", "Report it")
    query = f"SELECT SUM({ledger.amount_sql}) AS total FROM {ledger.name} WHERE {condition}"
    rows = ask(
        teacher, rng, pick(rng, "Ask for the period.", "Only rows of that period."), query, ledger.columns
    )
    teacher.answer(render_cell(rows[0][0]))
    oracle = fsum(t.amount for t in ledger.transfers if t.payer == chosen.payer and first <= t.day <= last)
    return Draft(teacher, {"payer": chosen.payer, "period": said}, render_number(oracle), [ledger.table])


def _some_period(day: date, rng: random.Random) -> tuple[date, date, str]:
    if rng.random() < 0.5:
        first = day.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        return first, last, f"in {day:%B} {day.year}"
    first, last = day - timedelta(days=rng.randrange(20)), day + timedelta(days=rng.randrange(20))
    return first, last, f"from {names.spoken_day(first, rng)} to {names.spoken_day(last, rng)} inclusive"


def _net(rng: random.Random, split: Split) -> Draft:
    """What a party received minus what it paid."""
    ledger = _random_ledger(rng, split)
    party = rng.choice(ledger.transfers).payer
    teacher = Teacher([ledger.table])
    teacher.plan(f"Total received by {party}", f"Total paid by {party}", "Subtract")
    total = f"SELECT COALESCE(SUM({ledger.amount_sql}), 0) AS total FROM {ledger.name} WHERE "
    money_in = ask(teacher, rng, "Money in.", f"{total}{ledger.payee} = {literal(party)}", ledger.columns)[0][
        0
    ]
    money_out = teacher.sql("Money out.", f"{total}{ledger.payer} = {literal(party)}")[0][0]
    teacher.answer(teacher.calc("Net.", f"{render_cell(money_in)} - {render_cell(money_out)}"))
    received = fsum(t.amount for t in ledger.transfers if t.payee == party)
    paid = fsum(t.amount for t in ledger.transfers if t.payer == party)
    return Draft(teacher, {"party": party}, render_number(round(received - paid, 2)), [ledger.table])


def _share(rng: random.Random, split: Split) -> Draft:
    """The share of a payer's money that one payee got, in percent."""
    ledger = _random_ledger(rng, split)
    chosen = rng.choice(ledger.transfers)
    teacher = Teacher([ledger.table])
    teacher.plan("Total to that recipient", "Total paid overall", "Share in percent")
    total = f"SELECT SUM({ledger.amount_sql}) AS total FROM {ledger.name} WHERE "
    total += f"{ledger.payer} = {literal(chosen.payer)}"
    part = ask(
        teacher, rng, "The part.", f"{total} AND {ledger.payee} = {literal(chosen.payee)}", ledger.columns
    )[0][0]
    whole = teacher.sql("The whole.", total)[0][0]
    teacher.answer(teacher.calc("Share.", f"{render_cell(part)} / {render_cell(whole)} * 100"))
    paid = [t for t in ledger.transfers if t.payer == chosen.payer]
    oracle = 100 * fsum(t.amount for t in paid if t.payee == chosen.payee) / fsum(t.amount for t in paid)
    return Draft(
        teacher, {"payer": chosen.payer, "payee": chosen.payee}, render_number(oracle), [ledger.table]
    )


def _fee(rng: random.Random, split: Split) -> Draft:
    """What an intermediary kept of money passed through it, in percent."""
    first, middle, last, *others = names.parties(rng, rng.randrange(5, 8))
    start = names.day(rng)
    parts = [float(rng.randrange(20, 900) * 100) for _ in range(rng.randrange(1, 4))]
    kept = rng.choice((1, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 8, 10, 12))
    legs = [Transfer(first, middle, part, start) for part in parts]
    legs += [
        Transfer(middle, last, round(part * (1 - kept / 100), 2), start + timedelta(days=2)) for part in parts
    ]
    noise = background(rng, [*others, first], rng.randrange(4, 20), start)
    ledger = ledger_of(rng, split, legs + noise)
    teacher = Teacher([ledger.table])
    teacher.plan(f"Money from {first} to {middle}", f"Money from {middle} to {last}", "Share kept in percent")
    total = f"SELECT SUM({ledger.amount_sql}) AS total FROM {ledger.name} WHERE "
    leg = "{} = {} AND {} = {}"
    money_in = ask(
        teacher,
        rng,
        "Money in.",
        total + leg.format(ledger.payer, literal(first), ledger.payee, literal(middle)),
        ledger.columns,
    )[0][0]
    money_out = teacher.sql(
        "Money passed on.", total + leg.format(ledger.payer, literal(middle), ledger.payee, literal(last))
    )[0][0]
    taken, given = render_cell(money_in), render_cell(money_out)
    teacher.answer(teacher.calc("Share kept.", f"({taken} - {given}) / {taken} * 100"))
    fields = {"first": first, "middle": middle, "last": last}
    return Draft(teacher, fields, render_number(kept), [ledger.table])


# --- ranks and patterns


def _most(scores: Mapping[str, float]) -> str:
    """The key with the highest score, if it is ahead of the second by more than rounding."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    if not ranked or (len(ranked) > 1 and ranked[0][1] - ranked[1][1] < 0.05):
        raise Rejected
    return ranked[0][0]


def _rank(side: str, measure: str) -> Builder:
    """A builder for the party that is first by a measure over one side of the ledger."""

    def build(rng: random.Random, split: Split) -> Draft:
        ledger = _random_ledger(rng, split)
        scores = _scores(ledger, side, measure)
        oracle = _most(scores)
        key, other = (ledger.payer, ledger.payee) if side == "payer" else (ledger.payee, ledger.payer)
        aggregates = {
            "total": f"SUM({ledger.amount_sql})",
            "count": "COUNT(*)",
            "partners": f"COUNT(DISTINCT {other})",
        }
        teacher = Teacher([ledger.table])
        teacher.plan(pick(rng, "Rank the parties", "Group by party and sort"), "Take the first")
        query = (
            f"SELECT {key}, {aggregates[measure]} AS n FROM {ledger.name} "
            f"GROUP BY {key} ORDER BY n DESC, {key} LIMIT 3"
        )
        rows = ask(teacher, rng, pick(rng, "Rank them.", "Largest first."), query, ledger.columns)
        teacher.answer(str(rows[0][0]))
        return Draft(teacher, {}, oracle, [ledger.table])

    return build


def _scores(ledger: Ledger, side: str, measure: str) -> dict[str, float]:
    groups: defaultdict[str, list[Transfer]] = defaultdict(list)
    for transfer in ledger.transfers:
        groups[transfer.payer if side == "payer" else transfer.payee].append(transfer)
    if measure == "total":
        return {party: fsum(t.amount for t in group) for party, group in groups.items()}
    if measure == "count":
        return {party: float(len(group)) for party, group in groups.items()}
    return {party: float(len({(t.payer, t.payee) for t in group})) for party, group in groups.items()}


def _structuring(rng: random.Random, split: Split) -> Draft:
    """Who splits payments so that each stays just under a reporting limit."""
    parties = names.parties(rng, rng.randrange(5, 9))
    limit = rng.choice((1000, 2500, 3000, 5000, 10_000, 12_000, 15_000, 20_000))
    low = limit * rng.choice((80, 85, 90, 95)) // 100
    culprit, *others = parties
    start = names.day(rng)
    split_up = [
        Transfer(
            culprit,
            rng.choice(others),
            float(rng.randrange(low, limit)),
            names.day(rng, start, 20),
        )
        for _ in range(rng.randrange(4, 9))
    ]
    ledger = ledger_of(rng, split, background(rng, parties, rng.randrange(10, 30), start) + split_up)
    near = Counter(t.payer for t in ledger.transfers if low <= t.amount < limit)
    oracle = _most({party: float(n) for party, n in near.items()})
    teacher = Teacher([ledger.table])
    teacher.plan("Count the payments just under the limit by payer", "Take the largest count")
    query = (
        f"SELECT {ledger.payer}, COUNT(*) AS n FROM {ledger.name} WHERE {ledger.amount_sql} >= {low} "
        f"AND {ledger.amount_sql} < {limit} GROUP BY {ledger.payer} ORDER BY n DESC, {ledger.payer} LIMIT 3"
    )
    rows = ask(teacher, rng, pick(rng, "Count them.", "Near the limit, by payer."), query, ledger.columns)
    teacher.answer(str(rows[0][0]))
    fields = {"low": names.spoken_amount(low, rng), "limit": names.spoken_amount(limit, rng)}
    return Draft(teacher, fields, oracle, [ledger.table])


def _pass_through(rng: random.Random, split: Split) -> Draft:
    """The account that hands on nearly all that it gets."""
    hub, *others = names.parties(rng, rng.randrange(5, 9))
    start = names.day(rng)
    transfers = background(rng, others, rng.randrange(12, 30), start)
    for _ in range(rng.randrange(2, 5)):
        value = float(rng.randrange(50, 4000) * 100)
        payer, payee = rng.sample(others, 2)
        transfers.append(Transfer(payer, hub, value, start + timedelta(days=rng.randrange(40))))
        transfers.append(Transfer(hub, payee, round(value * 0.98, 2), transfers[-1].day + timedelta(days=1)))
    ledger = ledger_of(rng, split, transfers)
    oracle = _most(_retained(ledger))
    teacher = Teacher([ledger.table])
    teacher.plan("Totals in and out of every account", "Take the one where they nearly agree")
    query = (
        f"WITH i AS (SELECT {ledger.payee} AS p, SUM({ledger.amount_sql}) AS s FROM {ledger.name} GROUP BY 1), "
        f"o AS (SELECT {ledger.payer} AS p, SUM({ledger.amount_sql}) AS s FROM {ledger.name} GROUP BY 1) "
        "SELECT i.p, i.s AS inflow, o.s AS outflow FROM i JOIN o ON i.p = o.p "
        "ORDER BY ABS(i.s - o.s) / i.s, i.p LIMIT 3"
    )
    rows = ask(teacher, rng, pick(rng, "Compare in and out.", "Smallest gap first."), query, ledger.columns)
    teacher.answer(str(rows[0][0]))
    return Draft(teacher, {}, oracle, [ledger.table])


def _retained(ledger: Ledger) -> dict[str, float]:
    """Minus the relative gap between in and out, for parties that have both; in percent."""
    money_in, money_out = _scores(ledger, "payee", "total"), _scores(ledger, "payer", "total")
    return {
        party: -100 * abs(money_in[party] - money_out[party]) / money_in[party]
        for party in money_in.keys() & money_out.keys()
    }


# --- single rows


def _count_above(rng: random.Random, split: Split) -> Draft:
    """How many payments of a party are above an amount."""
    ledger = _random_ledger(rng, split)
    chosen = rng.choice(ledger.transfers)
    threshold = float(round(chosen.amount * rng.choice((0.5, 0.8, 1.2)), -2)) or 100.0
    teacher = Teacher([ledger.table])
    teacher.plan("Count the payments above the amount", "Report the count")
    query = (
        f"SELECT COUNT(*) AS n FROM {ledger.name} WHERE {ledger.payer} = {literal(chosen.payer)} "
        f"AND {ledger.amount_sql} > {render_number(threshold)}"
    )
    rows = ask(teacher, rng, "Count them.", query, ledger.columns)
    teacher.answer(render_cell(rows[0][0]))
    oracle = sum(t.payer == chosen.payer and t.amount > threshold for t in ledger.transfers)
    fields = {"payer": chosen.payer, "amount": names.spoken_amount(threshold, rng)}
    return Draft(teacher, fields, str(oracle), [ledger.table])


def _first_day(rng: random.Random, split: Split) -> Draft:
    """The day of the first or the last payment between two parties."""
    ledger = _random_ledger(rng, split)
    chosen = rng.choice(ledger.transfers)
    condition, holds = _between(ledger, chosen)
    function, which = rng.choice((("MIN", "first"), ("MAX", "last")))
    teacher = Teacher([ledger.table])
    teacher.plan(f"Find the {which} day", "Report it")
    query = f"SELECT {function}({ledger.day_sql}) AS d FROM {ledger.name} WHERE {condition}"
    rows = ask(teacher, rng, f"The {which} day.", query, ledger.columns)
    teacher.answer(render_cell(rows[0][0]))
    days = [t.day for t in ledger.transfers if holds(t)]
    oracle = min(days) if which == "first" else max(days)
    fields = {"payer": chosen.payer, "payee": chosen.payee, "which": which}
    return Draft(teacher, fields, oracle.isoformat(), [ledger.table])


def _go_betweens(rng: random.Random, split: Split) -> Draft:
    """Every party that got money from one party and paid another one."""
    ledger = _random_ledger(rng, split)
    first, last = rng.sample(sorted({t.payer for t in ledger.transfers}), 2)
    oracle = sorted(
        {t.payee for t in ledger.transfers if t.payer == first}
        & {t.payer for t in ledger.transfers if t.payee == last}
    )
    if not 1 <= len(oracle) <= 5:
        raise Rejected
    teacher = Teacher([ledger.table])
    teacher.plan(f"Who got money from {first}", f"Who of them paid {last}", "List them")
    query = (
        f"SELECT {ledger.payee} AS p FROM {ledger.name} WHERE {ledger.payer} = {literal(first)} INTERSECT "
        f"SELECT {ledger.payer} FROM {ledger.name} WHERE {ledger.payee} = {literal(last)} ORDER BY p"
    )
    rows = ask(teacher, rng, "Both at once.", query, ledger.columns)
    teacher.answer(", ".join(str(row[0]) for row in rows))
    return Draft(teacher, {"first": first, "last": last}, ", ".join(oracle), [ledger.table])


FLOWS = Family(
    "flows",
    {
        "paid": _total(_paid, "payer"),
        "received": _total(_received, "payee"),
        "between": _total(_between, "payer", "payee"),
        "period": _period,
        "net": _net,
        "share": _share,
        "fee": _fee,
        "top_payer": _rank("payer", "total"),
        "top_payee": _rank("payee", "total"),
        "busiest_payer": _rank("payer", "count"),
        "fan_out": _rank("payer", "partners"),
        "fan_in": _rank("payee", "partners"),
        "structuring": _structuring,
        "pass_through": _pass_through,
        "count_above": _count_above,
        "first_day": _first_day,
        "go_betweens": _go_betweens,
        **PATH_BUILDERS,
        **TRACING_BUILDERS,
    },
    read_wordings("flows"),
    dict.fromkeys(PATH_BUILDERS, 2.0) | dict.fromkeys(TRACING_BUILDERS, 2.0),
)
