"""How a query derives its result, as marks of its structure: no names of columns, no texts, numbers or operators.

The same query has the same marks under other aliases and inside a WITH query or a subquery; one changed literal,
column, aggregate, comparison or direction changes none. Filters count alike before and after a grouping, and so do
DISTINCT and a grouping without aggregates: they are two spellings of one derivation. What a condition is made of is not
counted beside it, and marks only add up (an outer join is a join and `outer`): so one changed place changes one mark at
the most, unless it holds a subquery of its own.
"""

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.optimizer.merge_subqueries import merge_subqueries

from agent_runtime.types import CONSTANT
from agent_runtime_tools.review.tree import QueryTree

CLAUSES = (exp.Where, exp.Having, exp.Qualify, exp.Join, exp.Group, exp.Order)
ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv, exp.Pow)
MARKS: tuple[tuple[type[exp.Expr], str], ...] = (
    (exp.Where, "filter"),
    (exp.Having, "filter"),
    (exp.Qualify, "filter"),
    (exp.Join, "join"),
    (exp.Distinct, "distinct"),
    (exp.Window, "window"),
    (exp.Limit, "limit"),
    (exp.Offset, "limit"),
    (exp.Fetch, "limit"),
    (exp.Exists, "subquery"),
    (exp.Union, "set"),
    (exp.Intersect, "set"),
    (exp.Except, "set"),
    (exp.Case, "case"),
    (exp.If, "case"),
    (exp.Filter, "conditional"),
    (exp.AggFunc, "aggregate"),
    (exp.Pivot, "pivot"),
    (exp.Unnest, "unnest"),
    (exp.Lateral, "unnest"),
)


def shape(query: QueryTree) -> tuple[str, ...]:
    """The marks of a query, sorted, with repeats."""
    tree = query.tree.copy()
    try:
        tree = merge_subqueries(tree)
    except Exception:  # a rewriting that fails leaves the query as it was written
        tree = query.tree
    ctes = {cte.alias.lower(): cte for cte in tree.find_all(exp.CTE)}
    return tuple(sorted(_marks(tree, ctes, frozenset()))) or CONSTANT


def _marks(tree: exp.Expr, ctes: dict[str, exp.CTE], inside: frozenset[str]) -> Iterator[str]:
    for node in tree.walk(prune=lambda node: isinstance(node, exp.With)):
        name = node.name.lower() if isinstance(node, exp.Table) else ""
        if name in inside:
            yield "recursive"
        elif name in ctes:
            yield from _marks(ctes[name].this, ctes, inside | {name})
        elif name:
            yield f"scan:{name}"
        elif isinstance(node, exp.Table):
            yield f"scan:{_function(node.this)}()"
        yield from _marked(node)


def _function(node: exp.Expr) -> str:
    """The name of a function that returns rows."""
    return node.name.lower() if isinstance(node, exp.Anonymous) else type(node).__name__.lower()


def _marked(node: exp.Expr) -> Iterator[str]:
    yield from (mark for kind, mark in MARKS if isinstance(node, kind) and not _is_part(node))
    if isinstance(node, exp.Join) and (node.side or node.kind in ("SEMI", "ANTI")):
        yield "outer"
    elif isinstance(node, exp.Group):
        yield "group" if _has_aggregates(node) else "distinct"
    elif isinstance(node, exp.Order) and isinstance(node.parent, exp.Query):
        yield "order"
    elif isinstance(node, ARITHMETIC) and not isinstance(node.parent, ARITHMETIC) and _is_selected(node):
        yield "arithmetic"
    elif _is_subquery(node):
        yield "subquery"


def _is_subquery(node: exp.Expr) -> bool:
    """Whether a query stands in a condition or among the columns, not among the tables."""
    if isinstance(node, exp.In):
        return bool(node.args.get("query"))
    around = (exp.From, exp.Join, exp.In, exp.Query)
    return isinstance(node, exp.Subquery) and not isinstance(node.parent, around)


def _is_part(node: exp.Expr) -> bool:
    """Whether another mark counts `node` already: a branch of a CASE, what a condition or an order is made of."""
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
        return True
    return isinstance(node, (exp.AggFunc, exp.Case, exp.If)) and not _is_selected(node)


def _is_selected(node: exp.Expr) -> bool:
    return isinstance(node.find_ancestor(*CLAUSES, exp.Select), exp.Select)


def _has_aggregates(group: exp.Group) -> bool:
    select = group.parent
    return select is not None and any(
        isinstance(node, exp.AggFunc) for node in select.walk() if node.find_ancestor(exp.Select) is select
    )
