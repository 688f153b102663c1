"""Tables for table questions: columns of several meanings drawn at random, values clean or messy.

A `Field` says what a column means and how SQL has to read it; oracles look at `Field.values`, never at SQL.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.example import Cell, Split, TableData
from agent_runtime_training.tasks.rendering import identifier
from agent_runtime_training.tasks.schemas import Schema


@dataclass(frozen=True, slots=True)
class Field:
    """One column: what it is called, how SQL reads it, and its clean values (None: missing)."""

    name: str
    words: str
    sql: str
    kind: str
    values: tuple[Any, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with the meanings of its columns."""

    table: TableData
    name: str
    words: str
    labels: Field
    categories: tuple[Field, ...]
    numbers: tuple[Field, ...]
    days: Field

    @property
    def columns(self) -> list[str]:
        return [identifier(name) for name, _ in self.table.columns]


_POOLS: tuple[tuple[str, ...], ...] = (
    ("open", "closed", "pending", "cancelled", "on hold"),
    ("North", "South", "East", "West", "Centre"),
    ("red", "green", "blue", "black", "white", "silver"),
    ("A", "B", "C", "D", "E"),
    ("gold", "silver", "bronze", "basic"),
    ("Q1", "Q2", "Q3", "Q4"),
    ("low", "medium", "high", "urgent"),
    tuple(names.PLACES[:9]),
    tuple(names.PLACES[9:18]),
    ("steel", "oak", "glass", "cotton", "paper"),
    ("day", "evening", "night"),
    ("new", "used", "refurbished"),
)


def sheet(rng: random.Random, split: Split, n_rows: int | None = None, schema: Schema | None = None) -> Sheet:
    """A table with a label, two categories, two or three numbers and a day, in random order."""
    schema = schema or Schema(rng, split)
    n_rows = n_rows or rng.randrange(8, 60)
    title = schema.draw("table")
    labels = _labels(rng, schema, n_rows)
    pools = rng.sample(_POOLS, 2)
    categories = tuple(_category(rng, schema, n_rows, pool) for pool in pools)
    numbers = tuple(_number(rng, schema, n_rows) for _ in range(rng.randrange(2, 4)))
    days = _days(rng, schema, n_rows)
    fields = [labels, *categories, *numbers, days]
    rng.shuffle(fields)
    table = TableData(
        title.name,
        tuple((field.name, field.kind) for field in fields),
        tuple(zip(*(field.cells for field in fields), strict=True)),
    )
    return Sheet(
        table=table,
        name=identifier(title.name),
        words=title.words,
        labels=labels,
        categories=categories,
        numbers=numbers,
        days=days,
    )


def _labels(rng: random.Random, schema: Schema, n: int) -> Field:
    maker: Callable[[random.Random], str] = rng.choice((names.company, names.person, names.account))
    found: dict[str, None] = {}
    while len(found) < n:
        found[maker(rng)] = None
    name = schema.draw("name")
    values = tuple(found)
    return Field(name.name, name.words, identifier(name.name), "VARCHAR", values, values)


def _category(rng: random.Random, schema: Schema, n: int, pool: tuple[str, ...]) -> Field:
    chosen = rng.sample(pool, rng.randrange(2, len(pool) + 1))
    weights = [rng.random() + 0.2 for _ in chosen]
    values = tuple(rng.choices(chosen, weights, k=n))
    name = schema.draw("category")
    column = identifier(name.name)
    if rng.random() < 0.12:  # spaces and case as people type them
        messy = [rng.choice((value, value.upper(), f" {value}", f"{value} ")) for value in values]
        messy[0] = f" {values[0]} "  # the sample row shows that the column needs cleaning
        cells = tuple(messy)
        return Field(name.name, name.words, f"LOWER(TRIM({column}))", "VARCHAR", values, cells)
    return Field(name.name, name.words, column, "VARCHAR", values, values)


def _number(rng: random.Random, schema: Schema, n: int) -> Field:
    name = schema.draw("quantity")
    column = identifier(name.name)
    high = rng.choice((10, 100, 1000, 100_000))
    is_whole = rng.random() < 0.5
    numbers: list[float | int | None] = [
        rng.randrange(1, high + 1) if is_whole else round(rng.uniform(0, high), 2) for _ in range(n)
    ]
    if rng.random() < 0.15:
        for at in rng.sample(range(1, n), max(1, n // 12)):
            numbers[at] = None
    values = tuple(numbers)
    draw = rng.random()
    if draw < 0.1:
        unit = rng.choice(("", " EUR", " kg", " pts"))
        cells = tuple(None if value is None else f"{value:,}{unit}" for value in values)
        cleaned = f"REPLACE({column}, ',', '')"
        cleaned = f"REPLACE({cleaned}, '{unit}', '')" if unit else cleaned
        return Field(name.name, name.words, f"{cleaned}::DOUBLE", "VARCHAR", values, cells)
    if draw < 0.25 and not is_whole:
        exact = tuple(None if value is None else Decimal(f"{value:.2f}") for value in values)
        return Field(name.name, name.words, column, "DECIMAL(12,2)", values, exact)
    return Field(name.name, name.words, column, "BIGINT" if is_whole else "DOUBLE", values, values)


def _days(rng: random.Random, schema: Schema, n: int) -> Field:
    name = schema.draw("when")
    column = identifier(name.name)
    first, span = names.day(rng), rng.choice((60, 200, 700))
    values = tuple(first + timedelta(days=rng.randrange(span)) for _ in range(n))
    draw = rng.random()
    if draw < 0.12:
        cells: tuple[Cell, ...] = tuple(f"{value:%d.%m.%Y}" for value in values)
        return Field(name.name, name.words, f"STRPTIME({column}, '%d.%m.%Y')::DATE", "VARCHAR", values, cells)
    if draw < 0.25:
        return Field(
            name.name,
            name.words,
            f"{column}::DATE",
            "VARCHAR",
            values,
            tuple(d.isoformat() for d in values),
        )
    return Field(name.name, name.words, column, "DATE", values, values)


def month_of(value: date) -> tuple[date, date]:
    """First and last day of a day's month."""
    first = value.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
