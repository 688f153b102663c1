"""Questions about tables: filters, groups, dates, top-k, ratios, missing and messy values, joins of two tables.

A builder composes SQL from a sheet's fields; its oracle filters the sheet's clean values in plain Python.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum
from typing import Any

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.draft import Builder, Draft, Family
from agent_runtime_training.tasks.example import Row, Split, TableData
from agent_runtime_training.tasks.ledger import literal
from agent_runtime_training.tasks.rendering import identifier, render_cell, render_number
from agent_runtime_training.tasks.schemas import Schema
from agent_runtime_training.tasks.sheets import Field, Sheet, month_of, sheet
from agent_runtime_training.tasks.slips import ask
from agent_runtime_training.tasks.teacher import Rejected, Teacher
from agent_runtime_training.tasks.wording import pick, read_wordings

WORDINGS = read_wordings("tables")


@dataclass(frozen=True, slots=True)
class _Condition:
    """A filter in SQL, in words, and as the set of rows it keeps."""

    sql: str
    words: str
    keeps: frozenset[int]


_AGGREGATES: tuple[tuple[str, str, Callable[[Sequence[float]], float]], ...] = (
    ("SUM({})", "total", fsum),
    ("AVG({})", "average", lambda values: fsum(values) / len(values)),
    ("MAX({})", "highest", max),
    ("MIN({})", "lowest", min),
)


def _equals(field: Field, value: str) -> str:
    """SQL that a category has a value; a messy one is compared in lower case."""
    return f"{field.sql} = {literal(value.lower() if field.sql.startswith('LOWER') else value)}"


def _rows_where(field: Field, holds: Callable[[Any], bool]) -> frozenset[int]:
    return frozenset(at for at, value in enumerate(field.values) if value is not None and holds(value))


def _by_category(rng: random.Random, sheet_: Sheet) -> _Condition:
    field = rng.choice(sheet_.categories)
    value = rng.choice(field.values)
    words = rng.choice(("{} is {}", "{} = {}", "the {} is {}")).format(field.words, value)
    return _Condition(_equals(field, value), words, _rows_where(field, lambda found: found == value))


def _by_two(rng: random.Random, sheet_: Sheet) -> _Condition:
    at = rng.randrange(len(sheet_.days.values))
    first, second = sheet_.categories
    a, b = first.values[at], second.values[at]
    keeps = _rows_where(first, lambda found: found == a) & _rows_where(second, lambda found: found == b)
    return _Condition(
        f"{_equals(first, a)} AND {_equals(second, b)}",
        f"{first.words} is {a} and {second.words} is {b}",
        keeps,
    )


def _by_either(rng: random.Random, sheet_: Sheet) -> _Condition:
    field = rng.choice(sheet_.categories)
    kinds = sorted(set(field.values))
    if len(kinds) < 3:
        raise Rejected
    a, b = rng.sample(kinds, 2)
    keeps = _rows_where(field, lambda found: found in (a, b))
    return _Condition(f"({_equals(field, a)} OR {_equals(field, b)})", f"{field.words} is {a} or {b}", keeps)


def _by_number(rng: random.Random, sheet_: Sheet) -> _Condition:
    field = rng.choice(sheet_.numbers)
    limit = rng.choice([value for value in field.values if value is not None])
    sign, word, holds = rng.choice(_COMPARISONS)
    return _Condition(
        f"{field.sql} {sign} {render_number(limit)}",
        f"{field.words} is {word} {names.spoken_amount(limit, rng)}",
        _rows_where(field, lambda found: holds(found, limit)),
    )


_COMPARISONS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    (">", "more than", lambda found, limit: found > limit),
    ("<", "less than", lambda found, limit: found < limit),
    (">=", "at least", lambda found, limit: found >= limit),
    ("<=", "at most", lambda found, limit: found <= limit),
)


def _by_day(rng: random.Random, sheet_: Sheet) -> _Condition:
    field, day = sheet_.days, rng.choice(sheet_.days.values)
    if rng.random() < 0.5:
        first, last = month_of(day)
        sql = f"{field.sql} BETWEEN '{first}' AND '{last}'"
        return _Condition(
            sql,
            f"{field.words} is in {day:%B} {day.year}",
            _rows_where(field, lambda found: first <= found <= last),
        )
    spoken = names.spoken_day(day, rng)
    if rng.random() < 0.5:
        return _Condition(
            f"{field.sql} > '{day}'",
            f"{field.words} is after {spoken}",
            _rows_where(field, lambda found: found > day),
        )
    return _Condition(
        f"{field.sql} < '{day}'",
        f"{field.words} is before {spoken}",
        _rows_where(field, lambda found: found < day),
    )


_CONDITIONS: tuple[Callable[[random.Random, Sheet], _Condition], ...] = (
    _by_category,
    _by_category,
    _by_number,
    _by_day,
    _by_two,
    _by_either,
)


def _condition(rng: random.Random, sheet_: Sheet) -> _Condition:
    found = rng.choice(_CONDITIONS)(rng, sheet_)
    if not found.keeps:
        raise Rejected
    return found


def _kept(field: Field, keeps: frozenset[int]) -> list[float]:
    return [field.values[at] for at in sorted(keeps) if field.values[at] is not None]


def _start(rng: random.Random, *sheets: Sheet, items: Sequence[str] = ()) -> Teacher:
    teacher = Teacher([sheet_.table for sheet_ in sheets])
    teacher.plan(*(items or (pick(rng, "Query the table", "Ask with one query"), "Report the value")))
    return teacher


def _query(teacher: Teacher, rng: random.Random, sheet_: Sheet, query: str) -> list[Row]:
    return ask(teacher, rng, pick(rng, "Ask the table.", "Query it.", "Look it up."), query, sheet_.columns)


# --- one value


def _count(rng: random.Random, split: Split) -> Draft:
    """How many rows meet a condition."""
    data = sheet(rng, split)
    condition = _condition(rng, data)
    teacher = _start(rng, data)
    rows = _query(teacher, rng, data, f"SELECT COUNT(*) AS n FROM {data.name} WHERE {condition.sql}")
    teacher.answer(render_cell(rows[0][0]))
    fields = {"table": data.words, "condition": condition.words}
    return Draft(teacher, fields, str(len(condition.keeps)), [data.table])


def _aggregate(rng: random.Random, split: Split) -> Draft:
    """A total, mean or extreme of a number over rows that meet a condition."""
    data = sheet(rng, split)
    condition, number = _condition(rng, data), rng.choice(data.numbers)
    sql, words, function = rng.choice(_AGGREGATES)
    values = _kept(number, condition.keeps)
    if not values:
        raise Rejected
    teacher = _start(rng, data)
    query = f"SELECT {sql.format(number.sql)} AS v FROM {data.name} WHERE {condition.sql}"
    teacher.answer(render_cell(_query(teacher, rng, data, query)[0][0]))
    fields = {"table": data.words, "condition": condition.words, "number": number.words, "aggregate": words}
    return Draft(teacher, fields, render_number(function(values)), [data.table])


def _distinct(rng: random.Random, split: Split) -> Draft:
    """How many different values a category has."""
    data = sheet(rng, split)
    field = rng.choice(data.categories)
    teacher = _start(rng, data)
    rows = _query(teacher, rng, data, f"SELECT COUNT(DISTINCT {field.sql}) AS n FROM {data.name}")
    teacher.answer(render_cell(rows[0][0]))
    fields = {"table": data.words, "category": field.words}
    return Draft(teacher, fields, str(len(set(field.values))), [data.table])


def _lookup(rng: random.Random, split: Split) -> Draft:
    """One cell of the row of one label."""
    data = sheet(rng, split)
    at = rng.randrange(len(data.labels.values))
    field = rng.choice((*data.numbers, data.days))
    if field.values[at] is None:
        raise Rejected
    label = data.labels.values[at]
    teacher = _start(rng, data)
    query = f"SELECT {field.sql} AS v FROM {data.name} WHERE {data.labels.sql} = {literal(label)}"
    teacher.answer(render_cell(_query(teacher, rng, data, query)[0][0]))
    fields = {"field": field.words, "label": label, "labels": data.labels.words, "table": data.words}
    return Draft(teacher, fields, render_cell(field.values[at]), [data.table])


def _missing(rng: random.Random, split: Split) -> Draft:
    """How many rows have no value in a column."""
    data = sheet(rng, split)
    field = next((field for field in data.numbers if None in field.values), data.numbers[0])
    teacher = _start(rng, data)
    column = identifier(field.name)
    rows = _query(teacher, rng, data, f"SELECT COUNT(*) AS n FROM {data.name} WHERE {column} IS NULL")
    teacher.answer(render_cell(rows[0][0]))
    fields = {"table": data.words, "number": field.words}
    return Draft(teacher, fields, str(field.values.count(None)), [data.table])


# --- groups and ranks


def _grouped(category: Field, number: Field | None) -> dict[str, list[float]]:
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for at, key in enumerate(category.values):
        value = 1.0 if number is None else number.values[at]
        if value is not None:
            groups[key].append(value)
    return groups


def _ranked(scores: dict[str, float], is_descending: bool, k: int) -> list[str]:
    """The first `k` keys by score, if no two scores around the cut are close."""
    order = sorted(scores.items(), key=lambda item: -item[1] if is_descending else item[1])
    near = [abs(a[1] - b[1]) < 0.02 for a, b in pairwise(order[: k + 1])]
    if len(order) < k or any(near):
        raise Rejected
    return [key for key, _ in order[:k]]


def _key(category: Field, value: str) -> str:
    """A category's value as its cleaned column shows it."""
    return value.lower() if category.sql.startswith("LOWER") else value


def _top_group(rng: random.Random, split: Split) -> Draft:
    """The category with the largest or smallest total, mean or count."""
    data = sheet(rng, split)
    category, number = rng.choice(data.categories), rng.choice(data.numbers)
    sql, words, function = rng.choice((_AGGREGATES[0], _AGGREGATES[1], ("COUNT(*)", "number of rows", fsum)))
    counted = None if sql == "COUNT(*)" else number
    is_descending = rng.random() < 0.6
    scores = {key: function(values) for key, values in _grouped(category, counted).items()}
    oracle = _ranked(scores, is_descending, 1)[0]
    if len(scores) < 2:
        raise Rejected
    teacher = _start(rng, data, items=("Group and sort", "Take the first"))
    order = "DESC" if is_descending else "ASC"
    query = (
        f"SELECT {category.sql} AS k, {sql.format(number.sql)} AS v FROM {data.name} "
        f"GROUP BY k ORDER BY v {order}, k LIMIT 3"
    )
    teacher.answer(str(_query(teacher, rng, data, query)[0][0]))
    measure = words if counted is None else f"{words} {number.words}"
    fields = {"category": category.words, "measure": measure, "table": data.words}
    fields["extreme"] = rng.choice(("largest", "highest") if is_descending else ("smallest", "lowest"))
    return Draft(teacher, fields, _key(category, oracle), [data.table])


def _group_value(rng: random.Random, split: Split) -> Draft:
    """How many categories have more than so many rows."""
    data = sheet(rng, split, n_rows=rng.randrange(20, 60))
    category = rng.choice(data.categories)
    counts = {key: len(values) for key, values in _grouped(category, None).items()}
    limit = rng.choice(sorted(counts.values()))
    teacher = _start(
        rng, data, items=("Count rows by group", "Keep the groups above the limit", "Count them")
    )
    groups = f"SELECT {category.sql} AS k FROM {data.name} GROUP BY k HAVING COUNT(*) > {limit}"
    query = f"SELECT COUNT(*) AS n FROM ({groups})"
    teacher.answer(render_cell(_query(teacher, rng, data, query)[0][0]))
    oracle = sum(count > limit for count in counts.values())
    fields = {"category": category.words, "limit": str(limit), "table": data.words}
    return Draft(teacher, fields, str(oracle), [data.table])


def _top_rows(rng: random.Random, split: Split) -> Draft:
    """The labels of the k rows with the largest number, in order."""
    data = sheet(rng, split)
    number, k = rng.choice(data.numbers), rng.choice((1, 1, 2, 3, 4))
    scores = {
        label: value
        for label, value in zip(data.labels.values, number.values, strict=True)
        if value is not None
    }
    is_descending = rng.random() < 0.65
    oracle = _ranked(scores, is_descending, k)
    teacher = _start(rng, data, items=("Sort the rows", f"Take the first {k}"))
    order = "DESC" if is_descending else "ASC"
    query = (
        f"SELECT {data.labels.sql} AS k, {number.sql} AS v FROM {data.name} "
        f"WHERE {identifier(number.name)} IS NOT NULL ORDER BY v {order} LIMIT {k}"
    )
    rows = _query(teacher, rng, data, query)
    teacher.answer(", ".join(str(row[0]) for row in rows))
    extreme = rng.choice(("largest", "highest") if is_descending else ("smallest", "lowest"))
    fields = {
        "labels": data.labels.words,
        "number": number.words,
        "k": str(k),
        "extreme": extreme,
        "table": data.words,
    }
    wordings = WORDINGS["top_row" if k == 1 else "top_rows"]
    return Draft(teacher, fields, ", ".join(oracle), [data.table], wordings=wordings)


# --- two values


def _difference(rng: random.Random, split: Split) -> Draft:
    """By how much one category's total is ahead of another's."""
    data = sheet(rng, split)
    category, number = rng.choice(data.categories), rng.choice(data.numbers)
    totals = {key: fsum(values) for key, values in _grouped(category, number).items()}
    if len(totals) < 2:
        raise Rejected
    ahead, behind = sorted(rng.sample(sorted(totals), 2), key=totals.__getitem__, reverse=True)
    teacher = _start(rng, data, items=(f"Total for {ahead}", f"Total for {behind}", "Subtract"))
    total = f"SELECT SUM({number.sql}) AS v FROM {data.name} WHERE "
    more = ask(teacher, rng, f"Total for {ahead}.", total + _equals(category, ahead), data.columns)[0][0]
    less = teacher.sql(f"Total for {behind}.", total + _equals(category, behind))[0][0]
    teacher.answer(teacher.calc("Difference.", f"{render_cell(more)} - {render_cell(less)}"))
    fields = {
        "number": number.words,
        "ahead": ahead,
        "behind": behind,
        "category": category.words,
        "table": data.words,
    }
    return Draft(teacher, fields, render_number(round(totals[ahead] - totals[behind], 2)), [data.table])


def _percentage(rng: random.Random, split: Split) -> Draft:
    """The share of rows, or of a number's total, that meets a condition, in percent."""
    data = sheet(rng, split)
    condition = _condition(rng, data)
    teacher = _start(rng, data, items=("The part", "The whole", "Share in percent"))
    part = ask(
        teacher,
        rng,
        "The part.",
        f"SELECT COUNT(*) AS n FROM {data.name} WHERE {condition.sql}",
        data.columns,
    )[0][0]
    whole = teacher.sql("The whole.", f"SELECT COUNT(*) AS n FROM {data.name}")[0][0]
    teacher.answer(teacher.calc("Share.", f"{part} / {whole} * 100"))
    oracle = 100 * len(condition.keeps) / len(data.days.values)
    fields = {"table": data.words, "condition": condition.words}
    return Draft(teacher, fields, render_number(oracle), [data.table])


# --- two tables


def _joined(rng: random.Random, split: Split) -> Draft:
    """A number of one table, summed over a category that stands in the other one."""
    schema = Schema(rng, split)
    people = sheet(rng, split, n_rows=rng.randrange(5, 12), schema=schema)
    key, number = schema.draw("name"), schema.draw("quantity")
    title = schema.draw("table")
    n_rows = rng.randrange(12, 50)
    owners = rng.choices(people.labels.values, k=n_rows)
    values = [rng.randrange(1, 500) for _ in range(n_rows)]
    facts = TableData(
        title.name,
        ((key.name, "VARCHAR"), (number.name, "BIGINT")),
        tuple(zip(owners, values, strict=True)),
    )
    category = rng.choice(people.categories)
    wanted = rng.choice(category.values)
    kind = dict(zip(people.labels.values, category.values, strict=True))
    kept = [value for owner, value in zip(owners, values, strict=True) if kind[owner] == wanted]
    if not kept:
        raise Rejected
    sql, words, function = rng.choice((*_AGGREGATES[:2], ("COUNT(*)", "number of rows for", len)))
    teacher = Teacher([people.table, facts])
    teacher.plan("Join the two tables", f"Keep {wanted}", "Report the value")
    query = (
        f"SELECT {sql.format('f.' + identifier(number.name))} AS v FROM {identifier(title.name)} f "
        f"JOIN {people.name} p ON f.{identifier(key.name)} = p.{people.labels.sql} WHERE {_qualified(category, wanted)}"
    )
    columns = [*people.columns, identifier(key.name), identifier(number.name)]
    teacher.answer(render_cell(ask(teacher, rng, "Join them.", query, columns)[0][0]))
    fields = {
        "aggregate": words,
        "number": number.words,
        "facts": title.words,
        "category": category.words,
        "value": wanted,
        "table": people.words,
        "labels": people.labels.words,
    }
    return Draft(teacher, fields, render_number(function(kept)), [people.table, facts])


def _qualified(category: Field, value: str) -> str:
    column = identifier(category.name)
    return _equals(category, value).replace(column, f"p.{column}", 1)


_BUILDERS: dict[str, Builder] = {
    "count": _count,
    "aggregate": _aggregate,
    "distinct": _distinct,
    "lookup": _lookup,
    "missing": _missing,
    "top_group": _top_group,
    "group_size": _group_value,
    "top_rows": _top_rows,
    "difference": _difference,
    "percentage": _percentage,
    "joined": _joined,
}

TABLES = Family("tables", _BUILDERS, WORDINGS, {"count": 2, "aggregate": 3, "top_group": 2, "joined": 2})
