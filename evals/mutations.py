"""Mutants of a query: small changes that make it a wrong derivation, as a reader who slips would write it.

Mutation testing (DeMillo, Lipton and Sayward 1978, "Hints on test data selection") with the operators of SQL (Tuya,
Suarez-Cabal and de la Riva 2007, "Mutating database queries"): another literal, number, aggregate, filter, operator,
column, order or join. Only mutants whose rows differ from the right ones are kept, so each is wrong on these tables.
The same tables, query and seed give the same mutants. Nothing here knows a corpus: any connection with tables will do.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import sqlglot
from sqlglot import exp

Mutation = Literal["literal", "number", "aggregate", "filter", "operator", "column", "order", "join"]
Tree = exp.Expr

MAX_VALUES = 20  # of a column, for literals
MAX_ROWS = 10_000  # of a result that is compared
DIALECT = "duckdb"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A query that looks like the right one and brings other rows."""

    query: str
    mutation: Mutation


@dataclass(frozen=True, slots=True)
class Schema:
    """Tables with their columns (name -> type) and some values of each text column; names are in lower case."""

    columns: dict[str, dict[str, str]]
    values: dict[tuple[str, str], tuple[str, ...]]

    @classmethod
    def read(cls, connection: duckdb.DuckDBPyConnection) -> "Schema":
        """The schema of a connection's own tables."""
        columns: dict[str, dict[str, str]] = {}
        values: dict[tuple[str, str], tuple[str, ...]] = {}
        found = connection.execute(
            "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL"
        ).fetchall()
        for table, column, kind in found:
            columns.setdefault(table.lower(), {})[column.lower()] = kind
            if kind == "VARCHAR":
                name, source = (exp.to_identifier(text, quoted=True).sql(DIALECT) for text in (column, table))
                query = f"SELECT DISTINCT {name} FROM {source} WHERE {name} IS NOT NULL ORDER BY 1 LIMIT {MAX_VALUES}"
                values[table.lower(), column.lower()] = tuple(
                    row[0] for row in connection.execute(query).fetchall()
                )
        return cls(columns, values)


def mutants(
    connection: duckdb.DuckDBPyConnection, query: str, seed: int = 0, n: int | None = None
) -> list[Mutant]:
    """Up to `n` mutants of `query` whose rows differ from its own, of as many kinds as there are.

    Raises:
        duckdb.Error: The query itself does not run.
    """
    right = [rows(connection, way) for way in settled(query)]
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in candidates(query, Schema.read(connection)):
        by_kind.setdefault(mutant.mutation, []).append(mutant)
    draw = random.Random(seed)
    for drawn in by_kind.values():
        draw.shuffle(drawn)
    kept: list[Mutant] = []
    seen: set[str] = set()
    while any(by_kind.values()) and (n is None or len(kept) < n):
        for drawn in by_kind.values():  # one of each kind a round
            fresh = (one for one in _popped(drawn) if one.query not in seen)
            found = next((one for one in fresh if _differs(connection, one, right)), None)
            if found is not None and (n is None or len(kept) < n):
                kept.append(found)
                seen.add(found.query)
    return kept


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    return connection.execute(query).fetchmany(MAX_ROWS)


def candidates(query: str, schema: Schema) -> Iterator[Mutant]:
    """Every mutant that the operators make of `query`, each once, whether its rows differ or not."""
    tree = sqlglot.parse_one(query, dialect=DIALECT)
    written = {tree.sql(DIALECT)}
    for mutation, mutate in OPERATORS.items():
        for mutant in mutate(tree, schema):
            text = mutant.sql(DIALECT)
            if text not in written:
                written.add(text)
                yield Mutant(text, mutation)


def _popped(drawn: list[Mutant]) -> Iterator[Mutant]:
    while drawn:
        yield drawn.pop()


def _differs(
    connection: duckdb.DuckDBPyConnection, mutant: Mutant, right: Sequence[list[tuple[Any, ...]]]
) -> bool:
    """Whether a mutant runs and brings other rows, however ties fall; where it only orders them anew, another order."""
    try:
        brought = [rows(connection, way) for way in settled(mutant.query)]
    except duckdb.Error:
        return False
    written = _in_order if mutant.mutation == "order" else _as_multiset
    return not {written(one) for one in brought} & {written(one) for one in right}


def settled(query: str) -> list[str]:
    """The query with ties settled one way and the other: which of two that tie a LIMIT keeps is chance."""
    tree = sqlglot.parse_one(query, dialect=DIALECT)
    order = tree.args.get("order")
    if not isinstance(tree, exp.Select) or order is None or tree.args.get("limit") is None:
        return [query]
    ways = []
    for is_descending in (False, True):
        way = tree.copy()
        for place in range(len(tree.expressions)):
            by = exp.Ordered(this=exp.Literal.number(place + 1), desc=is_descending)
            way.args["order"].append("expressions", by)
        ways.append(way.sql(DIALECT))
    return ways


def _in_order(found: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    return tuple(map(repr, found))


def _as_multiset(found: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    return tuple(sorted(map(repr, found)))


def _with(tree: Tree, node: Tree, replacement: Tree | None) -> Tree:
    """A copy of the tree with `node` replaced; None takes it out."""
    if node is tree and replacement is not None:
        return replacement.copy()
    place = next(at for at, one in enumerate(tree.walk()) if one is node)
    copy = tree.copy()
    copied = next(one for at, one in enumerate(copy.walk()) if at == place)
    if replacement is None:
        copied.pop()
        return copy
    copied.replace(replacement.copy())
    return copy


# --- the operators, one function a kind


def _literals(tree: Tree, schema: Schema) -> Iterator[Tree]:
    """Another value of the column, the same text in another case, a part of it."""
    for literal in tree.find_all(exp.Literal):
        if not literal.is_string:
            continue
        text = literal.name
        others = [text.upper(), text.lower(), text.title(), text[:-1]]
        condition = literal.find_ancestor(exp.Binary, exp.In, exp.Between)
        column = condition.find(exp.Column) if condition else None
        if column is not None:
            others += [
                value
                for table in _tables(column, tree, schema)
                for value in schema.values.get((table, column.name.lower()), ())
            ]
        yield from (
            _with(tree, literal, exp.Literal.string(other)) for other in others if other and other != text
        )


def _numbers(tree: Tree, schema: Schema) -> Iterator[Tree]:
    for literal in tree.find_all(exp.Literal):
        if literal.is_string or literal.find_ancestor(exp.Limit, exp.Offset, exp.DataType):
            continue
        value = float(literal.name)
        for other in (value + 1, value - 1, value * 10, value / 10):
            yield _with(tree, literal, exp.Literal.number(f"{other:.12g}"))


_AGGREGATES: tuple[type[exp.AggFunc], ...] = (exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Count)


def _aggregates(tree: Tree, schema: Schema) -> Iterator[Tree]:
    for call in tree.find_all(*_AGGREGATES):
        argument = call.this
        if isinstance(argument, exp.Distinct):
            inner = argument.expressions[0]
            yield _with(tree, call, exp.Count(this=inner.copy()))
            argument = inner
        elif isinstance(call, exp.Count) and not isinstance(argument, exp.Star):
            yield _with(tree, call, exp.Count(this=exp.Distinct(expressions=[argument.copy()])))
        if isinstance(argument, exp.Star):
            continue
        yield from (
            _with(tree, call, kind(this=argument.copy()))
            for kind in _AGGREGATES
            if not isinstance(call, kind)
        )


def _filters(tree: Tree, schema: Schema) -> Iterator[Tree]:
    """A conjunct left out, or one too many."""
    for clause in tree.find_all(exp.Where, exp.Having):
        yield _with(tree, clause, None)
        parts = list(clause.this.flatten()) if isinstance(clause.this, exp.And) else []
        for part in parts:
            kept = [other.copy() for other in parts if other is not part]
            yield _with(tree, clause, type(clause)(this=exp.and_(*kept)))
    for select in tree.find_all(exp.Select):
        for condition in _conditions(select, schema):
            yield _with(tree, select, _narrowed(select, condition))


def _narrowed(select: exp.Select, condition: Tree) -> exp.Select:
    """A copy of a query with one condition more."""
    narrowed = select.copy()
    where = narrowed.args.get("where")
    if where is None:
        return narrowed.where(condition)
    before = exp.paren(where.this.copy()) if isinstance(where.this, exp.Or) else where.this.copy()
    where.set("this", exp.And(this=before, expression=condition))
    return narrowed


def _conditions(select: exp.Select, schema: Schema) -> Iterator[Tree]:
    """Equations of a text column of the first table with one of its values."""
    source = select.args.get("from_") or select.args.get("from")
    table = source.this if source else None
    if not isinstance(table, exp.Table):
        return
    for column, kind in schema.columns.get(table.name.lower(), {}).items():
        for value in schema.values.get((table.name.lower(), column), ())[:2] if kind == "VARCHAR" else ():
            yield exp.column(column, table.alias_or_name).eq(exp.Literal.string(value))


_OTHERS: dict[type[exp.Binary], tuple[type[exp.Binary], ...]] = {
    exp.EQ: (exp.NEQ,), exp.NEQ: (exp.EQ,), exp.GT: (exp.GTE, exp.LT), exp.GTE: (exp.GT, exp.LTE),
    exp.LT: (exp.LTE, exp.GT), exp.LTE: (exp.LT, exp.GTE), exp.And: (exp.Or,), exp.Or: (exp.And,),
    exp.Add: (exp.Sub,), exp.Sub: (exp.Add,), exp.Mul: (exp.Div,), exp.Div: (exp.Mul,),
}  # fmt: skip


def _operators(tree: Tree, schema: Schema) -> Iterator[Tree]:
    for node in tree.find_all(*_OTHERS):
        if node.find_ancestor(exp.Join) and not node.find_ancestor(exp.Where, exp.Having):
            continue  # a join's key is an operator of its own
        for other in _OTHERS.get(type(node), ()):
            yield _with(tree, node, other(this=node.this.copy(), expression=node.expression.copy()))
    for negation in tree.find_all(exp.Not):
        yield _with(tree, negation, exp.paren(negation.this.copy()))
    for condition in tree.find_all(exp.Between, exp.In, exp.Is):
        if not isinstance(condition.parent, exp.Not):
            yield _with(tree, condition, exp.not_(condition.copy()))


def _columns(tree: Tree, schema: Schema) -> Iterator[Tree]:
    """Another column of the same table and type."""
    for column in tree.find_all(exp.Column):
        if not column.find_ancestor(exp.Join):
            yield from _renamed(tree, column, schema)


def _orders(tree: Tree, schema: Schema) -> Iterator[Tree]:
    for ordered in tree.find_all(exp.Ordered):
        turned = ordered.copy()
        turned.set("desc", not ordered.args.get("desc"))
        yield _with(tree, ordered, turned)
    for limit in tree.find_all(exp.Limit):
        if isinstance(limit.expression, exp.Literal) and limit.expression.is_int:
            n = int(limit.expression.name)
            for other in (n + 1, n - 1):
                if other > 0:
                    yield _with(tree, limit.expression, exp.Literal.number(other))


def _joins(tree: Tree, schema: Schema) -> Iterator[Tree]:
    """An inner join as an outer one and the other way round; another column as its key."""
    for join in tree.find_all(exp.Join):
        if join.args.get("on") is None and not join.args.get("using"):
            continue
        for side, kind in (("", ""), ("LEFT", ""), ("RIGHT", ""), ("FULL", "")):
            turned = join.copy()
            turned.set("side", side or None)
            turned.set("kind", kind or None)
            yield _with(tree, join, turned)
        on = join.args.get("on")
        for column in on.find_all(exp.Column) if on is not None else ():
            yield from _renamed(tree, column, schema)


def _renamed(tree: Tree, column: exp.Column, schema: Schema) -> Iterator[Tree]:
    for table in _tables(column, tree, schema):
        kinds = schema.columns[table]
        for other, kind in kinds.items():
            if other != column.name.lower() and kind == kinds[column.name.lower()]:
                yield _with(tree, column, exp.column(other, column.table or None))


def _tables(column: exp.Column, tree: Tree, schema: Schema) -> list[str]:
    """The tables of the query that a column may belong to."""
    names = {table.alias_or_name.lower(): table.name.lower() for table in tree.find_all(exp.Table)}
    wanted = [names.get(column.table.lower(), "")] if column.table else sorted(set(names.values()))
    return [table for table in wanted if column.name.lower() in schema.columns.get(table, {})]


OPERATORS: dict[Mutation, Callable[[Tree, Schema], Iterator[Tree]]] = {
    "literal": _literals,
    "number": _numbers,
    "aggregate": _aggregates,
    "filter": _filters,
    "operator": _operators,
    "column": _columns,
    "order": _orders,
    "join": _joins,
}
