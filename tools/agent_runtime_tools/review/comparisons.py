"""The comparisons of a query with texts: which column of which table, with what, and the predicate itself."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from agent_runtime_tools.review.tree import CHOOSING, DIALECT, Based, QueryTree

EQUALS = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ)
PATTERNS = (
    exp.Like,
    exp.ILike,
    exp.Glob,
    exp.SimilarTo,
    exp.RegexpLike,
    exp.RegexpILike,
    exp.StartsWith,
    exp.EndsWith,
)
NEGATIVE = (exp.NEQ, exp.NullSafeNEQ)
POSITIVE_FORM: dict[type[exp.Expr], type[exp.Expr]] = {exp.NEQ: exp.EQ, exp.NullSafeNEQ: exp.NullSafeEQ}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`subject` compared with a constant that holds a text.

    `constant` and `predicate` are SQL over the subject's table; the predicate is the one that asks for the text, also
    where the query asks for its opposite or goes through all values by name (`is_negative`). `is_choice`: no row is
    dropped by it alone, for it chooses between values, or a condition on another column may hold in its place.
    """

    subject: Based
    constant: str
    predicate: str
    operator: str
    is_pattern: bool
    is_negative: bool
    is_choice: bool


def comparisons(query: QueryTree) -> Iterator[Comparison]:
    """Every comparison of one column with a text, of which the column can be traced to a table."""
    for scope in query.scopes:
        for node in scope.find_all(*EQUALS, *PATTERNS, exp.In):
            yield from _of(query, node, scope)
        for case in scope.find_all(exp.Case):
            for branch in case.args["ifs"] if case.this is not None else ():
                for one in _pair(query, scope, branch, case.this, branch.this, exp.EQ):
                    yield replace(one, is_negative=True)


def _of(query: QueryTree, node: exp.Expr, scope: Scope) -> Iterator[Comparison]:
    if isinstance(node, exp.In):
        if node.args.get("query") is None:
            for one in node.expressions:
                yield from _pair(query, scope, node, node.this, one, exp.EQ)
        return
    kind = POSITIVE_FORM.get(type(node), type(node))
    left, right = node.this, node.expression
    if isinstance(node, EQUALS) and _is_constant(left):
        left, right = right, left
    yield from _pair(query, scope, node, left, right, kind)


def _pair(
    query: QueryTree, scope: Scope, node: exp.Expr, left: exp.Expr, right: exp.Expr, kind: type[exp.Expr]
) -> Iterator[Comparison]:
    if not _is_constant(right) or left.find(*CHOOSING):
        return
    subject = query.based(left, scope)
    if subject is None:
        return
    around = list(query.ancestors(node, scope))
    n_negations = isinstance(node, NEGATIVE) + sum(isinstance(one, exp.Not) for one in around)
    others = {
        name: one for name, one in node.args.items() if name not in ("this", "expression", "expressions")
    }
    extra = others if isinstance(node, kind) else {}
    predicate = kind(this=subject.written.copy(), expression=right.copy(), **extra)
    yield Comparison(
        subject,
        right.sql(DIALECT),
        predicate.sql(DIALECT),
        "" if kind in (exp.EQ, exp.NullSafeEQ) else kind.__name__.upper(),
        kind not in (exp.EQ, exp.NullSafeEQ),
        n_negations % 2 == 1,
        any(isinstance(one, (exp.Case, exp.If)) or _is_alternative(one, left) for one in around),
    )


def _is_alternative(around: exp.Expr, side: exp.Expr) -> bool:
    """Whether a condition on another column may hold in place of the one on `side`."""
    columns = {column.sql() for column in side.find_all(exp.Column)}
    return isinstance(around, exp.Or) and any(
        column.sql() not in columns for column in around.find_all(exp.Column)
    )


def _is_constant(node: exp.Expr | None) -> bool:
    """Whether a side holds a text and nothing that a row decides."""
    if node is None or node.find(exp.Column, exp.Query, exp.Subquery):
        return False
    return any(one.is_string and one.name.strip(" %") for one in node.find_all(exp.Literal))
